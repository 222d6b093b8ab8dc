package switchgear

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// minWatch bounds how finely a watch looks, and with it how often its timer
// runs.
const minWatch = int64(time.Millisecond)

// watcher counts the operations in flight of a closed breaker that has a slow-call
// rule, by age: those that have been running for SlowCallDuration are slow before
// they end. There is one for each generation and each duration.
type watcher struct {
	id         uint16 // what permits know it by
	generation uint64
	limit      int64
	length     int64 // of a slice

	// The lanes, a power of two, are to cores what stripes are, and become as
	// many. One place is for all operations of a slice and a lane, so there is
	// room for any number.
	lanes atomic.Pointer[[]*aged]

	// The breaker's mutex guards these: the operations that are slow and have
	// not ended, by the tenth of the window in which they became so, and when the
	// window was last cut anew.
	hung  [windowSlots]hanging
	recut int64
}

// hanging are operations that became slow up to that time.
type hanging struct {
	at int64
	n  uint64
}

// watchSlow sees to it that there is a watcher for the slow-call rule in force,
// if there is one. The mutex is held.
func (b *Breaker) watchSlow() {
	limit := b.slowFrom.Load()
	if old := b.watcher.Load(); limit == noSlowRule || old != nil && old.generation == b.generation && old.limit == limit {
		return
	}
	b.watchers++
	w := &watcher{id: b.watchers, generation: b.generation, limit: limit, length: max(limit/slicesPerTimeout, minWatch)}
	w.lanes.Store(&[]*aged{{}})
	b.watcher.Store(w)
}

// widen gives the watcher n lanes, if it has less. The mutex is held.
func (w *watcher) widen(n int) {
	if len(*w.lanes.Load()) >= n {
		return
	}
	lanes := slices.Clone(*w.lanes.Load())
	for len(lanes) < n {
		lanes = append(lanes, new(aged))
	}
	w.lanes.Store(&lanes)
}

func (w *watcher) slice(at int64) int64 { return at/w.length + 1 }

// expiry is when the operations of a slice have all been running for the limit.
func (w *watcher) expiry(slice int64) int64 { return slice*w.length + w.limit }

// lane is where an operation is counted in its watcher, from 1; 0 is nowhere.
func (t timing) lane() uint16 { return uint16(t.tags >> 8) } //nolint:gosec // what it was made of

func (t timing) watcher() uint16 { return uint16(t.tags >> 24) } //nolint:gosec // what it was made of

// enterWatch lets an operation that begins at now be slow before it ends. It
// returns the tags of its timing.
func (b *Breaker) enterWatch(word uint64, now int64) (tags uint64) {
	w := b.watcher.Load()
	if w == nil || w.generation != word>>generationShift {
		return 0 // the breaker has moved on: what becomes of the operation is stale
	}
	lanes := *w.lanes.Load()
	number := b.striping.Load().number() & uint64(len(lanes)-1) //nolint:gosec // a length
	lane, slice := lanes[number], w.slice(now)
	there, met := lane.enter(slice)
	if there == 0 { // the timer is late
		b.lock()
		b.unlock()
		there, met = lane.enter(slice)
	}
	if met {
		b.met(b.stripe(), clash)
	}
	if there == 0 {
		return 0 // its cell is full, at eight million: it is slow when it ends
	}
	if there == 1 && b.due.Load() > w.expiry(slice) {
		b.lock()
		b.unlock()
	}
	return uint64(w.id)<<24 | (number+1)<<8
}

// watchOf is the watcher that the operation is counted by; nil if there is none,
// or it is another by now.
func (b *Breaker) watchOf(generation uint64, t timing) *watcher {
	if t.lane() == 0 {
		return nil
	}
	if w := b.watcher.Load(); w != nil && w.id == t.watcher() && w.generation == generation {
		return w
	}
	return nil
}

// due is when the watch has something to say next.
func (w *watcher) due() int64 {
	if slice := w.oldest(); slice != 0 {
		return w.expiry(slice)
	}
	return math.MaxInt64
}

func (w *watcher) oldest() (slice int64) {
	for _, lane := range *w.lanes.Load() {
		if s := lane.oldest(); s != 0 && (slice == 0 || s < slice) {
			slice = s
		}
	}
	return slice
}

// watching is the watch whose operations count now. The mutex is held.
func (b *Breaker) watching() *watcher {
	if w := b.watcher.Load(); w != nil && w.generation == b.generation {
		return w
	}
	return nil
}

// stepWatch counts the operations that have become slow since, and opens the
// circuit if that makes the rule true.
func (b *Breaker) stepWatch(now int64) bool {
	w := b.watching()
	if w == nil || now < w.due() {
		return false
	}
	slice := w.oldest()
	n := uint64(0)
	for _, lane := range *w.lanes.Load() {
		n += lane.expire(slice)
	}
	b.wake(now)
	w.hang(&b.stats().window, w.expiry(slice), n)
	if n > 0 && b.mode() == Auto && b.state == Closed {
		b.judgeWindow(now, outcome{kind: Ignored, took: time.Duration(w.limit), measured: true})
	}
	return true
}

// hang counts operations that became slow at that time, in the window, which is
// up to now.
func (w *watcher) hang(in *window, at int64, n uint64) {
	if in.number(at) <= in.head-windowSlots {
		return
	}
	h := &w.hung[slotOf(in.number(at))]
	if in.number(h.at) != in.number(at) {
		*h = hanging{}
	}
	h.at = max(h.at, at)
	h.n += n
}

// leave takes an operation out, and reports whether it had not become slow.
func (w *watcher) leave(t timing) bool {
	return (*w.lanes.Load())[t.lane()-1].leave(w.slice(t.start))
}

// forget takes an operation out of the window that had become slow: from now on
// it is what it ended as.
func (w *watcher) forget(in *window, t timing) {
	at := w.expiry(w.slice(t.start))
	first, last := in.number(at), in.number(at)
	if at <= w.recut { // it may have been put where the last of its tenth belonged
		first, last = max(first, in.head-windowSlots+1), in.number(w.recut)
	}
	for n := first; n <= last; n++ {
		if h := &w.hung[slotOf(n)]; h.n > 0 && in.number(h.at) == n {
			h.n--
			return
		}
	}
}

// hanging is how many operations in the window are slow and have not ended.
func (w *watcher) hanging(in *window) (n uint64) {
	for _, h := range w.hung {
		if in.number(h.at) > in.head-windowSlots {
			n += h.n
		}
	}
	return n
}

// rebucket puts what hangs in a window into another.
func (w *watcher) rebucket(now int64, from, in *window) {
	old := w.hung
	w.recut = now
	w.hung = [windowSlots]hanging{}
	for _, h := range old {
		if h.n > 0 && from.number(h.at) > from.head-windowSlots {
			w.hang(in, h.at, h.n)
		}
	}
}

// inFlight is how many operations have not ended, without those that became slow
// before the window.
func (w *watcher) inFlight(in *window) int {
	n := int(w.hanging(in)) //nolint:gosec // operations
	for _, lane := range *w.lanes.Load() {
		n += lane.inFlight(false)
	}
	return n
}
