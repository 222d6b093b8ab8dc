package link

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// The times of a connection. They leave a node that lost its server unseen, a
// network that swallows everything, known as lost after Idle and AnswerWithin,
// and back within backoffMost of its return.
const (
	// Idle is how long a connection may be silent until it is tried.
	Idle = 2 * time.Second

	// AnswerWithin is how long a server may take to answer.
	AnswerWithin = 2 * time.Second

	backoffLeast = 50 * time.Millisecond
	backoffMost  = time.Second

	// tellWithin is how long Close tells what was published.
	tellWithin = time.Second

	// batchSize is how many hints a session is given to send at once.
	batchSize = 512
)

// ErrClosed ends a session whose bus is closed and has told everything.
var ErrClosed = errors.New("the bus is closed")

// Session is one connection of a bus: it dials, calls Up once hints that others
// publish from then on come in, and until ctx ends or the connection does passes
// on what comes with Deliver, and what is to go through Send. It returns why it
// ended, without a secret, when all of it has ended.
type Session func(ctx context.Context, l *Link) error

// Link is a [fleet.Bus] over a session.
type Link struct {
	session Session
	log     *slog.Logger
	cancel  context.CancelFunc
	done    chan struct{} // closed when the last session has ended

	out    *queue       // what Publish was told
	unsent []fleet.Hint // taken out of it, and not yet told; the sessions' own

	mu            sync.Mutex
	subscriptions map[*subscription]struct{}
	state         fleet.BusState
	connections   int
	closed        bool
}

// Open runs sessions, one after the other, until Close. A nil logger logs
// nothing.
func Open(session Session, log *slog.Logger) *Link {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{
		session: session, log: log, cancel: cancel, done: make(chan struct{}), out: newQueue(),
		subscriptions: make(map[*subscription]struct{}), state: fleet.BusState{Since: time.Now()},
	}
	go l.run(ctx)
	return l
}

func (l *Link) run(ctx context.Context) {
	defer close(l.done)
	for failures := 0; ; failures++ {
		err := l.session(ctx, l)
		if l.down(err) {
			failures = 0
		}
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return
		}
		wait := time.NewTimer(backoff(failures))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// backoff is any time up to one that doubles with the failures: nodes that lose
// their server together do not come back together.
func backoff(failures int) time.Duration {
	most := backoffMost
	if failures < 10 {
		most = min(most, backoffLeast<<failures)
	}
	return rand.N(most) //nolint:gosec // nobody gains by guessing it
}

// Up is for the session to say that hints can come and go.
func (l *Link) Up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.connections++; l.connections > 1 {
		l.state.Reconnects++
	}
	l.state.Connected, l.state.Since = true, time.Now()
	l.missAll()
	l.log.Info("bus connected", slog.Uint64("reconnects", l.state.Reconnects))
}

// down says that a session has ended, and reports whether it had been up for
// long enough to be tried again at once.
func (l *Link) down(err error) (wasGood bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wasUp := l.state.Connected
	wasGood = wasUp && time.Since(l.state.Since) > backoffMost
	if wasUp {
		l.state.Connected, l.state.Since = false, time.Now()
	}
	if l.closed || err == nil {
		return wasGood
	}
	if text := err.Error(); wasUp || text != l.state.LastError {
		l.state.LastError = text
		l.log.Warn("bus not connected", slog.String("error", text))
	}
	return wasGood
}

// Deliver is for the session to pass on what came. It never waits.
func (l *Link) Deliver(payload []byte) {
	hints, err := Decode(payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.state.Refused++
		return
	}
	for _, h := range hints {
		l.give(h)
	}
}

// Give passes on one hint.
func (l *Link) Give(h fleet.Hint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.give(h)
}

func (l *Link) give(h fleet.Hint) {
	l.state.Received++
	for s := range l.subscriptions {
		if s.put(h) {
			l.state.Missed++
		}
	}
}

// Miss is for the session to say that hints may have been missed.
func (l *Link) Miss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missAll()
}

func (l *Link) missAll() {
	for s := range l.subscriptions {
		s.miss()
	}
}

// Send gives send what is to be told, in order, until ctx ends, send fails or the
// bus is closed; the error says which. Nil from send means that the server has
// it; what it failed with is tried again by the next session. Where there is
// nothing to tell, send is called with nothing each Idle, to try the connection.
func (l *Link) Send(ctx context.Context, send func(context.Context, []fleet.Hint) error) error {
	idle := time.NewTicker(Idle)
	defer idle.Stop()
	for {
		if len(l.unsent) == 0 {
			l.unsent = l.out.take(batchSize)
		}
		if len(l.unsent) > 0 {
			if err := send(ctx, l.unsent); err != nil {
				return err
			}
			l.mu.Lock()
			l.state.Published += uint64(len(l.unsent))
			l.mu.Unlock()
			l.unsent = nil
			continue
		}
		if l.isClosed() {
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.out.wake:
		case <-idle.C:
			if err := send(ctx, nil); err != nil {
				return err
			}
		}
	}
}

func (l *Link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
