package faulty

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// ErrInjected is in the chain of every error that a fault made.
var ErrInjected = errors.New("an injected fault")

// Op is a method of the store.
type Op string

// The methods.
const (
	Load           Op = "load"
	Commit         Op = "commit"
	Events         Op = "events"
	ConfigVersions Op = "config versions"
	ConfigVersion  Op = "config version"
	Tokens         Op = "tokens"
	Audit          Op = "audit"
	Request        Op = "request"
	Ping           Op = "ping"
	PutSeries      Op = "put series"
	Series         Op = "series"
	SeriesAt       Op = "series at"
	TrimSeries     Op = "trim series"
	StateAt        Op = "state at"

	Alerts           Op = "alerts"
	Alert            Op = "alert"
	Silences         Op = "silences"
	Deliveries       Op = "deliveries"
	SettleDeliveries Op = "settle deliveries"
	TrimAlerts       Op = "trim alerts"
)

// Fault is what happens to a call.
type Fault uint8

// The faults. Of two that meet the higher one happens.
const (
	None   Fault = iota // it is done and answered
	Lose                // it is done, and the answer is an error
	Refuse              // it is not done, and the answer is an error
)

// Call is a call that is about to be made.
type Call struct {
	Op    Op
	N     int          // of this method, from 1
	Batch *fleet.Batch // of a Commit, else nil; not to be changed
}

// Options say what fails. The zero Options let nothing fail.
type Options struct {
	// Seed decides which calls fail.
	Seed uint64

	// Refuse and Lose are the shares of calls that get that fault, from 0 to 1
	// each; their sum is 1 at most.
	Refuse, Lose float64

	// Ops are the methods that Refuse, Lose and MaxDelay are of. None: all.
	Ops []Op

	// MaxDelay is how late a call is begun at most; how late each is follows
	// from the seed. Default 0.
	MaxDelay time.Duration

	// Hook, if there is one, is asked before each call, and may let it fail
	// where the rest would not. It may be called at the same time from many
	// goroutines.
	Hook func(Call) Fault
}

// Nth is a Hook that gives the nth call of a method (from 1) a fault, and no
// other.
func Nth(op Op, n int, fault Fault) func(Call) Fault {
	return func(c Call) Fault {
		if c.Op == op && c.N == n {
			return fault
		}
		return None
	}
}

// Count is what became of the calls of a method.
type Count struct {
	Calls   int // all of them
	Refused int // of these, not done
	Lost    int // of these, done and not answered
}

// Store is a store with faults. Its methods are safe for concurrent use if those
// of the store that it wraps are.
type Store struct {
	inner fleet.Store
	opts  Options

	mu     sync.Mutex
	counts map[Op]*Count
	outage int
	healed bool
}

var _ fleet.Store = (*Store)(nil)

// New wraps a store, which stays the caller's to close.
func New(inner fleet.Store, opts Options) *Store {
	return &Store{inner: inner, opts: opts, counts: make(map[Op]*Count)}
}

// Outage refuses the next calls, so many of them and of whichever method. It
// begins anew what is left of an earlier one; 0 ends that.
func (s *Store) Outage(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = calls
}

// Heal ends all faults and delays for good: what follows shows whether those who
// use the store come back.
func (s *Store) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healed = true
}

// Count is what became of the calls of a method so far.
func (s *Store) Count(op Op) Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counts[op]; c != nil {
		return *c
	}
	return Count{}
}

// draw decides over a call.
func (s *Store) draw(op Op, b *fleet.Batch) (fault Fault, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[op]
	if c == nil {
		c = new(Count)
		s.counts[op] = c
	}
	c.Calls++
	if s.healed {
		return None, 0
	}
	if s.outage > 0 {
		s.outage--
		fault = Refuse
	}
	if len(s.opts.Ops) == 0 || slices.Contains(s.opts.Ops, op) {
		name := fnv.New64a()
		_, _ = name.Write([]byte(op))
		dice := rand.New(rand.NewPCG(s.opts.Seed, name.Sum64()+uint64(c.Calls))) //nolint:gosec // it is to be foreseen
		switch share := dice.Float64(); {
		case share < s.opts.Refuse:
			fault = Refuse
		case share < s.opts.Refuse+s.opts.Lose:
			fault = max(fault, Lose)
		}
		if s.opts.MaxDelay > 0 {
			delay = time.Duration(dice.Int64N(int64(s.opts.MaxDelay) + 1))
		}
	}
	if s.opts.Hook != nil {
		call := Call{Op: op, N: c.Calls, Batch: b}
		s.mu.Unlock() // the hook may ask for a Count
		asked := s.opts.Hook(call)
		s.mu.Lock()
		fault = max(fault, asked)
	}
	switch fault {
	case Refuse:
		c.Refused++
	case Lose:
		c.Lost++
	case None:
	}
	return fault, delay
}

// do makes a call, or does to it what has been decided.
func (s *Store) do(ctx context.Context, op Op, b *fleet.Batch, call func() error) error {
	fault, delay := s.draw(op, b)
	if err := sleep(ctx, delay); err != nil {
		return &fleet.Error{Kind: fleet.Unavailable, Op: string(op), Err: err}
	}
	if fault == Refuse {
		return &fleet.Error{Kind: fleet.Unavailable, Op: string(op), Err: ErrInjected}
	}
	err := call()
	if err == nil && fault == Lose {
		err = &fleet.Error{Kind: fleet.Unavailable, Op: string(op), Err: errors.Join(errors.New("the answer is lost"), ErrInjected)}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
