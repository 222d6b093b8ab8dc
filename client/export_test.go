package client

// LimitAnswers makes answers of more bytes too large.
func (c *Client) LimitAnswers(bytes int64) { c.maxAnswer = bytes }
