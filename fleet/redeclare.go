package fleet

import (
	"bytes"
	"log/slog"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// redeclare changes a service that the manager made. file is what the config
// file says of it now, or nil where it is not the file that speaks.
func (m *Manager) redeclare(old *member, a arrival, file []byte) *change {
	var next *member
	var cfg switchgear.Config
	c := &change{service: a.name, member: old, graph: file == nil, discard: func() {
		if next != old {
			next.closeProbe()
			next = nil
		}
		old.stored = nil
	}}
	c.plan = func(b *Batch) error {
		live, err := old.live()
		if err == nil {
			err = m.admissible(a, file == nil)
		}
		if err != nil {
			return err
		}
		next = old
		if !sameProbe(old.def, a.def) {
			made, err := m.newMember(a, a.def.Config)
			if err != nil {
				return err
			}
			next = made
		}
		cfg = a.def.Config
		cfg.Version = old.version
		planned := &member{
			name: a.name, service: old.service, source: a.source, def: a.def, version: old.version,
			definition: section(a.def, cfg), fileConfig: old.fileConfig, config: cfg,
		}
		if file != nil {
			planned.fileConfig = file
		}
		c.member = next
		if !bytes.Equal(object(cfg), object(old.config)) {
			cfg.Version++
			_, err = m.planConfig(planned, live, cfg, a.by, b)
			return err
		}
		b.Audit = append(b.Audit, a.by.audit("declare", a.name))
		return m.planRow(planned, live, b, a.by.Name)
	}
	c.apply = func() {
		m.replace(old, next, a, cfg, file)
	}
	return c
}

func sameProbe(a, b config.Service) bool {
	return bytes.Equal(object(a.HealthCheck), object(b.HealthCheck))
}

// replace puts what was redeclared in force.
func (m *Manager) replace(old, next *member, a arrival, cfg switchgear.Config, file []byte) {
	m.mu.Lock()
	next.def, next.definition, next.source = a.def, section(a.def, cfg), a.source
	next.fileConfig = old.fileConfig
	if file != nil {
		next.fileConfig = file
	}
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
// old one before, and is on its way here, is the new one's.
func (m *Manager) takeOver(old, next *member) {
	m.observe(next)
	live := old.service.Breaker().Snapshot()
	old.edge.Lock()
	next.healthKnown, next.healthy = old.healthKnown, old.healthy
	old.edge.Unlock()
	m.mu.Lock()
	next.number, next.override, next.tripEvent, next.shown = old.number, old.override, old.tripEvent, old.shown
	next.ended, old.heir, old.left = old.ended, next, &live
	old.removed, old.shown = true, nil
	m.members[next.name] = next
	m.mu.Unlock()
	next.service.RestoreHealth(old.service.Health())
	if err := next.service.Breaker().Restore(live); err != nil {
		m.log.Error("a state was not taken over", slog.String("service", next.name), slog.Any("error", err))
	}
	next.service.Start()
	m.retire(old)
}
