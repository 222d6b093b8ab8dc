package auth

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	failureWindow = time.Minute

	// maxAddresses is how many addresses are watched. Above it one that has
	// failed before is forgotten: a few more tries for somebody with so many
	// addresses are no gain against 256 bits.
	maxAddresses = 10_000
)

// failures are the failed log-ins of the last minute, by address.
type failures struct {
	limit int // of an address, within the window

	mu    sync.Mutex
	of    map[string]*attempts
	swept time.Time
}

// attempts are when an address failed: a ring, as long as the limit.
type attempts struct {
	at   []time.Time
	next int // the oldest, once the ring is full
}

func (a *attempts) latest() time.Time {
	return a.at[(a.next+len(a.at)-1)%len(a.at)]
}

// add counts a failure, unless there were so many within the window that it is
// to be refused: then it returns how long until the next may be counted.
func (f *failures) add(address string, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := network(address)
	a := f.of[name]
	if a == nil {
		a = &attempts{}
		f.makeRoom(now)
		f.of[name] = a
	}
	if len(a.at) < f.limit {
		a.at = append(a.at, now)
		return 0
	}
	if wait = failureWindow - now.Sub(a.at[a.next]); wait > 0 {
		return wait
	}
	a.at[a.next] = now
	a.next = (a.next + 1) % f.limit
	return 0
}

// makeRoom sees to it that one more address can be watched.
func (f *failures) makeRoom(now time.Time) {
	if f.of == nil {
		f.of = make(map[string]*attempts)
	}
	if len(f.of) < maxAddresses {
		return
	}
	if now.Sub(f.swept) > time.Second { // a walk over all of them, so not at every try
		f.swept = now
		for name, a := range f.of {
			if now.Sub(a.latest()) >= failureWindow {
				delete(f.of, name)
			}
		}
	}
	for name := range f.of {
		if len(f.of) < maxAddresses {
			return
		}
		delete(f.of, name)
	}
}

// network is the address, or of IPv6 its /64: whoever has one address of it
// has them all.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() {
		return address
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// tooManyError refuses a log-in for some time.
type tooManyError struct{ wait time.Duration }

// Error says for how long.
func (e *tooManyError) Error() string {
	return fmt.Sprintf("too many failed log-ins from this address; a valid token is let in, others after %v", e.wait.Round(time.Second))
}

// RetryAfter is how long.
func (e *tooManyError) RetryAfter() time.Duration { return e.wait }
