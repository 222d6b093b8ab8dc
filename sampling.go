package switchgear

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Reading the clock twice costs several times the rest of a call. So where
// operations come thick, only some are measured, and each of those stands for
// all that its stripe has counted since the one before it.
const (
	// sampleEvery is how far apart, on average, a stripe measures then.
	sampleEvery = int64(time.Millisecond)
	// sampleFrom is how many operations must come in that time: below, every
	// one is measured.
	sampleFrom = 16
	// sampleJudge is after how many measured operations the rate is looked at.
	sampleJudge = 64
	// maxGap bounds how many operations one stands for.
	maxGap = 1 << 16
	// sampleTerm is how long what was seen of the rate holds. Then the next
	// operation is measured, whatever is missing to its turn.
	sampleTerm = int64(time.Second)
)

// sampler decides which operations of a stripe are measured.
type sampler struct {
	next     atomic.Uint64 // how far the successes must be for the next one; 0: every one is
	marked   atomic.Uint64 // how far they were at the last look at the rate
	markedAt atomic.Int64  // when that was
}

// sample measures an operation that begins at now, and says how many it stands
// for. It is asked where successes have reached next.
//
// The gap before an operation is known when it begins, and so has nothing to do
// with how long it takes: otherwise slow operations would weigh too little. It is
// drawn at random, for operations may have a rhythm.
func (b *Breaker) sample(s *stripe, now int64) (weight uint32) {
	n, next := s.successes.Load(), s.next.Load()
	seen := n - s.marked.Load()
	if next == 0 && seen < sampleJudge {
		return 1
	}
	gap := gapFor(seen, now-s.markedAt.Load())
	then := uint64(0)
	if gap >= sampleFrom {
		then = n + gap/2 + rand.Uint64N(gap) //nolint:gosec // spreads samples, guards no secret
	}
	if n < next || !s.next.CompareAndSwap(next, then) {
		return 1 // another was faster
	}
	s.marked.Store(n)
	s.markedAt.Store(now)
	// Asked after the change: the end of a term that it misses has seen the change.
	if then != 0 && !b.sampling(now) {
		s.next.Store(1)
	}
	if next == 0 {
		return 1 // all before it were measured
	}
	return uint32(min(max(seen, 1), 2*maxGap))
}

// gapFor is how many operations come in sampleEvery, if so many came in that
// time. It grows by steps, for a short time says little.
func gapFor(seen uint64, took int64) uint64 {
	gap := float64(seen) * float64(sampleEvery) / float64(max(took, 1))
	return uint64(min(gap, 4*float64(seen), maxGap))
}

// sampling sees to it that sampling ends after its term, and reports whether it
// could: it waits for nobody.
func (b *Breaker) sampling(now int64) bool {
	if b.sampled.Load() {
		return true
	}
	if !b.mu.TryLock() {
		return false
	}
	b.sampled.Store(true)
	b.sampleEnd = now + sampleTerm
	b.unlock()
	return true
}

// endSampling makes every stripe measure its next operation, and judge the rate
// anew. The mutex is held.
func (b *Breaker) endSampling() {
	b.sampled.Store(false)
	b.eachStripe(func(s *stripe) {
		if s.next.Load() != 0 {
			s.next.Store(1)
		}
	})
}
