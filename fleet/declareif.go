package fleet

import (
	"context"

	"github.com/degenduel/switchgear/config"
)

// DeclareIf is Declare of a service that is there, for whoever has seen the
// version of its config that is in force: Precondition if it is another,
// NotFound if there is no such service.
func (m *Manager) DeclareIf(ctx context.Context, name string, ifVersion int, def config.Service, by Actor) (View, error) {
	const op = "declare"
	s, err := m.member(op, name)
	if err != nil {
		return View{}, err
	}
	m.mu.RLock()
	source := s.source
	m.mu.RUnlock()
	if source == SourceCode || source == SourceAgent {
		return View{}, errorf(Conflict, op, "%s is part of a running program", name)
	}
	c := m.redeclare(s, arrival{name: name, def: def, source: source, by: by}, false)
	plan := c.plan
	c.plan = func(d *draft) error {
		if v := s.current().version; ifVersion != AnyVersion && v != ifVersion {
			return errorf(Precondition, op, "version %d is in force, not %d", v, ifVersion)
		}
		return plan(d)
	}
	if err := m.do(ctx, op, c); err != nil {
		return View{}, err
	}
	return m.view(m.latest(c.member)), nil
}
