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

	// ChecksUnlisted are the ordered health checks that are in no audit entry but
	// the one that counts them.
	ChecksUnlisted uint64

	// ServicesRefused are those that the cap kept out, and OrdersRefused the
	// orders, and the reports with a key, that were refused because too many
	// changes waited.
	ServicesRefused, OrdersRefused uint64

	// NoticesDropped are the transitions that came so fast that they were told to
	// nobody: the oldest of more than 1 024 that waited.
	NoticesDropped uint64

	// Agents are those that are connected, and AgentsRefused those that were
	// refused, by reason: "held", their instance was another process's, or "full".
	Agents        int
	AgentsRefused map[string]uint64

	// Queue are the changes that wait to be planned, Backlog those that are in
	// force and wait for the store.
	Queue, Backlog int

	// Commits are how long the store took to write, or to say that it could not.
	Commits switchgear.Durations

	// ChecksLate are how long after their time health checks began; those that
	// somebody asked for began in time.
	ChecksLate switchgear.Durations
}

// ServiceMeasures are one service's. The state, the mode and the override are
// those that may be told.
type ServiceMeasures struct {
	Service    string
	Layer      string // empty: none
	State      switchgear.State
	Mode       switchgear.Mode
	Override   *switchgear.Override // nil: there is none
	Operations switchgear.Operations
	Counts     switchgear.Counts
	Checks     HealthChecks
	Probed     bool // it has a health check

	// Instances are those of a service of agents; nil of others. ConfigsRefused
	// is how many of them run another config than the one in force, for they
	// refused it.
	Instances      *Instances
	ConfigsRefused int

	// Exemplars are operations that can be looked up as traces, at most one for
	// each bucket of Counts.Durations; nil: none is known.
	Exemplars []Exemplar
}

// Exemplar is one operation that was traced: of a service that the program itself
// registered with hooks (switchgear.Hooks).
type Exemplar = switchgear.Exemplar

// Measure returns what has been counted so far.
func (m *Manager) Measure() Measures {
	all := m.all()
	out := Measures{
		Services:        make([]ServiceMeasures, len(all)),
		ServicesRefused: m.turnedAway.Load(), OrdersRefused: m.crowdedOut.Load(), NoticesDropped: m.unheard.Load(),
		RefusalsDropped: m.refusals.lost(), ChecksUnlisted: m.refusals.lostRuns(),
		Queue: len(m.changes), Backlog: int(m.waiting.Load()),
		Commits: m.commits.durations(), ChecksLate: m.checksLate.durations(),
	}
	for i, s := range all {
		b := s.guard
		told, layer := m.lastTold(s)
		out.Services[i] = ServiceMeasures{
			Service: s.name, Layer: layer, State: told.State, Mode: told.Mode, Override: told.Override,
			Operations: b.Operations(), Counts: b.Counts(), Exemplars: b.Exemplars(), Checks: s.counts.all(), Probed: b.HasCheck(),
		}
		if s.crowd != nil {
			out.Services[i].Instances, out.Services[i].ConfigsRefused = s.crowd.measure()
		}
	}
	m.agents.measure(&out)
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

// lastTold is the breaker as it was told last, and the service's layer, which
// costs no snapshot: states and modes are told when they change.
func (m *Manager) lastTold(s *member) (told *switchgear.Snapshot, layer string) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s.shown != nil {
		return &s.shown.Breaker, s.def.Layer
	}
	v := m.viewOf(s, s.guard.Snapshot())
	return &v.Breaker, s.def.Layer
}
