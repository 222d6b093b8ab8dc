package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// family is a metric: its name and its labels, which are in alphabetical order,
// so that a registry need not sort the series' own.
type family struct {
	*prometheus.Desc

	labels []string
}

func desc(name, help string, labels ...string) family {
	return family{prometheus.NewDesc("switchgear_"+name, help, labels, nil), labels}
}

// sink is where the metrics of one scrape go. What all series share is made
// once: of a large fleet that is most of what a scrape would make.
type sink struct {
	out   chan<- prometheus.Metric
	pairs map[[2]string]*dto.LabelPair

	// sparse leaves out what has not happened yet.
	sparse bool
}

func newSink(out chan<- prometheus.Metric) *sink {
	return &sink{out: out, pairs: make(map[[2]string]*dto.LabelPair)}
}

func (s *sink) labels(f family, values []string) []*dto.LabelPair {
	pairs := make([]*dto.LabelPair, len(values))
	for i, v := range values {
		key := [2]string{f.labels[i], v}
		p := s.pairs[key]
		if p == nil {
			p = &dto.LabelPair{Name: &key[0], Value: &key[1]}
			s.pairs[key] = p
		}
		pairs[i] = p
	}
	return pairs
}

// series is one number.
type series struct {
	family  *prometheus.Desc
	labels  []*dto.LabelPair
	value   float64
	counter bool
}

// Desc implements prometheus.Metric.
func (s *series) Desc() *prometheus.Desc { return s.family }

// Write implements prometheus.Metric.
func (s *series) Write(to *dto.Metric) error {
	to.Label = s.labels
	if s.counter {
		to.Counter = &dto.Counter{Value: &s.value}
	} else {
		to.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

func (s *sink) gauge(f family, v float64, values ...string) {
	s.out <- &series{f.Desc, s.labels(f, values), v, false}
}

func (s *sink) counter(f family, v uint64, values ...string) {
	s.out <- &series{f.Desc, s.labels(f, values), float64(v), true}
}

// event is counter for what is left out of a large fleet while there was none.
func (s *sink) event(f family, v uint64, values ...string) {
	if v > 0 || !s.sparse {
		s.counter(f, v, values...)
	}
}

// histogram tells how long things took, unless there were none.
func (s *sink) histogram(f family, d *switchgear.Durations, exemplars []fleet.Exemplar, values ...string) {
	if d.Counts != (switchgear.Durations{}).Counts {
		s.out <- &histogram{f.Desc, s.labels(f, values), *d, exemplars}
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
