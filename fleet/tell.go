package fleet

import (
	"context"
	"encoding/json"
	"time"
)

// noteTrip keeps which event opened a circuit, and which did so first.
func (m *Manager) noteTrip(e *Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.members[e.Service]; s != nil && e.Kind == EventTransition && e.To == "open" {
		s.tripEvent = e.ID
		if o := outageOf(e); o != nil && o.Openings == 1 {
			s.outageEvent = e.ID
		}
	}
}

// tell hands the events of changes that are in force, then the alerts, and then the
// new states of the services they touch and of those that depend on them, to the
// watchers.
func (m *Manager) tell(changes []*change) {
	touched := make(map[*member]bool)
	for _, c := range changes {
		for _, e := range c.events {
			m.noteTrip(e)
			m.logEvent(e)
		}
		if c.member != nil {
			touched[c.member] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		for _, e := range c.events {
			m.push(Change{Seq: e.Seq, Service: e.Service, Event: e})
		}
	}
	for _, c := range changes { // behind all events, which have their seqs already
		for i := range c.alerts {
			seq := c.alerts[i].Revision
			if seq <= m.seq { // it is of no batch, or was told later than others
				seq = m.nextSeq()
			}
			m.push(Change{Seq: seq, Service: c.alerts[i].Service, Alert: &c.alerts[i]})
		}
	}
	for s := range touched {
		m.show(s)
	}
	close(m.told)
	m.told = make(chan struct{})
}

// push tells one change. The mutex is held.
func (m *Manager) push(c Change) {
	m.seq = c.Seq
	for _, w := range m.watchers {
		w.tell(c)
	}
}

func (m *Manager) nextSeq() uint64 {
	m.lastSeq++
	return m.lastSeq
}

// show tells the state of a service if it is not what was told last, and then
// those of its dependants if it matters to them. The mutex is held.
func (m *Manager) show(s *member) {
	before := s.shown
	if s.removed {
		if before != nil {
			s.shown = nil
			m.push(Change{Seq: m.nextSeq(), Service: s.name, Removed: true})
		}
	} else {
		live := s.guard.Snapshot()
		if !s.told(&live) {
			return // what has happened since is on its way
		}
		v := m.viewOf(s, live)
		if before != nil {
			state, statistics := v.sameAs(before)
			if state && statistics {
				s.seenAt = live.At
			}
			if state && m.seqsLow() {
				return
			}
			if state && (statistics || live.At.Sub(before.Breaker.At) < refreshInterval*9/10) {
				return
			}
		}
		s.shown, s.seenAt = &v, live.At
		s.toldSeq = m.nextSeq()
		m.push(Change{Seq: s.toldSeq, Service: s.name, View: &v})
	}
	failed := before != nil && before.Status.fails()
	if fails := s.shown != nil && s.shown.Status.fails(); fails == failed {
		return
	}
	for name := range m.users[s.name] {
		if other := m.members[name]; other != nil && other.shown != nil {
			m.show(other)
			m.writeSoon(other)
		}
	}
}

// refresh tells the statistics that changed, and what the clock changed.
func (m *Manager) refresh(ctx context.Context) {
	now := time.Now()
	var found []*change // overrides that programs set by themselves
	for _, s := range m.all() {
		m.mu.Lock()
		if s.shown != nil && !s.guard.quiet(s, now) {
			m.show(s)
		}
		m.mu.Unlock()
		if c := m.overrideFound(s); c != nil {
			found = append(found, c)
		}
		if s.crowd != nil {
			if c := s.crowd.due(now); c != nil {
				found = append(found, c)
			}
		}
	}
	if len(found) > 0 {
		m.process(ctx, found)
	}
}

// sameStored reports whether a restart would not see the difference.
func sameStored(a, b *View) bool {
	state, statistics := a.sameAs(b)
	return state && statistics && a.TripEventID == b.TripEventID && a.OutageEventID == b.OutageEventID &&
		a.Breaker.NextAttemptAt.Sub(b.Breaker.NextAttemptAt).Abs() < time.Millisecond
}

// row is the state as the store keeps it; by is who changed it.
func (s *member) row(v *View, now time.Time, by string) (ServiceRow, error) {
	st, err := s.state(v)
	if err != nil {
		return ServiceRow{}, err
	}
	if s.term > 0 {
		st.Told = toldOf(v)
	}
	value, err := json.Marshal(st)
	if err != nil {
		return ServiceRow{}, err
	}
	if by == "" {
		by = "switchgear"
	}
	return ServiceRow{Service: s.name, Value: value, Description: s.def.Description, UpdatedAt: now, UpdatedBy: by}, nil
}
