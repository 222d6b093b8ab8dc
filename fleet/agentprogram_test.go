package fleet_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// program is a process with an agent, whose services are its own breakers.
type program struct {
	t       *testing.T
	b       *bench
	info    fleet.AgentInfo
	session *fleet.AgentSession

	about    config.Service
	hasCheck bool
	obeying  sync.WaitGroup

	mu       sync.Mutex
	answer   func(o fleet.AgentOrder) (error, bool) // nil: all is done; false: nothing is said
	health   switchgear.Health
	breakers map[string]*switchgear.Breaker
	versions map[string]int
	noted    map[string][]switchgear.Transition // all of them
	orders   []fleet.AgentOrder
	closed   []int
}

var about = config.Service{Layer: "data", Config: switchgear.Config{
	FailureThreshold: 2, ResetTimeout: time.Minute, MinHealthyPeriod: time.Minute, Jitter: -1,
}}

// newProgram is a process of that name which is not connected.
func newProgram(t *testing.T, b *bench, name string, services ...string) *program {
	t.Helper()
	p := &program{
		t: t, b: b, about: about, breakers: make(map[string]*switchgear.Breaker), versions: make(map[string]int), noted: make(map[string][]switchgear.Transition),
		info: fleet.AgentInfo{
			Instance: "instance-of-" + strings.ReplaceAll(name, " ", "_") + strings.Repeat("-", 8), Boot: "the secret of " + name + strings.Repeat(".", 8),
			Name: name, Program: "shop 1", Library: "test", StartedAt: time.Now(),
		},
	}
	t.Cleanup(p.obeying.Wait)
	for _, s := range services {
		breaker, err := switchgear.New(s, about.Config)
		if err != nil {
			t.Fatal(err)
		}
		p.breakers[s] = breaker
		t.Cleanup(breaker.Observe(func(tr switchgear.Transition) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.noted[s] = append(p.noted[s], tr)
		}))
	}
	return p
}

// joined is a process that is connected and has brought its services in.
func joined(t *testing.T, b *bench, name string, services ...string) *program {
	t.Helper()
	p := newProgram(t, b, name, services...)
	p.connect()
	p.join(true)
	return p
}

func (p *program) connect() {
	p.t.Helper()
	s, err := p.b.Attach(p.t.Context(), p.info, nil, p)
	if err != nil {
		p.t.Fatal(err)
	}
	p.session = s
}

func (p *program) state(service string) fleet.InstanceState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fleet.InstanceState{
		Service: service, Snapshot: p.breakers[service].Snapshot(), Running: true, ConfigVersion: p.versions[service], Health: p.health,
	}
}

// join brings all services in, and does what it is told.
func (p *program) join(fresh bool) {
	p.t.Helper()
	for service, b := range p.breakers {
		got, err := p.session.Join(p.t.Context(), []fleet.AgentService{{
			Name: service, About: p.about, Fresh: fresh, HasCheck: p.hasCheck, State: p.state(service),
		}})
		if err == nil {
			err = got[0].Err
		}
		if err != nil {
			p.t.Fatal(err)
		}
		j := got[0]
		if j.State != nil && fresh {
			if err := b.Restore(*j.State); err != nil {
				p.t.Error(err)
			}
		}
		if j.Override != nil {
			if err := b.Override(*j.Override); err != nil {
				p.t.Error(err)
			}
		}
		if err := follow(b, j.Fleet, switchgear.Order{Actor: "fleet"}); err != nil {
			p.t.Error(err)
		}
		p.mu.Lock()
		p.versions[service] = j.Version
		p.mu.Unlock()
		synctest.Wait()
		if err := p.send(service, j.Known); err != nil {
			p.t.Error(err)
		}
	}
}

// send tells the transitions after a number.
func (p *program) send(service string, known uint64) error {
	p.mu.Lock()
	ts := slices.Clone(p.noted[service])
	p.mu.Unlock()
	ts = slices.DeleteFunc(ts, func(tr switchgear.Transition) bool { return tr.Number <= known })
	if len(ts) == 0 {
		return nil
	}
	return p.session.Transitions(context.Background(), service, ts, p.state(service))
}

// fail has two operations fail, which open it, and tells what came of it.
func (p *program) fail(service string) {
	p.t.Helper()
	b := p.breakers[service]
	before := b.Snapshot().Transitions
	for range 2 {
		b.HandleError(errDown, time.Millisecond)
	}
	synctest.Wait()
	if err := p.send(service, before); err != nil {
		p.t.Errorf("%s: %v", p.info.Name, err)
	}
	p.report(service)
}

func (p *program) report(service string) { p.session.Report([]fleet.InstanceState{p.state(service)}) }

// live reports and sends all that happens for so long.
func (p *program) live(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		for service := range p.breakers {
			v, _ := p.b.Instances(service)
			for _, i := range v {
				if i.Instance == p.info.Instance {
					_ = p.send(service, i.State.Snapshot.Transitions)
				}
			}
			p.report(service)
		}
	}
}

func (p *program) Order(o fleet.AgentOrder) error {
	p.mu.Lock()
	p.orders = append(p.orders, o)
	p.mu.Unlock()
	p.obeying.Go(func() { p.obey(p.session, o) })
	return nil
}

// answers has the program answer orders in that way; nil: it does what they say.
func (p *program) answers(f func(o fleet.AgentOrder) (error, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

func (p *program) obey(s *fleet.AgentSession, o fleet.AgentOrder) {
	var err error
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		var say bool
		if err, say = answer(o); !say {
			return
		}
	}
	b := p.breakers[o.Service]
	before := b.Snapshot().Transitions
	by := switchgear.Order{Actor: o.Actor, Reason: o.Reason}
	switch {
	case err != nil:
	case o.Kind == fleet.AgentReset:
		err = b.Reset(o.To, by)
	case o.Kind == fleet.AgentOverride:
		err = b.Override(*o.Override)
	case o.Kind == fleet.AgentOverrideEnd:
		err = b.EndOverride(by)
	case o.Kind == fleet.AgentFleet:
		err = follow(b, o.Fleet, by)
	case o.Kind == fleet.AgentConfig:
		p.mu.Lock()
		p.versions[o.Service] = o.Version
		p.mu.Unlock()
	}
	s.Result(o.ID, err, p.state(o.Service))
	time.Sleep(time.Millisecond) // for the breaker to have told
	_ = p.send(o.Service, before)
}

// follow is what an agent does that the fleet rule tells something.
func follow(b *switchgear.Breaker, to string, by switchgear.Order) error {
	switch to {
	case fleet.FleetOpen:
		defer b.Hold(20 * time.Hour)
		return b.Follow(switchgear.Open, by)
	case fleet.FleetRecover:
		return b.Follow(switchgear.HalfOpen, by)
	case fleet.FleetAlone:
		b.Hold(0)
	}
	return nil
}

// lose is the end of the connection, at which nobody waits any more.
func (p *program) lose() {
	p.session.Close(false)
	for _, b := range p.breakers {
		b.Hold(0)
	}
}

func (p *program) Close(code int, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = append(p.closed, code)
}

// codes are those that its connections were closed with.
func (p *program) codes() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.closed)
}

func (p *program) kinds() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.orders {
		all = append(all, o.Kind)
	}
	return all
}

// wantEvents wants these to have been told of web.
func (b *bench) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := b.told("web"); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func (b *bench) wantState(t *testing.T, state switchgear.State, status fleet.Status, in fleet.Instances) {
	t.Helper()
	v := b.view(t, "web")
	if v.Breaker.State != state || v.Status != status || v.Instances != in {
		t.Errorf("it is %v, %s, %+v; want %v, %s, %+v", v.Breaker.State, v.Status, v.Instances, state, status, in)
	}
}
