package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/degenduel/switchgear/wire"
)

// Config is the service's config in force, with what the lint says of it.
func (c *Client) Config(ctx context.Context, name string) (wire.Config, error) {
	return c.config(ctx, call{method: http.MethodGet, path: service(name, "config")})
}

// SetConfig gives the service a whole new config: a field that it leaves out
// gets its default. Version is that of the config it was made from; if another
// is in force by now the error's kind is Precondition. It needs the role admin.
func (c *Client) SetConfig(ctx context.Context, name string, version int, r wire.ConfigRequest) (wire.Config, error) {
	return c.config(ctx, call{method: http.MethodPut, path: service(name, "config"), body: r, version: version})
}

// TryConfig is what SetConfig would answer, with what the lint would say of it,
// and changes nothing. It needs the role admin.
func (c *Client) TryConfig(ctx context.Context, name string, version int, r wire.ConfigRequest) (wire.Config, error) {
	return c.config(ctx, call{
		method: http.MethodPut, path: service(name, "config"), query: url.Values{"dry_run": {"true"}}, body: r, version: version,
	})
}

// PatchConfig changes the fields that it has, by the rules of RFC 7396: null
// sets one back to its default. Version is as with SetConfig. It needs the role
// admin.
func (c *Client) PatchConfig(ctx context.Context, name string, version int, r wire.ConfigRequest) (wire.Config, error) {
	return c.config(ctx, call{method: http.MethodPatch, path: service(name, "config"), body: r, version: version})
}

// Rollback makes a new version of an older one. Version is that of the config
// in force as the caller knows it, as with SetConfig. It needs the role admin.
func (c *Client) Rollback(ctx context.Context, name string, version int, r wire.RollbackRequest) (wire.Config, error) {
	path := service(name, "config", "rollback")
	return c.config(ctx, call{method: http.MethodPost, path: path, body: r, version: version})
}

// ConfigVersions is a page of the versions of a service's config, newest first.
func (c *Client) ConfigVersions(ctx context.Context, name string, page Page) (wire.ConfigVersions, error) {
	path := service(name, "config", "versions")
	var out wire.ConfigVersions
	err := c.do(ctx, call{method: http.MethodGet, path: path, query: page.query()}, &out)
	return out, err
}

func (c *Client) config(ctx context.Context, r call) (wire.Config, error) {
	var out wire.Config
	err := c.do(ctx, r, &out)
	return out, err
}
