package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
)

// crowd is what a service of agents runs on: the instances of it, in other
// processes. What they count it hears at any time; who is there, which
// transitions they have made, and what they are as a whole, changes by turns of
// the sequencer only, so that it is stored before it is told.
//
// The manager's mutex is locked before a crowd's, and that before a session's.
type crowd struct {
	m      *Manager
	member *member
	name   string

	mu       sync.Mutex
	all      []*instance // by ID
	config   switchgear.Config
	override *switchgear.Override
	past     *switchgear.Override // the last override that has ended

	// What was told of the whole: its state, how many transitions it has made, how
	// often it has opened since it was last closed, and how the last time.
	state    switchgear.State
	number   uint64
	openings int
	opening  *opening // nil: it has not
	movedAt  time.Time
	verdict  *verdict
	parting  bool // the next state that is stored is that of an order which ends the verdict

	gone    totals     // of the instances that are not here any more
	saidAt  time.Time  // when the process began that said last what the config is
	pending *crowdJSON // what a turn is about to store; nil: nothing differs
	unsaved bool       // the store has not the present saidAt

	edges      [3][3]uint32
	rejections switchgear.Rejections
	recent     recent

	cached    *crowdView
	goodUntil time.Time // somebody may be silent then
	changedAt time.Time

	inbox   []*item // what waits for the next turn
	flying  []*item // what the turn has that is on its way
	turning bool    // a turn is on its way to the sequencer
	want    bool    // there is something for a turn beside the inbox
	asked   *poll   // what was ordered last
}

func newCrowd(m *Manager, s *member) *crowd {
	return &crowd{m: m, member: s, name: s.name, config: s.config}
}

// crowdJSON is what the store has of a crowd beside its instances.
type crowdJSON struct {
	Gone    totals       `json:"gone"`
	SaidAt  time.Time    `json:"saidAt,omitzero"`
	Verdict *verdictJSON `json:"verdict,omitempty"`
}

// find is the instance with that ID and its place, or where it would be. The
// mutex is held.
func find(all []*instance, id string) (int, *instance) {
	at, ok := slices.BinarySearchFunc(all, id, func(i *instance, id string) int { return strings.Compare(i.who.id, id) })
	if !ok {
		return at, nil
	}
	return at, all[at]
}

// changed notes that what was merged is not so any more. The mutex is held.
func (c *crowd) changed(now time.Time) { c.cached, c.changedAt = nil, now }

func (c *crowd) ruling() *ruling {
	now := c.m.uptime()
	return &ruling{
		config: c.config.Resolved(), override: c.override, past: c.past,
		quorum: c.m.quorum(c.name), verdict: c.verdict, opening: c.opening, now: time.Now(),
		stale: func(p *process) bool { return p.stale(now) },
	}
}

// whole is what the instances are as a whole. The mutex is held.
func (c *crowd) whole(now time.Time) *crowdView {
	if c.cached != nil && now.Before(c.goodUntil) {
		return c.cached
	}
	r := c.ruling()
	v := r.merge(c.all, &c.gone, c.state)
	if v.only == nil {
		counted := c.recent.since(now, r.config.MonitoringWindow, &v.total.Durations)
		some, _ := r.considered(c.all)
		percentiles(&v.Performance, some, &counted)
	}
	v.Service, v.Transitions = c.name, c.number
	c.cached, c.goodUntil = v, c.soonestSilence(now)
	return v
}

// soonestSilence is when the first of those that are heard of will be silent, if
// they say nothing more.
func (c *crowd) soonestSilence(now time.Time) time.Time {
	up := c.m.uptime()
	soonest := time.Hour
	for _, i := range c.all {
		if left := i.who.heardAt() + silentAfter - up; left >= 0 {
			soonest = min(soonest, left+1)
		}
	}
	return now.Add(soonest)
}

// look is whole under the mutex.
func (c *crowd) look() *crowdView {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whole(time.Now())
}

func (c *crowd) Snapshot() switchgear.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	s := c.whole(now).Snapshot
	s.At = now.UTC()
	return s
}

func (c *crowd) Operations() switchgear.Operations { return c.look().Operations }
func (c *crowd) Health() switchgear.Health         { return c.look().health }
func (c *crowd) Running() bool                     { return c.look().running }
func (c *crowd) HasCheck() bool                    { return c.look().hasCheck }
func (c *crowd) Exemplars() []Exemplar             { return nil }
func (c *crowd) census(time.Time) census           { return c.look().census }

func (c *crowd) Counts() switchgear.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return switchgear.Counts{Rejections: c.rejections, Durations: c.whole(time.Now()).total.Durations, Edges: c.edges}
}

// Restore puts the whole where it was. The instances are restored apart.
func (c *crowd) Restore(s switchgear.Snapshot) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.number, c.override, c.openings = s.State, s.Transitions, s.Override, 0
	if s.Outage != nil {
		c.openings = s.Outage.Openings
	}
	c.opening = openingOf(&s)
	c.changed(time.Now())
	return nil
}

func (c *crowd) RestoreHealth(switchgear.Health)    {}
func (c *crowd) Start()                             {}
func (c *crowd) Stop(context.Context) error         { return nil }
func (c *crowd) observe(*Manager, *member) []func() { return nil }

func (c *crowd) removable() error {
	if n := len(c.connected(nil)); n > 0 {
		return errorf(Conflict, "remove", "%d instances of %s are connected", n, c.name)
	}
	return nil
}

func (c *crowd) countable() error {
	return errorf(Conflict, "report", "%s is of programs that joined by agents, which count by themselves", c.name)
}

func (c *crowd) quiet(s *member, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(s.seenAt) < quietFor && c.changedAt.Before(s.seenAt) && c.cached != nil && now.Before(c.goodUntil)
}

func (c *crowd) keep(st *ServiceState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.Crowd = c.pending; st.Crowd == nil {
		st.Crowd = &crowdJSON{c.gone, c.saidAt, c.verdict.json()}
	}
	if c.parting || st.CircuitBreaker.Mode != switchgear.Auto {
		parted := *st.Crowd
		parted.Verdict = nil
		st.Crowd, c.parting = &parted, false
	}
}

// afterReset leaves the state to the transitions of the instances.
func (c *crowd) afterReset(live reading, _ switchgear.State) reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parting = true
	return live
}

// Configure puts a config in force, and sends it to all. Whoever refuses it says
// so by himself.
func (c *crowd) Configure(cfg switchgear.Config) error {
	doc, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.config = cfg
	c.changed(time.Now())
	c.mu.Unlock()
	c.ask(AgentOrder{Kind: AgentConfig, Config: doc, Version: cfg.Version}, nil)
	return nil
}

// Override puts an override in force, which each instance ends by itself.
func (c *crowd) Override(o switchgear.Override) error {
	if err := o.Validate(time.Now()); err != nil {
		return err
	}
	c.mu.Lock()
	c.override = &o
	c.dismiss()
	c.changed(time.Now())
	c.mu.Unlock()
	c.order(AgentOrder{Kind: AgentOverride, Override: &o, Actor: o.Actor, Reason: o.Reason})
	return nil
}

func (c *crowd) EndOverride(by switchgear.Order) error {
	c.mu.Lock()
	c.past, c.override = c.override, nil
	c.dismiss()
	c.changed(time.Now())
	c.mu.Unlock()
	c.order(AgentOrder{Kind: AgentOverrideEnd, Actor: by.Actor, Reason: by.Reason})
	return nil
}

func (c *crowd) Reset(to switchgear.State, by switchgear.Order) error {
	c.mu.Lock()
	c.dismiss()
	c.changed(time.Now())
	c.mu.Unlock()
	c.order(AgentOrder{Kind: AgentReset, To: to, Actor: by.Actor, Reason: by.Reason})
	return nil
}

// order is ask of all, whose answers answered waits for.
func (c *crowd) order(o AgentOrder) {
	p := c.ask(o, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = p
}

func (c *crowd) reachable() error {
	if len(c.connected(nil)) == 0 {
		return errorf(Unavailable, "order", "no instance of %s is connected", c.name)
	}
	return nil
}

// answered waits for the answers to the last order, and then for the transitions
// that it has brought about.
func (c *crowd) answered(ctx context.Context, within time.Duration) (string, error) {
	c.mu.Lock()
	p := c.asked
	c.mu.Unlock()
	if p == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	words, err := p.wait(ctx)
	for c.behind() {
		c.m.mu.RLock()
		told := c.m.told
		c.m.mu.RUnlock()
		if !c.behind() {
			break
		}
		select {
		case <-told:
		case <-c.m.done:
			return words, err
		case <-ctx.Done():
			return words, err
		}
	}
	return words, err
}

// behind reports whether an instance is further than what is told of it.
func (c *crowd) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inbox) > 0 || c.turning || slices.ContainsFunc(c.all, func(i *instance) bool { return i.ahead != nil && i.who.session.Load() != nil })
}

// checkTimeout is how long the health checks of instances are waited for that
// somebody asked for.
const checkTimeout = 10 * time.Second

// CheckHealth has all that are connected and have a check run it, and is what
// they say together.
func (c *crowd) CheckHealth(ctx context.Context) (switchgear.Health, error) {
	if !c.HasCheck() {
		return switchgear.Health{}, switchgear.ErrNoCheck
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	p := c.ask(AgentOrder{Kind: AgentHealthCheck}, func(i *instance) bool { return i.hasCheck })
	if _, err := p.wait(ctx); err != nil && p.did() == 0 {
		return c.Health(), err
	}
	return c.Health(), nil
}
