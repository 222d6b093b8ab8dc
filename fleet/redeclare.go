package fleet

import (
	"log/slog"

	"github.com/degenduel/switchgear"
)

// redeclare changes a service that the manager made. file says that it is the
// config file that speaks.
func (m *Manager) redeclare(asked *member, a arrival, file bool) *change {
	old := asked
	var next *member
	var cfg switchgear.Config
	c := &change{service: a.name, member: asked, graph: !file, discard: func() {
		if next != nil && next != old {
			next.closeProbe()
			next = nil
		}
	}}
	c.plan = func(b *draft) error {
		old = asked.current()
		next, c.member = old, old
		if a.filed = old.filed; file {
			a.filed = &a.def
		}
		live, err := old.live()
		if err == nil {
			err = m.admissible(a, !file)
		}
		if err != nil {
			return err
		}
		if !sameProbe(&old.def, &a.def) || old.probe != nil && old.checkedBy != a.checkedBy() {
			next = nil
			if next, err = m.newMember(a, a.def.Config); err != nil {
				return err
			}
			c.member = next
		}
		cfg = a.def.Config
		cfg.Version = old.version
		planned := &member{
			term: old.term,
			name: a.name, service: old.service, guard: old.guard, source: a.source, def: a.def, version: old.version,
			definition: definition(&a.def), filed: a.filed, config: cfg,
		}
		planDeclared(planned, &old.def, old.source, live.At, a.by, b)
		if !sameConfig(cfg, old.config) {
			cfg.Version++
			_, err = m.planConfig(planned, live, cfg, a.by, b, changedBy(a.source))
			return err
		}
		a.by.record(b, "declare", a.name, "", nil)
		return m.planRow(planned, live, b, a.by.Name)
	}
	c.apply = func() {
		m.replace(old, next, a, cfg)
	}
	return c
}

// replace puts what was redeclared in force.
func (m *Manager) replace(old, next *member, a arrival, cfg switchgear.Config) {
	m.mu.Lock()
	m.unlink(old.name, old.def.Dependencies)
	next.def, next.definition, next.source, next.filed = a.def, definition(&a.def), a.source, a.filed
	m.link(next.name, next.def.Dependencies)
	if next != old {
		next.config, next.version = cfg, cfg.Version
	}
	next.compare()
	m.mu.Unlock()
	if next != old {
		m.takeOver(old, next)
	}
	if cfg.Version != old.version || next != old {
		m.configure(next, cfg)
	}
}

// takeOver gives the new member all that the old one was. What happened to the
// old one before, and is on its way here, is the new one's. Reports wait for it:
// each is counted in one of the two, and not lost.
func (m *Manager) takeOver(old, next *member) {
	m.observe(next)
	old.edge.Lock()
	next.healthKnown, next.healthy = old.healthKnown, old.healthy
	old.edge.Unlock()
	next.service.RestoreHealth(old.service.Health())
	old.reports.mu.Lock()
	live := old.service.Breaker().Snapshot()
	if err := next.service.Breaker().Restore(live); err != nil {
		m.log.Error("a state was not taken over", slog.String("service", next.name), slog.Any("error", err))
	}
	next.reports.kept, old.reports.kept = old.reports.kept, nil
	next.reports.began = old.reports.began
	next.reports.last.Store(old.reports.last.Load())
	m.mu.Lock()
	next.number, next.override, next.shown = old.number, old.override, old.shown
	next.tripEvent, next.outageEvent = old.tripEvent, old.outageEvent
	next.ended, old.heir, old.left = old.ended, next, &live
	old.removed, old.shown = true, nil
	m.members[next.name] = next
	m.mu.Unlock()
	old.reports.mu.Unlock()
	next.service.Start()
	m.retire(old)
}
