package ws

import (
	"sync"
	"time"

	"github.com/degenduel/switchgear/server/internal/socket"
)

const (
	// floodFactor is how many times its limit a client may go on sending
	// before it is closed: in minutes as a meter has them.
	floodFactor = 10
)

// account is what all sockets of one identity share. It outlives them by a
// minute, so that nobody gets a new one by coming back.
type account struct {
	mu       sync.Mutex
	accepted socket.Ring // the latest messages, as many as the limit
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
	// Not at a minute sharp either: the two would stand in one closed minute.
	if oldest, full := a.accepted.Oldest(limit); full {
		if wait := oldest.Add(socket.Window).Sub(now); wait >= 0 {
			return wait + time.Millisecond
		}
	}
	a.accepted.Put(now, limit)
	return 0
}

// idle reports whether nothing would be lost with the account.
func (a *account) idle(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sockets == 0 && now.Sub(a.latest) > socket.Window
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

// meter counts roughly: in minutes of which each begins with the first that comes
// when the one before is over. So at an edge between two of them there may be
// twice as many within a minute. It is for what only has to end somewhere.
type meter struct {
	began time.Time
	count int
}

// add reports whether there are now more than limit.
func (m *meter) add(limit int, now time.Time) bool {
	if now.Sub(m.began) >= socket.Window {
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
