package wire

import "encoding/json"

// Token is what is told of a token: never its secret.
type Token struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Services  []string `json:"services"` // patterns; nil: all
	CreatedAt Time     `json:"created_at"`
	CreatedBy string   `json:"created_by"`
	ExpiresAt Time     `json:"expires_at"` // null: never
}

// NewToken is the answer to a TokenRequest, the only one that has the secret.
type NewToken struct {
	Token

	Secret string `json:"token"`
}

// Tokens is a page of tokens, newest first.
type Tokens struct {
	Tokens     []Token `json:"tokens"`
	NextCursor *string `json:"next_cursor"`
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Name string `json:"name"`
	Role string `json:"role"`

	// Services are patterns of the services that it is for; nil is all. A list
	// that is there and empty is refused: it would be none.
	Services  []string `json:"services,omitzero"`
	ExpiresAt *Time    `json:"expires_at,omitempty"`
}

// AuditEntry is who did what to what, from where, with what result.
type AuditEntry struct {
	ID      int64   `json:"id"`
	At      Time    `json:"at"`
	Actor   string  `json:"actor"`
	Address string  `json:"address"`
	Action  string  `json:"action"`
	Service *string `json:"service"`
	Reason  *string `json:"reason"`
	Result  string  `json:"result"`

	// Details is what else is known of what was done: an object of texts,
	// numbers and nulls, by the action; null of most.
	Details json.RawMessage `json:"details"`
}

// Audit is a page of the audit log, newest first.
type Audit struct {
	Audit      []AuditEntry `json:"audit"`
	NextCursor *string      `json:"next_cursor"`
}

// Ticket lets its holder open one socket, once.
type Ticket struct {
	Ticket    string `json:"ticket"`
	ExpiresAt Time   `json:"expires_at"`
}

// SessionRequest logs a browser in: with a token, or with the code of a link.
type SessionRequest struct {
	Token string `json:"token,omitempty"`
	Code  string `json:"code,omitempty"`
}

// Session is who is logged in.
type Session struct {
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Services  []string `json:"services"`   // patterns; nil: all
	ExpiresAt Time     `json:"expires_at"` // null: never
}
