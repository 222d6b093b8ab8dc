package switchgear

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestSampling_AgreesWithExact runs operations whose durations are known, far
// above the rate from which they are sampled, and compares.
func TestSampling_AgreesWithExact(t *testing.T) {
	t.Parallel()
	for name, took := range map[string]func(r *rand.Rand, i int) time.Duration{
		"drawn": func(r *rand.Rand, _ int) time.Duration {
			return time.Duration(math.Exp(r.NormFloat64()) * float64(200*time.Microsecond))
		},
		"one in sixteen is slow, in their rhythm": func(_ *rand.Rand, i int) time.Duration {
			if i%16 == 0 {
				return 5 * time.Millisecond
			}
			return 300 * time.Microsecond
		},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			const operations, goroutines = 10_000, 50
			b := newBreaker(t, Config{})
			exact := make([][]time.Duration, goroutines)
			sampled := 0
			done := make(chan struct{})
			for g := range goroutines {
				go func() {
					defer func() { done <- struct{}{} }()
					r := rand.New(rand.NewPCG(uint64(g), 1))
					for i := range operations {
						d := took(r, i)
						exact[g] = append(exact[g], d)
						//nolint:errcheck // it is nil
						Do(t.Context(), b, func(context.Context) (int, error) { time.Sleep(d); return 0, nil })
						if g == 0 && b.stripe().next.Load() > 1 {
							sampled++
						}
					}
				}()
			}
			for range goroutines {
				<-done
			}
			if sampled < operations/2 {
				t.Fatal("every operation was measured")
			}
			all := slices.Concat(exact...)
			slices.Sort(all)
			agrees(t, b, all)
		}))
	}
}

// agrees compares what the breaker says with all durations, sorted.
func agrees(t *testing.T, b *Breaker, all []time.Duration) {
	t.Helper()
	n := len(all)
	if got := b.Operations().Successful; got != uint64(n) {
		t.Errorf("%d successes are counted, want %d", got, n)
	}
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	p, d := b.Snapshot().Performance, b.Counts().Durations
	near := func(what string, got, want, share float64) {
		t.Helper()
		if math.Abs(got-want) > share*want {
			t.Errorf("%s is %v, want %v within %v of it", what, got, want, share)
		}
	}
	near("the average", float64(p.Average), float64(sum)/float64(n), 0.15)
	near("the sum", float64(d.Sum), float64(sum), 0.15)
	counted := uint64(0)
	for _, c := range d.Counts {
		counted += c
	}
	near("the number of durations", float64(counted), float64(n), 0.02)
	for share, got := range map[float64]time.Duration{0.5: p.P50, 0.95: p.P95, 0.99: p.P99} {
		// The stated error of the histogram, around ranks that a sample may miss
		// by so much.
		low, high := all[int(share*float64(n)*0.97)], all[min(int(share*float64(n)*1.03), n-1)]
		slack := func(d time.Duration) time.Duration { return max(d/4, 62500) }
		if got < low-slack(low) || got > high+slack(high) {
			t.Errorf("percentile %v is %v, want %v to %v", share, got, low, high)
		}
	}
}

// TestSampling_MeasuresEveryOperationBelowItsRate includes the time of the last
// success, which is then exact.
func TestSampling_MeasuresEveryOperationBelowItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, Config{})
		const n = 5000
		for range n {
			succeed(b)
			wait(100 * time.Microsecond)
		}
		last := time.Now().Add(-100 * time.Microsecond)
		if s := b.Snapshot(); !s.LastSuccess.Equal(last) {
			t.Errorf("the last success was at %v, want %v", s.LastSuccess, last)
		}
		if got := b.Counts().Durations.Counts[0]; got != n {
			t.Errorf("%d durations, want %d", got, n)
		}
	})
}

// TestSampling_EndsWithTheRush measures every operation again within a second,
// and knows the time of the last success to the second meanwhile.
func TestSampling_EndsWithTheRush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, Config{})
		for range 100_000 {
			succeed(b)
		}
		if b.stripe().next.Load() == 0 {
			t.Fatal("every operation was measured")
		}
		for range 20 {
			wait(250 * time.Millisecond)
			succeed(b)
			if off := time.Since(b.Snapshot().LastSuccess); off > time.Second {
				t.Fatalf("the last success is said to be %v ago", off)
			}
		}
		before := b.Counts().Durations.Counts
		for range 10 {
			wait(250 * time.Millisecond)
			_, err := Do(t.Context(), b, func(context.Context) (int, error) { time.Sleep(3 * time.Millisecond); return 0, nil })
			mustNot(t, err)
			if s := b.Snapshot(); !s.LastSuccess.Equal(time.Now()) || s.Performance.Last != 3*time.Millisecond {
				t.Fatalf("last %v, at %v: it is %v", s.Performance.Last, s.LastSuccess, time.Now())
			}
		}
		if got := b.Counts().Durations.Counts[2] - before[2]; got != 10 {
			t.Errorf("%d of 10 durations", got)
		}
		wait(10 * time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.armed != math.MaxInt64 || b.sampled.Load() {
			t.Error("it is not idle")
		}
	})
}

// TestSampling_ALateSuccessTellsItsTime begins an operation in a rush, untimed,
// and ends it long after.
func TestSampling_ALateSuccessTellsItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, Config{})
		var p Permit
		for range 100_000 {
			var err error
			if p, err = b.Allow(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p.start == 0 {
				break
			}
			p.Done(nil)
		}
		if p.start != 0 {
			t.Fatal("every operation was measured")
		}
		wait(10 * time.Second)
		p.Done(nil)
		if s := b.Snapshot(); !s.LastSuccess.Equal(time.Now()) {
			t.Errorf("the last success was at %v, want %v", s.LastSuccess, time.Now())
		}
	})
}

func TestTimings_TurnOverBeforeACounterWraps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, Config{})
		tm := &b.stats().timings
		b.Snapshot()                    // now is the first window
		const each, n = maxGap, 1 << 17 // twice what a counter holds
		full := 0
		for range n {
			if tm.add(time.Millisecond, each) {
				tm.turnOver()
				full++
			}
		}
		if got := b.Counts().Durations; got.Counts[1] != each*n || got.Sum != each*n*time.Millisecond {
			t.Errorf("%d durations, %v in all", got.Counts[1], got.Sum)
		}
		if p := b.Snapshot().Performance; p.Average != time.Millisecond || full == 0 {
			t.Errorf("the average is %v after %d turns", p.Average, full)
		}
		for range 100 {
			if tm.add(24*time.Hour, each) {
				tm.turnOver()
			}
		}
		if d := b.Counts().Durations; d.Sum < 0 {
			t.Errorf("the sum is %v", d.Sum)
		}
		if p := b.Snapshot().Performance; p.Average < 0 {
			t.Errorf("the average is %v", p.Average)
		}
	})
}
