package client

import (
	"context"
	"net/http"

	"github.com/degenduel/switchgear/wire"
)

// Server is how the manager itself is: its store, its stream, what it takes. It
// needs the role viewer, and a token that is for all services.
func (c *Client) Server(ctx context.Context) (wire.ServerInfo, error) {
	var out wire.ServerInfo
	err := c.do(ctx, call{method: http.MethodGet, path: api("server")}, &out)
	return out, err
}

// Session is whom the client's token stands for: the name, the role, the
// services and the end. It needs the role viewer.
func (c *Client) Session(ctx context.Context) (wire.Session, error) {
	var out wire.Session
	err := c.do(ctx, call{method: http.MethodGet, path: api("session")}, &out)
	return out, err
}
