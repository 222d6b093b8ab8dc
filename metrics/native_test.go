package metrics_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
)

// nativeCounts reads the native buckets of a histogram as Prometheus does: by
// their upper bounds in seconds.
func nativeCounts(t *testing.T, h *dto.Histogram) map[float64]uint64 {
	t.Helper()
	counts := map[float64]uint64{h.GetZeroThreshold(): h.GetZeroCount()}
	bucket, n, deltas := int32(0), int64(0), h.GetPositiveDelta()
	for _, span := range h.GetPositiveSpan() {
		bucket += span.GetOffset()
		for range span.GetLength() {
			n += deltas[0]
			deltas = deltas[1:]
			if n < 0 {
				t.Fatalf("bucket %d has %d", bucket, n)
			}
			counts[math.Exp2(float64(bucket)/math.Exp2(float64(h.GetSchema())))] = uint64(n)
			bucket++
		}
	}
	if len(deltas) > 0 {
		t.Fatalf("%d deltas are in no span", len(deltas))
	}
	return counts
}

func quantile(counts map[float64]uint64, q float64) float64 {
	total := uint64(0)
	var bounds []float64
	for bound, n := range counts {
		total += n
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	below := uint64(0)
	for _, b := range bounds {
		if below += counts[b]; float64(below) >= q*float64(total) {
			return b
		}
	}
	return math.Inf(1)
}

func durationsOf(all ...time.Duration) (d switchgear.Durations) {
	for _, took := range all {
		i := slices.IndexFunc(switchgear.DurationBounds[:], func(b time.Duration) bool { return took < b })
		if i < 0 {
			i = len(switchgear.DurationBounds)
		}
		d.Counts[i]++
		d.Sum += took
	}
	return d
}

func TestHistogram_ShowsClassicAndNativeBucketsOfTheSameOperations(t *testing.T) {
	t.Parallel()
	d := durationsOf(time.Microsecond, 3*time.Millisecond, 3*time.Millisecond, 700*time.Millisecond, time.Minute)
	h := metrics.Histogram(d)
	if h.GetSampleCount() != 5 || h.GetSampleSum() != d.Sum.Seconds() || h.GetSchema() != 2 {
		t.Errorf("it shows %v", h)
	}
	if n := len(h.GetBucket()); n != len(switchgear.DurationBounds) || h.GetBucket()[n-1].GetCumulativeCount() != 4 {
		t.Errorf("classic buckets %v", h.GetBucket())
	}
	total := uint64(0)
	for bound, n := range nativeCounts(t, h) {
		total += n
		if n > 0 && (bound > 0.001 && bound < 0.002 || bound > 0.006 && bound < 0.64 || bound > 1.6 && bound < 10.24) {
			t.Errorf("%d operations took up to %v s, and none did", n, bound)
		}
	}
	if total != 5 || h.GetZeroCount() != 1 {
		t.Errorf("native buckets have %d operations, %d of them at zero", total, h.GetZeroCount())
	}
}

func TestHistogram_NativeQuantilesAreThoseOfTheClassicBuckets(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		median := math.Exp(r.Float64()*8.5) * float64(time.Millisecond) // to 5 s
		var all []time.Duration
		for range 1 + r.IntN(2000) {
			all = append(all, time.Duration(median*math.Exp(r.NormFloat64()/2)))
		}
		slices.Sort(all)
		counts := nativeCounts(t, metrics.Histogram(durationsOf(all...)))
		for _, q := range []float64{0.5, 0.95} {
			truth := all[min(int(math.Ceil(q*float64(len(all))))-1, len(all)-1)].Seconds()
			if truth < 0.001 || truth > 10.24 {
				continue
			}
			if got := quantile(counts, q); got > truth*2.5*1.19 || got < truth/2.5 {
				t.Fatalf("of %d around %v, p%v is %v, and the native buckets say %v", len(all), time.Duration(median), q*100, truth, got)
			}
		}
	}
}

func TestHistogram_NativeCountsNeverFall(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var d switchgear.Durations
	before := nativeCounts(t, metrics.Histogram(d))
	for range 1000 {
		d.Counts[r.IntN(len(d.Counts))] += uint64(r.IntN(4))
		now := nativeCounts(t, metrics.Histogram(d))
		total := uint64(0)
		for bound, n := range now {
			if n < before[bound] {
				t.Fatalf("the bucket up to %v s fell from %d to %d", bound, before[bound], n)
			}
			total += n
		}
		for bound, n := range before {
			if n > now[bound] {
				t.Fatalf("the bucket up to %v s fell from %d to %d", bound, n, now[bound])
			}
		}
		want := uint64(0)
		for _, n := range d.Counts {
			want += n
		}
		if total != want {
			t.Fatalf("native buckets have %d operations, want %d", total, want)
		}
		before = now
	}
}

func TestHistogram_ShowsTheTraceOfAnOperationInItsBucket(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	h := metrics.Histogram(durationsOf(3*time.Millisecond, time.Minute),
		fleet.Exemplar{Bucket: 2, TraceID: trace, Value: 3 * time.Millisecond, At: at},
		fleet.Exemplar{Bucket: 14, TraceID: trace, Value: time.Minute, At: at},
		fleet.Exemplar{Bucket: 3, TraceID: trace, Value: 7 * time.Millisecond, At: at}, // of no operation that was counted
		fleet.Exemplar{Bucket: 99, TraceID: trace})
	for i, b := range h.GetBucket() {
		e := b.GetExemplar()
		if got, want := e != nil, i == 2 || i == 14; got != want {
			t.Errorf("the bucket up to %v has an exemplar: %v", b.GetUpperBound(), got)
		}
		if e != nil && (e.GetLabel()[0].GetName() != "trace_id" || e.GetLabel()[0].GetValue() != trace || e.GetTimestamp().AsTime() != at.UTC()) {
			t.Errorf("it is %v", e)
		}
	}
	if len(h.GetExemplars()) != 2 {
		t.Errorf("native exemplars %v", h.GetExemplars())
	}
}
