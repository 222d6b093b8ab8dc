package ws

import (
	"sync"
	"time"
)

const (
	// limitWindow is what limits are counted in.
	limitWindow = time.Minute

	// floodFactor is how many times its limit a client may go on sending
	// before it is closed.
	floodFactor = 10

	// maxControls is how many pings and pongs a client may send in a minute.
	maxControls = 120
)

// account is what all sockets of one identity share. It outlives them by a
// minute, so that nobody gets a new one by coming back.
type account struct {
	mu       sync.Mutex
	accepted []time.Time // the latest messages: a ring as long as the limit
	next     int         // the oldest of them
	latest   time.Time
	sockets  int
}

// take accepts a message, unless any minute would then hold more than limit;
// it then says how long to wait. A limit below 0 is none.
func (a *account) take(limit int, now time.Time) (wait time.Duration) {
	if limit < 0 {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latest = now
	if len(a.accepted) < limit {
		a.accepted = append(a.accepted, now)
		return 0
	}
	// Not at a minute sharp either: the two would stand in one closed minute.
	if wait := a.accepted[a.next].Add(limitWindow).Sub(now); wait >= 0 {
		return wait + time.Millisecond
	}
	a.accepted[a.next] = now
	a.next = (a.next + 1) % limit
	return 0
}

// idle reports whether nothing would be lost with the account.
func (a *account) idle(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sockets == 0 && now.Sub(a.latest) > limitWindow
}

// open counts a socket, unless there are so many already. A limit below 0 is
// none.
func (a *account) open(maxSockets int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if maxSockets >= 0 && a.sockets >= maxSockets {
		return false
	}
	a.sockets++
	return true
}

// close gives back what open took.
func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sockets--
}

// meter counts what a socket sends in a minute that begins with the first of
// it. It belongs to the client's reader.
type meter struct {
	began time.Time
	count int
}

// add reports whether there are now more than limit.
func (m *meter) add(limit int, now time.Time) bool {
	if now.Sub(m.began) >= limitWindow {
		m.began, m.count = now, 0
	}
	m.count++
	return m.count > limit
}

// refusals chooses the refused messages that are logged: so many a minute, of
// all clients together. The zero value is ready.
type refusals struct {
	mu    sync.Mutex
	meter meter
}

// take reports whether to log one.
func (r *refusals) take(now time.Time) bool {
	const each = 60
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.meter.add(each, now)
}
