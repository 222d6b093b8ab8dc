package bustest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// patience bounds what has to happen, and lookEvery is how often it is looked for
// where nobody tells of it.
const (
	patience  = 30 * time.Second
	lookEvery = 2 * time.Millisecond
)

// trial is a test, and the bus that is tried in it.
type trial struct {
	*testing.T
	Fault

	open Join
	far  Join // nodes that the fault does not reach
}

// join is one more node, connected where the bus works, and closed by the test.
func (x *trial) join() fleet.Bus {
	x.Helper()
	b := x.open()
	x.Cleanup(func() { x.within("Close", func() { _ = b.Close() }) })
	return b
}

// joined is one more node that is connected.
func (x *trial) joined() fleet.Bus {
	x.Helper()
	b := x.join()
	x.awaitConnected(b, true)
	return b
}

func (x *trial) publish(b fleet.Bus, hints ...fleet.Hint) {
	x.Helper()
	for _, h := range hints {
		if err := b.Publish(h); err != nil {
			x.Errorf("publish %v: %v", h, err)
		}
	}
}

// await looks until something holds.
func (x *trial) await(what string, holds func() bool) {
	x.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			x.Fatalf("after %v not yet: %s", patience, what)
		}
	}
}

func (x *trial) awaitConnected(b fleet.Bus, connected bool) {
	x.Helper()
	x.await(fmt.Sprintf("connected is %v", connected), func() bool { return b.State().Connected == connected })
}

// within fails where something does not end.
func (x *trial) within(what string, do func()) {
	x.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		x.Errorf("%s has not ended after %v", what, patience)
	}
}

// watcher is a subscription that remembers what it was told.
type watcher struct {
	x    *trial
	stop func()
	news chan struct{} // has a token when something came

	mu   sync.Mutex
	came []fleet.Hint // a gap is the zero Hint
}

var gap fleet.Hint

func (x *trial) watch(b fleet.Bus) *watcher {
	x.Helper()
	w := &watcher{x: x, news: make(chan struct{}, 1)}
	stop, err := b.Subscribe(w.add, func() { w.add(gap) })
	if err != nil {
		x.Fatal(err)
	}
	w.stop = stop
	return w
}

// watching is a subscription on a new node that is connected, and was told so.
func (x *trial) watching() (fleet.Bus, *watcher) {
	x.Helper()
	b := x.joined()
	w := x.watch(b)
	w.until("a gap", func(came []fleet.Hint) bool { return len(came) > 0 })
	return b, w
}

func (w *watcher) add(h fleet.Hint) {
	w.mu.Lock()
	w.came = append(w.came, h)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// all is what came so far.
func (w *watcher) all() []fleet.Hint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came[:len(w.came):len(w.came)]
}

// hints is what came but for the gaps.
func (w *watcher) hints() (hints []fleet.Hint) {
	for _, h := range w.all() {
		if h != gap {
			hints = append(hints, h)
		}
	}
	return hints
}

func (w *watcher) gaps() int { return len(w.all()) - len(w.hints()) }

// until waits until what came is enough, and returns it.
func (w *watcher) until(what string, enough func(came []fleet.Hint) bool) []fleet.Hint {
	w.x.Helper()
	timeout := time.After(patience)
	for {
		if came := w.all(); enough(came) {
			return came
		}
		select {
		case <-w.news:
		case <-timeout:
			w.x.Fatalf("after %v %s has not come; of %d that came the last are %v", patience, what, len(w.all()), last(w.all()))
		}
	}
}

// untilHint waits for one hint, which is among the last that come.
func (w *watcher) untilHint(h fleet.Hint) {
	w.x.Helper()
	w.until(fmt.Sprint(h), func(came []fleet.Hint) bool {
		for i := len(came) - 1; i >= 0; i-- {
			if came[i] == h {
				return true
			}
		}
		return false
	})
}

func last(came []fleet.Hint) []fleet.Hint { return came[max(0, len(came)-5):] }

// hint is the nth that a node tells.
func hint(from string, n int) fleet.Hint {
	return fleet.Hint{Epoch: "e", Seq: uint64(n), From: from, Service: "payments", Kind: "service"} //nolint:gosec // n is above zero
}

// hintsOf are the first n that a node tells.
func hintsOf(from string, n int) []fleet.Hint {
	hints := make([]fleet.Hint, n)
	for i := range hints {
		hints[i] = hint(from, i+1)
	}
	return hints
}
