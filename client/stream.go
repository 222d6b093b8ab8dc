package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

// silentAfter is how many heartbeats a stream may miss before it is given up.
const silentAfter = 3

// longestHeartbeat is as long as is believed, in milliseconds: an hour.
const longestHeartbeat = 3_600_000

// ErrSilent is in the error of a stream that missed its heartbeats: the
// connection is lost, whatever the network says of it.
var ErrSilent = errors.New("the stream has gone silent")

// CloseError is in the error of a stream that the manager closed.
type CloseError struct {
	Code   int // RFC 6455, section 7.4, or a code of the wire
	Reason string
}

// Error tells the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("the manager closed the stream: %d %s", e.Code, e.Reason)
}

// Message is a message of the live stream. Type is one of the wire's, and says
// which of its structs Data is.
type Message struct {
	Type string
	Data json.RawMessage
}

// Stream is a live stream. One goroutine reads it; Close may be called from
// any.
type Stream struct {
	conn    *websocket.Conn
	silence time.Duration // that ends it
}

// Stream opens the live stream. With since, a place that an earlier stream has
// come to, it goes on there if the manager still can, and else begins with a
// snapshot, as it does without. The context is for opening it; the caller
// closes it.
func (c *Client) Stream(ctx context.Context, since *wire.Since) (*Stream, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	query := url.Values{}
	if since != nil {
		query.Set("epoch", since.Epoch)
		query.Set("seq", strconv.FormatUint(since.Seq, 10))
	}
	conn, err := c.dial(ctx, c.url(api("ws", "circuit-breaker"), query))
	if err != nil {
		return nil, err
	}
	return &Stream{conn: conn, silence: c.timeout}, nil
}

// dial opens a WebSocket. What the manager refuses is an *Error.
func (c *Client) dial(ctx context.Context, u *url.URL) (*websocket.Conn, error) {
	conn, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: c.http, HTTPHeader: c.header()})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			defer resp.Body.Close() //nolint:errcheck // only read
			if data, err := c.readAll(resp.Body); err == nil {
				return nil, newError(resp, data)
			}
		}
		return nil, fmt.Errorf("client: %w", err)
	}
	conn.SetReadLimit(c.maxAnswer)
	return conn, nil
}

// Next waits for the next message. An error is the end of the stream: that of
// ctx, or one with a *CloseError, ErrSilent or what the network said in it.
func (s *Stream) Next(ctx context.Context) (Message, error) {
	reading, cancel := context.WithTimeoutCause(ctx, s.silence, ErrSilent)
	defer cancel()
	_, data, err := s.conn.Read(reading)
	if err != nil {
		return Message{}, failure(reading, err)
	}
	var head struct {
		Type        string `json:"type"`
		HeartbeatMs int64  `json:"heartbeat_ms"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Message{}, fmt.Errorf("client: the stream: %w", err)
	}
	if head.Type == wire.TypeConnectionStatus && head.HeartbeatMs > 0 {
		s.silence = time.Duration(silentAfter*min(head.HeartbeatMs, longestHeartbeat)) * time.Millisecond
	}
	return Message{Type: head.Type, Data: data}, nil
}

// failure says why a WebSocket ended.
func failure(reading context.Context, err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		err = &CloseError{Code: int(closed.Code), Reason: closed.Reason}
	case reading.Err() != nil:
		err = context.Cause(reading)
	}
	return fmt.Errorf("client: %w", err)
}

// Close ends the stream. A Next that waits returns an error.
func (s *Stream) Close() error {
	return s.conn.CloseNow()
}
