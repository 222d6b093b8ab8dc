package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// outageJSON is the outage in the evidence of a transition on the wire.
type outageJSON struct {
	BeganAt   Time    `json:"began_at"`
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	Successes uint64  `json:"successes"`
	LastError *string `json:"last_error"`
	Openings  int     `json:"openings"`
}

func outageEvidence(o *switchgear.Outage) *outageJSON {
	if o == nil {
		return nil
	}
	j := &outageJSON{
		BeganAt: Time{o.BeganAt}, Rule: o.Cause.Rule, Failures: o.Cause.Failures, Successes: o.Cause.Successes, Openings: o.Openings,
	}
	if o.Cause.LastError != "" {
		j.LastError = &o.Cause.LastError
	}
	return j
}

// outageOf is the outage that a transition tells; nil where it tells none.
func outageOf(e *Event) *outageJSON {
	var evidence struct {
		Outage *outageJSON `json:"outage"`
	}
	_ = json.Unmarshal(e.Evidence, &evidence) // what cannot be read says nothing
	return evidence.Outage
}

// outageText says since when the circuit is not closed, where what else is said
// of it does not.
func outageText(o *switchgear.Outage) string {
	if o == nil || o.Openings < 2 {
		return ""
	}
	return fmt.Sprintf("; opened %d times since %s, first by %s",
		o.Openings, o.BeganAt.UTC().Format(time.RFC3339), ruleText(o.Cause.Rule))
}

// firstOpening is the event that began the outage that the member's breaker was
// restored to. The row may not have it, as it may not have that of the latest
// opening. 0 if it is not found.
func (m *Manager) firstOpening(s *member, stored int64) int64 {
	o := s.guard.Snapshot().Outage
	switch {
	case o == nil:
		return 0
	case o.Openings == 1:
		return s.tripEvent
	case stored != 0:
		return stored
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	began := o.BeganAt.Truncate(time.Millisecond)
	events, err := m.store.Events(ctx, EventQuery{
		Service: s.name, Kinds: []EventKind{EventTransition}, Since: began, Until: began.Add(time.Second), Limit: 1000,
	})
	if err != nil {
		return 0
	}
	for i := range events {
		e := &events[i]
		if told := outageOf(e); told != nil && told.Openings == 1 && told.BeganAt.Equal(began) && e.To == switchgear.Open.String() {
			return e.ID
		}
	}
	return 0
}

// pastOutage fills in the outage that the newest transition told, or, where it
// was stored by a release that told none, the one that the opening began.
func pastOutage(v *View, told *outageJSON, opening *Event) {
	s := &v.Breaker
	switch {
	case told != nil:
		s.Outage = &switchgear.Outage{
			BeganAt: told.BeganAt.Time, Openings: told.Openings,
			Cause: switchgear.Evidence{Rule: told.Rule, Failures: told.Failures, Successes: told.Successes, InFlight: -1},
		}
		if told.LastError != nil {
			s.Outage.Cause.LastError = *told.LastError
		}
	case opening.From == switchgear.Closed.String():
		s.Outage = &switchgear.Outage{BeganAt: opening.At, Cause: *s.Trip, Openings: 1}
	}
	if s.Outage != nil && s.Outage.Openings == 1 {
		s.Outage.Cause, v.OutageEventID = *s.Trip, opening.ID
	}
}
