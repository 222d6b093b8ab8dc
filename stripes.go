package switchgear

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	// maxStripes bounds what a breaker takes on a machine with many cores.
	maxStripes = 32
	// patience is how many meetings on one stripe spread the goroutines anew. It
	// is a matter of microseconds, and keeps rare ones from costing anything.
	patience = 256
	// clash is how many meetings one is worth that happens between a load and
	// the compare-and-swap right after it: where two cores count as fast as they
	// can, only one in a hundred thousand does.
	clash = 64
	// brief is how short an operation is during which another's end on the same
	// stripe is taken for a meeting: for longer ones it means nothing, and a
	// meeting costs them little.
	brief = int64(time.Microsecond)
)

// stripe is some goroutines' share of the counters, on a cache line of its own:
// one word that all cores add to would cost several times the rest of a call.
type stripe struct {
	sampler

	successes        atomic.Uint64
	rejectedOpen     atomic.Uint64
	rejectedHalfOpen atomic.Uint64
	rejectedForced   atomic.Uint64
	meetings         atomic.Uint32
	brief            atomic.Bool // operations are
}

// striping says which goroutine counts where. It is never changed, only replaced.
type striping struct {
	salt  uint64
	all   []stripe  // a power of two
	older *striping // what a breaker counted in before it had so many
}

// newStriping takes a cache line, so that nobody writes next to it.
func newStriping(s striping) *striping {
	line := &struct {
		striping

		_ [24]byte
	}{striping: s}
	return &line.striping
}

// number picks by the address of the goroutine's stack, which costs nothing to
// ask and stays the same from call to call.
func (s *striping) number() uint64 {
	var here byte
	h := uint64(uintptr(unsafe.Pointer(&here))) >> 11 * s.salt //nolint:gosec // the address is only hashed, never followed
	return h >> 32 & uint64(len(s.all)-1)                      //nolint:gosec // a length
}

// noNumber is that of no stripe.
const noNumber = 0xFF

// at is the stripe of a number, which may be that of another deal.
func (s *striping) at(number uint64) *stripe {
	return &s.all[number&uint64(len(s.all)-1)] //nolint:gosec // a length
}

// stripe is where the goroutine counts.
func (b *Breaker) stripe() *stripe {
	s := b.striping.Load()
	return &s.all[s.number()]
}

// succeed counts a success of an operation that found n at its beginning. It
// does not where another has been counted meanwhile, or one is to be measured.
func (s *stripe) succeed(n uint64) bool {
	return n < s.next.Load() && s.successes.CompareAndSwap(n, n+1)
}

func (s *stripe) setBrief(is bool) {
	if s.brief.Load() != is {
		s.brief.Store(is)
	}
}

// add counts one in a counter of s.
func (b *Breaker) add(s *stripe, c *atomic.Uint64) {
	if n := c.Load(); !c.CompareAndSwap(n, n+1) {
		b.clashed(s, c)
	}
}

// clashed is add where two cores do it at the same time.
func (b *Breaker) clashed(s *stripe, c *atomic.Uint64) {
	c.Add(1)
	b.met(s, clash)
}

// met is told of meetings of two cores on a stripe, or next to it. Where they
// keep meeting all goroutines are dealt anew.
func (b *Breaker) met(s *stripe, meetings uint32) {
	if n := s.meetings.Add(meetings); n/patience == (n-meetings)/patience {
		return
	}
	old := b.striping.Load()
	next := newStriping(striping{salt: rand.Uint64() | 1, all: old.all, older: old.older}) //nolint:gosec // spreads counters, guards no secret
	if n := stripeCount(); len(old.all) < n {
		next.all, next.older = make([]stripe, n), old
	}
	b.striping.CompareAndSwap(old, next)
	if b.watcher.Load() != nil && b.mu.TryLock() {
		if w := b.watching(); w != nil {
			w.widen(len(next.all))
		}
		b.unlock()
	}
}

// stripeCount is half the square of the cores: then one deal in two or three
// leaves no two of them on one stripe, as with birthdays.
func stripeCount() int {
	procs := runtime.GOMAXPROCS(0)
	n := 1
	for n < min(procs*procs/2, maxStripes) {
		n *= 2
	}
	return n
}

// successes is the sum of what the stripes and the mutex's holders have counted
// in the window. The breaker's mutex is held.
func (b *Breaker) successes() uint64 {
	c := b.counters.Load()
	if c == nil {
		return 0
	}
	n := c.succeeded
	b.eachStripe(func(s *stripe) { n += s.successes.Load() })
	return n
}

func (b *Breaker) rejections() (r Rejections) {
	if b.counters.Load() == nil {
		return r
	}
	b.eachStripe(func(s *stripe) {
		r.Open += s.rejectedOpen.Load()
		r.HalfOpen += s.rejectedHalfOpen.Load()
		r.Forced += s.rejectedForced.Load()
	})
	return r
}

func (b *Breaker) eachStripe(do func(*stripe)) {
	for s := b.striping.Load(); s != nil; s = s.older {
		for i := range s.all {
			do(&s.all[i])
		}
	}
}
