// Package metrics shows the fleet to Prometheus: a collector over what the
// manager counts, read at each scrape, so that the series of a service go when
// the service goes. It registers nothing by itself.
//
// Counters are of this process, but for operations, which a service remembers
// over restarts. A service without an operation, or without a health check, has
// no histogram of them: a large fleet has many such.
package metrics

import (
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// Deps are what a Collector reads.
type Deps struct {
	Manager *fleet.Manager // required

	// StreamClients says how many live streams are open; nil: there is no
	// metric of them.
	StreamClients func() int

	Version wire.Version
}

// Collector is a prometheus.Collector. It is safe for concurrent use.
type Collector struct {
	deps Deps
}

var _ prometheus.Collector = (*Collector)(nil)

// New makes a Collector.
func New(d Deps) *Collector { return &Collector{d} }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("switchgear_"+name, help, labels, nil)
}

// The metrics, in the contract's order.
var (
	operations = desc("operations_total", "Operations that ended, by outcome.", "service", "outcome")
	rejections = desc("rejections_total", "Operations that were not let in, by what rejected them.", "service", "state")
	durations  = desc("operation_duration_seconds", "How long operations took.", "service")
	states     = desc("circuit_state", "1 for the state that the circuit is in, 0 for the others.", "service", "state")
	edges      = desc("circuit_transitions_total", "Changes of the circuit's state.", "service", "from", "to")
	recoveries = desc("recovery_attempts_total", "Recoveries that ended, by closing the circuit or by opening it again.", "service", "result")

	checks         = desc("health_checks_total", "Health checks that ended, by result.", "service", "result")
	checkDurations = desc("health_check_duration_seconds", "How long health checks took.", "service")
	overrides      = desc("override_active", "1 for the override that is active, 0 for the others.", "service", "mode")
	overrideEnds   = desc("override_expires_timestamp_seconds", "When the active override ends, in Unix time.", "service")

	fleetSize  = desc("services", "Services that the manager knows.")
	turnedAway = desc("services_rejected_total", "Services refused because there are as many as there may be.")
	storeUp    = desc("store_available", "1 if the store took the last write, 0 if changes wait for it.")
	storeFails = desc("store_failures_total", "Writes that the store did not take.")
	eventsLost = desc("events_dropped_total", "Events lost because the store was away too long or refused them.")
	abandoned  = desc("store_refused_total", "Changes that a store which was well refused for good.")
	unlisted   = desc("audit_refusals_dropped_total", "Refusals that have no entry of their own in the audit log.")
	clients    = desc("stream_clients", "Live streams that are open.")
	buildInfo  = desc("build_info", "1, with what was built.", "version", "revision", "goversion")
	allMetrics = []*prometheus.Desc{
		operations, rejections, durations, states, edges, recoveries, checks, checkDurations, overrides, overrideEnds,
		fleetSize, turnedAway, storeUp, storeFails, eventsLost, abandoned, unlisted, clients, buildInfo,
	}
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range allMetrics {
		out <- d
	}
}

// Collect implements prometheus.Collector. Each metric's series come in the
// order in which a registry sorts them, by their labels in alphabetical order,
// which of a large fleet saves most of the time of a scrape.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := sink(out)
	m := c.deps.Manager.Measure()
	s.traffic(m.Services)
	s.circuits(m.Services)
	s.checks(m.Services)
	s.overrides(m.Services)
	s.gauge(fleetSize, float64(len(m.Services)))
	s.counter(turnedAway, m.ServicesRefused)
	s.gauge(storeUp, number(m.StoreAvailable))
	s.counter(storeFails, m.StoreFailures)
	s.counter(eventsLost, m.EventsDropped)
	s.counter(abandoned, m.ChangesAbandoned)
	s.counter(unlisted, m.RefusalsDropped)
	if c.deps.StreamClients != nil {
		s.gauge(clients, float64(c.deps.StreamClients()))
	}
	s.gauge(buildInfo, 1, c.deps.Version.Version, c.deps.Version.Commit, runtime.Version())
}

// sink is where metrics go.
type sink chan<- prometheus.Metric

// perService counts a thing of each service.
func (s sink) perService(
	d *prometheus.Desc, all []fleet.ServiceMeasures, label string, of func(m *fleet.ServiceMeasures) uint64,
) {
	for i := range all {
		s.counter(d, of(&all[i]), all[i].Service, label)
	}
}

func (s sink) traffic(all []fleet.ServiceMeasures) {
	s.perService(operations, all, switchgear.Failure.String(), func(m *fleet.ServiceMeasures) uint64 { return m.Operations.Failed })
	s.perService(operations, all, switchgear.Ignored.String(), func(m *fleet.ServiceMeasures) uint64 { return m.Operations.Ignored })
	s.perService(operations, all, switchgear.Success.String(), func(m *fleet.ServiceMeasures) uint64 { return m.Operations.Successful })
	for i := range all {
		m := &all[i]
		s.counter(rejections, m.Counts.Rejections.Forced, m.Service, switchgear.ForcedOpen.String())
		s.counter(rejections, m.Counts.Rejections.HalfOpen, m.Service, switchgear.HalfOpen.String())
		s.counter(rejections, m.Counts.Rejections.Open, m.Service, switchgear.Open.String())
	}
	for i := range all {
		m := &all[i]
		s.histogram(durations, m.Counts.Durations.Counts[:], m.Counts.Durations.Sum.Seconds(), m.Service)
	}
}

// byName are the states in alphabetical order.
var byName = [...]switchgear.State{switchgear.Closed, switchgear.HalfOpen, switchgear.Open}

func (s sink) circuits(all []fleet.ServiceMeasures) {
	for i := range all {
		for _, state := range byName {
			s.gauge(states, number(all[i].State == state), all[i].Service, state.String())
		}
	}
	for _, from := range byName {
		for i := range all {
			for _, to := range byName {
				if n := all[i].Counts.Edges[from][to]; n > 0 || from != to { // a recovery can begin again
					s.counter(edges, uint64(n), all[i].Service, from.String(), to.String())
				}
			}
		}
	}
	ended := func(to switchgear.State) func(*fleet.ServiceMeasures) uint64 {
		return func(m *fleet.ServiceMeasures) uint64 { return uint64(m.Counts.Edges[switchgear.HalfOpen][to]) }
	}
	s.perService(recoveries, all, failure, ended(switchgear.Open))
	s.perService(recoveries, all, success, ended(switchgear.Closed))
}

// The results of recoveries and health checks.
const (
	failure = "failure"
	success = "success"
)

func (s sink) checks(all []fleet.ServiceMeasures) {
	s.perService(checks, all, failure, func(m *fleet.ServiceMeasures) uint64 { return m.Checks.Failed })
	s.perService(checks, all, success, func(m *fleet.ServiceMeasures) uint64 { return m.Checks.Passed })
	for i := range all {
		m := &all[i]
		s.histogram(checkDurations, m.Checks.Durations[:], m.Checks.DurationSeconds, m.Service)
	}
}

func (s sink) overrides(all []fleet.ServiceMeasures) {
	for _, mode := range []switchgear.Mode{switchgear.ForcedClosed, switchgear.ForcedOpen} {
		for i := range all {
			o := all[i].Override
			s.gauge(overrides, number(o != nil && o.Mode == mode), all[i].Service, mode.String())
		}
	}
	for i := range all {
		if o := all[i].Override; o != nil {
			s.gauge(overrideEnds, float64(o.Until.UnixMilli())/1000, all[i].Service)
		}
	}
}

// outcomes are a counter for each; the outcome is the last label.
func (s sink) outcomes(d *prometheus.Desc, o switchgear.Operations, labels ...string) {
	labels = slices.Clip(labels)
	s.counter(d, o.Failed, append(labels, switchgear.Failure.String())...)
	s.counter(d, o.Ignored, append(labels, switchgear.Ignored.String())...)
	s.counter(d, o.Successful, append(labels, switchgear.Success.String())...)
}

// state is a gauge for each state, the last label.
func (s sink) state(d *prometheus.Desc, is switchgear.State, labels ...string) {
	labels = slices.Clip(labels)
	for _, state := range byName {
		s.gauge(d, number(is == state), append(labels, state.String())...)
	}
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sink) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

// histogram tells the counts of switchgear.DurationBounds, unless they are all
// zero.
func (s sink) histogram(d *prometheus.Desc, counts []uint64, sum float64, labels ...string) {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return
	}
	buckets := make(map[float64]uint64, len(switchgear.DurationBounds))
	below := uint64(0)
	for i, bound := range switchgear.DurationBounds {
		below += counts[i]
		buckets[bound.Seconds()] = below
	}
	s <- prometheus.MustNewConstHistogram(d, total, sum, buckets, labels...)
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
