package switchgear

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// slicesPerTimeout is how finely operations of a recovery are told apart
	// by age: an operation that hangs is noticed an eighth of probeTimeout
	// late at most.
	slicesPerTimeout = 8
	// cells is how many slices are remembered: those of the timeout, the one
	// that is filling, and as many again for a late timer.
	cells = 16

	cellExpired = 1 << 23 // the flag of a cell whose operations have been given up
	cellCount   = cellExpired - 1
	cellShift   = 24
)

// takeSecond reports whether the operation is the one that its second admits;
// taken is the last second that did, and age the time since they are counted.
func takeSecond(taken *atomic.Int64, age int64) bool {
	second := age/int64(time.Second) + 1
	last := taken.Load()
	return second > last && taken.CompareAndSwap(last, second)
}

// draw spreads the admitted operations evenly over all that ask: multiples of
// the golden ratio, modulo 1, fall below a share as often as it says, whatever
// the rhythm of the asking (Weyl's equidistribution theorem).
func (r *recovery) draw(share float64) bool {
	n := r.drawn.Add(1) * 0x9E3779B97F4A7C15
	return float64(n>>11)/(1<<53) < share
}

// shareAt is the admitted share at an age of the recovery, of a resolved
// config.
func (c *Config) shareAt(age int64) float64 {
	n := int64(len(c.RecoverySteps))
	if n == 0 || c.MinHealthyPeriod == 0 {
		return 1
	}
	part := max(int64(c.MinHealthyPeriod)/n, 1)
	return c.RecoverySteps[min(max(age, 0)/part, n-1)]
}

func (r *recovery) sliceLength() int64 { return max(r.timeout/slicesPerTimeout, 1) }

// expiry is when the operations of a slice have all outlived the timeout.
func (r *recovery) expiry(slice, first int64) int64 {
	return first + slice*r.sliceLength() + r.timeout
}

// enter counts an operation in the slice of now, and says whether it is the
// only one there.
func (r *recovery) enter(b *Breaker, first int64) (slice int64, alone bool) {
	for {
		slice = (b.now()-first)/r.sliceLength() + 1
		cell := &r.cells[slice%cells]
		old := cell.Load()
		next := old + 1
		switch held := int64(old >> cellShift); {
		case held > slice || held == slice && old&cellExpired != 0:
			continue // time has passed since the clock was read
		case held < slice:
			next = uint64(slice)<<cellShift | 1 //nolint:gosec // a slice is never negative
		}
		if cell.CompareAndSwap(old, next) {
			return slice, next&cellCount == 1
		}
	}
}

// leave takes an operation out. It answers false where the operation had been
// given up before. The breaker's mutex is held.
func (r *recovery) leave(l *lease) bool {
	if l.slice == 0 {
		r.probe.CompareAndSwap(l, nil)
		return true
	}
	cell := &r.cells[l.slice%cells]
	for {
		old := cell.Load()
		if int64(old>>cellShift) != l.slice {
			return false
		}
		if cell.CompareAndSwap(old, old-1) {
			return old&cellExpired == 0
		}
	}
}

// inFlight is how many operations have not ended.
func (r *recovery) inFlight() int {
	n := 0
	if r.probe.Load() != nil {
		n++
	}
	for i := range r.cells {
		n += int(r.cells[i].Load() & cellCount)
	}
	return n
}

// oldest is the slice that expires first, and when.
func (r *recovery) oldest() (slice, at int64) {
	at = math.MaxInt64
	first := r.firstSuccess.Load()
	for i := range r.cells {
		c := r.cells[i].Load()
		if c&cellExpired != 0 || c&cellCount == 0 {
			continue
		}
		if held := int64(c >> cellShift); r.expiry(held, first) < at {
			slice, at = held, r.expiry(held, first)
		}
	}
	return slice, at
}
