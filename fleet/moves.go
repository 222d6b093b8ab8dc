package fleet

import (
	"encoding/json"
	"time"

	"github.com/degenduel/switchgear"
)

// transition is the fact that a breaker changed its state. The end of an
// override by time is in one transaction with the transition that it caused.
func (m *Manager) transition(old *member, t switchgear.Transition) *change {
	var s *member
	var ended *switchgear.Override
	c := &change{service: old.name, member: old}
	c.plan = func(b *draft) error {
		s = old.current()
		c.member = s
		if old.left != nil && t.Number > old.left.Transitions {
			return nil // it is not in force any more
		}
		ended = nil
		if o := s.override; o != nil && t.Evidence.Rule == switchgear.RuleOverrideEnded && !o.Until.After(t.At) {
			ended = o
			b.Events = append(b.Events, overrideEnd(s, *o, EventOverrideExpired, t.After))
		}
		b.Events = append(b.Events, Event{
			Service: s.name, Kind: EventTransition, From: t.From.String(), To: t.To.String(), At: t.At,
			Actor: t.Actor, Reason: t.Reason, Evidence: transitionEvidence(&t),
		})
		if warning := trafficWarning(&t); warning != nil {
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: EventConfigWarning, At: t.At, Evidence: warning,
				Reason: "the circuit opened with more than 99 % successes in its window",
			})
		}
		return m.planAfter(s, *t.After, b, true)
	}
	c.apply = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if old.left != nil && t.Number > old.left.Transitions {
			return
		}
		s.number = max(s.number, t.Number)
		if t.To == switchgear.Closed {
			s.tripEvent, s.outageEvent = 0, 0
		}
		if ended != nil {
			s.ended = ended
			if sameOverride(s.override, ended) {
				s.override = nil
			}
		}
	}
	return c
}

// planAfter adds the state of the member after a fact. Orders may have been
// carried out since it happened: what they changed stands. moved says that it is
// a transition.
func (m *Manager) planAfter(s *member, after switchgear.Snapshot, b *draft, moved bool) error {
	live := s.read()
	if live.Transitions != after.Transitions {
		after.Mode, after.Override = live.Mode, live.Override
		live = reading{Snapshot: after}
	}
	live.moved = moved
	return m.planRow(s, live, b, "")
}

// planRow adds the state of the member, with its breaker as the snapshot says.
func (m *Manager) planRow(s *member, live reading, b *draft, by string) error {
	if s.removed {
		return nil // its row is gone, and what is left of it is history
	}
	m.mu.RLock()
	v := m.viewOf(s, live.Snapshot)
	m.mu.RUnlock()
	if live.moved {
		v.TripEventID, v.OutageEventID = 0, 0 // whoever reads the row looks for the events
	}
	row, err := s.row(&v, live.At, by)
	if err != nil {
		return err
	}
	b.addRow(row, live.reported)
	return nil
}

// trafficWarning is the evidence of a config_warning for a circuit that opened
// although nearly everything succeeded, or nil.
func trafficWarning(t *switchgear.Transition) json.RawMessage {
	e := &t.Evidence
	total := e.Failures + e.Successes
	if t.From != switchgear.Closed || t.To != switchgear.Open || e.Rule == switchgear.RuleSlowCalls || e.Rule == switchgear.RuleFleetQuorum ||
		float64(e.Successes) <= 0.99*float64(total) {
		return nil
	}
	return object(map[string]any{
		"failures": e.Failures, "successes": e.Successes,
		"settings": map[string]any{"failureRateThreshold": 0.5, "minimumOperations": 20, "monitoringWindowMs": 30000},
	})
}

func overrideEnd(s *member, o switchgear.Override, kind EventKind, after *switchgear.Snapshot) Event {
	return Event{
		Service: s.name, Kind: kind, From: o.Mode.String(), To: after.Mode.String(),
		At: after.At, Actor: o.Actor, Reason: o.Reason,
	}
}

// overrideEnded is the fact that an override came to its end: by time, unless
// that is told with the transition that it caused, or by the program whose
// service it is.
func (m *Manager) overrideEnded(old *member, e switchgear.OverrideEnd) *change {
	var s *member
	c := &change{service: old.name, member: old}
	c.plan = func(b *draft) error {
		s = old.current()
		c.member = s
		switch {
		case old.left != nil && sameOverride(old.left.Override, &e.Override):
			return nil // it goes on in the heir
		case e.After.Transitions > s.number && c.putOffs < maxPutOff:
			return errNotYet
		case e.Expired && !sameOverride(s.ended, &e.Override):
			b.Events = append(b.Events, overrideEnd(s, e.Override, EventOverrideExpired, e.After))
		case !e.Expired && sameOverride(s.override, &e.Override):
			b.Events = append(b.Events, overrideEnd(s, e.Override, EventOverride, e.After))
		default:
			return nil // it is told
		}
		return m.planAfter(s, *e.After, b, false)
	}
	c.apply = func() {
		if len(c.draft.Events) == 0 {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		s.ended = &e.Override
		if sameOverride(s.override, &e.Override) {
			s.override = nil
		}
	}
	return c
}

// overrideFound is the fact that a program has set an override of its service
// by itself, or nil if it has not.
func (m *Manager) overrideFound(s *member) *change {
	if s.own || s.service == nil {
		return nil
	}
	if mode := s.service.Breaker().Mode(); mode != switchgear.ForcedOpen && mode != switchgear.ForcedClosed {
		return nil
	}
	live := s.service.Breaker().Snapshot()
	if live.Override == nil || sameOverride(live.Override, s.override) || live.Transitions != s.number {
		return nil
	}
	return &change{
		service: s.name, member: s, fact: true,
		plan: func(b *draft) error {
			from := switchgear.Auto
			if s.override != nil {
				from = s.override.Mode
			}
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: EventOverride, From: from.String(), To: live.Mode.String(), At: time.Now(),
				Actor: live.Override.Actor, Reason: live.Override.Reason,
				Evidence: object(map[string]any{"expires_at": Time{live.Override.Until}}),
			})
			return m.planRow(s, reading{Snapshot: live}, b, "")
		},
		apply: func() { m.setOverride(s, live.Override) },
	}
}
