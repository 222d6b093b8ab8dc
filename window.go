package switchgear

import (
	"math"
	"math/bits"
)

// windowSlots is in how many parts the window moves. Ten parts of a tenth each
// count what law 5 asks: a failure leaves when it is between nine tenths of the
// window and the whole of it old.
const windowSlots = 10

// slot is a tenth of the window.
type slot struct {
	failures uint32
	slow     uint32

	// first and last are the times of the slot's failures, so that a change of
	// the window's length can put them where they belong: into the slot, in the
	// window's units.
	first, last uint32

	// start is the successes counter as it stood when the slot began.
	start uint64
}

// window counts outcomes of the last span. Failures and slow operations are
// counted here, one by one; successes only ever go up in a counter elsewhere,
// and each slot remembers where that counter stood. Times are nanoseconds of
// the breaker's clock. The breaker's mutex guards it.
type window struct {
	span  int64
	head  int64 // the number of the newest slot: floor(time × 10 / span)
	slots [windowSlots]slot
}

func (w *window) number(now int64) int64 { return now * windowSlots / w.span }

// slotOf is where the slot of a number is. Where the clock is another than the
// breaker was made by, numbers may be negative.
func slotOf(number int64) int64 {
	if i := number % windowSlots; i < 0 {
		return i + windowSlots
	}
	return number % windowSlots
}

// next is when the slot after the newest begins.
func (w *window) next() int64 { return w.begins(w.head + 1) }

// begins is the first moment of a slot.
func (w *window) begins(number int64) int64 { return (number*w.span + windowSlots - 1) / windowSlots }

// unit is by how many bits a time within a slot is shortened to fit into 32: to
// eight nanoseconds of a window of five minutes, and two microseconds of one of a
// day.
func (w *window) unit() int {
	return max(bits.Len64(uint64(w.span/windowSlots+1))-32, 0) //nolint:gosec // a span is positive
}

// into is a time as a slot keeps it, and at is the opposite.
func (w *window) into(number, at int64) uint32 {
	return uint32(max(at-w.begins(number), 0) >> w.unit()) //nolint:gosec // the unit sees to it
}

func (w *window) at(number int64, into uint32) int64 {
	return w.begins(number) + int64(into)<<w.unit()
}

// roll moves the window on to now; successes is the counter.
func (w *window) roll(now int64, successes uint64) {
	n := w.number(now)
	for i := max(w.head+1, n-windowSlots+1); i <= n; i++ {
		w.slots[slotOf(i)] = slot{start: successes}
	}
	w.head = max(w.head, n)
}

// clear forgets everything.
func (w *window) clear(successes uint64) {
	for i := range w.slots {
		w.slots[i] = slot{start: successes}
	}
}

// fail counts a failure; roll comes first.
func (w *window) fail(now int64) {
	s := &w.slots[slotOf(w.head)]
	at := w.into(w.head, now)
	if s.failures == 0 {
		s.first = at
	}
	s.last = at
	count(&s.failures, 1)
}

func (w *window) slow() { count(&w.slots[slotOf(w.head)].slow, 1) }

// count adds to a counter that stays at its largest number.
func count(c *uint32, n uint64) {
	*c = uint32(min(uint64(*c)+min(n, math.MaxUint32), math.MaxUint32))
}

// counts is what the window holds; roll comes first.
func (w *window) counts(successes uint64) tally {
	t := tally{successes: successes - w.slots[slotOf(w.head+1)].start}
	for i := range w.slots {
		t.failures += uint64(w.slots[i].failures)
		t.slow += uint64(w.slots[i].slow)
	}
	return t
}

// tally is how many operations ended how. The slow ones are among the others;
// those that are slow but have not ended are hanging.
type tally struct{ failures, successes, slow, hanging uint64 }

func (t tally) total() uint64 { return t.failures + t.successes }

// atLeast reports whether n of the operations that have ended are at least that
// share.
func (t tally) atLeast(n uint64, share float64) bool { return isShare(n, t.total(), share) }

// slowAtLeast is atLeast of the slow ones, among which are those that have not
// ended.
func (t tally) slowAtLeast(share float64) bool { return isShare(t.slow, t.total()+t.hanging, share) }

func isShare(n, of uint64, share float64) bool { return of > 0 && float64(n) >= share*float64(of) }

// part is a stretch of a window on its way into another.
type part struct {
	from, to    int64 // to is not part of it
	tally       tally
	first, last int64 // of the failures
}

// parts cuts the window into what it holds, oldest first; roll comes first.
func (w *window) parts(now int64, successes uint64) []part {
	var all []part
	for n := w.head - windowSlots + 1; n <= w.head; n++ {
		s, end := w.slots[slotOf(n)], successes
		if n < w.head {
			end = w.slots[slotOf(n+1)].start
		}
		p := part{
			from: n * w.span / windowSlots, to: min((n+1)*w.span/windowSlots, now+1),
			tally: tally{failures: uint64(s.failures), successes: end - s.start, slow: uint64(s.slow)},
			first: w.at(n, s.first), last: w.at(n, s.last),
		}
		if p.tally != (tally{}) {
			all = append(all, p)
		}
	}
	return all
}

// fill makes w a window of the span that holds the parts: their failures
// spread from the first to the last, the rest over the part's whole length.
func (w *window) fill(span, now int64, successes uint64, parts []part) {
	*w = window{span: span}
	w.head = w.number(now)
	var held [windowSlots]uint64
	each := func(n uint64, first, last int64, put func(number, at int64, share uint64)) {
		points := min(n, 4*windowSlots)
		for i := range points {
			at := first
			if points > 1 {
				at += int64(float64(last-first) * float64(i) / float64(points-1))
			}
			if number := w.number(at); number > w.head-windowSlots && number <= w.head {
				put(number, at, n/points+(n%points*(i+1))/points-n%points*i/points)
			}
		}
	}
	for _, p := range parts {
		each(p.tally.failures, p.first, p.last, func(number, at int64, share uint64) {
			s, into := &w.slots[slotOf(number)], w.into(number, at)
			if s.failures == 0 {
				s.first = into
			}
			s.last = max(s.last, into)
			count(&s.failures, share)
		})
		each(p.tally.slow, p.from, p.to-1, func(number, _ int64, share uint64) { count(&w.slots[slotOf(number)].slow, share) })
		each(p.tally.successes, p.from, p.to-1, func(number, _ int64, share uint64) { held[slotOf(number)] += share })
	}
	// The counter may stand below what the window holds, after a restore: the
	// differences are right all the same, for it wraps.
	start := successes
	for n := w.head; n > w.head-windowSlots; n-- {
		start -= held[slotOf(n)]
		w.slots[slotOf(n)].start = start
	}
}
