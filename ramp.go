package switchgear

import (
	"math"
	"sync/atomic"
	"time"
)

// second is the turn of the one operation that a second admits; the zero one is
// none.
type second struct {
	taken *atomic.Int64 // the last second whose turn was taken, from 1
	n     int64
}

// takeSecond takes the turn, unless another operation has; age is the time since
// seconds are counted.
func takeSecond(taken *atomic.Int64, age int64) (turn second, ok bool) {
	n := age/int64(time.Second) + 1
	if last := taken.Load(); n > last && taken.CompareAndSwap(last, n) {
		return second{taken, n}, true
	}
	return second{}, false
}

// giveBack leaves the turn to another operation of the same second.
func (s second) giveBack() {
	if s.taken != nil {
		s.taken.CompareAndSwap(s.n, s.n-1)
	}
}

// draw admits a share of the operations that ask, whatever the rhythm of their
// asking: what asks again at once, as the second request of a redirect does, has
// the chance that the first one had. The numbers are those of SplitMix64 (Steele,
// Lea and Flood, 2014), of which any stretch looks drawn by lot.
func (r *recovery) draw(share float64) bool {
	n := r.drawn.Add(1) * 0x9E3779B97F4A7C15
	n = (n ^ n>>30) * 0xBF58476D1CE4E5B9
	n = (n ^ n>>27) * 0x94D049BB133111EB
	n ^= n >> 31
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

// enter counts an operation in the slice of now, and says whether it is the
// only one there. There is none if the recovery is over.
func (r *recovery) enter(b *Breaker, first int64) (slice int64, alone bool) {
	for b.recovery.Load() == r {
		slice = (b.now()-first)/r.sliceLength() + 1
		if there, _ := r.aged.enter(slice); there != 0 {
			return slice, there == 1
		}
		b.lock() // the timer is late
		b.unlock()
	}
	return 0, false
}

// leave takes an operation out. It answers false where the operation had been
// given up before. The breaker's mutex is held.
func (r *recovery) leave(l *lease) bool {
	if l.slice == 0 {
		r.probe.CompareAndSwap(l, nil)
		return true
	}
	return r.aged.leave(l.slice)
}

// inFlight is how many operations have not ended.
func (r *recovery) inFlight() int {
	n := r.aged.inFlight(true)
	if r.probe.Load() != nil {
		n++
	}
	return n
}

// oldest is the slice that expires first, and when its operations have all
// outlived the timeout.
func (r *recovery) oldest() (slice, at int64) {
	if slice = r.aged.oldest(); slice == 0 {
		return 0, math.MaxInt64
	}
	return slice, r.firstSuccess.Load() + slice*r.sliceLength() + r.timeout
}
