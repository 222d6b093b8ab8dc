package fleet

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// reports are when a program last reported.
type reports struct {
	began time.Time
	last  atomic.Int64 // nanoseconds after began
}

func (r *reports) add(now time.Time) { r.last.Store(int64(now.Sub(r.began))) }

// missedReports is how many reports a service may miss before it is silent.
const missedReports = 3

// silent reports whether the service's reports have stopped.
func (s *member) silent(now time.Time) bool {
	interval := s.def.ReportInterval
	return interval > 0 && now.Sub(s.reports.began.Add(time.Duration(s.reports.last.Load()))) > missedReports*interval
}

// section is a service's section of the config file, with that config.
func section(def config.Service, cfg switchgear.Config) []byte {
	def.Config = cfg
	return object(def)
}

func sameSection(file []byte, def config.Service, cfg switchgear.Config) bool {
	return bytes.Equal(file, section(def, cfg))
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
	service *switchgear.Service // of a program; nil: the manager makes one
	by      Actor
}

// newMember makes a member that nobody knows yet, and its service.
func (m *Manager) newMember(a arrival, cfg switchgear.Config) (*member, error) {
	s := &member{name: a.name, def: a.def, source: a.source, config: cfg, service: a.service}
	s.reports.began = time.Now()
	if a.service != nil {
		return s, nil
	}
	s.own = true
	sc := switchgear.ServiceConfig{Config: cfg}
	if hc := a.def.HealthCheck; hc != nil {
		if m.newProbe == nil {
			return nil, errorf(Invalid, "service", "this manager has no health checks of its own")
		}
		p, err := m.newProbe(*hc)
		if err != nil {
			return nil, &Error{Kind: Invalid, Op: "service", Err: err}
		}
		s.probe = p
		sc.Check, sc.CheckTimeout, sc.CheckIsOperation = p.Check, hc.Timeout, true
	}
	var err error
	if s.service, err = switchgear.NewService(a.name, sc); err != nil {
		s.closeProbe()
		return nil, err
	}
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
	c.plan = func(b *Batch) (err error) {
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
func (m *Manager) planArrival(a arrival, r *remembered, b *Batch) (*member, error) {
	said := section(a.def, a.def.Config)
	cfg, def, version := a.def.Config, a.def, m.versions[a.name]
	unchanged := r != nil && a.source != SourceAPI && bytes.Equal(r.state.FileConfig, said)
	if unchanged {
		cfg, def = r.config, r.def
		cfg.Classify = a.def.Config.Classify
	}
	a.def = def
	newVersion := version == 0 || r == nil || !unchanged && !bytes.Equal(object(cfg), object(r.config))
	if newVersion {
		version++
	}
	cfg.Version = version
	s, err := m.newMember(a, cfg)
	if err != nil {
		return nil, err
	}
	s.version, s.definition = version, section(def, cfg)
	if a.source != SourceAPI {
		s.fileConfig, s.differs = said, !bytes.Equal(said, s.definition)
	}
	if a.service != nil {
		if err := a.service.Configure(cfg); err != nil {
			return nil, err
		}
	}
	live := s.service.Breaker().Snapshot()
	if r != nil {
		live = r.snapshot
	}
	if r == nil {
		b.Events = append(b.Events, Event{
			Service: a.name, Kind: EventRegistered, At: live.At, Actor: a.by.Name, Reason: a.by.Reason,
			Evidence: object(map[string]any{"source": a.source, "config_version": version}),
		})
		b.Audit = append(b.Audit, a.by.audit("register", a.name))
	}
	if newVersion {
		_, err = m.planConfig(s, live, cfg, a.by, b)
	} else if !unchanged {
		err = m.planRow(s, live, b, a.by.Name)
	}
	return s, err
}

func (m *Manager) find(name string) *member {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.members[name]
}

// admissible checks the cap and the dependencies of a service.
func (m *Manager) admissible(a arrival, checkDependencies bool) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.members[a.name] == nil && len(m.members)+m.arriving >= m.cfg.MaxServices {
		m.turnedAway.Add(1)
		return errorf(Exhausted, "register", "there are %d services, which is the cap", m.cfg.MaxServices)
	}
	if !checkDependencies {
		return nil
	}
	graph := make(map[string][]string, len(m.members)+1)
	for name, s := range m.members {
		graph[name] = s.def.Dependencies
	}
	graph[a.name] = a.def.Dependencies
	if err := config.CheckDependencies(graph); err != nil {
		return &Error{
			Kind: Invalid, Op: "register", Err: err,
			Fields: []switchgear.FieldError{{Field: "dependencies", Message: err.Error()}},
		}
	}
	return nil
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
	old, err := m.member(op, name)
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
	m.mu.RLock()
	source := old.source
	m.mu.RUnlock()
	if source == SourceCode {
		return View{}, false, errorf(Conflict, op, "%s is part of a running program", name)
	}
	c := m.redeclare(old, arrival{name: name, def: def, source: source, by: by}, nil)
	if err = m.do(ctx, op, c); err != nil {
		return View{}, false, err
	}
	v, err = m.Service(name)
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
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := s.service.Stop(ctx); err != nil {
			m.log.WarnContext(ctx, "a health check did not end", slog.String("service", s.name), slog.Any("error", err))
		}
		s.closeProbe()
	})
}

// Remove takes a service out; its history stays. Conflict while others depend
// on it.
func (m *Manager) Remove(ctx context.Context, name string, by Actor) error {
	s, err := m.member("remove", name)
	if err != nil {
		return err
	}
	return m.do(ctx, "remove", m.leave(s, by, true))
}

func (m *Manager) leave(s *member, by Actor, checkDependants bool) *change {
	return &change{
		service: s.name, member: s, graph: checkDependants,
		plan: func(b *Batch) error {
			live, err := s.live()
			if err != nil {
				return err
			}
			if names := m.dependants(s.name); checkDependants && len(names) > 0 {
				return errorf(Conflict, "remove", "%v depend on %s", names, s.name)
			}
			b.Removed = append(b.Removed, s.name)
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: EventRemoved, At: live.At, Actor: by.Name, Reason: by.Reason,
			})
			b.Audit = append(b.Audit, by.audit("remove", s.name))
			return nil
		},
		apply: func() {
			m.mu.Lock()
			delete(m.members, s.name)
			s.removed = true
			m.mu.Unlock()
			m.retire(s)
		},
	}
}

func (m *Manager) dependants(name string) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for other, s := range m.members {
		if slices.Contains(s.def.Dependencies, name) {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}
