package client

import (
	"context"
	"net/http"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// Tokens is a page of the tokens, newest first. It needs the role admin.
func (c *Client) Tokens(ctx context.Context, page Page) (wire.Tokens, error) {
	var out wire.Tokens
	err := c.do(ctx, call{method: http.MethodGet, path: api("tokens"), query: page.query()}, &out)
	return out, err
}

// CreateToken makes a token. Its secret is in the answer, and nowhere else. It
// needs the role admin.
func (c *Client) CreateToken(ctx context.Context, r wire.TokenRequest) (wire.NewToken, error) {
	var out wire.NewToken
	err := c.do(ctx, call{method: http.MethodPost, path: api("tokens"), body: r}, &out)
	return out, err
}

// RevokeToken ends a token and closes what it has opened. The reason may be
// empty. It needs the role admin.
func (c *Client) RevokeToken(ctx context.Context, id, reason string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: api("tokens", id), query: because(reason)}, nil)
}

// AuditQuery says which lines of the audit log are wanted. What is empty is not
// asked for.
type AuditQuery struct {
	Page

	Service string
	Actor   string
	Action  string
	Since   time.Time // those at or after it
	Until   time.Time // those before it
}

// Audit is a page of the audit log, newest first. It needs the role admin.
func (c *Client) Audit(ctx context.Context, query AuditQuery) (wire.Audit, error) {
	q := query.query()
	set(q, "service", query.Service)
	set(q, "actor", query.Actor)
	set(q, "action", query.Action)
	setTime(q, "since", query.Since)
	setTime(q, "until", query.Until)
	var out wire.Audit
	err := c.do(ctx, call{method: http.MethodGet, path: api("audit"), query: q}, &out)
	return out, err
}

// Ticket makes a ticket that opens one socket, once, within 30 seconds.
func (c *Client) Ticket(ctx context.Context) (wire.Ticket, error) {
	var out wire.Ticket
	err := c.do(ctx, call{method: http.MethodPost, path: api("ws", "tickets")}, &out)
	return out, err
}
