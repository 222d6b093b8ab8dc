package alert

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// Reason is why a message is sent.
type Reason string

// The reasons of messages.
const (
	Firing    Reason = "firing"    // an incident began
	Escalated Reason = "escalated" // it became graver, its root was found, or there is what nobody has seen
	Repeat    Reason = "repeat"    // it goes on and nobody has acknowledged it
	Resolved  Reason = "resolved"  // it is over
	Test      Reason = "test"      // somebody tries the receiver
)

// Message is what a receiver is told of an incident.
type Message struct {
	ID       string // of the delivery: the same on every try
	Reason   Reason
	Incident string
	Root     string
	Alerts   []fleet.Alert // those that fire first; of each those of the root, then by service and kind
	Link     string        // the address of the dashboard, without a slash at the end
}

// Head is what a message is about, and since when: the root and the beginning of the
// first alert that fires; or, where all alerts of the root are over and others fire,
// the first service of those and the beginning of its own. Where nothing fires any
// more it is the root and the beginning of all.
func (m *Message) Head() (service string, since time.Time) {
	if len(m.Alerts) == 0 {
		return m.Root, time.Time{}
	}
	first := &m.Alerts[0]
	over := !first.Firing()
	service = cmp.Or(m.Root, first.Service)
	if !over && slices.ContainsFunc(m.Alerts, func(a fleet.Alert) bool { return a.Service == service && !a.Firing() }) {
		service = first.Service
	}
	for i := range m.Alerts {
		a := &m.Alerts[i]
		if a.Firing() == !over && (a.Service == service || service == m.Root) && (since.IsZero() || a.StartsAt.Before(since)) {
			since = a.StartsAt
		}
	}
	return service, since
}

// Receiver sends messages to where people read them. Send is called by one
// goroutine at a time and has a deadline. A nil error means that it is there; an
// error has no secret in it.
type Receiver interface {
	Send(ctx context.Context, m Message) error
}

// Mirror keeps another system's list of alerts as ours is, instead of being sent
// messages. Sync is called by one goroutine at a time, whenever something changed
// and now and then, with all that fire and those that ended lately.
type Mirror interface {
	Sync(ctx context.Context, firing, ended []fleet.Alert) error
}

// RefusedError is that the receiver's side works, and will not have this message
// as it is: others need not wait behind it.
type RefusedError struct {
	RetryAfter time.Duration // as the receiver asked; 0: it did not
	Err        error
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap is what there is to the refusal.
func (e *RefusedError) Unwrap() error { return e.Err }
