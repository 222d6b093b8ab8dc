package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// OfBreakers is a collector of breakers that no manager of this process holds.
// Their series are called as those of a manager's services are. It describes
// nothing beforehand, so that a registry takes it beside New's; no two breakers or
// services of a registry may have the same name, or every scrape fails.
func OfBreakers(breakers ...*switchgear.Breaker) prometheus.Collector {
	return breakerCollector(breakers)
}

type breakerCollector []*switchgear.Breaker

// Describe implements prometheus.Collector.
func (breakerCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c breakerCollector) Collect(out chan<- prometheus.Metric) {
	all := make([]fleet.ServiceMeasures, len(c))
	for i, b := range c {
		all[i] = measures(b)
	}
	newSink(out).breakers(all)
}

func measures(b *switchgear.Breaker) fleet.ServiceMeasures {
	s := b.Snapshot()
	return fleet.ServiceMeasures{
		Service: b.Name(), State: s.State, Mode: s.Mode, Override: s.Override, Operations: s.Operations, Counts: b.Counts(),
		Exemplars: b.Exemplars(),
	}
}

// breakers tells what there is to tell of breakers without health checks.
func (s *sink) breakers(all []fleet.ServiceMeasures) {
	s.histograms(all)
	s.traffic(all)
	s.circuits(all)
	s.overrides(all)
}
