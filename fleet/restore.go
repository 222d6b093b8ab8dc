package fleet

import (
	"context"
	"log/slog"
	"runtime"
	"sync"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// remembered is what the store has of a service that is not here yet.
type remembered struct {
	source   Source // empty where not even that can be read
	state    ServiceState
	config   switchgear.Config
	def      config.Service
	filed    *config.Service // what the file said last
	snapshot switchgear.Snapshot
	err      error // why the rest of it cannot be used
	asStored bool  // the service comes back as the row says
}

// remember reads the rows, which takes a processor most of the time of a start.
func remember(rows []ServiceRow) map[string]*remembered {
	all := make([]*remembered, len(rows))
	var reading sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		reading.Go(func() {
			for i := w; i < len(rows); i += workers {
				all[i] = readRow(rows[i])
			}
		})
	}
	reading.Wait()
	byName := make(map[string]*remembered, len(rows))
	for i, r := range all {
		byName[rows[i].Service] = r
	}
	return byName
}

func readRow(row ServiceRow) *remembered {
	r := &remembered{}
	r.state, r.config, r.def, r.err = parseState(row)
	r.source = r.state.Source
	if r.err != nil {
		r.source, _ = sourceOf(row)
		return r
	}
	r.snapshot = r.state.snapshot(row.Service, row.UpdatedAt)
	if r.state.LikeFile {
		like := r.def
		like.Config = r.config
		r.filed = &like
	} else {
		r.filed = readSection(r.state.FileConfig)
	}
	return r
}

// recall is what the store has of a service, or nil where that is nothing, or
// nothing that can be read: a spoiled row must not keep the others from starting.
func (m *Manager) recall(ctx context.Context, name string) *remembered {
	r, ok := m.restored[name]
	if !ok {
		return nil
	}
	if r.err != nil {
		m.log.ErrorContext(ctx, "the stored state of a service cannot be read: it begins anew when the config file, "+
			"a program or PUT /api/v2/services/{service} brings it; its config versions and its history are kept",
			slog.String("service", name), slog.Any("error", r.err))
		return nil
	}
	return r
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

// restoreDeclared brings back the services that came over the API, and by agents.
func (m *Manager) restoreDeclared(ctx context.Context, rows []InstanceRow) {
	instances := make(map[string][]InstanceRow)
	for _, row := range rows {
		instances[row.Service] = append(instances[row.Service], row)
	}
	for name, r := range m.restored {
		if r.source != "" && !m.bringsBack(r.source) {
			continue // it is looked at when it comes
		}
		if r = m.recall(ctx, name); r == nil || !m.bringsBack(r.source) {
			continue
		}
		s, err := m.newMember(arrival{name: name, def: r.def, source: r.source, filed: r.filed}, r.config)
		if err != nil {
			m.log.ErrorContext(ctx, "a stored service is left out: declare it again with what is allowed",
				slog.String("service", name), slog.Any("error", err))
			continue
		}
		s.version = r.state.ConfigVersion
		s.definition = r.state.Definition
		r.asStored = true
		if s.crowd != nil || r.source == SourceFile {
			s.filed = r.filed
			s.compare()
		}
		if s.crowd != nil {
			m.restoreCrowd(ctx, s.crowd, r.state.Crowd, instances[name])
		}
		m.settle(s, r)
		if s.shown != nil {
			continue // a mirror's, which is what was told
		}
		v := m.viewOf(s, r.snapshot) // what its restoring brings about is told when it is stored
		s.shown = &v
	}
}

// bringsBack reports whether services of that source need nobody to bring them:
// a leader has also those of the file, which is the same on all nodes.
func (m *Manager) bringsBack(by Source) bool {
	return by == SourceAPI || by == SourceAgent || by == SourceFile && m.cluster != nil
}

// settle gives a member its memory and its place among the others.
func (m *Manager) settle(s *member, r *remembered) {
	m.observe(s)
	if r == nil {
		live := s.guard.Snapshot() // a program's may have run before
		s.number, s.override = live.Transitions, live.Override
	} else {
		m.restore(s, r)
	}
	delete(m.restored, s.name)
	m.mu.Lock()
	if old := m.members[s.name]; old != nil && old.mirrored {
		s.shown, old.removed = old.shown, true
	}
	m.place(s.name, s)
	m.mu.Unlock()
	if m.running {
		s.guard.Start()
	}
}

// restore puts a member where it was. Of a snapshot that contradicts itself,
// which no breaker has made, the totals and the transition number are kept.
func (m *Manager) restore(s *member, r *remembered) {
	h := r.state.Health.health()
	s.edge.Lock()
	s.healthKnown, s.healthy = h.Checked, h.Healthy
	s.edge.Unlock()
	s.guard.RestoreHealth(h)
	s.number, s.override, s.tripEvent = r.snapshot.Transitions, r.snapshot.Override, r.state.TripEvent
	if s.tripEvent == 0 && r.snapshot.State != switchgear.Closed {
		s.tripEvent = m.lastOpening(context.Background(), s.name)
	}
	if err := s.guard.Restore(r.snapshot); err != nil {
		m.log.Error("the stored state of a service contradicts itself: its circuit begins closed",
			slog.String("service", s.name), slog.Any("error", err))
		r.snapshot = switchgear.Snapshot{
			Service: s.name, At: r.snapshot.At, Transitions: r.snapshot.Transitions, Operations: r.snapshot.Operations,
		}
		s.override, s.tripEvent, s.outageEvent = nil, 0, 0
		_ = s.guard.Restore(r.snapshot) // it has nothing to contradict
		return
	}
	s.outageEvent = m.firstOpening(s, r.state.OutageEvent)
	if r.asStored {
		s.stored = m.storedView(s, r)
	}
}

// storedView is the state as the store has it, so that it is not written again
// as long as nothing happens. What no row has cannot differ.
func (m *Manager) storedView(s *member, r *remembered) *View {
	live := s.guard.Snapshot()
	was := r.snapshot
	told := r.state.Told
	switch {
	case m.cluster == nil:
		was.AdmittedShare, was.AwaitsCheck, was.ClosesAt = live.AdmittedShare, live.AwaitsCheck, live.ClosesAt
	case told == nil:
		return nil // it was written by a manager alone, and is not all that others want to know
	default:
		was.AdmittedShare, was.AwaitsCheck, was.ClosesAt = told.AdmittedShare, told.AwaitsCheck, told.ClosesAt
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	v := m.viewOf(s, was)
	v.Status, v.Running = r.state.Status, r.state.Running
	if m.cluster != nil {
		v.Instances = told.Instances
	}
	v.TripEventID, v.OutageEventID, v.ConfigVersion = r.state.TripEvent, r.state.OutageEvent, r.state.ConfigVersion
	return &v
}
