package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// missedReports is how many reports a service may miss before it is silent.
const missedReports = 3

// silent reports whether the service's reports have stopped.
func (s *member) silent(now time.Time) bool {
	interval := s.def.ReportInterval
	return interval > 0 && now.Sub(s.reports.began.Add(time.Duration(s.reports.last.Load()))) > missedReports*interval
}

// usageOf is what is known of how a service uses its breaker.
func usageOf(def config.Service, cfg switchgear.Config) switchgear.Usage {
	u := switchgear.Usage{FeedInterval: def.ReportInterval}
	if def.HealthCheck != nil {
		u.FeedInterval = cfg.Resolved().HealthCheckInterval
		u.OperationTimeout = def.HealthCheck.Timeout
	}
	return u
}

// arrival is a service on its way into the manager.
type arrival struct {
	name    string
	def     config.Service
	source  Source
	filed   *config.Service     // what the file says of it, or said last; nil: nothing
	service *switchgear.Service // of a program; nil: the manager makes one
	by      Actor
}

// checkedBy is who has said how the service is checked. What the file said is
// the operator's own word, whoever else says it too.
func (a *arrival) checkedBy() Source {
	if a.filed != nil && sameProbe(a.filed, &a.def) {
		return SourceFile
	}
	return SourceAPI
}

// newMember makes a member that nobody knows yet, and its service.
func (m *Manager) newMember(a arrival, cfg switchgear.Config) (*member, error) {
	s := &member{name: a.name, def: a.def, source: a.source, config: cfg, service: a.service}
	s.reports.began = time.Now()
	s.term = m.term
	switch {
	case a.source == SourceAgent:
		s.crowd = newCrowd(m, s)
		s.guard = s.crowd
		return s, nil
	case a.service != nil:
		s.guard = newLocal(a.service)
		return s, nil
	}
	s.own = true
	sc := switchgear.ServiceConfig{Config: cfg}
	if hc := a.def.HealthCheck; hc != nil {
		if m.newProbe == nil {
			return nil, errorf(Invalid, "service", "this manager has no health checks of its own")
		}
		s.checkedBy = a.checkedBy()
		p, err := m.newProbe(*hc, s.checkedBy)
		if err != nil {
			return nil, &Error{Kind: Invalid, Op: "service", Err: err}
		}
		s.probe = p
		sc.Check, sc.CheckTimeout, sc.CheckIsOperation = p.Check, hc.Timeout, true
		if m.around != nil {
			sc.Check = m.around(a.name, p.Check)
		}
	}
	var err error
	if s.service, err = switchgear.NewService(a.name, sc); err != nil {
		s.closeProbe()
		return nil, err
	}
	s.guard = newLocal(s.service)
	return s, nil
}

// arrive plans and applies that a service comes in. It is one transaction, and
// none at all if the store has just that.
func (m *Manager) arrive(a arrival, checkDependencies bool) *change {
	var s *member
	var r *remembered
	c := &change{service: a.name, graph: checkDependencies, discard: func() {
		s.closeProbe()
		s = nil
	}}
	c.plan = func(b *draft) (err error) {
		if m.find(a.name) != nil {
			return errorf(Conflict, "register", "there is a service %q already", a.name)
		}
		if err := m.admissible(a, checkDependencies); err != nil {
			return err
		}
		r = m.recall(context.Background(), a.name)
		s, err = m.planArrival(a, r, b)
		c.member = s
		m.arriving++
		return err
	}
	c.apply = func() {
		m.versions[s.name] = s.version
		m.settle(s, r)
	}
	return c
}

// planArrival makes the member, with the config that stands: the store's newest
// version, unless who brings the service says something else than last time.
func (m *Manager) planArrival(a arrival, r *remembered, b *draft) (*member, error) {
	said := a.def
	cfg, version := a.def.Config, m.versions[a.name]
	unchanged := r != nil && a.source != SourceAPI && r.filed != nil && sameService(r.filed, &said)
	if unchanged {
		cfg, a.def = r.config, r.def
		cfg.Classify, cfg.Hooks = said.Config.Classify, said.Config.Hooks
	}
	newVersion := version == 0 || r == nil || !unchanged && !sameConfig(cfg, r.config)
	if newVersion {
		version++
	}
	cfg.Version = version
	s, err := m.newMember(a, cfg)
	if err != nil {
		return nil, err
	}
	s.version = version
	if unchanged {
		s.definition = r.state.Definition
	} else {
		s.definition = definition(&a.def)
	}
	if a.source != SourceAPI {
		s.filed = &said
		s.compare()
	}
	if a.service != nil {
		if err := a.service.Configure(cfg); err != nil {
			return nil, err
		}
	}
	live := s.read()
	if r != nil {
		live = reading{Snapshot: r.snapshot}
	}
	if r == nil {
		b.Events = append(b.Events, Event{
			Service: a.name, Kind: EventRegistered, At: live.At, Actor: a.by.Name, Reason: a.by.Reason,
			Evidence: aboutJSON(&a.def, a.source, version),
		})
		a.by.record(b, "register", a.name, "", nil)
	}
	if r != nil {
		r.asStored = unchanged && !newVersion
		if !unchanged {
			planDeclared(s, &r.def, r.source, live.At, a.by, b)
		}
	}
	switch {
	case newVersion:
		_, err = m.planConfig(s, live, cfg, a.by, b, changedBy(a.source))
	case !unchanged:
		if a.source == SourceAPI {
			a.by.record(b, "declare", a.name, "", nil)
		}
		err = m.planRow(s, live, b, a.by.Name)
	}
	return s, err
}

func (m *Manager) find(name string) *member {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.members[name]
}

// admissible checks the cap, the health check and the dependencies of a service.
func (m *Manager) admissible(a arrival, checkDependencies bool) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.members[a.name] == nil && len(m.members)+m.arriving >= m.cfg.MaxServices {
		m.turnedAway.Add(1)
		return errorf(Exhausted, "register", "there are %d services, which is the cap", m.cfg.MaxServices)
	}
	if hc := a.def.HealthCheck; hc != nil && m.admitCheck != nil && a.source != SourceCode && a.checkedBy() == SourceAPI {
		if err := m.admitCheck(*hc); err != nil {
			return &Error{Kind: Invalid, Op: "register", Err: err, Fields: FieldsOf(err)}
		}
	}
	if !checkDependencies {
		return nil
	}
	graph := m.below(a.name, a.def.Dependencies)
	if a.source == SourceAgent { // of another program, which may come later
		for _, d := range a.def.Dependencies {
			if m.members[d] == nil {
				graph[d] = nil
			}
		}
	}
	if err := config.CheckDependencies(graph); err != nil {
		return &Error{
			Kind: Invalid, Op: "register", Err: err,
			Fields: []switchgear.FieldError{{Field: "dependencies", Message: err.Error()}},
		}
	}
	return nil
}

// below is who depends on whom, as far as it can be reached from a service that
// is to have these dependencies: the rest was judged when it came. The mutex is
// held.
func (m *Manager) below(name string, dependencies []string) map[string][]string {
	graph := map[string][]string{name: dependencies}
	for next := slices.Clone(dependencies); len(next) > 0; {
		d := next[len(next)-1]
		next = next[:len(next)-1]
		s := m.members[d]
		if _, seen := graph[d]; seen {
			continue
		}
		if s == nil {
			if !slices.Contains(dependencies, d) { // what an agent said, which may come later
				graph[d] = nil
			}
			continue
		}
		graph[d] = s.def.Dependencies
		next = append(next, s.def.Dependencies...)
	}
	return graph
}

// Register brings in a service of this program, with its layer, description
// and dependencies, and starts it. Its config is the service's own, and not
// about.Config, which is not used. It is a version by actor "code":
// where the program says the same as last time, the newest version in the
// store stands. The service comes back in the state that the store remembers.
//
// The service is the program's to stop: the manager never does.
func (m *Manager) Register(ctx context.Context, service *switchgear.Service, about config.Service) error {
	about.Config = service.Config()
	about.Config.Version = 0
	return m.do(ctx, "register", m.arrive(arrival{
		name: service.Name(), def: about, source: SourceCode, service: service,
		by: Actor{Name: "code", Reason: "registered by the program"},
	}, true))
}

// Declare registers a probed or reported service, or changes one, and says
// whether it is new. What it does not say is the default.
func (m *Manager) Declare(ctx context.Context, name string, def config.Service, by Actor) (v View, created bool, err error) {
	const op = "declare"
	_, err = m.member(op, name)
	switch {
	case KindOf(err) == NotFound:
		c := m.arrive(arrival{name: name, def: def, source: SourceAPI, by: by}, true)
		if err = m.do(ctx, op, c); err != nil {
			return View{}, false, err
		}
		v, err = m.awaitTold(ctx, c.member)
		return v, true, err
	case err != nil:
		return View{}, false, err
	}
	v, err = m.DeclareIf(ctx, name, AnyVersion, def, by)
	return v, false, err
}

// retire stops a service that the manager made, in the background; Run waits
// for it.
func (m *Manager) retire(s *member) {
	if s.heir == nil { // what it was before is still told
		s.unobserve()
	}
	if !s.own {
		return
	}
	m.retiring.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := s.service.Stop(ctx); err != nil {
			m.log.WarnContext(ctx, "a health check did not end", slog.String("service", s.name), slog.Any("error", err))
		}
		s.closeProbe()
	})
}

// DependantsError is why a service cannot be taken out: others depend on it.
type DependantsError struct {
	Service string
	Names   []string // sorted, at least one
}

// Error names them.
func (e *DependantsError) Error() string {
	return fmt.Sprintf("%s: these services depend on it: %s", e.Service, strings.Join(e.Names, ", "))
}

// Remove takes a service out; its history stays. Conflict, with a
// *DependantsError, while others depend on it.
func (m *Manager) Remove(ctx context.Context, name string, by Actor) error {
	s, err := m.member("remove", name)
	if err != nil {
		return err
	}
	return m.do(ctx, "remove", m.leave(s, by, true))
}

func (m *Manager) leave(asked *member, by Actor, checkDependants bool) *change {
	s := asked
	c := &change{service: asked.name, member: asked, graph: checkDependants}
	c.plan = func(b *draft) error {
		s = asked.current()
		c.member = s
		live, err := s.live()
		if err == nil {
			err = s.guard.removable()
		}
		if err != nil {
			return err
		}
		if names := m.dependants(s.name); checkDependants && len(names) > 0 {
			return &Error{Kind: Conflict, Op: "remove", Err: &DependantsError{Service: s.name, Names: names}}
		}
		b.Removed = append(b.Removed, s.name)
		b.Events = append(b.Events, Event{
			Service: s.name, Kind: EventRemoved, At: live.At, Actor: by.Name, Reason: by.Reason,
		})
		by.record(b, "remove", s.name, "", nil)
		return nil
	}
	c.apply = func() {
		m.mu.Lock()
		m.place(s.name, nil)
		s.removed = true
		m.mu.Unlock()
		m.unsaved.remove(s.reports.close()...)
		m.retire(s)
	}
	return c
}

// place puts a member where others find it, or takes it away. The mutex is held.
func (m *Manager) place(name string, s *member) {
	if old := m.members[name]; old != nil {
		m.unlink(name, old.def.Dependencies)
	}
	if s == nil {
		delete(m.members, name)
		return
	}
	m.members[name] = s
	m.link(name, s.def.Dependencies)
}

func (m *Manager) link(name string, dependencies []string) {
	for _, d := range dependencies {
		if m.users[d] == nil {
			m.users[d] = make(map[string]bool)
		}
		m.users[d][name] = true
	}
}

func (m *Manager) unlink(name string, dependencies []string) {
	for _, d := range dependencies {
		if delete(m.users[d], name); len(m.users[d]) == 0 {
			delete(m.users, d)
		}
	}
}

// dependants are the services that depend on one.
func (m *Manager) dependants(name string) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.users[name]))
}
