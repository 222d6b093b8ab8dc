package socket

import "time"

// Window is what limits are counted in.
const Window = time.Minute

// Ring is when the last of something happened, as many times as a limit says.
// The zero Ring is ready; its limit must not change.
type Ring struct {
	times []time.Time
	next  int // the oldest, once it is full
}

// Oldest is the limit-th last time; full is false if there were not so many.
func (r *Ring) Oldest(limit int) (at time.Time, full bool) {
	if len(r.times) < limit {
		return time.Time{}, false
	}
	return r.times[r.next], true
}

// Put adds a time, which none before is later than.
func (r *Ring) Put(at time.Time, limit int) {
	if len(r.times) < limit {
		r.times = append(r.times, at)
		return
	}
	r.times[r.next] = at
	r.next = (r.next + 1) % limit
}

// More puts one there, and reports whether that is more than the limit within
// a minute: in (at-60 s, at].
func (r *Ring) More(at time.Time, limit int) bool {
	oldest, full := r.Oldest(limit)
	r.Put(at, limit)
	return full && at.Sub(oldest) < Window
}
