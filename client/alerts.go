package client

import (
	"context"
	"net/http"

	"github.com/degenduel/switchgear/wire"
)

// AlertQuery says which alerts are wanted. What is empty is not asked for.
type AlertQuery struct {
	Page

	Status   string // firing or resolved
	Service  string
	Incident string
}

// Alerts is a page of the alerts, newest first.
func (c *Client) Alerts(ctx context.Context, query AlertQuery) (wire.Alerts, error) {
	q := query.query()
	set(q, "status", query.Status)
	set(q, "service", query.Service)
	set(q, "incident", query.Incident)
	var out wire.Alerts
	err := c.do(ctx, call{method: http.MethodGet, path: api("alerts"), query: q}, &out)
	return out, err
}

// Alert is one alert.
func (c *Client) Alert(ctx context.Context, id string) (wire.Alert, error) {
	var out wire.Alert
	err := c.do(ctx, call{method: http.MethodGet, path: api("alerts", id)}, &out)
	return out, err
}

// AcknowledgeAlert says that somebody has seen an alert, and with it all that fires
// in its incident, so that it is not told again. If somebody has before, the answer
// says who and when. The reason may be empty. It needs the role operator.
func (c *Client) AcknowledgeAlert(ctx context.Context, id, reason string) (wire.Acknowledged, error) {
	body := struct {
		Reason string `json:"reason,omitempty"`
	}{reason}
	var out wire.Acknowledged
	err := c.do(ctx, call{method: http.MethodPost, path: api("alerts", id, "acknowledge"), body: body}, &out)
	return out, err
}

// UnacknowledgeAlert says that nobody looks after an alert, nor after all that
// fires in its incident, whoever has said so, so that it is repeated again. The
// reason may be empty. It needs the role operator.
func (c *Client) UnacknowledgeAlert(ctx context.Context, id, reason string) (wire.Alert, error) {
	var out wire.Alert
	err := c.do(ctx, call{method: http.MethodDelete, path: api("alerts", id, "acknowledge"), query: because(reason)}, &out)
	return out, err
}

// Silences are all that have not ended, and those that ended lately, oldest first.
func (c *Client) Silences(ctx context.Context) (wire.Silences, error) {
	var out wire.Silences
	err := c.do(ctx, call{method: http.MethodGet, path: api("silences")}, &out)
	return out, err
}

// CreateSilence keeps alerts that match from being told for a time. It needs the
// role operator.
func (c *Client) CreateSilence(ctx context.Context, r wire.SilenceRequest) (wire.Silence, error) {
	var out wire.Silence
	err := c.do(ctx, call{method: http.MethodPost, path: api("silences"), body: r}, &out)
	return out, err
}

// EndSilence ends a silence now. The reason may be empty. It needs the role
// operator.
func (c *Client) EndSilence(ctx context.Context, id, reason string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: api("silences", id), query: because(reason)}, nil)
}

// Receivers are where alerts are sent, by name.
func (c *Client) Receivers(ctx context.Context) (wire.Receivers, error) {
	var out wire.Receivers
	err := c.do(ctx, call{method: http.MethodGet, path: api("receivers")}, &out)
	return out, err
}

// TestReceiver sends a message to a receiver, and returns how that went. A
// receiver may take longer than a call may by default: give ctx a deadline. It
// needs the role operator.
func (c *Client) TestReceiver(ctx context.Context, name string) error {
	return c.do(ctx, call{method: http.MethodPost, path: api("receivers", name, "test")}, nil)
}
