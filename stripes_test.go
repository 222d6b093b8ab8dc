package switchgear

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"unsafe"
)

func TestStripes_AreACacheLineEach(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(stripe{}); n != 64 {
		t.Errorf("a stripe takes %d bytes", n)
	}
	if n := unsafe.Sizeof(striping{}); n != 64 {
		t.Errorf("what says which takes %d bytes", n)
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
	if n := len(many.all); n != stripeCount() || many.first != &one.all[0] {
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
