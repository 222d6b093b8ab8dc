package switchgear

import (
	"context"
	"testing"
	"testing/synctest"
)

// timedOf is how many of n operations, after as many to see the rate by, are timed.
func timedOf(n int, operation func() (timed bool)) (timed int) {
	for i := range 2 * n {
		if operation() && i >= n {
			timed++
		}
	}
	return timed
}

// deepen calls f so many frames of the stack deeper.
//
//go:noinline
func deepen(frames int, f func()) byte {
	var frame [48]byte
	if frames == 0 {
		f()
		return frame[0]
	}
	return deepen(frames-1, f) + frame[frames%48]
}

// TestSampling_SamplesAtEveryPositionOfAStack runs operations where one of the
// frames between Do, or Allow, and what counts lies on another part of the stack,
// and so may be dealt another stripe. In a bubble no time passes while they run:
// there are more than any number a millisecond.
func TestSampling_SamplesAtEveryPositionOfAStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		ctx := context.Background()
		for range 10 {
			b := newBreaker(t, Config{})
			succeed(b)
			b.met(b.stripe(), patience)
			timed := map[string]int{}
			for frames := range 40 {
				done := make(chan struct{})
				go func() {
					defer close(done)
					deepen(frames, func() {
						timed["Allow"] = max(timed["Allow"], timedOf(n, func() bool {
							p, _ := b.Allow(ctx)
							defer p.Done(nil)
							return p.start != 0
						}))
						timed["Do"] = max(timed["Do"], timedOf(n, func() bool {
							last := b.stats().timings.last.Swap(-1)
							_, _ = Do(ctx, b, func(context.Context) (int, error) { return 0, nil })
							return last != -1
						}))
					})
				}()
				<-done
			}
			for how, most := range timed {
				if most > n/2 { // a stack that is moved begins anew elsewhere
					t.Errorf("%s times %d of %d operations in a rush", how, most, n)
				}
			}
		}
	})
}

// TestSampling_SamplesWhatAnotherGoroutineSettles takes permits in one goroutine
// and settles them in another, whose stripe is not the one that was asked.
func TestSampling_SamplesWhatAnotherGoroutineSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		for range 10 {
			b := newBreaker(t, Config{})
			succeed(b)
			b.met(b.stripe(), patience)
			there, back := make(chan *Permit), make(chan struct{})
			go func() {
				for p := range there {
					p.Done(nil)
					back <- struct{}{}
				}
			}()
			most := timedOf(n, func() bool {
				p, _ := b.Allow(context.Background())
				timed := p.start != 0
				there <- &p
				<-back
				return timed
			})
			close(there)
			if most > n/2 {
				t.Errorf("%d of %d operations in a rush are timed", most, n)
			}
		}
	})
}
