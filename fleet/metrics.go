package fleet

import "github.com/degenduel/switchgear"

// Measures are what the manager counts in this process, for metrics.
type Measures struct {
	Services []ServiceMeasures // by name

	// StoreAvailable is whether the store took the last write.
	StoreAvailable bool

	// EventsDropped are those lost because the store was away too long.
	EventsDropped uint64

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
	out := Measures{Services: make([]ServiceMeasures, len(all)), ServicesRefused: m.turnedAway.Load()}
	for i, s := range all {
		v, b := m.view(s), s.service.Breaker()
		out.Services[i] = ServiceMeasures{
			Service: s.name, State: v.Breaker.State, Mode: v.Breaker.Mode, Override: v.Breaker.Override,
			Operations: b.Operations(), Counts: b.Counts(), Checks: s.counts.all(),
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	out.StoreAvailable, out.EventsDropped = m.storeErr == nil, m.dropped
	return out
}
