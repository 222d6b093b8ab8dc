package switchgear

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func TestStripes_AreACacheLineEach(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(stripe{}); n != 64 {
		t.Errorf("a stripe takes %d bytes", n)
	}
	if n := unsafe.Sizeof(striping{}); n != 40 {
		t.Errorf("what says which takes %d bytes, beside 24 to fill the line", n)
	}
}

// TestStripes_ThatCollideMoveApart collides by hand, for how often goroutines do
// is the machine's affair.
func TestStripes_ThatCollideMoveApart(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{})
	succeed(b)
	one := b.striping.Load()
	if len(one.all) != 1 {
		t.Fatalf("a breaker that nobody shares has %d stripes", len(one.all))
	}
	collide := func() {
		s := b.stripe()
		for range patience {
			b.met(s, 1)
		}
	}
	collide()
	many := b.striping.Load()
	if n := len(many.all); n != stripeCount() || many.older != one {
		t.Fatalf("%d stripes after collisions, want %d beside the first", n, stripeCount())
	}
	seen := map[uint64]bool{many.number(): true}
	for range 100 {
		collide()
		seen[b.striping.Load().number()] = true
	}
	if len(seen) < min(2, stripeCount()) {
		t.Error("a goroutine stays where it collides")
	}
	if got := b.Operations().Successful; got != 1 {
		t.Errorf("%d successes, want 1", got)
	}
	quiet(b)
}

// TestStripes_LoseNothing counts from many goroutines while they move.
func TestStripes_LoseNothing(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, slowRule(1_000_000)} {
		b := newBreaker(t, cfg)
		const goroutines, each = 16, 20_000
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for i := range each {
					do(b, nil)
					if p, err := b.Allow(context.Background()); err == nil {
						p.Done(nil)
					}
					if i%1000 == 0 {
						s := b.stripe()
						b.met(s, patience)
						runtime.Gosched()
					}
				}
			})
		}
		all.Wait()
		if got, want := b.Operations().Successful, uint64(goroutines*2*each); got != want {
			t.Errorf("%d successes, want %d", got, want)
		}
		quiet(b)
	}
}

// TestStripes_GrowAgainAndLoseNothing raises GOMAXPROCS twice, as Go does by
// itself where a container is given more of its machine.
func TestStripes_GrowAgainAndLoseNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, Config{FailureRateThreshold: 0.5, MonitoringWindow: time.Minute})
		want := uint64(0)
		grow := func(procs int) {
			runtime.GOMAXPROCS(procs)
			for range 10 {
				succeed(b)
			}
			b.met(b.stripe(), patience)
			succeed(b)
			want += 11
			if n := len(b.striping.Load().all); n != stripeCount() {
				t.Fatalf("%d stripes on %d cores, want %d", n, procs, stripeCount())
			}
			if s := b.Snapshot(); s.Operations.Successful != want || s.Successes != want {
				t.Fatalf("on %d cores %d successes and %d in the window, want %d", procs, s.Operations.Successful, s.Successes, want)
			}
		}
		grow(2)
		grow(4)
		grow(8)
		wait(time.Minute) // they leave the window
		for range 10 {
			fail(b)
		}
		wantState(t, b, Open)
	})
}
