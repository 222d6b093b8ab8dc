package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// CollectorOf is a collector of a fleet as a test says that it is.
func CollectorOf(by Grouping, measure func() []fleet.ServiceMeasures) prometheus.Collector {
	return &fixed{New(Deps{Durations: by}), measure}
}

type fixed struct {
	*Collector

	measure func() []fleet.ServiceMeasures
}

// Collect implements prometheus.Collector.
func (f *fixed) Collect(out chan<- prometheus.Metric) {
	f.layers.mu.Lock()
	defer f.layers.mu.Unlock()
	f.services(newSink(out), f.measure())
}

// Histogram is how durations are shown.
func Histogram(d switchgear.Durations, exemplars ...fleet.Exemplar) *dto.Histogram {
	var m dto.Metric
	h := histogram{durations: d, exemplars: exemplars}
	if err := h.Write(&m); err != nil {
		panic(err)
	}
	return m.GetHistogram()
}
