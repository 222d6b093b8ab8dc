package switchgear

import (
	"math"
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
	endsSoon    = 1 << 5 // what rejects is about to end: look at the clock
	admitsPlain = 1 << 6 // every operation is let in and holds nothing
	watches     = 1 << 7 // besides, every operation is timed and watched
	countsFast  = 1 << 8 // a success that is not slow needs no more than a count
	countsPlain = 1 << 9 // besides, it need not be timed

	ofKey       = 1 << 10 // it is a Keyed's breaker
	asksParent  = 1 << 11 // what it lets in must be let in by the parent too
	admitsBelow = 1 << 12 // what admitsPlain is to others, if the parent admits

	hooked     = 1 << 13 // there are Hooks
	countsBare = 1 << 14 // what countsPlain is, and there are none

	generationShift = 15
)

// never is the time of what has not happened.
const never = math.MinInt64

// Breaker is a circuit breaker: the state machine of one service in one
// process. All methods are safe for concurrent use. Its admissions wait for no
// lock while it is open, nor while it is closed but for the first after an idle
// time and, under a slow-call rule, the first of each eighth of SlowCallDuration.
// Its successes wait for none while it is closed, but for slow ones and those
// that end a row of failures. All else takes a mutex under which no code of the
// user's runs.
type Breaker struct {
	name string

	// base is the origin of the breaker's clock: two days before it was made,
	// so that what a restored window holds has a positive time.
	base time.Time

	word     atomic.Uint64
	striping atomic.Pointer[striping]
	rejected atomic.Pointer[OpenError]
	counters atomic.Pointer[counters]
	config   atomic.Pointer[Config]   // resolved
	recovery atomic.Pointer[recovery] // of a breaker that is half-open in mode auto
	watcher  atomic.Pointer[watcher]  // of a breaker that has a slow-call rule
	slowFrom atomic.Int64             // SlowCallDuration, or the largest number where the rule is off
	due      atomic.Int64             // when the clock next moves something
	sampled  atomic.Bool              // some stripe may measure less than every operation

	// awaitsCheck and wantsCheck are a Service's, set before anyone else knows
	// the breaker: recoveries begin with its health check.
	awaitsCheck bool
	wantsCheck  func()

	member    *member                   // of a Keyed's breakers
	exemplars atomic.Pointer[exemplars] // none without Hooks, and of a Keyed's breakers

	mu sync.Mutex

	generation uint64
	state      State
	busy       bool // the window's timer is armed
	soon       bool // what rejects ends within the lead
	callCheck  bool // unlock is to call wantsCheck
	unset      fieldSet
	override   *Override
	heldUntil  int64 // until when the override lasts, or, without one, an open circuit is held
	seen       uint64
	timer      *time.Timer
	armed      int64
	lost       *lease // a probe whose context unlock is to let go of
	sampleEnd  int64  // when sampling is looked at again
	watchers   uint16 // how many there have been

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
	trip              *trip
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
		return nil, badName(name)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := new(Breaker)
	b.begin(name, cfg.rules())
	return b, nil
}

// begin makes a breaker of a zero one.
func (b *Breaker) begin(name string, cfg rules) {
	b.name, b.base, b.heldUntil = name, time.Now().Add(-2*maxDuration), never
	b.armed = math.MaxInt64
	b.due.Store(math.MaxInt64)
	b.setConfig(cfg)
	b.setWord()
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

// Key is what a Keyed knows the breaker by; empty of any other breaker.
func (b *Breaker) Key() string { return b.member.name() }

// now is the breaker's clock, in nanoseconds; it reads the monotonic clock
// only.
func (b *Breaker) now() int64 { return int64(time.Since(b.base)) }

// stats are the breaker's counters, made by the first that asks. The stripes
// come with them.
func (b *Breaker) stats() *counters {
	if c := b.counters.Load(); c != nil {
		return c
	}
	b.counters.CompareAndSwap(nil, newCounters(b.config.Load().MonitoringWindow))
	c := b.counters.Load()
	b.striping.CompareAndSwap(nil, &c.alone)
	return c
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
