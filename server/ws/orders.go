package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxOrders is how many orders of one client may be under way. Above it
	// they are refused.
	maxOrders = 8

	// orderTimeout is how long the manager may take for a reset.
	orderTimeout = 10 * time.Second
)

// actions are what the audit log calls the orders.
var actions = map[string]string{wire.TypeHealthCheck: "health check", wire.TypeReset: "reset"}

// order carries out a health check or a reset, if it may, without keeping the
// reader.
func (c *client) order(ctx context.Context, m *wire.ClientMessage) {
	switch {
	case !c.id.Role.May(auth.Operator):
		c.refuseOrder(ctx, m, wire.Error{Code: wire.CodeNotAllowed, Message: m.Type + " needs the role operator"})
		return
	case !c.id.Sees(m.Service): // whether there is such a service is none of its business
		c.refuseOrder(ctx, m, wire.Error{Code: wire.CodeNotAllowed, Message: "this token is not for that service"})
		return
	}
	select {
	case c.orderSlots <- struct{}{}:
	default:
		c.refuseOrder(ctx, m, wire.Error{
			Code: wire.CodeTooMany, RetryAfterMs: time.Second.Milliseconds(), Message: "too many orders under way",
		})
		return
	}
	c.orders.Go(func() {
		defer func() { <-c.orderSlots }()
		result, err := c.carryOut(ctx, m)
		if err != nil {
			e := c.errorOf(ctx, m, err)
			if e.Code == wire.CodeConflict {
				c.noteRefusal(m, e)
			}
			c.fail(m, e)
			return
		}
		c.server.traffic.receivedOne(m.Type, resultDone)
		c.say(result, nil)
	})
}

// refuseOrder is refuse for an order, which the audit log has too.
func (c *client) refuseOrder(ctx context.Context, m *wire.ClientMessage, e wire.Error) {
	c.noteRefusal(m, e)
	c.refuse(ctx, m, e)
}

func (c *client) noteRefusal(m *wire.ClientMessage, e wire.Error) {
	service := m.Service
	if !switchgear.ValidName(service) {
		service = ""
	}
	c.server.manager.Refused(c.actor(m).Entry(actions[m.Type], service, fmt.Sprintf("refused: %d %s", e.Code, e.Message)))
}

// actor is who gives the order.
func (c *client) actor(m *wire.ClientMessage) fleet.Actor {
	return fleet.Actor{Name: c.id.Name, TokenID: c.id.TokenID, Address: c.address, Reason: m.Reason}
}

func (c *client) carryOut(ctx context.Context, m *wire.ClientMessage) (any, error) {
	if l := c.server.leader; l != nil && !l.Leading() {
		return c.passOn(ctx, l, m)
	}
	if m.Type == wire.TypeHealthCheck {
		h, v, err := c.server.manager.CheckHealthBy(ctx, m.Service, c.actor(m))
		if err != nil {
			return nil, err
		}
		r := view.HealthCheckResult(h, &v, m.RequestID)
		r.Type = wire.TypeHealthCheckResult
		return r, nil
	}
	to := switchgear.Closed
	switch m.To {
	case "", switchgear.Closed.String():
	case switchgear.HalfOpen.String():
		to = switchgear.HalfOpen
	default:
		return nil, socket.Refuse(fleet.Invalid, "to: must be closed or half_open")
	}
	if bad := wire.CheckReason(m.Reason); bad != "" {
		return nil, socket.Refuse(fleet.Invalid, "reason: "+bad)
	}
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	v, err := c.server.manager.Reset(ctx, m.Service, to, c.actor(m))
	if err != nil {
		return nil, err
	}
	r := view.ResetResult(&v, m.RequestID)
	r.Type = wire.TypeResetResult
	return r, nil
}

// codes are what the kinds of errors are on the stream.
var codes = map[fleet.Kind]int{
	fleet.Internal:     wire.CodeInternal,
	fleet.Invalid:      wire.CodeInvalid,
	fleet.NotFound:     wire.CodeNoService,
	fleet.Conflict:     wire.CodeConflict,
	fleet.Precondition: wire.CodeConflict,
	fleet.Unauthorized: wire.CodeAuthenticationEnded,
	fleet.Forbidden:    wire.CodeNotAllowed,
	fleet.Exhausted:    wire.CodeTooMany,
	fleet.Unavailable:  wire.CodeUnavailable,
	fleet.NotLeader:    wire.CodeUnavailable,
	fleet.Deposed:      wire.CodeUnavailable,
}

// messageOf is the error without what was being done: that is the message.
func messageOf(err error) string {
	if own, ok := errors.AsType[*fleet.Error](err); ok && own.Err != nil {
		return own.Err.Error()
	}
	return err.Error()
}

// errorOf is what is told of an error. What went wrong inside is logged, and
// told nobody.
func (c *client) errorOf(ctx context.Context, m *wire.ClientMessage, err error) wire.Error {
	e := wire.Error{Code: codes[fleet.KindOf(err)], Message: messageOf(err)}
	switch e.Code {
	case wire.CodeInternal:
		e.Message = "internal error"
	case wire.CodeUnavailable:
		e.Message = "the manager or its store does not answer now"
	case wire.CodeTooMany:
		e.RetryAfterMs = time.Second.Milliseconds()
		return e
	default:
		return e
	}
	if ctx.Err() == nil {
		c.server.log.LogAttrs(ctx, slog.LevelError, "an order failed", slog.String("type", m.Type), slog.String("service", m.Service),
			slog.String("request_id", string(m.RequestID)), slog.Any("error", err))
	}
	return e
}
