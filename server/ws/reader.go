package ws

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

const (
	// refusalInterval is how often a refused message of a client is logged.
	refusalInterval = time.Minute
)

// receive acts on a message, if it may.
func (c *client) receive(ctx context.Context, data []byte) {
	if !c.server.auth.Active(c.id) {
		c.End(closeAuthenticationEnded, "the token has ended")
		return
	}
	now := time.Now()
	limit := c.server.cfg.MessagesPerMinute
	if limit > 0 && c.messages.add(floodFactor*limit, now) {
		c.End(socket.ClosePolicy, "too many messages")
		return
	}
	wait := c.account.take(limit, now)
	m, err := wire.DecodeClientMessage(data)
	switch {
	case wait > 0:
		c.refuse(ctx, &m, wire.Error{
			Code: wire.CodeTooMany, RetryAfterMs: wait.Milliseconds(),
			Message: "more than " + strconv.Itoa(limit) + " messages in a minute; the message is not acted on",
		})
	case err != nil:
		c.refuse(ctx, &m, wire.Error{Code: wire.CodeInvalid, Message: unreadable(err)})
	default:
		c.act(ctx, &m)
	}
}

// unreadable says what is wrong with a message, and of one that could not be
// read at all that it is no JSON.
func unreadable(err error) string {
	if _, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return "the message is not JSON: " + err.Error()
	}
	return err.Error()
}

func (c *client) act(ctx context.Context, m *wire.ClientMessage) {
	switch m.Type {
	case wire.TypePing:
		c.pong(m)
	case wire.TypeSubscribe:
		c.subscribe(ctx, m)
	case wire.TypeHealthCheck, wire.TypeReset:
		c.order(ctx, m)
	case wire.TypeInstances:
		c.instances(ctx, m)
	}
}

func (c *client) pong(m *wire.ClientMessage) {
	p := wire.Pong{Type: wire.TypePong, Timestamp: m.Timestamp}
	if p.Timestamp == nil {
		p.Timestamp, _ = wire.Time{Time: time.Now()}.MarshalJSON() // it cannot fail
	}
	c.server.traffic.receivedOne(m.Type, resultDone)
	// Not by json.Marshal, which would write the client's timestamp anew.
	b := append(socket.NewFrame(placeSize+len(p.Timestamp)), `{"type":"`+p.Type+`","timestamp":`...)
	b = append(b, p.Timestamp...)
	c.give(answer{frame: socket.Seal(append(b, '}'))})
}

// instances tells which processes have a service.
func (c *client) instances(ctx context.Context, m *wire.ClientMessage) {
	if !c.id.Sees(m.Service) { // whether there is such a service is none of its business
		c.refuse(ctx, m, wire.Error{Code: wire.CodeNotAllowed, Message: "this token is not for that service"})
		return
	}
	list, err := c.server.manager.Instances(m.Service)
	if err != nil {
		c.fail(m, c.errorOf(ctx, m, err))
		return
	}
	c.server.traffic.receivedOne(m.Type, resultDone)
	c.say(wire.ServiceInstances{
		Type: wire.TypeInstances, Timestamp: wire.Time{Time: time.Now()}, Service: m.Service,
		Instances: view.Instances(m.Service, list).Instances, RequestID: m.RequestID,
	}, nil)
}

// subscribe changes what the client is told of. Its place is void then, unless
// it says where it goes on from.
func (c *client) subscribe(ctx context.Context, m *wire.ClientMessage) {
	f, err := newFilter(m)
	if err != nil {
		c.refuse(ctx, m, wire.Error{Code: wire.CodeInvalid, Message: err.Error()})
		return
	}
	c.server.traffic.receivedOne(m.Type, resultDone)
	if m.Since != nil {
		c.catchUp(ctx, m.Since.Epoch, m.Since.Seq)
	}
	c.say(wire.SubscriptionSuccess{
		Type: wire.TypeSubscriptionSuccess, Timestamp: wire.Time{Time: time.Now()}, RequestID: m.RequestID,
		Services: listed(m.Services), Layers: listed(m.Layers), Statuses: listed(m.Statuses),
	}, func(c *client) {
		f.sees = c.filter.sees
		c.filter, c.placed = f, false
		if m.Since != nil {
			c.goOn(m.Since.Epoch, m.Since.Seq)
		}
	})
}

// goOn gives the client the place that it says it had, if that is still known.
func (c *client) goOn(epoch string, seq uint64) {
	c.cursor, c.placed = seq, epoch == c.epoch.name && c.server.hub.goOn(seq, c.cursor, &c.filter)
	if c.placed {
		c.reached.Store(seq)
	}
}

func listed(names []string) []string { return append([]string{}, names...) }

// refuse answers with an error.
func (c *client) refuse(ctx context.Context, m *wire.ClientMessage, e wire.Error) {
	if now := time.Now(); now.Sub(c.refusal) >= refusalInterval && c.server.refusals.take(now) {
		c.refusal = now
		c.server.log.LogAttrs(ctx, slog.LevelWarn, "message refused", slog.Int("code", e.Code), slog.String("error", cut(e.Message)),
			slog.String("identity", c.id.Name), slog.String("remote", c.address), slog.String("request_id", string(m.RequestID)))
	}
	c.fail(m, e)
}

// fail answers with an error. Anybody may call it.
func (c *client) fail(m *wire.ClientMessage, e wire.Error) {
	c.server.traffic.receivedOne(m.Type, resultOf(e))
	e.Message = cut(e.Message)
	e.Type, e.Timestamp, e.RequestID = wire.TypeError, wire.Time{Time: time.Now()}, m.RequestID
	c.say(e, nil)
}

// cut is the text, or enough of it.
func cut(text string) string {
	const longest = 512
	if len(text) <= longest {
		return text
	}
	end := longest
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// say gives the writer a message.
func (c *client) say(v any, then func(*client)) {
	doc, err := json.Marshal(v)
	if err != nil { // of types that are always JSON
		c.End(socket.CloseInternal, "internal error")
		return
	}
	c.give(answer{socket.Seal(append(socket.NewFrame(len(doc)), doc...)), then})
}

// give waits for room with the writer; a client that is closing needs no answer.
func (c *client) give(a answer) {
	select {
	case c.answers <- a:
	case <-c.Closing():
	}
}
