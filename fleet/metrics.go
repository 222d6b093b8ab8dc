package fleet

import "github.com/degenduel/switchgear"

// Measures are what the manager counts in this process, for metrics.
type Measures struct {
	Services []ServiceMeasures // by name

	// StoreAvailable is whether the store took the last write.
	StoreAvailable bool

	// StoreFailures are the writes that the store did not take, or of which
	// nobody knows whether it did.
	StoreFailures uint64

	// EventsDropped are those lost because the store was away too long, or
	// refused them.
	EventsDropped uint64

	// AlertsDropped are writings of an alert, and messages to be delivered, that
	// were lost likewise. They were told; a later writing of the alert has all
	// that the lost one had.
	AlertsDropped uint64

	// ChangesAbandoned are the changes that a store which was well refused for
	// good. It is not to happen.
	ChangesAbandoned uint64

	// RefusalsDropped are the refusals that are in no audit entry but the one
	// that counts them.
	RefusalsDropped uint64

	// ServicesRefused are those that the cap kept out.
	ServicesRefused uint64
}

// ServiceMeasures are one service's. The state, the mode and the override are
// those that may be told.
type ServiceMeasures struct {
	Service    string
	State      switchgear.State
	Mode       switchgear.Mode
	Override   *switchgear.Override // nil: there is none
	Operations switchgear.Operations
	Counts     switchgear.Counts
	Checks     HealthChecks
}

// Measure returns what has been counted so far.
func (m *Manager) Measure() Measures {
	all := m.all()
	out := Measures{
		Services:        make([]ServiceMeasures, len(all)),
		ServicesRefused: m.turnedAway.Load(), RefusalsDropped: m.refusals.lost(),
	}
	for i, s := range all {
		b := s.service.Breaker()
		told := m.lastTold(s)
		out.Services[i] = ServiceMeasures{
			Service: s.name, State: told.State, Mode: told.Mode, Override: told.Override,
			Operations: b.Operations(), Counts: b.Counts(), Checks: s.counts.all(),
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	out.StoreAvailable, out.StoreFailures = m.storeErr == nil, m.storeFailures
	out.EventsDropped, out.AlertsDropped, out.ChangesAbandoned = m.dropped, m.alertsDropped, m.abandoned
	return out
}

// Condition is how the manager itself is. What it counts is of this process.
type Condition struct {
	Services int

	// StoreAvailable is whether the store took the last write, and StoreFailures
	// how many it did not take.
	StoreAvailable bool
	StoreFailures  uint64

	// Waiting are the changes that are told and not stored yet, and
	// EventsDropped those that never will be.
	Waiting       int
	EventsDropped uint64
}

// Condition costs no more for many services than for few. See [Manager.Ready], too.
func (m *Manager) Condition() Condition {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Condition{
		Services: len(m.members), StoreAvailable: m.storeErr == nil, StoreFailures: m.storeFailures,
		Waiting: int(m.waiting.Load()), EventsDropped: m.dropped,
	}
}

// lastTold is the breaker as it was told last, which costs no snapshot: states
// and modes are told when they change.
func (m *Manager) lastTold(s *member) *switchgear.Snapshot {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s.shown != nil {
		return &s.shown.Breaker
	}
	v := m.viewOf(s, s.service.Breaker().Snapshot())
	return &v.Breaker
}
