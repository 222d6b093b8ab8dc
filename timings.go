package switchgear

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// counters are what operations write, beside the stripes. They come into being
// with a breaker's first operation, so that an unused breaker is small.
type counters struct {
	first [1]stripe // all stripes, until two cores meet on it
	alone striping  // beside what is seldom written

	// The breaker's mutex guards these.
	succeeded uint64 // successes in the window that were counted under it
	window    window

	timings timings
}

func newCounters(span time.Duration) *counters {
	c := &counters{window: window{span: int64(span)}}
	c.alone.all = c.first[:]
	c.timings.lastSuccess.Store(never)
	return c
}

// The histogram is log-linear: four equal parts of each doubling, counted from
// 1/16 ms, so that its edges are at 1, 1.25, 1.5, 1.75, 2, 2.5 … ms. An edge
// is at most a quarter above the one below it: that is the error of a
// percentile. The last part has no upper edge; it begins at two minutes.
const (
	histogramParts = 4 * 20
	unitsPerMs     = 16

	// fullCount and fullSum leave room for what is counted until somebody turns
	// the present over.
	fullCount = 1 << 31
	fullSum   = 1 << 61
)

// timings are the durations of operations: of the present monitoring window,
// of the one before it, and of all before the present one.
type timings struct {
	last        atomic.Int64 // nanoseconds
	lastSuccess atomic.Int64 // when, on the breaker's clock
	sum         atomic.Int64
	present     [histogramParts]atomic.Uint32

	// The breaker's mutex guards these.
	turn          uint32 // the number of the present window, without what is above
	previousShift uint8  // so many of the lowest bits of a previous count are dropped
	previous      [histogramParts]uint16
	previousSum   int64
	before        [len(DurationBounds) + 1]uint64
	beforeSum     int64
}

func histogramPart(d time.Duration) int {
	units := uint64(max(d, 0)) * unitsPerMs / uint64(time.Millisecond)
	if d > time.Hour {
		units = math.MaxUint32
	}
	if units < 4 {
		return int(units)
	}
	doubling := bits.Len64(units) - 1
	return min(4*(doubling-1)+int(units>>(doubling-2)&3), histogramParts-1)
}

// histogramEdge is the lower edge of a part.
func histogramEdge(part int) time.Duration {
	units := int64(part)
	if part >= 4 {
		units = int64(4+part%4) << (part/4 - 1)
	}
	return time.Duration(units * int64(time.Millisecond) / unitsPerMs)
}

// add counts an operation that stands for so many. It reports whether the
// present is to be turned over before its time, so that no counter wraps.
func (t *timings) add(d time.Duration, weight uint32) (full bool) {
	t.last.Store(int64(d))
	n := t.present[histogramPart(d)].Add(weight)
	sum := t.sum.Add(int64(min(float64(d)*float64(weight), fullSum)))
	return n >= fullCount || sum >= fullSum
}

// roll moves on to the monitoring window of now. The breaker's mutex is held.
func (t *timings) roll(now int64, span time.Duration) {
	turn := turnAt(now, span)
	for range min(int32(turn-t.turn), 2) { //nolint:gosec // the difference is small, or the time of years
		t.turnOver()
	}
	t.turn = turn
}

func turnAt(now int64, span time.Duration) uint32 { return uint32(now / int64(span)) } //nolint:gosec // see turn

// turnOver makes the present window the previous one.
func (t *timings) turnOver() {
	var counts [histogramParts]uint32
	most := uint32(0)
	for i := range counts {
		counts[i] = t.present[i].Swap(0)
		most = max(most, counts[i])
		if counts[i] > 0 {
			t.before[boundOf(i)] += uint64(counts[i])
		}
	}
	t.previousShift = uint8(max(bits.Len32(most)-16, 0)) //nolint:gosec // at most 16
	for i, n := range counts {
		t.previous[i] = uint16(n >> t.previousShift) //nolint:gosec // the shift sees to it
	}
	t.previousSum = t.sum.Swap(0)
	if t.beforeSum += t.previousSum; t.beforeSum < 0 {
		t.beforeSum = math.MaxInt64
	}
}

// Performance is how long operations took that ended in the present or the
// last monitoring window; all but Last are zero if none did.
//
// Percentiles come from a histogram: the error is a quarter of the value or
// 62.5 µs, whichever is more, and what took longer than two minutes counts as
// two minutes. Slowest is less than the slowest operation took by as much at
// most.
//
// Up to 16 operations a millisecond every one is measured. Where more come, in a
// share of the cores' own, about one a millisecond is, and stands for those
// since the one before: the figures are then a sample's, and Last and Slowest are
// of what was measured.
type Performance struct {
	Average, Last time.Duration
	P50, P95, P99 time.Duration
	Slowest       time.Duration
}

func (t *timings) performance() Performance {
	var parts [histogramParts]uint64
	var n uint64
	for i := range parts {
		parts[i] = uint64(t.present[i].Load()) + uint64(t.previous[i])<<t.previousShift
		n += parts[i]
	}
	p := Performance{Last: time.Duration(t.last.Load())}
	if n == 0 {
		return p
	}
	p.Average = time.Duration((t.sum.Load() + t.previousSum) / int64(n)) //nolint:gosec // a count of operations
	at := func(share float64) time.Duration {
		rank := share * float64(n)
		below := 0.0
		for i, v := range parts {
			if f := float64(v); f > 0 && below+f >= rank {
				low := histogramEdge(i)
				high := histogramEdge(i + 1)
				return low + time.Duration(float64(high-low)*(rank-below)/f)
			}
			below += float64(parts[i])
		}
		return histogramEdge(histogramParts)
	}
	p.P50, p.P95, p.P99 = at(0.50), at(0.95), at(0.99)
	for i, v := range parts {
		if v > 0 {
			p.Slowest = histogramEdge(i)
		}
	}
	return p
}

// DurationBounds are the upper bounds of the buckets of Durations. They are
// edges of the histogram inside, so the counts are exact.
var DurationBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond, 320 * time.Millisecond, 640 * time.Millisecond,
	1280 * time.Millisecond, 2560 * time.Millisecond, 5120 * time.Millisecond, 10240 * time.Millisecond,
}

// boundOf is the bucket of DurationBounds that a part of the histogram is in.
func boundOf(part int) int {
	low := histogramEdge(part)
	for i, bound := range DurationBounds {
		if low < bound {
			return i
		}
	}
	return len(DurationBounds)
}

// Durations is a histogram of all operations since the breaker was made. Where
// not every one is measured (see Performance) it is an estimate, and may lack the
// latest.
type Durations struct {
	// Counts has an entry for each of DurationBounds, of the operations that
	// took less, and one for the rest. They are not cumulative.
	Counts [len(DurationBounds) + 1]uint64
	Sum    time.Duration
}

func (t *timings) durations() Durations {
	d := Durations{Counts: t.before, Sum: time.Duration(t.beforeSum) + min(time.Duration(t.sum.Load()), math.MaxInt64-time.Duration(t.beforeSum))}
	for i := range t.present {
		if n := t.present[i].Load(); n > 0 {
			d.Counts[boundOf(i)] += uint64(n)
		}
	}
	return d
}
