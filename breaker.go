package switchgear

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The word of a breaker: what an operation must know, in one load. The low
// bits are the state, the mode and what follows from both; the rest is the
// generation.
const (
	stateBits = 0x03
	modeBits  = 0x0C
	modeShift = 2

	rejects     = 1 << 4 // every operation is turned away
	admitsPlain = 1 << 5 // every operation is let in and holds nothing
	countsPlain = 1 << 6 // a fast success needs no more than a count
	endsSoon    = 1 << 7 // what rejects is about to end: look at the clock

	generationShift = 8
)

// never is the time of what has not happened.
const never = math.MinInt64

// Breaker is a circuit breaker: the state machine of one service in one
// process. All methods are safe for concurrent use. Its admissions take no
// lock while it is closed or open, and its successes none while it is closed;
// a failure takes a mutex under which no code of the user's runs.
type Breaker struct {
	name string

	// base is the origin of the breaker's clock: two days before it was made,
	// so that what a restored window holds has a positive time.
	base time.Time

	word     atomic.Uint64
	config   atomic.Pointer[Config] // resolved
	slowFrom atomic.Int64           // SlowCallDuration, or the largest number where the rule is off
	rejected atomic.Pointer[OpenError]
	counters atomic.Pointer[counters]
	recovery atomic.Pointer[recovery] // of a breaker that is half-open in mode auto
	due      atomic.Int64             // when the clock next moves something

	// awaitsCheck and wantsCheck are a Service's, set before anyone else knows
	// the breaker: recoveries begin with its health check.
	awaitsCheck bool
	wantsCheck  func()

	mu sync.Mutex

	generation uint64
	state      State
	busy       bool // the window's timer is armed
	soon       bool // what rejects ends within the lead
	callCheck  bool // unlock is to call wantsCheck
	unset      fieldSet
	override   *Override
	overrideAt int64 // when the override ends
	seen       uint64
	timer      *time.Timer
	armed      int64
	lost       *lease // a probe whose context unlock is to let go of

	failed, ignored   uint64 // totals
	succeededApart    uint64 // successes that are in no window
	rejectedBefore    uint64 // rejections of before a restore
	streak            int    // failures in a row
	lastError         string
	lastFailure       stamp
	lastReset         stamp
	lastAttempt       stamp
	opened            int64 // when, on the breaker's clock
	openedAt          stamp
	until             int64
	openTime          time.Duration
	drawn             float64       // the drawn part of the jitter
	asked             time.Duration // what the error that opened it asked for
	trip              *Evidence
	attempts          int
	failedRecoveries  int
	transitions       uint64
	edges             [3][3]uint32
	transitionWatch   observers[Transition]
	overrideEndsWatch observers[OverrideEnd]
}

// New makes a closed breaker. The name must be one of a service,
// [a-z0-9][a-z0-9_.:-]{0,127}; the error for a bad config is a *ConfigError.
func New(name string, cfg Config) (*Breaker, error) {
	if !ValidName(name) {
		return nil, fmt.Errorf("switchgear: %q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", name)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Breaker{name: name, base: time.Now().Add(-2 * maxDuration), overrideAt: never}
	b.armed = math.MaxInt64
	b.due.Store(math.MaxInt64)
	b.setConfig(cfg)
	b.setWord()
	return b, nil
}

// ValidName reports whether a service can have this name.
func ValidName(name string) bool {
	if len(name) == 0 || len(name) > 128 {
		return false
	}
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && strings.IndexByte("_.:-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Name is the service's.
func (b *Breaker) Name() string { return b.name }

// now is the breaker's clock, in nanoseconds; it reads the monotonic clock
// only.
func (b *Breaker) now() int64 { return int64(time.Since(b.base)) }

// stats are the breaker's counters, made by the first that asks.
func (b *Breaker) stats() *counters {
	if c := b.counters.Load(); c != nil {
		return c
	}
	b.counters.CompareAndSwap(nil, newCounters(b.config.Load().MonitoringWindow))
	return b.counters.Load()
}

// Permit is an operation that was let in. Its Done must be called once, by one
// goroutine; it is a value, but not for copying.
type Permit struct {
	b     *Breaker
	ctx   context.Context //nolint:containedctx // an outcome is judged by the caller's own context
	word  uint64
	start int64
	lease *lease // of a recovery
}

// Allow asks whether an operation may run. The error is an *OpenError, which
// wraps ErrOpen; otherwise the permit's Done must be called with what came of
// the operation. ctx is the operation's: where the permit is the probe of a
// recovery, its end settles the permit.
func (b *Breaker) Allow(ctx context.Context) (Permit, error) {
	word := b.word.Load()
	if word&admitsPlain != 0 {
		return Permit{b: b, ctx: ctx, word: word, start: b.now()}, nil
	}
	return b.admit(ctx)
}

func (b *Breaker) reject(word uint64) error {
	s := b.stats().stripe()
	switch {
	case Mode(word&modeBits>>modeShift) == ForcedOpen:
		s.rejectedForced.Add(1)
	case State(word&stateBits) == HalfOpen:
		s.rejectedHalfOpen.Add(1)
	default:
		s.rejectedOpen.Add(1)
	}
	return b.rejected.Load()
}

// admit is Allow where one load of the word does not settle it.
func (b *Breaker) admit(ctx context.Context) (Permit, error) {
	for {
		word := b.word.Load()
		switch {
		case word&rejects != 0:
			if word&endsSoon == 0 || b.now() < b.due.Load() {
				return Permit{}, b.reject(word)
			}
			b.lock() // its time is over, and the timer is late
			b.unlock()
		case word&admitsPlain != 0:
			return Permit{b: b, ctx: ctx, word: word, start: b.now()}, nil
		case word&modeBits == 0 && State(word&stateBits) == HalfOpen:
			if p, ok, err := b.admitRecovery(ctx, word); ok {
				return p, err
			}
		default: // idle
			now := b.lock()
			b.wake(now)
			b.unlock()
		}
	}
}

// Done settles the permit with the operation's error; nil is success. A second
// call does nothing. What the error means is said at Config.Classify.
func (p *Permit) Done(err error) {
	b := p.b
	if b == nil {
		return
	}
	if err == nil {
		now := b.now()
		took := now - p.start
		word := b.word.Load()
		if word&countsPlain != 0 && (word^p.word)>>generationShift == 0 && took < b.slowFrom.Load() {
			c := b.stats()
			c.stripe().successes.Add(1)
			c.timings.add(time.Duration(took))
			c.timings.lastSuccess.Store(now)
			p.b = nil
			return
		}
	}
	b.settle(p, err)
}

// settle is Done where counting is not enough.
func (b *Breaker) settle(p *Permit, err error) {
	o, first := p.outcome()
	if !first {
		return
	}
	// Deferred, so that the place is free even if the user's classifier panics.
	defer func() { b.record(o) }()
	o.judge(p.ctx, b.config.Load(), err)
}

// outcome is a failure until it is judged otherwise. It reports whether the
// permit has not been settled before.
func (p *Permit) outcome() (o outcome, first bool) {
	b, l := p.b, p.lease
	p.b = nil
	if l != nil && !l.end() {
		return o, false
	}
	return outcome{
		kind: Failure, took: time.Duration(b.now() - p.start), measured: true,
		permitted: true, generation: p.word >> generationShift, lease: l,
	}, true
}

// abandon settles the permit of an operation that did not return: a panic is a
// failure, a runtime.Goexit is ignored. No classifier is asked. It is called by
// a deferred function, and looks who runs that, for recover would cost the
// panic its stack.
func (p *Permit) abandon() {
	b := p.b
	o, first := p.outcome()
	if !first {
		return
	}
	if exiting() {
		o.kind = Ignored
	} else {
		o.text = "the operation panicked"
	}
	b.record(o)
}

func exiting() bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		switch frame.Function {
		case "runtime.Goexit":
			return true
		case "runtime.gopanic":
			return false
		}
		if !more {
			return false
		}
	}
}

// Do runs fn, with ctx, if b admits it, and records what comes of it exactly
// once: a return, an error, a panic, which goes on with its own stack, or a
// runtime.Goexit. The value and the error are fn's. A rejection is a zero value
// and an *OpenError, which wraps ErrOpen; fn is then not called.
func Do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	p, err := b.Allow(ctx)
	if err != nil {
		var none T
		return none, err
	}
	returned := false
	defer func() {
		if !returned {
			p.abandon()
		}
	}()
	v, err := fn(ctx)
	returned = true
	p.Done(err)
	return v, err
}

// State is where the breaker stands now.
func (b *Breaker) State() State {
	if b.now() >= b.due.Load() {
		b.lock()
		b.unlock()
	}
	return State(b.word.Load() & stateBits)
}

// Mode is what stands above the state now.
func (b *Breaker) Mode() Mode {
	if b.now() >= b.due.Load() {
		b.lock()
		b.unlock()
	}
	return Mode(b.word.Load() & modeBits >> modeShift)
}

// Config is the config in force, as it was given. Resolved shows what its
// zeros stand for.
func (b *Breaker) Config() Config {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.config.Load().given(b.unset)
}

// Observe calls notify with every transition from now on, one at a time and in
// order, outside every lock: notify may call any method of the breaker. An
// observer that is slow delays no operation; when it is 1 024 transitions
// behind, the oldest are dropped, and their numbers show the hole. A panic in
// notify is swallowed. stop ends it; a call under way is not waited for.
func (b *Breaker) Observe(notify func(Transition)) (stop func()) {
	return observe(b, &b.transitionWatch, notify)
}

// ObserveOverrideEnds is Observe for overrides that end, by time or by hand.
func (b *Breaker) ObserveOverrideEnds(notify func(OverrideEnd)) (stop func()) {
	return observe(b, &b.overrideEndsWatch, notify)
}

func observe[T any](b *Breaker, list *observers[T], notify func(T)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := list.add(notify)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		list.remove(o)
	}
}
