package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// SeriesQuery says which part of a series is wanted. What is zero is the
// manager's to choose: up to now, the last 15 minutes, and the finest step that is
// kept as far back and gives 1 000 points at most.
type SeriesQuery struct {
	From, To time.Time
	Step     time.Duration // whole seconds
}

func (q SeriesQuery) values() url.Values {
	values := url.Values{}
	setTime(values, "from", q.From)
	setTime(values, "to", q.To)
	if q.Step > 0 {
		values.Set("step", q.Step.String())
	}
	return values
}

// Series is how a service was over time; also one that was taken out.
func (c *Client) Series(ctx context.Context, name string, query SeriesQuery) (wire.Series, error) {
	var out wire.Series
	err := c.do(ctx, call{method: http.MethodGet, path: service(name, "series"), query: query.values()}, &out)
	return out, err
}

// SeriesOf is how services were over time, 1 to 200 of them.
func (c *Client) SeriesOf(ctx context.Context, names []string, query SeriesQuery) (wire.SeriesOfMany, error) {
	values := query.values()
	values.Set("services", strings.Join(names, ","))
	var out wire.SeriesOfMany
	err := c.do(ctx, call{method: http.MethodGet, path: api("series"), query: values}, &out)
	return out, err
}

// StateAt is the whole board as it was at a moment, which is not in the future.
func (c *Client) StateAt(ctx context.Context, at time.Time) (wire.State, error) {
	values := url.Values{}
	setTime(values, "at", at)
	var out wire.State
	err := c.do(ctx, call{method: http.MethodGet, path: api("state"), query: values}, &out)
	return out, err
}
