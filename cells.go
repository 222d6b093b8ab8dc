package switchgear

import "sync/atomic"

// Operations in flight are counted by age, so that one that takes too long is
// noticed without a timer or a place of its own: they are put into slices by the
// time at which they began, and a slice expires as a whole.
const (
	// slicesPerTimeout is how finely ages are told apart: an operation that
	// hangs is noticed an eighth of its timeout late at most.
	slicesPerTimeout = 8
	// cells is how many slices are remembered: those of the timeout, the one
	// that is filling, and as many again for a late timer.
	cells = 16

	cellExpired = 1 << 23 // the flag of a cell whose operations have been given up
	cellCount   = cellExpired - 1
	cellShift   = 24
)

// aged are the latest slices, each in a cell: slice number | expired | operations
// in flight.
type aged [cells]atomic.Uint64

// cell is the slice's. Where the clock is another than the breaker was made by, a
// slice may be negative.
func (a *aged) cell(slice int64) *atomic.Uint64 { return &a[uint64(slice)%cells] } //nolint:gosec // as above

// enter counts an operation in a slice, from 1, and says how many are there
// then, and whether it met another core there. It is none where that is not
// possible: the slice has expired, or its cell is a later one's, or holds
// operations that are still to be given up.
func (a *aged) enter(slice int64) (there uint64, met bool) {
	cell := a.cell(slice)
	for ; ; met = true {
		old := cell.Load()
		next := old + 1
		held, free := int64(old>>cellShift), old&cellCount == 0 || old&cellExpired != 0
		switch {
		case held > slice || held == slice && old&(cellExpired|cellCount) >= cellCount || held < slice && !free:
			return 0, met
		case held < slice:
			next = uint64(slice)<<cellShift | 1 //nolint:gosec // a slice is never negative
		}
		if cell.CompareAndSwap(old, next) {
			return next & cellCount, met
		}
	}
}

// leave takes an operation out of its slice. It answers false where the
// operation had been given up before.
func (a *aged) leave(slice int64) bool {
	cell := a.cell(slice)
	for {
		old := cell.Load()
		if int64(old>>cellShift) != slice {
			return false
		}
		if cell.CompareAndSwap(old, old-1) {
			return old&cellExpired == 0
		}
	}
}

// expire gives up the operations of a slice, and says how many they are.
func (a *aged) expire(slice int64) (n uint64) {
	cell := a.cell(slice)
	for {
		old := cell.Load()
		if int64(old>>cellShift) != slice || old&cellExpired != 0 {
			return 0
		}
		if cell.CompareAndSwap(old, old|cellExpired) {
			return old & cellCount
		}
	}
}

// oldest is the first slice that has operations which are not given up; 0 is
// none.
func (a *aged) oldest() (slice int64) {
	for i := range a {
		c := a[i].Load()
		if held := int64(c >> cellShift); c&cellExpired == 0 && c&cellCount != 0 && (slice == 0 || held < slice) {
			slice = held
		}
	}
	return slice
}

// inFlight is how many operations have not ended, as far as slices are
// remembered; given says whether those that were given up are among them.
func (a *aged) inFlight(given bool) (n int) {
	for i := range a {
		if c := a[i].Load(); given || c&cellExpired == 0 {
			n += int(c & cellCount)
		}
	}
	return n
}
