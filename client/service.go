package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// Page says which part of a list is wanted.
type Page struct {
	// Limit is how many there may be at most; 0: the manager's default.
	Limit int

	// Cursor is the NextCursor of the page before; empty: the first page.
	Cursor string
}

func (p Page) query() url.Values {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	set(q, "cursor", p.Cursor)
	return q
}

func set(q url.Values, key, value string) {
	if value != "" {
		q.Set(key, value)
	}
}

func setTime(q url.Values, key string, at time.Time) {
	if !at.IsZero() {
		q.Set(key, at.UTC().Format(time.RFC3339Nano))
	}
}

// ServiceQuery says which services are wanted. What is empty is not asked for.
type ServiceQuery struct {
	Page

	Status string // such as circuit_open
	Layer  string
	Q      string // a part of the name or of the description
}

// Services is a page of the services, by name.
func (c *Client) Services(ctx context.Context, query ServiceQuery) (wire.Services, error) {
	q := query.query()
	set(q, "status", query.Status)
	set(q, "layer", query.Layer)
	set(q, "q", query.Q)
	var out wire.Services
	err := c.do(ctx, call{method: http.MethodGet, path: api("services"), query: q}, &out)
	return out, err
}

// Service is the state of one service.
func (c *Client) Service(ctx context.Context, name string) (wire.Entry, error) {
	var out wire.Entry
	err := c.do(ctx, call{method: http.MethodGet, path: service(name)}, &out)
	return out, err
}

// PutService registers a service, or changes a registered one, and returns its
// state. The reason may be empty. It needs the role admin.
func (c *Client) PutService(ctx context.Context, name string, s config.Service, reason string) (wire.Entry, error) {
	var out wire.Entry
	err := c.do(ctx, call{method: http.MethodPut, path: service(name), query: because(reason), body: s}, &out)
	return out, err
}

// DeleteService takes a service out; its history stays. The reason may be
// empty. It needs the role admin.
func (c *Client) DeleteService(ctx context.Context, name, reason string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: service(name), query: because(reason)}, nil)
}

// because is a reason of a request that has no place for it in its body.
func because(reason string) url.Values {
	q := url.Values{}
	set(q, "reason", reason)
	return q
}

// EventQuery says which events are wanted. What is empty is not asked for.
type EventQuery struct {
	Page

	Service string
	Kind    string    // such as transition
	Since   time.Time // those at or after it
	Until   time.Time // those before it
}

// Events is a page of the history, newest first.
func (c *Client) Events(ctx context.Context, query EventQuery) (wire.Events, error) {
	q := query.query()
	set(q, "kind", query.Kind)
	setTime(q, "since", query.Since)
	setTime(q, "until", query.Until)
	path := api("events")
	if query.Service != "" {
		path = service(query.Service, "events") // which says so of a name that no service has had
	}
	var out wire.Events
	err := c.do(ctx, call{method: http.MethodGet, path: path, query: q}, &out)
	return out, err
}

// State is the whole board now.
func (c *Client) State(ctx context.Context) (wire.State, error) {
	var out wire.State
	err := c.do(ctx, call{method: http.MethodGet, path: api("state")}, &out)
	return out, err
}

// CheckHealth runs the service's health check now, or joins one that is
// running, and returns its result. A check may take longer than a call may by
// default: give ctx a deadline. It needs the role operator.
func (c *Client) CheckHealth(ctx context.Context, name string) (wire.HealthCheckResult, error) {
	var out wire.HealthCheckResult
	err := c.do(ctx, call{method: http.MethodPost, path: service(name, "health-check")}, &out)
	return out, err
}

// Reset closes the circuit and clears its counters, or begins a recovery now.
// It needs the role operator.
func (c *Client) Reset(ctx context.Context, name string, r wire.ResetRequest) (wire.ResetResult, error) {
	var out wire.ResetResult
	err := c.do(ctx, call{method: http.MethodPost, path: service(name, "reset"), body: r}, &out)
	return out, err
}

// Override sets the service's mode for a time. It needs the role operator.
func (c *Client) Override(ctx context.Context, name string, r wire.OverrideRequest) (wire.Entry, error) {
	var out wire.Entry
	err := c.do(ctx, call{method: http.MethodPut, path: service(name, "override"), body: r}, &out)
	return out, err
}

// EndOverride ends the service's override before its time. The reason may be
// empty. It needs the role operator.
func (c *Client) EndOverride(ctx context.Context, name, reason string) (wire.Entry, error) {
	var out wire.Entry
	err := c.do(ctx, call{method: http.MethodDelete, path: service(name, "override"), query: because(reason)}, &out)
	return out, err
}

// Report counts the outcomes of operations that ran here, up to 1 000, and
// asks whether the next may go on; without outcomes it is a question only. It
// needs the role agent.
func (c *Client) Report(ctx context.Context, name string, outcomes ...wire.OperationOutcome) (wire.Report, error) {
	return c.ReportOnce(ctx, name, "", outcomes...)
}

// ReportOnce is Report under a key of the caller's choice, 1 to 255 printable
// ASCII characters. If the answer is lost, the same outcomes can be sent again
// with the same key: they are counted once. Where that is being done already, it
// is a Conflict. An empty key is none.
func (c *Client) ReportOnce(ctx context.Context, name, key string, outcomes ...wire.OperationOutcome) (wire.Report, error) {
	r := wire.OperationsRequest{Outcomes: append([]wire.OperationOutcome{}, outcomes...)}
	var out wire.Report
	err := c.do(ctx, call{method: http.MethodPost, path: service(name, "operations"), body: r, key: key}, &out)
	return out, err
}

// Ready returns nil if the manager and its store work, and else what does not.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, call{method: http.MethodGet, path: []string{"readyz"}}, nil)
}

// Version is what the manager is.
func (c *Client) Version(ctx context.Context) (wire.Version, error) {
	var out wire.Version
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"version"}}, &out)
	return out, err
}
