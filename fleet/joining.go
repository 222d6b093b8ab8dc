package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// Join brings services in, and says of each, in their order, what it is to put in
// force, or why it did not join. The error is that of the session: nothing joined.
// One that is there already has come back.
func (s *AgentSession) Join(ctx context.Context, services []AgentService) ([]AgentJoined, error) {
	if !s.live() {
		return nil, errEnded("join")
	}
	out := make([]AgentJoined, len(services))
	first := make(map[string]bool, len(services))
	for i := range services {
		a := &services[i]
		out[i] = AgentJoined{Service: a.Name}
		if out[i].Err = s.admissible(a); out[i].Err == nil && first[a.Name] {
			out[i].Err = errorf(Invalid, "join", "%s is there twice", a.Name)
		}
		first[a.Name] = true
	}
	s.m.provide(ctx, s.who.info.Load(), services, out)
	items := make([]*item, len(services))
	for i := range services {
		if out[i].Err != nil {
			continue
		}
		member := s.m.find(services[i].Name)
		if member == nil || member.crowd == nil {
			out[i].Err = errorf(Unavailable, "join", "%s has just been taken out", services[i].Name)
			continue
		}
		items[i] = member.crowd.give(ctx, &item{session: s, join: &services[i], after: settled(services[i].State, services[i].Name, time.Now())})
	}
	for i, it := range items {
		if it == nil {
			continue
		}
		if err := it.wait(ctx, s.m); err != nil {
			out[i].Err = err
			continue
		}
		out[i] = it.joined
	}
	s.mu.Lock()
	for i := range out {
		if at := s.seats[services[i].Name]; out[i].Err != nil && at != nil && at.inst == nil {
			delete(s.seats, services[i].Name)
		}
	}
	s.mu.Unlock()
	if s.who.session.Load() != s {
		return nil, errEnded("join")
	}
	return out, nil
}

// admissible says whether the agent may bring that service in.
func (s *AgentSession) admissible(a *AgentService) error {
	const op = "join"
	if !switchgear.ValidName(a.Name) {
		return errorf(Invalid, op, "%q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", a.Name)
	}
	if s.allowed != nil && !s.allowed(a.Name) {
		return errorf(Forbidden, op, "the token is not for %s", a.Name)
	}
	if err := a.About.Config.Validate(); err != nil {
		return &Error{Kind: Invalid, Op: op, Err: err, Fields: FieldsOf(err)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seats[a.Name] == nil {
		if len(s.seats) >= s.m.cfg.MaxAgentServices {
			return errorf(Exhausted, op, "this agent has %d services, which is the cap", s.m.cfg.MaxAgentServices)
		}
		s.seats[a.Name] = &seat{}
	}
	return nil
}

// about is what the program's code says of the service, and no more.
func (a *AgentService) about() config.Service {
	cfg := a.About.Config
	cfg.Version, cfg.Classify, cfg.Hooks = 0, nil, nil
	return config.Service{
		Layer: a.About.Layer, Description: a.About.Description, Dependencies: slices.Clone(a.About.Dependencies), Config: cfg,
	}
}

// provide registers what is not there, and puts in force what a newer program's
// code says. Those without dependencies come first, for the others may depend on
// them.
func (m *Manager) provide(ctx context.Context, info *AgentInfo, services []AgentService, out []AgentJoined) {
	for _, depending := range []bool{false, true} {
		changes := make([]*change, len(services))
		for i := range services {
			a := &services[i]
			if out[i].Err != nil || len(a.About.Dependencies) > 0 != depending {
				continue
			}
			if changes[i], out[i].Err = m.provision(info, a); changes[i] != nil {
				if out[i].Err = m.submit(ctx, "join", changes[i]); out[i].Err != nil {
					changes[i] = nil
				}
			}
		}
		for i, c := range changes {
			if c == nil {
				continue
			}
			err := m.outcome(ctx, "join", c)
			there := m.find(services[i].Name)
			if err != nil && there != nil && there.crowd != nil && (KindOf(err) == Conflict || KindOf(err) == Unavailable) {
				err = nil // another was quicker, or the store is away: with the config that stands
			}
			out[i].Err = err
		}
	}
}

// provision is what has to be done before the service can join; nil: nothing.
func (m *Manager) provision(info *AgentInfo, a *AgentService) (*change, error) {
	by := Actor{Name: "agent", Address: info.Address, Reason: info.Program + " says so"}
	def := a.about()
	m.mu.RLock()
	s := m.members[a.Name]
	m.mu.RUnlock()
	if s == nil {
		c := m.arrive(arrival{name: a.Name, def: def, source: SourceAgent, by: by}, len(def.Dependencies) > 0)
		apply := c.apply
		c.apply = func() {
			apply()
			c.member.crowd.said(info.StartedAt)
		}
		return c, nil
	}
	if s.crowd == nil {
		return nil, errorf(Conflict, "join", "%s is not a service of agents: its source is %q", a.Name, s.source)
	}
	m.mu.RLock()
	same := s.filed != nil && sameService(s.filed, &def)
	m.mu.RUnlock()
	if same {
		s.crowd.said(info.StartedAt)
		return nil, nil
	}
	if !s.crowd.older(info.StartedAt) {
		return nil, nil
	}
	return m.saidAnew(s, def, info.StartedAt, by), nil
}

// said notes that a process which began then says what is known already.
func (c *crowd) said(startedAt time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if startedAt.After(c.saidAt) {
		c.saidAt, c.unsaved = startedAt, true
	}
}

// older reports whether what is known was said by a process that began before.
func (c *crowd) older(startedAt time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return startedAt.After(c.saidAt)
}

// saidAnew puts in force what a newer program's code says: a rolling deploy takes
// it once, and old processes that come back change nothing.
func (m *Manager) saidAnew(s *member, def config.Service, startedAt time.Time, by Actor) *change {
	cfg := def.Config
	c := &change{service: s.name, member: s, graph: len(def.Dependencies) > 0}
	c.plan = func(b *draft) error {
		if s.removed {
			return errorf(Unavailable, "join", "%s has just been taken out", s.name)
		}
		if !s.crowd.older(startedAt) {
			return errorf(Conflict, "join", "a newer program was quicker")
		}
		if err := m.admissible(arrival{name: s.name, def: def, source: SourceAgent}, c.graph); err != nil {
			return err
		}
		live := s.read()
		cfg.Version = s.version
		planned := &member{
			name: s.name, guard: s.guard, crowd: s.crowd, source: SourceAgent, def: def, version: s.version, definition: definition(&def), filed: &def, config: cfg,
		}
		planDeclared(planned, &s.def, s.source, live.At, by, b)
		s.crowd.prepare(startedAt)
		if sameConfig(cfg, s.config) {
			return m.planRow(planned, live, b, by.Name)
		}
		cfg.Version++
		_, err := m.planConfig(planned, live, cfg, by, b, changedBy(SourceAgent))
		return err
	}
	c.discard = s.crowd.settle
	c.apply = func() {
		m.mu.Lock()
		m.unlink(s.name, s.def.Dependencies)
		s.def, s.definition, s.filed = def, definition(&def), &def
		m.link(s.name, def.Dependencies)
		s.compare()
		m.mu.Unlock()
		s.crowd.settle()
		s.crowd.said(startedAt)
		if cfg.Version != s.version {
			m.configure(s, cfg)
		}
	}
	return c
}

// prepare has the next state that is stored tell who spoke last; settle ends it.
func (c *crowd) prepare(startedAt time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = &crowdJSON{c.gone, startedAt, c.verdict.json()}
}

func (c *crowd) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = nil
}
