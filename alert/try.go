package alert

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// AlertTest is the kind of the alert that a receiver is tried with. No rule lets
// it fire, and no store has it.
const AlertTest fleet.AlertKind = "test"

// TestReceiver sends a message to a receiver now, whatever waits for it, and
// returns how that went: NotFound if there is no such receiver, Unavailable with
// its error if it did not take the message. A mirror is shown an alert that fires
// for a minute, beside all others. It may take half a minute.
func (e *Engine) TestReceiver(ctx context.Context, name string, by fleet.Actor) error {
	const op = "test receiver"
	e.mu.Lock()
	i := slices.IndexFunc(e.targets, func(t *target) bool { return t.Name == name })
	var t *target
	if i >= 0 {
		t = e.targets[i]
	}
	e.mu.Unlock()
	if t == nil {
		return failure(fleet.NotFound, op, "there is no receiver %.100q", name)
	}
	if err := e.manager.Note(ctx, op, name, by); err != nil {
		return err
	}
	now := time.Now()
	id := e.ids.next(now)
	a := fleet.Alert{
		ID: id, Incident: id, Kind: AlertTest, Service: "switchgear", Severity: fleet.SeverityInfo, Root: "switchgear",
		Summary:  fmt.Sprintf("This is a test of the receiver %s by %s: nothing is wrong.", name, cmp.Or(by.Name, fleet.Unknown)),
		StartsAt: stamp(now), UpdatedAt: stamp(now),
	}
	if err := e.out.try(ctx, t, &a); err != nil {
		return &fleet.Error{Kind: fleet.Unavailable, Op: op, Err: err}
	}
	return nil
}

// try sends one alert, or mirrors it.
func (o *outbox) try(ctx context.Context, t *target, a *fleet.Alert) error {
	o.mu.Lock()
	l, link := o.line(t.Name), o.link
	if t.Mirror != nil {
		l.probes = append(l.probes[max(len(l.probes)-maxProbes+1, 0):], *a)
	}
	o.mu.Unlock()
	err := o.attempt(ctx, l, func(ctx context.Context) error {
		if t.Receiver != nil {
			return t.Receiver.Send(ctx, Message{ID: a.ID, Reason: Test, Incident: a.Incident, Root: a.Root, Alerts: []fleet.Alert{*a}, Link: link})
		}
		return o.sync(ctx, l, t)
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if err == nil {
		l.succeeded(now) // what waits need not wait any longer
		poke(l.wake)
		return nil
	}
	text := errorText(err)
	l.stats.LastError, l.stats.LastErrorAt.Time = &text, now
	return err
}

// Receivers are where alerts are sent, by name, and how that goes.
func (e *Engine) Receivers() []wire.Receiver {
	o := e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	out := []wire.Receiver{}
	for name, l := range o.lines {
		if l.target == nil {
			continue
		}
		r := l.stats
		r.Name, r.Kind = name, l.target.Kind
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b wire.Receiver) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Stats are how the engine is, for metrics.
type Stats struct {
	Firing    []FiringCount // by severity, the gravest first, and kind
	Incidents int           // that are open
	Silences  int           // that are in force now
	Receivers []wire.Receiver
}

// FiringCount is how many alerts of a kind and severity fire; silenced ones, too.
type FiringCount struct {
	Kind     fleet.AlertKind
	Severity fleet.Severity
	Count    int
}

// Stats are those of now.
func (e *Engine) Stats() Stats {
	s := Stats{Receivers: e.Receivers()}
	now := time.Now()
	counts := make(map[FiringCount]int)
	e.mu.Lock()
	s.Incidents = len(e.incidents)
	for _, q := range e.silences {
		if q.active(now) {
			s.Silences++
		}
	}
	for _, a := range e.firing {
		counts[FiringCount{Kind: a.Kind, Severity: a.Severity}]++
	}
	e.mu.Unlock()
	for f, n := range counts {
		f.Count = n
		s.Firing = append(s.Firing, f)
	}
	slices.SortFunc(s.Firing, func(a, b FiringCount) int {
		switch {
		case a.Severity.Graver(b.Severity):
			return -1
		case b.Severity.Graver(a.Severity):
			return 1
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	return s
}
