package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
)

// Actor is who orders something, from where, and why.
type Actor struct {
	Name    string
	Address string
	Reason  string
	TokenID string // of the token that was shown; empty without one

	// Request, if it has a key, is kept with what is ordered.
	Request Request
}

// record adds to the draft who did what to what; subject is what it made, if
// that is not the service, and d what else is known of it.
func (a Actor) record(b *draft, action, service, subject string, d details) {
	result := "ok"
	if subject != "" {
		result += ": " + subject
	}
	e := a.Entry(action, service, result)
	e.Details = d.json()
	b.Audit = append(b.Audit, e)
	a.keep(b, subject)
}

// keep adds the request to the draft, once: of two records of an order the last
// says what it made.
func (a Actor) keep(b *draft, subject string) {
	r := a.Request
	if r.Key == "" {
		return
	}
	r.At, r.Subject = time.Now(), subject
	b.Requests = append(b.Requests[:0:0], r)
}

func (a Actor) order() switchgear.Order {
	return switchgear.Order{Actor: a.Name, Reason: a.Reason}
}

// errNotYet puts an order off until what has happened to the service before it
// is stored.
var errNotYet = errors.New("fleet: not yet")

// live is the member's breaker now, if nothing is on its way to the store.
func (s *member) live() (reading, error) {
	live := s.read()
	if s.removed {
		return live, errorf(NotFound, "order", "there is no service %q any more", s.name)
	}
	if !s.told(&live.Snapshot) {
		return live, errNotYet
	}
	return live, nil
}

// requireReason refuses an order without one.
func requireReason(op string, by Actor) error {
	if strings.TrimSpace(by.Reason) != "" {
		return nil
	}
	return &Error{
		Kind: Invalid, Op: op, Err: errors.New("an order needs a reason"),
		Fields: []switchgear.FieldError{{Field: "reason", Message: "a reason is required"}},
	}
}

// Reset closes the circuit and clears its counters, or begins a recovery now
// (to = HalfOpen). Conflict while the mode is not auto.
func (m *Manager) Reset(ctx context.Context, name string, to switchgear.State, by Actor) (View, error) {
	const op = "reset"
	asked, err := m.member(op, name)
	if err == nil {
		err = requireReason(op, by)
	}
	if err == nil && to == switchgear.Open {
		err = &Error{
			Kind: Invalid, Op: op, Err: errors.New("a reset goes to closed or half_open"),
			Fields: []switchgear.FieldError{{Field: "to", Message: `"open" is not closed or half_open`}},
		}
	}
	if err != nil {
		return View{}, err
	}
	var refused error
	s, err := m.order(ctx, op, asked, order{
		plan: func(s *member, live reading, b *draft) error {
			if live.Mode != switchgear.Auto {
				return errorf(Conflict, op, "the mode is %v, so the state stands still", live.Mode)
			}
			if err := s.guard.reachable(); err != nil {
				return err
			}
			b.Events = append(b.Events, Event{
				Service: name, Kind: EventReset, From: live.State.String(), To: to.String(), At: live.At, Actor: by.Name, Reason: by.Reason,
			})
			by.record(b, op, name, "", details{"from": live.State.String(), "to": to.String()})
			return m.planRow(s, s.guard.afterReset(live, to), b, by.Name)
		},
		apply: func(s *member) { refused = s.guard.Reset(to, by.order()) },
	})
	if err == nil && refused != nil {
		err = errorf(Conflict, op, "%w", refused)
	}
	if err != nil {
		return View{}, err
	}
	answers, err := s.guard.answered(ctx, resetAnswers)
	if err != nil {
		return View{}, err
	}
	v, err := m.awaitTold(ctx, s)
	v.Answers = answers
	return v, err
}

// resetAnswers and overrideAnswers are how long the answers of instances are
// waited for.
const (
	resetAnswers    = 5 * time.Second
	overrideAnswers = 2 * time.Second
)

// awaitTold waits until what has happened to the service so far is told, and
// returns its state.
func (m *Manager) awaitTold(ctx context.Context, s *member) (View, error) {
	s = m.latest(s)
	number := s.guard.Snapshot().Transitions
	for {
		m.mu.RLock()
		s = s.current()
		told, done := m.told, s.number >= number || s.removed
		m.mu.RUnlock()
		if done {
			return m.view(s), nil
		}
		select {
		case <-told:
		case <-m.done:
			return View{}, errorf(Unavailable, "order", "the manager has stopped")
		case <-ctx.Done():
			return View{}, &Error{Kind: Unavailable, Op: "order", Err: ctx.Err()}
		}
	}
}

// latest is the member, or what has taken its place by now.
func (m *Manager) latest(s *member) *member {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return s.current()
}

// order is an order to one service. Its functions get the service that is there
// when its turn comes: another may have taken the place of the one asked for.
type order struct {
	plan     func(s *member, live reading, b *draft) error
	apply    func(s *member)
	inMemory bool
	orphan   *Orphan // what it is, where it is in force and is not stored
}

// order carries out an order, and returns the service that got it.
func (m *Manager) order(ctx context.Context, op string, asked *member, o order) (*member, error) {
	s := asked
	c := &change{service: asked.name, member: asked, inMemory: o.inMemory, orphan: o.orphan}
	c.plan = func(b *draft) error {
		s = asked.current()
		c.member = s
		live, err := s.live()
		if err != nil {
			return err
		}
		return o.plan(s, live, b)
	}
	c.apply = func() { o.apply(s) }
	err := m.do(ctx, op, c)
	if err != nil {
		return nil, err // what the order does may still be going on
	}
	return s, nil
}

// Override sets the mode until its end. Without a reason or an end it is
// Invalid. It takes effect even while the store is away.
func (m *Manager) Override(ctx context.Context, name string, mode switchgear.Mode, ttl time.Duration, by Actor) (View, error) {
	const op = "override"
	asked, err := m.member(op, name)
	if err != nil {
		return View{}, err
	}
	o := switchgear.Override{Mode: mode, Reason: by.Reason, Actor: by.Name, Until: time.Now().Add(ttl)}
	if ttl <= 0 {
		o.Until = time.Time{}
	}
	if err := o.Validate(time.Now()); err != nil {
		return View{}, err
	}
	var refused error
	s, err := m.order(ctx, op, asked, order{
		inMemory: true,
		orphan:   &Orphan{Service: name, Mode: mode.String(), At: time.Now(), Until: o.Until, By: by},
		plan: func(s *member, live reading, b *draft) error {
			b.Events = append(b.Events, Event{
				Service: name, Kind: EventOverride, From: live.Mode.String(), To: mode.String(), At: live.At,
				Actor: by.Name, Reason: by.Reason,
				Evidence: object(map[string]any{"expires_at": Time{o.Until}}),
			})
			by.record(b, op, name, "", details{"mode": mode.String(), "previous_mode": live.Mode.String(), "expires_at": Time{o.Until}})
			live.Mode, live.Override = mode, &o
			return m.planRow(s, live, b, by.Name)
		},
		apply: func(s *member) {
			if refused = s.guard.Override(o); refused == nil {
				m.setOverride(s, &o)
			} else { // its end came before its beginning
				s.stored = nil
			}
		},
	})
	if err == nil && refused != nil {
		err = refused
	}
	if err != nil {
		return View{}, err
	}
	answers, _ := s.guard.answered(ctx, overrideAnswers) // it is in force, and they hear of it when they come back
	v := m.view(s)
	v.Answers = answers
	return v, nil
}

func (m *Manager) setOverride(s *member, o *switchgear.Override) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.override = o
}

// EndOverride ends the override: forced_open goes to half-open, forced_closed
// to closed. NotFound if there is none. It takes effect even while the store is
// away.
func (m *Manager) EndOverride(ctx context.Context, name string, by Actor) (View, error) {
	const op = "end override"
	asked, err := m.member(op, name)
	if err != nil {
		return View{}, err
	}
	var ending *switchgear.Override
	s, err := m.order(ctx, op, asked, order{
		inMemory: true, // what was forced can be undone
		orphan:   &Orphan{Service: name, At: time.Now(), By: by},
		plan: func(s *member, live reading, b *draft) error {
			if ending = live.Override; ending == nil {
				return errorf(NotFound, op, "no override is active on %s", name)
			}
			to := switchgear.Closed
			if live.Override.Mode == switchgear.ForcedOpen {
				to = switchgear.HalfOpen
			}
			from := live.Mode
			live.Mode, live.Override = switchgear.Auto, nil
			if s.config.Disabled {
				live.Mode = switchgear.Disabled
			}
			b.Events = append(b.Events, Event{
				Service: name, Kind: EventOverride, From: from.String(), To: live.Mode.String(), At: live.At, Actor: by.Name, Reason: by.Reason,
			})
			by.record(b, op, name, "", details{"mode": ending.Mode.String(), "expires_at": at(ending.Until)})
			return m.planRow(s, s.guard.afterReset(live, to), b, by.Name)
		},
		apply: func(s *member) {
			if !sameOverride(s.override, ending) {
				return // a later one, set while nobody knew whether this order was stored
			}
			// It may have come to its end by itself meanwhile: just as well.
			_ = s.guard.EndOverride(by.order())
			m.setOverride(s, nil)
		},
	})
	if err != nil {
		return View{}, err
	}
	answers, _ := s.guard.answered(ctx, overrideAnswers)
	v, err := m.awaitTold(ctx, s)
	v.Answers = answers
	return v, err
}

// CheckHealth runs the service's health check now, at most once a second, and
// returns the state after it. Conflict if it has none.
func (m *Manager) CheckHealth(ctx context.Context, name string) (switchgear.Health, View, error) {
	const op = "health check"
	if m.follows() {
		return switchgear.Health{}, View{}, m.errNotLeader(op)
	}
	s, err := m.member(op, name)
	if err != nil {
		return switchgear.Health{}, View{}, err
	}
	h, err := s.guard.CheckHealth(ctx)
	if now := m.latest(s); err != nil && now != s { // which another has taken the place of
		s = now
		h, err = s.guard.CheckHealth(ctx)
	}
	switch {
	case errors.Is(err, switchgear.ErrNoCheck):
		return h, View{}, errorf(Conflict, op, "%s has no health check", name)
	case err != nil:
		return h, View{}, &Error{Kind: Unavailable, Op: op, Err: err}
	}
	v, err := m.awaitTold(ctx, s)
	return h, v, err
}
