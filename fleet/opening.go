package fleet

import (
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// opening is how the circuit of the whole came to be open, as the event of it says.
// The instances know it only each of itself: one may have opened long before the
// whole did, and another because the whole did.
type opening struct {
	at     time.Time
	trip   switchgear.Evidence
	outage switchgear.Outage // since the whole was closed
}

// openingOf is the opening that a snapshot of the whole tells; nil: it is closed, or
// has not opened.
func openingOf(s *switchgear.Snapshot) *opening {
	if s.State == switchgear.Closed || s.Trip == nil || s.OpenedAt.IsZero() {
		return nil
	}
	o := &opening{at: s.OpenedAt, trip: *s.Trip, outage: switchgear.Outage{BeganAt: s.OpenedAt, Cause: *s.Trip, Openings: 1}}
	o.trip.OpenTime = s.OpenTime
	if s.Outage != nil {
		o.outage = *s.Outage
	}
	return o
}

// tell fills in what the snapshot of the whole says of it.
func (o *opening) tell(s *switchgear.Snapshot) {
	if o == nil || s.State == switchgear.Closed {
		return
	}
	s.OpenedAt, s.OpenTime, s.Trip, s.Outage = o.at, o.trip.OpenTime, &o.trip, &o.outage
}

// opens notes that the whole has opened. outage is what the only instance says of
// its own; nil: there are several.
func (t *turn) opens(at time.Time, trip switchgear.Evidence, outage *switchgear.Outage) {
	o := &opening{at: at, trip: trip}
	switch {
	case t.opening != nil:
		o.outage = t.opening.outage
	case outage != nil:
		o.outage = *outage
		t.openings = max(t.openings, outage.Openings)
	default:
		o.outage = switchgear.Outage{BeganAt: at, Cause: trip}
	}
	o.outage.Openings = max(t.openings, 1)
	t.opening, t.rule.opening = o, o
}

// outage is since when the whole is not closed; nil if it is, or has not opened.
func (t *turn) outage() *switchgear.Outage {
	if t.opening == nil {
		return nil
	}
	return &t.opening.outage
}

// moveWith has the whole do what the only instance that counts has done.
func (t *turn) moveWith(i *instance, tr *switchgear.Transition, at time.Time) {
	before := t.outage()
	t.moved(tr.To, at)
	if tr.To == switchgear.Open {
		t.opens(at, tr.Evidence, tr.Outage)
	}
	told := *tr
	if o := t.outage(); o != nil {
		told.Outage = o
	} else if before != nil {
		told.Outage = before
	}
	t.events = append(t.events, Event{
		Service: t.c.name, Kind: EventTransition, From: tr.From.String(), To: tr.To.String(), At: at,
		Actor: tr.Actor, Reason: tr.Reason, Evidence: instanceEvidence(&told, i, ""),
	})
}

// decide tells what the whole does, if that is not what it did.
func (t *turn) decide(at time.Time) {
	to := t.rule.decided(t.tally, t.all, t.state)
	if to == t.state {
		return
	}
	at = later(at.UTC(), t.movedAt)
	from, outage := t.state, t.outage()
	t.moved(to, at)
	v := t.rule.merge(t.all, &t.gone, to)
	tr := switchgear.Transition{Number: t.number, From: from, To: to, At: at, Reason: t.why(to), Evidence: switchgear.Evidence{
		Rule: t.rule.name(), Failures: v.Failures, Successes: v.Successes, Slow: v.Slow, LastError: v.LastError,
		ConsecutiveFailures: v.ConsecutiveFailures, RecoveryAttempt: v.RecoveryAttempts, ConfigVersion: t.c.member.version, InFlight: -1,
	}}
	if to == switchgear.Open {
		tr.Evidence.OpenTime = max(v.NextAttemptAt.Sub(at), 0)
		t.opens(at, tr.Evidence, nil)
	}
	if tr.Outage = t.outage(); tr.Outage == nil {
		tr.Outage = outage
	}
	t.events = append(t.events, Event{
		Service: t.c.name, Kind: EventTransition, From: from.String(), To: to.String(), At: at,
		Reason: tr.Reason, Evidence: wholeEvidence(&tr, v),
	})
}

// wholeReason says in words why the whole is in that state.
func wholeReason(to switchgear.State, n tally) string {
	all := n[switchgear.Closed] + n[switchgear.Open] + n[switchgear.HalfOpen]
	switch to {
	case switchgear.Open:
		return fmt.Sprintf("all of %d instances are open", all)
	case switchgear.HalfOpen:
		return fmt.Sprintf("%d of %d instances recover, and none is closed", n[switchgear.HalfOpen], all)
	case switchgear.Closed:
	}
	return fmt.Sprintf("%d of %d instances are closed", n[switchgear.Closed], all)
}

// moved notes that the whole has moved.
func (t *turn) moved(to switchgear.State, at time.Time) {
	t.edges[t.state][to]++
	t.number++
	t.state, t.movedAt = to, at
	switch to {
	case switchgear.Open:
		t.openings++
	case switchgear.Closed:
		t.openings, t.opening, t.rule.opening = 0, nil, nil
	case switchgear.HalfOpen:
	}
}
