package fleet

import (
	"context"
	"log/slog"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// remembered is what the store has of a service that is not here yet.
type remembered struct {
	state    ServiceState
	config   switchgear.Config
	def      config.Service
	snapshot switchgear.Snapshot
}

// recall reads the row of a service, or returns nil where there is none, or
// none that can be read: a spoiled row must not keep the others from starting.
func (m *Manager) recall(ctx context.Context, name string) *remembered {
	row, ok := m.restored[name]
	if !ok {
		return nil
	}
	st, cfg, def, err := parseState(row)
	if err != nil {
		m.log.ErrorContext(ctx, "the stored state of a service cannot be read: it begins anew when the config file, "+
			"a program or PUT /api/v2/services/{service} brings it; its config versions and its history are kept",
			slog.String("service", name), slog.Any("error", err))
		return nil
	}
	if st.TripEvent == 0 && st.CircuitBreaker.State != switchgear.Closed {
		st.TripEvent = m.lastOpening(ctx, name)
	}
	return &remembered{st, cfg, def, st.snapshot(name, row.UpdatedAt)}
}

// lastOpening is the event that opened the circuit: a process that was killed
// right after it has not written it into the state. 0 if it is not found.
func (m *Manager) lastOpening(ctx context.Context, name string) int64 {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	events, err := m.store.Events(ctx, EventQuery{Service: name, Kinds: []EventKind{EventTransition}, Limit: 10})
	if err != nil {
		return 0
	}
	for _, e := range events {
		if e.To == switchgear.Open.String() {
			return e.ID
		}
	}
	return 0
}

// restoreDeclared brings back the services that came over the API.
func (m *Manager) restoreDeclared(ctx context.Context) {
	for name, row := range m.restored {
		if by, err := sourceOf(row); err == nil && by != SourceAPI {
			continue // read when it comes
		}
		r := m.recall(ctx, name)
		if r == nil || r.state.Source != SourceAPI {
			continue
		}
		s, err := m.newMember(arrival{name: name, def: r.def, source: SourceAPI}, r.config)
		if err != nil {
			m.log.ErrorContext(ctx, "a stored service is left out: declare it again with what is allowed",
				slog.String("service", name), slog.Any("error", err))
			continue
		}
		s.version = r.state.ConfigVersion
		s.definition = section(r.def, r.config)
		m.settle(s, r)
		v := m.viewOf(s, r.snapshot) // what its restoring brings about is told when it is stored
		s.shown = &v
	}
}

// settle gives a member its memory and its place among the others.
func (m *Manager) settle(s *member, r *remembered) {
	m.observe(s)
	if r == nil {
		live := s.service.Breaker().Snapshot() // a program's may have run before
		s.number, s.override = live.Transitions, live.Override
	} else {
		m.restore(s, r)
	}
	delete(m.restored, s.name)
	m.mu.Lock()
	m.members[s.name] = s
	m.mu.Unlock()
	if m.running {
		s.service.Start()
	}
}

// restore puts a member where it was. Of a snapshot that contradicts itself,
// which no breaker has made, the totals and the transition number are kept.
func (m *Manager) restore(s *member, r *remembered) {
	h := r.state.Health.health()
	s.edge.Lock()
	s.healthKnown, s.healthy = h.Checked, h.Healthy
	s.edge.Unlock()
	s.service.RestoreHealth(h)
	s.number, s.override, s.tripEvent = r.snapshot.Transitions, r.snapshot.Override, r.state.TripEvent
	err := s.service.Breaker().Restore(r.snapshot)
	if err == nil {
		return
	}
	m.log.Error("the stored state of a service contradicts itself: its circuit begins closed",
		slog.String("service", s.name), slog.Any("error", err))
	r.snapshot = switchgear.Snapshot{
		Service: s.name, At: r.snapshot.At, Transitions: r.snapshot.Transitions, Operations: r.snapshot.Operations,
	}
	s.override, s.tripEvent = nil, 0
	_ = s.service.Breaker().Restore(r.snapshot) // it has nothing to contradict
}
