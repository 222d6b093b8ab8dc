package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
)

// AgentSession is a connected agent. Its methods are safe for concurrent use,
// but what is to be known in order is to be told in order. After Close, and after
// the same process has connected anew, they do nothing, or fail as Unavailable.
type AgentSession struct {
	m       *Manager
	who     *process
	conn    AgentConn
	allowed func(string) bool

	sending sync.Mutex // orders go in the order of their numbers

	mu      sync.Mutex
	seats   map[string]*seat
	orders  uint64
	pending map[uint64]pending // what was ordered and not answered
	dropped bool
}

// seat is the place of one of the agent's services.
type seat struct {
	crowd *crowd
	inst  *instance // nil: it has not joined yet
}

// pending is an order that was not answered yet.
type pending struct {
	poll    *poll
	service string
	kind    string
}

// maxPendingOrders is how many orders an agent may leave unanswered. Above it its
// connection is closed.
const maxPendingOrders = 4096

// live reports whether the session is its process's, and notes that the process
// lives.
func (s *AgentSession) live() bool {
	if s.who.session.Load() != s {
		return false
	}
	up := s.m.uptime()
	silent := s.who.stale(up)
	s.who.heard.Store(int64(up))
	if silent {
		s.each(func(at *seat) {
			at.crowd.mu.Lock()
			defer at.crowd.mu.Unlock()
			at.crowd.changed(time.Now())
		})
	}
	return true
}

func (s *AgentSession) each(f func(*seat)) {
	s.mu.Lock()
	seats := make([]*seat, 0, len(s.seats))
	for _, at := range s.seats {
		if at.inst != nil {
			seats = append(seats, at)
		}
	}
	s.mu.Unlock()
	for _, at := range seats {
		f(at)
	}
}

func errEnded(op string) error { return errorf(Unavailable, op, "the session has ended") }

func (s *AgentSession) seat(service string) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats[service]
}

// Leave takes services out of the instance; they stay in the manager. Those that
// it does not have are passed over.
func (s *AgentSession) Leave(ctx context.Context, services []string) error {
	if !s.live() {
		return errEnded("leave")
	}
	var items []*item
	for _, name := range services {
		s.mu.Lock()
		at := s.seats[name]
		delete(s.seats, name)
		s.mu.Unlock()
		if at != nil && at.inst != nil {
			items = append(items, at.crowd.give(ctx, &item{inst: at.inst, leave: true}))
		}
	}
	for _, it := range items {
		if err := it.wait(ctx, s.m); err != nil {
			return err
		}
	}
	return nil
}

// Report takes in how services are now. It never waits for the store. What is
// older than what is known does nothing, nor does a service that did not join.
func (s *AgentSession) Report(states []InstanceState) {
	if !s.live() {
		return
	}
	now := time.Now()
	for i := range states {
		if at := s.seat(states[i].Service); at != nil {
			at.crowd.hear(at.inst, states[i], now)
		}
	}
}

// Transitions takes in transitions of one service, rising, and the state after
// them. Those that are known are passed over. It returns when they are told: nil
// when they are stored too, which is when they may be acknowledged; Unavailable
// while they are not: they will be, and to send them again is to ask whether they
// are. NotFound if the service did not join, Invalid for numbers that do not rise.
func (s *AgentSession) Transitions(ctx context.Context, service string, ts []switchgear.Transition, after InstanceState) error {
	const op = "transitions"
	if !s.live() {
		return errEnded(op)
	}
	at := s.seat(service)
	if at == nil || at.inst == nil {
		return errorf(NotFound, op, "this agent has not brought %q in", service)
	}
	if !slices.IsSortedFunc(ts, func(a, b switchgear.Transition) int { return cmp.Compare(a.Number, b.Number) }) || len(ts) > 0 && ts[0].Number == 0 {
		return errorf(Invalid, op, "the numbers of the transitions do not rise from 1")
	}
	if len(ts) == 0 {
		return nil
	}
	it := at.crowd.give(ctx, &item{inst: at.inst, ts: ts, after: settled(after, service, time.Now())})
	if err := it.wait(ctx, s.m); err != nil {
		return err
	}
	at.crowd.mu.Lock()
	defer at.crowd.mu.Unlock()
	if last := ts[len(ts)-1].Number; at.inst.stored < last {
		return errorf(Unavailable, op, "the store does not answer: they are told, and will be stored")
	}
	return nil
}

// Heard says that the agent lives; so does each of the others.
func (s *AgentSession) Heard() { s.live() }

// Result is an agent's answer to an order; err is why it was not carried out. An
// order that nobody gave, or that was answered, is passed over.
func (s *AgentSession) Result(order uint64, err error, after InstanceState) {
	if !s.live() {
		return
	}
	s.mu.Lock()
	p, ok := s.pending[order]
	delete(s.pending, order)
	at := s.seats[p.service]
	s.mu.Unlock()
	if !ok {
		return
	}
	if at != nil && at.inst != nil {
		if after.Service = p.service; err != nil && p.kind == AgentConfig && after.ConfigError == "" {
			after.ConfigError = err.Error()
		}
		at.crowd.hear(at.inst, after, time.Now())
	}
	p.poll.answer(s.who.info.Load().Name, err, false)
}

// order sends an order, whose answer is the poll's. Where it cannot be sent the
// connection is closed.
func (s *AgentSession) order(o AgentOrder, p *poll) {
	s.sending.Lock()
	s.mu.Lock()
	full := len(s.pending) >= maxPendingOrders
	gone := s.dropped || full
	if !gone {
		s.orders++
		o.ID = s.orders
		s.pending[o.ID] = pending{p, o.Service, o.Kind}
	}
	s.mu.Unlock()
	var err error
	if !gone {
		err = s.conn.Order(o)
	}
	s.sending.Unlock()
	switch name := s.who.info.Load().Name; {
	case gone:
		p.answer(name, nil, true)
	case err == nil:
		return
	default:
		s.mu.Lock()
		_, mine := s.pending[o.ID]
		delete(s.pending, o.ID)
		s.mu.Unlock()
		if mine {
			p.answer(name, nil, true)
		}
	}
	if full || err != nil {
		s.conn.Close(codeTryLater, "orders are not taken")
	}
}

// drop gives up what waits for answers.
func (s *AgentSession) drop() {
	s.mu.Lock()
	waiting := s.pending
	s.pending, s.dropped = make(map[uint64]pending), true
	s.mu.Unlock()
	for _, p := range waiting {
		p.poll.answer("", nil, true)
	}
}

// Close ends the session. bye says that the process ends: its instances are gone
// at once. Otherwise they are stale when nothing was heard for three heartbeats.
// It does not close the connection, and does not wait. A second one does nothing.
func (s *AgentSession) Close(bye bool) {
	mine := s.m.release(s)
	s.drop()
	if bye && mine {
		s.each(func(at *seat) { at.crowd.leave(at.inst) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.seats)
}

// Instances are those of a service, by name and then by their IDs. A service whose
// breaker is the manager's, or this program's, has none. NotFound if there is no
// such service.
func (m *Manager) Instances(service string) ([]InstanceView, error) {
	if m.follows() {
		return nil, m.errNotLeader("instances")
	}
	s, err := m.member("instances", service)
	if err != nil || s.crowd == nil {
		return nil, err
	}
	c := s.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	up, now, r := m.uptime(), time.Now(), c.ruling()
	bad := r.badCaller(c.all)
	views := make([]InstanceView, 0, len(c.all))
	for _, i := range c.all {
		v := InstanceView{
			AgentInfo: *i.who.info.Load(), Connected: i.who.session.Load() != nil && !i.left, Stale: !i.left && i.who.stale(up), Left: i.left, BadCaller: bad(i),
			JoinedAt: i.joined(), SeenAt: now.Add(i.who.heardAt() - up).UTC(), State: i.state,
		}
		v.State.Service = service
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b InstanceView) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Instance, b.Instance))
	})
	return views, nil
}
