package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// histogram is how long things took, in the buckets of switchgear.DurationBounds
// and in native ones. A scraper that asks for the protobuf format is shown both,
// any other the first.
//
// The native ones are made of the others, over each of which its operations are
// spread evenly. So a quantile of them is one of the others, give or take 19 %:
// off by a factor of 2 at most, of 2.5 between 2 and 5 ms, where the operations of
// a bucket are all at one of its ends, and a few per cent where they are not. What
// took less than a millisecond is a zero, and what took longer than 10.24 s counts
// as 11.3 to 13.5 s.
type histogram struct {
	family    *prometheus.Desc
	labels    []*dto.LabelPair
	durations switchgear.Durations
	exemplars []fleet.Exemplar
}

// Desc implements prometheus.Metric.
func (h *histogram) Desc() *prometheus.Desc { return h.family }

// Write implements prometheus.Metric.
func (h *histogram) Write(to *dto.Metric) error {
	counts, sum := &h.durations.Counts, h.durations.Sum.Seconds()
	out := &dto.Histogram{SampleSum: &sum}
	below := uint64(0)
	buckets := make([]dto.Bucket, len(bounds)) // the last is shown where it has an exemplar
	for i := range buckets {
		below += counts[i]
		count := below
		buckets[i].UpperBound, buckets[i].CumulativeCount = &bounds[i], &count
	}
	out.SampleCount = &below
	for i := range h.exemplars {
		if e := &h.exemplars[i]; e.Bucket >= 0 && e.Bucket < len(buckets) && counts[e.Bucket] > 0 {
			buckets[e.Bucket].Exemplar = exemplar(e)
			out.Exemplars = append(out.Exemplars, buckets[e.Bucket].Exemplar)
		}
	}
	for i := range buckets {
		if !math.IsInf(bounds[i], 1) || buckets[i].Exemplar != nil {
			out.Bucket = append(out.Bucket, &buckets[i])
		}
	}
	native(out, counts)
	to.Label, to.Histogram = h.labels, out
	return nil
}

// bounds are switchgear.DurationBounds in seconds, and what is above them.
var bounds = func() (all [len(switchgear.DurationBounds) + 1]float64) {
	for i, b := range switchgear.DurationBounds {
		all[i] = b.Seconds()
	}
	all[len(all)-1] = math.Inf(1)
	return all
}()

var traceLabel = "trace_id"

func exemplar(e *fleet.Exemplar) *dto.Exemplar {
	took := e.Value.Seconds()
	return &dto.Exemplar{
		Label: []*dto.LabelPair{{Name: &traceLabel, Value: &e.TraceID}}, Value: &took, Timestamp: timestamppb.New(e.At),
	}
}

// plus is the sum of two.
func plus(a, b *switchgear.Durations) switchgear.Durations {
	sum := *a
	for i, n := range b.Counts {
		sum.Counts[i] += n
	}
	if sum.Sum += b.Sum; sum.Sum < 0 {
		sum.Sum = math.MaxInt64
	}
	return sum
}

// since is what has come to be between two moments. Where a count is less than
// it was, it began anew in between.
func since(now, before *switchgear.Durations) switchgear.Durations {
	more := switchgear.Durations{Sum: max(now.Sum-before.Sum, 0)}
	for i, n := range now.Counts {
		if n < before.Counts[i] {
			return *now
		}
		more.Counts[i] = n - before.Counts[i]
	}
	return more
}
