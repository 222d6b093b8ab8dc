package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/degenduel/switchgear/config"
)

// ApplyFile makes the services what the config file says: new ones come in,
// sections that changed since the file was read last are put in force, and
// services that the file brought and has no more are taken out. What the file
// says again, as it said it last, changes nothing: the store's newest version
// stands.
func (m *Manager) ApplyFile(ctx context.Context, services map[string]config.Service) error {
	by := Actor{Name: string(SourceFile), Reason: "the config file"}
	graph := make(map[string][]string)
	m.mu.RLock()
	for _, s := range m.members {
		if s.source != SourceFile {
			graph[s.name] = s.def.Dependencies
		}
	}
	m.mu.RUnlock()
	for name, def := range services {
		graph[name] = def.Dependencies
	}
	if err := config.CheckDependencies(graph); err != nil {
		return &Error{Kind: Invalid, Op: "config file", Err: err}
	}
	changes := m.absentees(services, by)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		def := services[name]
		switch s, source, before := m.saidBefore(name); {
		case s == nil:
			changes = append(changes, m.arrive(arrival{name: name, def: def, source: SourceFile, filed: &def, by: by}, false))
		case source == SourceAgent:
			return errorf(Conflict, "config file", "%s is of programs that joined by agents: take it out first", name)
		case source == SourceCode:
			return errorf(Conflict, "config file", "%s is part of the running program", name)
		case before == nil || !sameService(before, &def):
			changes = append(changes, m.redeclare(s, arrival{name: name, def: def, source: SourceFile, by: by}, true))
		}
	}
	return m.doAll(ctx, "config file", changes)
}

// KeepFile brings back the services that the config file of an earlier start
// brought, as they are, where there is no file now. It returns their names.
func (m *Manager) KeepFile(ctx context.Context) ([]string, error) {
	last := make(map[string]config.Service)
	err := m.do(ctx, "config file", &change{plan: func(*draft) error {
		for name, r := range m.restored {
			if r.source == SourceFile && r.filed != nil {
				last[name] = *r.filed
			}
		}
		return nil
	}})
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return slices.Sorted(maps.Keys(last)), m.ApplyFile(ctx, last)
}

// saidBefore is the member of that name, who brought it, and the section that
// the file had of it last.
func (m *Manager) saidBefore(name string) (s *member, by Source, file *config.Service) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s = m.members[name]; s == nil {
		return nil, "", nil
	}
	return s, s.source, s.filed
}

// absentees are changes that take out what the file brought and has no more,
// those that were here and those that the store remembers.
func (m *Manager) absentees(services map[string]config.Service, by Actor) []*change {
	var changes []*change
	for _, s := range m.all() {
		_, source, _ := m.saidBefore(s.name)
		if _, ok := services[s.name]; !ok && source == SourceFile {
			changes = append(changes, m.leave(s, by, false))
		}
	}
	var gone []string
	return append(changes, &change{
		plan: func(b *draft) error {
			gone = nil
			for name, r := range m.restored {
				if _, ok := services[name]; ok || r.source != SourceFile {
					continue
				}
				gone = append(gone, name)
				b.Removed = append(b.Removed, name)
				b.Events = append(b.Events, Event{Service: name, Kind: EventRemoved, At: time.Now(), Actor: by.Name, Reason: by.Reason})
				by.record(b, "remove", name, "", nil)
			}
			return nil
		},
		apply: func() {
			for _, name := range gone {
				delete(m.restored, name)
			}
		},
	})
}

// doAll sends many changes before it waits for the first, so that they share
// transactions.
func (m *Manager) doAll(ctx context.Context, op string, changes []*change) error {
	for _, c := range changes {
		c.wait = make(chan struct{})
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for _, c := range changes {
			select {
			case m.changes <- c:
			case <-m.done:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	var errs []error
	for _, c := range changes {
		select {
		case <-c.wait:
			errs = append(errs, c.err)
		case <-m.done:
			return errorf(Unavailable, op, "the manager has stopped")
		case <-ctx.Done():
			return &Error{Kind: Unavailable, Op: op, Err: ctx.Err()}
		}
	}
	return errors.Join(errs...)
}
