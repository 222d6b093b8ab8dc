// Package metrics shows the fleet to Prometheus: a collector over what the
// manager counts, read at each scrape, so that the series of a service go when
// the service goes. It registers nothing by itself.
//
// Counters are of this process, but for operations, which a service remembers
// over restarts. A service without an operation, or without a health check, has
// no histogram of them: a large fleet has many such.
//
// # How large a scrape is
//
// A service has 22 series, and up to two histograms, each of 17 series or of one
// where native histograms are taken. Where histograms are kept by layer (see
// [Grouping]), transitions are too, and what of a service has not happened yet, or
// is not so, has no series: its recoveries, rejections, overrides, ignored
// operations, and the states that it is not in. So 2 000 services with histograms,
// or 20 000 by layer, stay below 20 MiB of text without compression.
package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// Deps are what a Collector reads.
type Deps struct {
	Manager *fleet.Manager // required

	// Durations says by what the histograms of operations and health checks, and
	// the transitions, are kept. Empty: Auto.
	Durations Grouping

	// Stream, Agents, Series, Alerts and Access say how the server's parts are; nil: there is no
	// metric of that part.
	Stream func() Stream
	Agents func() Agents
	Series func() *Series
	Alerts func() *Alerts
	Access func() Access

	// Cluster is what this node is among several managers; nil: there is one.
	Cluster func() *Cluster

	Version wire.Version
}

// Collector is a prometheus.Collector. It is safe for concurrent use.
type Collector struct {
	deps   Deps
	layers layers
}

var _ prometheus.Collector = (*Collector)(nil)

// New makes a Collector. It describes nothing beforehand, for the labels of
// histograms depend on how many services there are; so a registry does not
// notice that it has two of the same manager before it is scraped, which fails
// then.
func New(d Deps) *Collector { return &Collector{deps: d, layers: layers{grouping: d.Durations}} }

// The metrics of services, in the contract's order.
var (
	operations = desc("operations_total", "Operations that ended, by outcome.", "outcome", "service")
	rejections = desc("rejections_total", "Operations that were not let in, by what rejected them.", "service", "state")
	durations  = desc("operation_duration_seconds", "How long operations took.", "service")
	states     = desc("circuit_state", "1 for the state that the circuit is in, 0 for the others.", "service", "state")
	edges      = desc("circuit_transitions_total", "Changes of the circuit's state.", "from", "service", "to")
	recoveries = desc("recovery_attempts_total", "Recoveries that ended, by closing the circuit or by opening it again.", "result", "service")

	checks         = desc("health_checks_total", "Health checks that ended, by result.", "result", "service")
	checkDurations = desc("health_check_duration_seconds", "How long health checks took.", "service")
	overrides      = desc("override_active", "1 for the override that is active, 0 for the others.", "mode", "service")
	overrideEnds   = desc("override_expires_timestamp_seconds", "When the active override ends, in Unix time.", "service")
	serviceInfo    = desc("service_info", "1, with the layer of a service that has one.", "layer", "service")

	layerEdges          = desc("circuit_transitions_total", "Changes of the circuit's state.", "from", "layer", "to")
	layerDurations      = desc("operation_duration_seconds", "How long operations took.", "layer")
	layerCheckDurations = desc("health_check_duration_seconds", "How long health checks took.", "layer")
)

// Describe implements prometheus.Collector.
func (*Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. Each metric's series come in the
// order in which a registry sorts them, by their labels in alphabetical order,
// which of a large fleet saves most of the time of a scrape.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := newSink(out)
	c.layers.mu.Lock()
	m := c.deps.Manager.Measure()
	c.services(s, m.Services)
	c.layers.mu.Unlock()
	s.manager(&m)
	if c.deps.Stream != nil {
		s.stream(c.deps.Stream())
	}
	if c.deps.Agents != nil {
		s.agents(c.deps.Agents())
	}
	if c.deps.Series != nil {
		if kept := c.deps.Series(); kept != nil {
			s.recorder(*kept)
		}
	}
	if c.deps.Alerts != nil {
		if a := c.deps.Alerts(); a != nil {
			s.alerts(a)
		}
	}
	if c.deps.Cluster != nil {
		s.cluster(c.deps.Cluster())
	}
	if c.deps.Access != nil {
		s.access(c.deps.Access())
	}
	s.gauge(buildInfo, 1, runtime.Version(), c.deps.Version.Commit, c.deps.Version.Version)
}

// services tells what there is of each. The mutex of the layers is held.
func (c *Collector) services(s *sink, all []fleet.ServiceMeasures) {
	if s.sparse = c.layers.decide(len(all)); s.sparse {
		c.layers.add(all)
		c.layers.tell(s)
	} else {
		s.histograms(all)
		for i := range all {
			s.histogram(checkDurations, &all[i].Checks.Durations, nil, all[i].Service)
		}
	}
	s.traffic(all)
	s.circuits(all)
	s.checks(all)
	s.overrides(all)
	s.infos(all)
}

// perService counts a thing of each service.
func (s *sink) perService(
	f family, all []fleet.ServiceMeasures, label string, of func(m *fleet.ServiceMeasures) uint64,
) {
	for i := range all {
		s.counter(f, of(&all[i]), label, all[i].Service)
	}
}

func (s *sink) histograms(all []fleet.ServiceMeasures) {
	for i := range all {
		m := &all[i]
		s.histogram(durations, &m.Counts.Durations, m.Exemplars, m.Service)
	}
}

func (s *sink) traffic(all []fleet.ServiceMeasures) {
	s.perService(operations, all, switchgear.Failure.String(), func(m *fleet.ServiceMeasures) uint64 { return m.Operations.Failed })
	for i := range all {
		s.event(operations, all[i].Operations.Ignored, switchgear.Ignored.String(), all[i].Service)
	}
	s.perService(operations, all, switchgear.Success.String(), func(m *fleet.ServiceMeasures) uint64 { return m.Operations.Successful })
	for i := range all {
		m := &all[i]
		s.event(rejections, m.Counts.Rejections.Forced, m.Service, switchgear.ForcedOpen.String())
		s.event(rejections, m.Counts.Rejections.HalfOpen, m.Service, switchgear.HalfOpen.String())
		s.event(rejections, m.Counts.Rejections.Open, m.Service, switchgear.Open.String())
	}
}

// byName are the states in alphabetical order.
var byName = [...]switchgear.State{switchgear.Closed, switchgear.HalfOpen, switchgear.Open}

func (s *sink) circuits(all []fleet.ServiceMeasures) {
	for i := range all {
		for _, state := range byName {
			if is := all[i].State == state; is || !s.sparse {
				s.gauge(states, number(is), all[i].Service, state.String())
			}
		}
	}
	if !s.sparse {
		s.transitions(all)
	}
	for i := range all {
		s.event(recoveries, uint64(all[i].Counts.Edges[switchgear.HalfOpen][switchgear.Open]), failure, all[i].Service)
	}
	for i := range all {
		s.event(recoveries, uint64(all[i].Counts.Edges[switchgear.HalfOpen][switchgear.Closed]), success, all[i].Service)
	}
}

func (s *sink) transitions(all []fleet.ServiceMeasures) {
	for _, from := range byName {
		for i := range all {
			for _, to := range byName {
				if n := all[i].Counts.Edges[from][to]; n > 0 || from != to { // a recovery can begin again
					s.counter(edges, uint64(n), from.String(), all[i].Service, to.String())
				}
			}
		}
	}
}

// The results of recoveries and health checks.
const (
	failure = "failure"
	success = "success"
)

func (s *sink) checks(all []fleet.ServiceMeasures) {
	for i := range all {
		if m := &all[i]; m.Probed {
			s.counter(checks, m.Checks.Failed, failure, m.Service)
		}
	}
	for i := range all {
		if m := &all[i]; m.Probed {
			s.counter(checks, m.Checks.Passed, success, m.Service)
		}
	}
}

func (s *sink) overrides(all []fleet.ServiceMeasures) {
	for _, mode := range []switchgear.Mode{switchgear.ForcedClosed, switchgear.ForcedOpen} {
		for i := range all {
			o := all[i].Override
			if active := o != nil && o.Mode == mode; active || !s.sparse {
				s.gauge(overrides, number(active), mode.String(), all[i].Service)
			}
		}
	}
	for i := range all {
		if o := all[i].Override; o != nil {
			s.gauge(overrideEnds, float64(o.Until.UnixMilli())/1000, all[i].Service)
		}
	}
}

func (s *sink) infos(all []fleet.ServiceMeasures) {
	for i := range all {
		if m := &all[i]; m.Layer != "" {
			s.gauge(serviceInfo, 1, m.Layer, m.Service)
		}
	}
}
