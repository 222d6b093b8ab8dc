package tui

import (
	"context"
	"sync"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// newsEvery is how often news is handed on at most, which is how often the screen
// is drawn where nobody presses a key.
const newsEvery = 100 * time.Millisecond

// eventsHeld is how many events may wait to be handed on.
const eventsHeld = 1_000

// news is what the stream has told since the news before.
type news struct {
	at       time.Time
	live     bool      // at the end of it
	err      error     // why it is not
	lostAt   time.Time // when the connection was lost, if it was, whether or not it is live again
	whole    bool      // changed are all services there are
	caughtUp bool      // what was missed while the connection was lost has been told
	changed  map[string]*wire.Entry
	removed  map[string]bool
	events   []wire.Event // in their order
	lossy    bool         // there were more events than are here
}

func newNews() *news {
	return &news{changed: make(map[string]*wire.Entry), removed: make(map[string]bool)}
}

// feed gathers what the stream tells, so that a storm costs one message in a
// while, which has each service once. It is safe for concurrent use.
type feed struct {
	now  func() time.Time
	wake chan struct{} // of one: there is news

	mu      sync.Mutex
	pending *news
	quiet   int // words without news since the connection was made: its greeting, then heartbeats
}

func newFeed(now func() time.Time) *feed {
	return &feed{now: now, wake: make(chan struct{}, 1), pending: newNews()}
}

// tell takes in an update.
func (f *feed) tell(u client.Update) {
	f.mu.Lock()
	switch {
	case !u.Live:
		f.quiet = 0
	case !u.Whole && len(u.Changed) == 0 && u.Event == nil:
		f.quiet++
	}
	// A heartbeat says that everything up to it has been told; a greeting does not.
	f.pending.merge(u, f.now(), u.Whole || f.quiet > 1)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (n *news) merge(u client.Update, at time.Time, caughtUp bool) {
	n.at, n.live, n.err = at, u.Live, u.Err
	if !u.Live {
		n.lostAt, n.caughtUp = at, false
		return
	}
	if u.Whole {
		n.whole = true
		clear(n.changed)
		clear(n.removed)
	}
	for i := range u.Changed {
		e := &u.Changed[i]
		n.changed[e.Service] = e
		delete(n.removed, e.Service)
	}
	n.caughtUp = n.caughtUp || caughtUp
	if u.Event == nil {
		return
	}
	if u.Event.Kind == "removed" {
		delete(n.changed, u.Event.Service)
		n.removed[u.Event.Service] = true
	}
	if n.events = append(n.events, *u.Event); len(n.events) > eventsHeld {
		n.events, n.lossy = n.events[len(n.events)-eventsHeld:], true
	}
}

// pump hands news on until ctx ends.
func (f *feed) pump(ctx context.Context, hand func(*news)) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		f.mu.Lock()
		n := f.pending
		f.pending = newNews()
		f.mu.Unlock()
		if !n.at.IsZero() { // else it was handed on with the news before
			hand(n)
		}
		pause.Reset(newsEvery)
	}
}
