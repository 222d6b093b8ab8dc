package ws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/wire"
)

const (
	// refusalInterval is how often a refused message of a client is logged.
	refusalInterval = time.Minute
)

// read takes messages until the connection ends, and then ends the client.
// Once that is closing, what comes is dropped: only the close frame counts.
func (c *client) read(ctx context.Context) {
	for {
		kind, data, err := c.next(ctx)
		if err != nil {
			c.end(statusOf(err))
			return
		}
		select {
		case <-c.closing:
			continue
		default:
		}
		switch {
		case kind == websocket.MessageBinary:
			c.end(websocket.StatusUnsupportedData, "messages are text")
		case !utf8.Valid(data):
			c.end(websocket.StatusInvalidFramePayloadData, "text must be UTF-8")
		default:
			c.receive(ctx, data)
		}
	}
}

// next is the next message.
func (c *client) next(ctx context.Context) (websocket.MessageType, []byte, error) {
	// Not ctx: its end would cut the connection before its close frame.
	kind, r, err := c.socket.Reader(context.WithoutCancel(ctx))
	if err != nil {
		return 0, nil, err
	}
	overdue := time.AfterFunc(c.server.cfg.MessageTimeout, func() {
		c.end(websocket.StatusPolicyViolation, "a message took too long to come")
	})
	defer overdue.Stop()
	data, err := io.ReadAll(r)
	return kind, data, err
}

// statusOf is the code that an error of reading is closed with, where that has
// not been done already.
func statusOf(err error) (websocket.StatusCode, string) {
	var theirs websocket.CloseError
	var lost net.Error
	switch {
	case errors.As(err, &theirs), errors.As(err, &lost), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return websocket.StatusNormalClosure, ""
	case errors.Is(err, websocket.ErrMessageTooBig):
		return websocket.StatusMessageTooBig, "a message is at most 16 KiB"
	}
	return websocket.StatusProtocolError, "not the WebSocket protocol"
}

// controlReceived counts a ping or a pong; it reports whether it is to be
// answered.
func (c *client) controlReceived() bool {
	if c.controls.add(maxControls, time.Now()) {
		c.end(websocket.StatusPolicyViolation, "too many control frames")
		return false
	}
	return true
}

// receive acts on a message, if it may.
func (c *client) receive(ctx context.Context, data []byte) {
	now := time.Now()
	limit := c.server.cfg.MessagesPerMinute
	if limit > 0 && c.messages.add(floodFactor*limit, now) {
		c.end(websocket.StatusPolicyViolation, "too many messages")
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
		if !c.id.Role.May(auth.Operator) {
			c.refuse(ctx, m, wire.Error{Code: wire.CodeNotAllowed, Message: m.Type + " needs the role operator"})
			return
		}
		c.order(ctx, m)
	}
}

func (c *client) pong(m *wire.ClientMessage) {
	p := wire.Pong{Type: wire.TypePong, Timestamp: m.Timestamp}
	if p.Timestamp == nil {
		p.Timestamp, _ = wire.Time{Time: time.Now()}.MarshalJSON() // it cannot fail
	}
	// Not by json.Marshal, which would write the client's timestamp anew.
	b := append(newFrame(placeSize+len(p.Timestamp)), `{"type":"`+p.Type+`","timestamp":`...)
	b = append(b, p.Timestamp...)
	c.give(answer{frame: seal(append(b, '}'))})
}

// subscribe changes what the client is told of. Its place is void then, unless
// it says where it goes on from.
func (c *client) subscribe(ctx context.Context, m *wire.ClientMessage) {
	f, err := newFilter(m)
	if err != nil {
		c.refuse(ctx, m, wire.Error{Code: wire.CodeInvalid, Message: err.Error()})
		return
	}
	c.say(wire.SubscriptionSuccess{
		Type: wire.TypeSubscriptionSuccess, Timestamp: wire.Time{Time: time.Now()}, RequestID: m.RequestID,
		Services: listed(m.Services), Layers: listed(m.Layers), Statuses: listed(m.Statuses),
	}, func(c *client) {
		c.filter, c.placed = f, false
		if m.Since != nil {
			c.cursor, c.placed = c.server.hub.resume(m.Since.Epoch, m.Since.Seq)
		}
	})
}

func listed(names []string) []string { return append([]string{}, names...) }

// refuse answers with an error.
func (c *client) refuse(ctx context.Context, m *wire.ClientMessage, e wire.Error) {
	if now := time.Now(); now.Sub(c.refusal) >= refusalInterval {
		c.refusal = now
		c.server.log.LogAttrs(ctx, slog.LevelWarn, "message refused", slog.Int("code", e.Code), slog.String("error", e.Message),
			slog.String("identity", c.id.Name), slog.String("remote", c.address), slog.String("request_id", string(m.RequestID)))
	}
	c.fail(m, e)
}

// fail answers with an error. Anybody may call it.
func (c *client) fail(m *wire.ClientMessage, e wire.Error) {
	const longest = 512
	if len(e.Message) > longest {
		cut := longest
		for !utf8.RuneStart(e.Message[cut]) {
			cut--
		}
		e.Message = e.Message[:cut] + "…"
	}
	e.Type, e.Timestamp, e.RequestID = wire.TypeError, wire.Time{Time: time.Now()}, m.RequestID
	c.say(e, nil)
}

// say gives the writer a message.
func (c *client) say(v any, then func(*client)) {
	doc, err := json.Marshal(v)
	if err != nil { // of types that are always JSON
		c.end(websocket.StatusInternalError, "internal error")
		return
	}
	c.give(answer{seal(append(newFrame(len(doc)), doc...)), then})
}

// give waits for room with the writer; a client that is closing needs no answer.
func (c *client) give(a answer) {
	select {
	case c.answers <- a:
	case <-c.closing:
	}
}
