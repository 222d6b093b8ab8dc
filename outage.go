package switchgear

import (
	"fmt"
	"time"
)

// Outage is how a circuit that is not closed came to be so: its first opening
// since it was last closed, and how often it has opened since.
type Outage struct {
	// BeganAt is when it first opened, in UTC.
	BeganAt time.Time

	// Cause is what was known then. Of the latest opening a Snapshot has Trip.
	Cause Evidence

	// Openings are the first and each failed recovery since, from 1.
	Openings int
}

// trip is what is kept of the openings of a circuit until it closes. A closed
// one has none, and pays with one pointer.
type trip struct {
	Evidence // of the latest

	outage *Outage // nil where a snapshot of before did not say how it began
}

// next is what is kept when the circuit opens again, or for the first time.
func (t *trip) next(ev Evidence, at stamp) *trip {
	next := &trip{Evidence: ev, outage: t.shownOutage()}
	switch {
	case t == nil:
		next.outage = &Outage{BeganAt: at.time(), Cause: ev, Openings: 1}
	case next.outage != nil && ev.Rule != RuleFleetQuorum: // which cuts a recovery off that has not failed
		next.outage.Openings++
	}
	return next
}

// shownOutage is a copy of the outage, for whoever may write to it.
func (t *trip) shownOutage() *Outage {
	if t == nil || t.outage == nil {
		return nil
	}
	o := *t.outage
	return &o
}

// trip is what is kept of the openings that the snapshot knows. Of a snapshot
// that says nothing of the outage and of no failed recovery, the latest opening
// was the first.
func (s *Snapshot) trip() *trip {
	if s.Trip == nil || s.State == Closed {
		return nil
	}
	t := &trip{Evidence: *s.Trip}
	switch {
	case s.Outage != nil:
		o := *s.Outage
		o.BeganAt = stampOf(o.BeganAt).time()
		t.outage = &o
	case s.FailedRecoveries == 0 && !s.OpenedAt.IsZero():
		t.outage = &Outage{BeganAt: stampOf(s.OpenedAt).time(), Cause: *s.Trip, Openings: 1}
	}
	return t
}

// wrongOutage names what no breaker can have made so of its outage; "" where
// there is nothing. A recovery that nothing opened before may fail, and be the
// first opening.
func (s *Snapshot) wrongOutage() string {
	o, failed := s.Outage, s.FailedRecoveries
	switch {
	case o == nil:
	case s.State == Closed:
		return "Outage: the circuit is closed"
	case s.Trip == nil:
		return "Outage: there is one without a Trip"
	case o.BeganAt.IsZero():
		return "Outage.BeganAt: it is zero"
	case o.Openings < 1:
		return fmt.Sprintf("Outage.Openings: %d is less than 1", o.Openings)
	case o.Openings != failed && o.Openings != failed+1:
		return fmt.Sprintf("Outage.Openings: %d is not %d or %d, by FailedRecoveries", o.Openings, failed, failed+1)
	}
	return ""
}
