package fleet

import (
	"context"
	"time"

	"github.com/degenduel/switchgear"
)

// guard is what a member runs on: a service of this process (local), or the
// instances of programs that joined by agents (crowd).
type guard interface {
	Snapshot() switchgear.Snapshot
	Operations() switchgear.Operations
	Counts() switchgear.Counts
	Exemplars() []Exemplar
	Health() switchgear.Health
	Running() bool
	HasCheck() bool

	Configure(cfg switchgear.Config) error
	Override(o switchgear.Override) error
	EndOverride(by switchgear.Order) error
	Reset(to switchgear.State, by switchgear.Order) error
	CheckHealth(ctx context.Context) (switchgear.Health, error)

	Restore(s switchgear.Snapshot) error
	RestoreHealth(h switchgear.Health)
	Start()
	Stop(ctx context.Context) error

	// census is who there is. It is called with the manager's mutex held.
	census(at time.Time) census

	// observe has the manager told of what happens, for as long as it wants.
	observe(m *Manager, s *member) (stops []func())

	// reachable is an error where an order that moves the state reaches nobody.
	reachable() error

	// afterReset is what a reset, or the end of an override, makes of the
	// breaker as the store is to have it.
	afterReset(live reading, to switchgear.State) reading

	// answered waits, that long at most, until what was ordered last is carried
	// out, and says by how many; the error is why it was not.
	answered(ctx context.Context, within time.Duration) (string, error)

	// removable is an error while the service cannot be taken out.
	removable() error

	// countable is an error where nobody may report outcomes.
	countable() error

	// quiet reports cheaply that nothing has changed since what is shown was
	// seen. The manager's mutex is held.
	quiet(s *member, now time.Time) bool

	// keep adds to the state what the store must have besides.
	keep(st *ServiceState)
}

// census is who there is of a service. silent: nobody is heard of. near: one of
// them is open, recovering or near opening.
type census struct {
	Instances

	silent, near bool
}

// local is a service of this process.
type local struct {
	*switchgear.Service

	breaker *switchgear.Breaker
}

func newLocal(s *switchgear.Service) *local { return &local{s, s.Breaker()} }

func (l *local) Snapshot() switchgear.Snapshot         { return l.breaker.Snapshot() }
func (l *local) Operations() switchgear.Operations     { return l.breaker.Operations() }
func (l *local) Counts() switchgear.Counts             { return l.breaker.Counts() }
func (l *local) Exemplars() []Exemplar                 { return l.breaker.Exemplars() }
func (l *local) Override(o switchgear.Override) error  { return l.breaker.Override(o) }
func (l *local) EndOverride(by switchgear.Order) error { return l.breaker.EndOverride(by) }
func (l *local) Restore(s switchgear.Snapshot) error   { return l.breaker.Restore(s) }
func (l *local) Reset(to switchgear.State, by switchgear.Order) error {
	return l.breaker.Reset(to, by)
}

func (l *local) census(time.Time) census { return census{Instances: Instances{Total: 1}} }
func (l *local) reachable() error        { return nil }
func (l *local) removable() error        { return nil }
func (l *local) countable() error        { return nil }
func (l *local) keep(*ServiceState)      {}

func (l *local) answered(context.Context, time.Duration) (string, error) { return "", nil }

// afterReset is what a reset will make of the breaker, for the store: the
// transition itself is stored when it has happened.
func (l *local) afterReset(s reading, to switchgear.State) reading {
	s.State = to
	s.OpenedAt, s.NextAttemptAt, s.ClosesAt = time.Time{}, time.Time{}, time.Time{}
	if to == switchgear.HalfOpen {
		s.RecoveryAttempts++
		s.LastRecoveryAttempt = s.At
		return s
	}
	s.RecoveryAttempts, s.FailedRecoveries, s.ConsecutiveFailures = 0, 0, 0
	s.Failures, s.Successes, s.Slow, s.Window, s.Trip, s.Outage = 0, 0, 0, nil, nil, nil
	s.LastReset = s.At
	return s
}

// quietFor is how old what is shown of a service may be that nobody uses: its
// averages fade with time.
const quietFor = 10 * time.Second

func (l *local) quiet(s *member, now time.Time) bool {
	b := &s.shown.Breaker
	return now.Sub(s.seenAt) < quietFor && s.def.ReportInterval == 0 &&
		b.State == switchgear.Closed && b.Mode == switchgear.Auto && b.Failures == 0 && b.Slow == 0 &&
		l.Operations() == b.Operations && l.Health().CheckedAt.Equal(s.shown.Health.CheckedAt)
}

func (l *local) observe(m *Manager, s *member) []func() {
	heard := uint64(0) // the number of the last transition
	return []func(){
		l.breaker.Observe(func(t switchgear.Transition) {
			if heard > 0 && t.Number > heard+1 {
				m.unheard.Add(t.Number - heard - 1)
			}
			heard = t.Number
			m.happened(m.transition(s, t))
		}),
		l.breaker.ObserveOverrideEnds(func(e switchgear.OverrideEnd) {
			m.happened(m.overrideEnded(s, e))
		}),
		l.ObserveHealth(func(h switchgear.Health) { m.checked(s, h) }),
	}
}
