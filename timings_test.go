package switchgear

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogram_EdgesAreWhereTheyAreSaid(t *testing.T) {
	t.Parallel()
	for part := range histogramParts {
		edge := histogramEdge(part)
		if got := histogramPart(edge); got != part {
			t.Errorf("the lower edge of part %d, %v, is in part %d", part, edge, got)
		}
		if part > 4 && float64(edge) > 1.25*float64(histogramEdge(part-1)) {
			t.Errorf("part %d is more than a quarter wide: %v to %v", part-1, histogramEdge(part-1), edge)
		}
	}
	for i, bound := range DurationBounds {
		if histogramEdge(histogramPart(bound)) != bound {
			t.Errorf("%v is no edge", bound)
		}
		if below, at := boundOf(histogramPart(bound-1)), boundOf(histogramPart(bound)); below != i || at != i+1 {
			t.Errorf("around %v the buckets are %d and %d, want %d and %d", bound, below, at, i, i+1)
		}
	}
	for _, d := range []time.Duration{-1, 0, 3 * time.Hour, 1<<63 - 1} {
		if part := histogramPart(d); part < 0 || part >= histogramParts {
			t.Errorf("%v is in part %d", d, part)
		}
	}
}

// TestTimings_AreThoseOfAList holds the averages, the percentiles and the
// cumulative counts against a list of all durations.
func TestTimings_AreThoseOfAList(t *testing.T) {
	t.Parallel()
	const span = time.Second
	type taken struct {
		turn int64
		d    time.Duration
	}
	rapid.Check(t, func(r *rapid.T) {
		var counted timings
		var all []taken
		turn := int64(0)
		for range rapid.IntRange(1, 60).Draw(r, "operations") {
			turn += int64(sample(r, "turns", 0, 0, 0, 0, 1, 2))
			counted.roll(turn*int64(span), span)
			d := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(r, "took"))
			counted.add(d, 1)
			all = append(all, taken{turn, d})
		}
		var latest []time.Duration
		var sum, sumAll time.Duration
		var buckets [len(DurationBounds) + 1]uint64
		for _, v := range all {
			if v.turn >= turn-1 {
				latest = append(latest, v.d)
				sum += v.d
			}
			sumAll += v.d
			i, _ := slices.BinarySearch(DurationBounds[:], v.d+1)
			buckets[i]++
		}
		slices.Sort(latest)
		p := counted.performance()
		if want := sum / time.Duration(len(latest)); p.Average != want || p.Last != all[len(all)-1].d {
			r.Fatalf("the average is %v and the last %v, want %v and %v", p.Average, p.Last, want, all[len(all)-1].d)
		}
		for share, got := range map[float64]time.Duration{0.5: p.P50, 0.95: p.P95, 0.99: p.P99} {
			rank := min(int(share*float64(len(latest))), len(latest)-1)
			exact := latest[rank]
			if before := latest[max(rank-1, 0)]; float64(got) > 1.26*float64(exact)+1e5 || float64(got) < float64(before)/1.26-1e5 {
				r.Fatalf("percentile %v of %v is %v", share, latest, got)
			}
		}
		if d := counted.durations(); d.Counts != buckets || d.Sum != sumAll {
			r.Fatalf("all durations: %+v, want %v and %v", d, buckets, sumAll)
		}
	})
}

func TestTimings_KeepLargeCountsOfTheLastWindow(t *testing.T) {
	t.Parallel()
	var counted timings
	counted.roll(0, time.Second)
	counted.present[histogramPart(10*time.Millisecond)].Store(4_000_000_000)
	counted.present[histogramPart(time.Second)].Store(1_000_000_000)
	counted.roll(int64(time.Second), time.Second)
	if p := counted.performance(); p.P50 < 10*time.Millisecond || p.P50 > 12*time.Millisecond || p.P95 < 896*time.Millisecond || p.P95 > 1024*time.Millisecond {
		t.Errorf("of 10 ms four times in five, else a second: %+v", p)
	}
	counted.roll(int64(2*time.Second), time.Second)
	if p := counted.performance(); p.P95 != 0 {
		t.Errorf("two windows later: %+v", p)
	}
}

// TestPerformance_HasWhatHasJustEnded is of a breaker that has rested for longer
// than its window, or is in a recovery, where the window does not move.
func TestPerformance_HasWhatHasJustEnded(t *testing.T) {
	t.Parallel()
	const took = 50 * time.Millisecond
	for name, record := range map[string]func(*Breaker){
		"a success": func(b *Breaker) { b.RecordSuccess(took) },
		"a failure": func(b *Breaker) { b.HandleError(errBoom, took) },
		"an operation that is longer than the windows": func(b *Breaker) {
			p, _ := b.Allow(t.Context())
			time.Sleep(3 * time.Minute)
			p.Done(nil)
		},
		"a success of a recovery": func(b *Breaker) {
			if err := b.Reset(HalfOpen, Order{}); err != nil {
				t.Error(err)
			}
			wait(3 * time.Minute)
			b.RecordSuccess(took)
		},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			b := newBreaker(t, Config{MonitoringWindow: time.Minute, MinHealthyPeriod: time.Hour})
			for range 3 {
				wait(5 * time.Minute)
				record(b)
				if p := b.Snapshot().Performance; p.Average < took || p.P50 == 0 {
					t.Errorf("an operation has just ended, and Performance is %+v", p)
				}
			}
		}))
	}
}
