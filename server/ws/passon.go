package ws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/relay"
	"github.com/degenduel/switchgear/wire"
)

// passOn has the node that leads carry out an order.
func (c *client) passOn(ctx context.Context, l Leader, m *wire.ClientMessage) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	base := "/api/v2/services/" + url.PathEscape(m.Service)
	if m.Type == wire.TypeHealthCheck {
		r := wire.HealthCheckResult{}
		err := c.ask(ctx, l, m, base+"/health-check", nil, &r)
		r.Type, r.Timestamp, r.RequestID = wire.TypeHealthCheckResult, wire.Time{Time: time.Now()}, m.RequestID
		return r, err
	}
	body, err := json.Marshal(wire.ResetRequest{Reason: m.Reason, To: m.To})
	if err != nil {
		return nil, err
	}
	r := wire.ResetResult{}
	err = c.ask(ctx, l, m, base+"/reset", body, &r)
	r.Type, r.Timestamp, r.RequestID = wire.TypeResetResult, wire.Time{Time: time.Now()}, m.RequestID
	return r, err
}

// catchUpTimeout is how long a client that was further on another node waits for
// this one, before it is given a fresh snapshot, which would be older, and tell it
// again what it knows. Where the other node led and has died, it is until another
// leads.
const catchUpTimeout = 8 * time.Second

// catchUp waits for this node to know what the client had of another, and to tell
// what the other did not know.
func (c *client) catchUp(ctx context.Context, epoch string, seq uint64) {
	if l := c.server.leader; l == nil || epoch != c.epoch.name || seq <= c.server.hub.at() && !l.Leading() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	_ = c.server.leader.CatchUp(ctx, seq) // then its place is void
}

// ask reads the leader's answer into result, or makes an error of its problem.
func (c *client) ask(ctx context.Context, l Leader, m *wire.ClientMessage, path string, body []byte, result any) error {
	status, answer, err := l.Do(ctx, relay.Request{
		Method: "POST", Path: path, Body: body, Identity: auth.Vouch(c.id),
		By: relay.Asker{Address: c.address, RequestID: string(m.RequestID)},
	})
	switch {
	case err != nil:
		return &fleet.Error{Kind: fleet.Unavailable, Op: m.Type, Err: err}
	case status < 300: //nolint:mnd // of HTTP
		if err := json.Unmarshal(answer, result); err != nil {
			return fmt.Errorf("the answer of the node that leads: %w", err)
		}
		return nil
	}
	var p wire.Problem
	if err := json.Unmarshal(answer, &p); err != nil {
		return fmt.Errorf("the refusal of the node that leads: %w", err)
	}
	return &fleet.Error{Kind: problem.KindOf(status), Op: m.Type, Err: errors.New(p.Detail)}
}
