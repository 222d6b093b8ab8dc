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
	eventsLost = desc("events_dropped_total", "Events lost because the store was away too long.")
	clients    = desc("stream_clients", "Live streams that are open.")
	buildInfo  = desc("build_info", "1, with what was built.", "version", "revision", "goversion")
	allMetrics = []*prometheus.Desc{
		operations, rejections, durations, states, edges, recoveries, checks, checkDurations, overrides, overrideEnds,
		fleetSize, turnedAway, storeUp, eventsLost, clients, buildInfo,
	}
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range allMetrics {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := sink(out)
	m := c.deps.Manager.Measure()
	for i := range m.Services {
		s.circuit(&m.Services[i])
		s.health(&m.Services[i])
	}
	s.gauge(fleetSize, float64(len(m.Services)))
	s.counter(turnedAway, m.ServicesRefused)
	s.gauge(storeUp, number(m.StoreAvailable))
	s.counter(eventsLost, m.EventsDropped)
	if c.deps.StreamClients != nil {
		s.gauge(clients, float64(c.deps.StreamClients()))
	}
	s.gauge(buildInfo, 1, c.deps.Version.Version, c.deps.Version.Commit, runtime.Version())
}

// sink is where metrics go.
type sink chan<- prometheus.Metric

// circuit tells of a breaker.
func (s sink) circuit(m *fleet.ServiceMeasures) {
	s.outcomes(operations, m.Operations, m.Service)

	s.counter(rejections, m.Counts.Rejections.Open, m.Service, switchgear.Open.String())
	s.counter(rejections, m.Counts.Rejections.HalfOpen, m.Service, switchgear.HalfOpen.String())
	s.counter(rejections, m.Counts.Rejections.Forced, m.Service, switchgear.ForcedOpen.String())

	s.histogram(durations, m.Counts.Durations.Counts[:], m.Counts.Durations.Sum.Seconds(), m.Service)

	s.state(states, m.State, m.Service)
	for from := switchgear.Closed; from <= switchgear.HalfOpen; from++ {
		for to := switchgear.Closed; to <= switchgear.HalfOpen; to++ {
			if n := m.Counts.Edges[from][to]; n > 0 || from != to { // a recovery can begin again
				s.counter(edges, uint64(n), m.Service, from.String(), to.String())
			}
		}
	}
	s.counter(recoveries, uint64(m.Counts.Edges[switchgear.HalfOpen][switchgear.Closed]), m.Service, "success")
	s.counter(recoveries, uint64(m.Counts.Edges[switchgear.HalfOpen][switchgear.Open]), m.Service, "failure")

	for _, mode := range []switchgear.Mode{switchgear.ForcedOpen, switchgear.ForcedClosed} {
		s.gauge(overrides, number(m.Override != nil && m.Override.Mode == mode), m.Service, mode.String())
	}
	if m.Override != nil {
		s.gauge(overrideEnds, float64(m.Override.Until.UnixMilli())/1000, m.Service)
	}
}

// health tells of the health checks.
func (s sink) health(m *fleet.ServiceMeasures) {
	s.counter(checks, m.Checks.Passed, m.Service, "success")
	s.counter(checks, m.Checks.Failed, m.Service, "failure")
	s.histogram(checkDurations, m.Checks.Durations[:], m.Checks.DurationSeconds, m.Service)
}

// outcomes are a counter for each; the outcome is the last label.
func (s sink) outcomes(d *prometheus.Desc, o switchgear.Operations, labels ...string) {
	labels = slices.Clip(labels)
	s.counter(d, o.Successful, append(labels, switchgear.Success.String())...)
	s.counter(d, o.Failed, append(labels, switchgear.Failure.String())...)
	s.counter(d, o.Ignored, append(labels, switchgear.Ignored.String())...)
}

// state is a gauge for each state, the last label.
func (s sink) state(d *prometheus.Desc, is switchgear.State, labels ...string) {
	labels = slices.Clip(labels)
	for state := switchgear.Closed; state <= switchgear.HalfOpen; state++ {
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
	buckets := make(map[float64]uint64, len(switchgear.DurationBounds))
	total := uint64(0)
	for i, n := range counts {
		total += n
		if i < len(switchgear.DurationBounds) {
			buckets[switchgear.DurationBounds[i].Seconds()] = total
		}
	}
	if total > 0 {
		s <- prometheus.MustNewConstHistogram(d, total, sum, buckets, labels...)
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
