package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

const (
	// The waits between two rounds of tries: exponential, with full jitter, up to
	// what the manager says, which knows how many would come, and else to longWait.
	firstWait = 100 * time.Millisecond
	leastWait = time.Second
	longWait  = 30 * time.Second

	// answerTimeout is how long the manager may take to open a connection and
	// to answer the hello, and takeTimeout to take a message: it makes agents that
	// have much to say wait.
	answerTimeout = 10 * time.Second
	takeTimeout   = 30 * time.Second

	// farewell is how long the end may take.
	farewell = 2 * time.Second
)

// link is how the connection is.
type link struct {
	connected bool
	node      string
	since     time.Time // when it was made, or lost
	epoch     string
	err       error // why there is none, or why there was none before this
	refused   bool  // the error is not one that goes away by itself

	comeBack time.Duration // the longest wait between two tries, as the manager said last; 0: it has not
}

// run is connected to one node after the other, until alive ends; whatever ends
// what is under way.
func (a *Agent) run(alive, whatever context.Context) {
	defer a.end()
	w := waits{nodes: len(a.nodes), next: firstWait, longest: longWait}
	for n := 0; alive.Err() == nil; n++ {
		at := a.nodes[n%len(a.nodes)]
		began := time.Now()
		err := a.visit(alive, whatever, at)
		if alive.Err() != nil {
			return
		}
		refused := isRefusal(err)
		w.longest = a.lost(whatever, at, err, refused)
		again := time.NewTimer(w.wait(time.Since(began), refused, err))
		select {
		case <-again.C:
		case <-alive.Done():
			again.Stop()
		}
	}
}

// end lets go of everything.
func (a *Agent) end() {
	a.leaving()
	a.cut()
	a.keeper.wait()
	for _, n := range a.nodes {
		n.client.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	untold := 0
	for _, m := range a.members {
		m.stop()
		untold += len(m.queue)
	}
	a.link.connected = false
	if untold > 0 {
		a.parting = fmt.Errorf("agent: the manager will not hear of %d transitions", untold)
	}
	close(a.ended)
	a.tell()
}

// lost notes why there is no connection, and says so: once, or each time where
// somebody must do something about it. It returns the longest wait between two tries.
func (a *Agent) lost(ctx context.Context, at node, err error, refused bool) time.Duration {
	a.mu.Lock()
	was := a.link
	a.link = link{err: err, refused: refused, since: was.since, comeBack: was.comeBack}
	if was.connected || was.since.IsZero() {
		a.link.since = time.Now()
	}
	for _, m := range a.members {
		m.joined, m.asked, m.again = false, false, time.Time{}
	}
	a.tell()
	a.mu.Unlock()
	attrs := []slog.Attr{slog.String("manager", at.url), slog.Any("error", err)}
	switch {
	case refused:
		a.log.LogAttrs(ctx, slog.LevelError, "the manager refuses this program; its breakers decide alone, and it will be asked again", attrs...)
	case was.connected || was.err == nil:
		a.log.LogAttrs(ctx, slog.LevelWarn, "there is no connection to the manager; the breakers decide alone", attrs...)
	default:
		a.log.LogAttrs(ctx, slog.LevelDebug, "there is still no connection to the manager", attrs...)
	}
	return cmp.Or(was.comeBack, longWait)
}

// waits are the waits between tries.
type waits struct {
	nodes   int
	tries   int           // in this round
	next    time.Duration // what the wait after the round is drawn from
	longest time.Duration // of next
}

// wait is how long to wait after a connection that lasted so long.
func (w *waits) wait(lasted time.Duration, refused bool, err error) time.Duration {
	if refused {
		return longWait + rand.N(longWait/5) //nolint:gosec // chance, not a secret
	}
	if lasted > w.longest {
		w.tries, w.next = 0, firstWait
	}
	if w.tries++; w.tries < w.nodes {
		return rand.N(firstWait) //nolint:gosec // as above
	}
	wait := rand.N(min(w.next, w.longest)) //nolint:gosec // as above
	w.tries, w.next = 0, min(2*w.next, w.longest)
	if busy, ok := errors.AsType[*client.Error](err); ok {
		wait = max(wait, min(busy.RetryAfter, longWait))
	}
	return wait
}

// isRefusal tells an error that trying again does not mend.
func isRefusal(err error) bool {
	if kind, ok := client.KindOf(err); ok {
		return slices.Contains([]client.Kind{client.Unauthorized, client.Forbidden, client.NotFound, client.Invalid}, kind)
	}
	if closed, ok := errors.AsType[*client.CloseError](err); ok {
		return slices.Contains([]int{
			1002, 1003, 1007, 1008, 1009, // what was said cannot be taken
			wire.CodeAuthenticationEnded, wire.CodeNotAllowed, wire.CodeInvalid, wire.CodeTakenOver, wire.CodeConflict,
		}, closed.Code)
	}
	return false
}

// visit is connected to a node until that ends.
func (a *Agent) visit(alive, whatever context.Context, at node) error {
	dialing, cancel := context.WithTimeout(alive, answerTimeout)
	defer cancel()
	socket, err := at.client.AgentSocket(dialing)
	if err != nil {
		return err
	}
	s := &session{
		agent: a, socket: socket, node: at.url, in: make(chan client.Message, 16), results: make(chan wire.AgentResult),
		asked: make(map[uint64][]*member), refusals: make(map[string]bool),
	}
	return s.run(alive, whatever)
}
