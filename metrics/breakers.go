package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// OfBreakers is a collector of breakers that no manager of this process holds.
// Their series are called as those of a manager's services are. No two of them
// may have the same name.
func OfBreakers(breakers ...*switchgear.Breaker) prometheus.Collector {
	return breakerCollector(breakers)
}

type breakerCollector []*switchgear.Breaker

// Describe implements prometheus.Collector.
func (breakerCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		operations, rejections, durations, states, edges, recoveries, overrides, overrideEnds,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c breakerCollector) Collect(out chan<- prometheus.Metric) {
	all := make([]fleet.ServiceMeasures, len(c))
	for i, b := range c {
		s := b.Snapshot()
		all[i] = fleet.ServiceMeasures{
			Service: b.Name(), State: s.State, Mode: s.Mode, Override: s.Override, Operations: s.Operations, Counts: b.Counts(),
		}
	}
	s := sink(out)
	s.traffic(all)
	s.circuits(all)
	s.overrides(all)
}
