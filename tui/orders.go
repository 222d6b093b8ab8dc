package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// checkTimeout is how long a health check is waited for.
const checkTimeout = time.Minute

// resultMsg is what came of an order.
type resultMsg struct {
	service string
	what    string  // the order, for a refusal: "reset"
	text    string  // the result
	good    bool    // whether it is what was hoped for
	err     error   // why there is none
	dialog  *dialog // that gave it; nil: a key did
}

// check runs the health check of what is selected.
func (m *model) check() tea.Cmd {
	e := m.orderable()
	if e == nil {
		return nil
	}
	name := e.Service
	m.tell(asIs, "Checking "+name+" …")
	return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		r, err := c.CheckHealth(ctx, name)
		msg := resultMsg{service: name, what: "health check", good: r.Healthy, err: err}
		passed := "failed"
		if r.Healthy {
			passed = "passed"
		}
		msg.text = fmt.Sprintf("%s: the health check %s, in %s", name, passed, millis(r.DurationMs))
		if reason := deref(r.Error); reason != "" {
			msg.text += ": " + reason
		}
		msg.text += ". It is " + words(r.Status) + "."
		return msg
	})
}

// orderable is the service that an order would be for; nil, which is told, where
// none can be given.
func (m *model) orderable() *wire.Entry {
	e := m.selected()
	switch {
	case e == nil:
		m.tell(bad, "There is no service to do that to.")
		return nil
	case !m.may():
		m.tell(bad, fmt.Sprintf("A token of the role %s may only look: orders need an operator's.", visible(m.role)))
		return nil
	}
	return e
}

// give sends the order of a dialog.
func (m *model) give(d *dialog) tea.Cmd {
	d.busy = true
	name, reason := d.service, d.reason.String()
	switch d.kind {
	case resetting:
		to := d.choice()
		return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
			r, err := c.Reset(ctx, name, wire.ResetRequest{Reason: reason, To: to})
			return resultMsg{name, "reset", name + " was reset: " + orElse(r.Details, words(to)), r.Success, err, d}
		})
	case overriding:
		order := wire.OverrideRequest{Mode: d.choice(), Reason: reason, TTLMs: float64(spanFrom(d.end.String()).Milliseconds())}
		return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
			e, err := c.Override(ctx, name, order)
			text := fmt.Sprintf("%s is %s", name, words(order.Mode))
			if o := e.CircuitBreaker.Override; o != nil {
				text += " until " + o.ExpiresAt.UTC().Format("15:04:05Z")
			}
			return resultMsg{name, "override", text + ".", true, err, d}
		})
	case ending:
	}
	return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
		e, err := c.EndOverride(ctx, name, reason)
		return resultMsg{name, "end of the override", fmt.Sprintf("The override of %s has ended: the circuit is %s.", name, words(e.CircuitBreaker.State)), true, err, d}
	})
}

// takeResult shows what came of an order: in its dialog, if that is open and the
// order was refused, so that nothing has to be typed again.
func (m *model) takeResult(r *resultMsg) {
	if r.err == nil {
		how := good
		if !r.good {
			how = bad
		}
		if r.dialog != nil && r.dialog == m.dialog {
			m.dialog = nil
		}
		m.tell(how, r.text)
		return
	}
	m.tell(bad, fmt.Sprintf("%s: the %s was refused: %s", r.service, r.what, refusal(r.err)))
	if _, refused := client.KindOf(r.err); !refused {
		m.notices.list[0].text = visible(fmt.Sprintf("%s: it is not known whether the %s was done: %s", r.service, r.what, refusal(r.err)))
	}
	if r.dialog != nil && r.dialog == m.dialog {
		m.notices.shown = false
		r.dialog.refuse(r.err)
	}
}

// refusal is an error for people: every field that is wrong, and what a kind of
// refusal means.
func refusal(err error) string {
	text := strings.TrimPrefix(err.Error(), "client: ")
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return "the manager did not answer in time"
		}
		return text
	}
	switch e.Kind {
	case client.Unauthorized:
		return "the manager does not know the token (" + text + ")"
	case client.Forbidden:
		return "the token may not do that (" + text + ")"
	case client.Conflict:
		return "it contradicts the present state (" + text + ")"
	case client.Unavailable, client.Exhausted:
		if e.RetryAfter > 0 {
			return text + "; try again in " + span(e.RetryAfter)
		}
	case client.Internal, client.Invalid, client.NotFound, client.Precondition:
	}
	return text
}
