package switchgear

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/internal/timespan"
)

const (
	// latestOutcomes is how far back a rate is judged in a recovery.
	latestOutcomes = 100
	// rateNeeds caps how many of them it takes.
	rateNeeds = 10
)

// recovery is one spell in half-open.
type recovery struct {
	generation uint64
	began      int64
	timeout    int64
	attempt    int

	awaitsCheck  atomic.Bool           // nothing is admitted until the health check has passed
	firstSuccess atomic.Int64          // when; 0 before it
	probe        atomic.Pointer[lease] // the one operation before the first success
	second       atomic.Int64          // the last second, from 1, that admitted its operation
	advised      atomic.Int64          // the same of advice before the first success
	drawn        atomic.Uint64         // how many operations the share was asked for
	aged         aged                  // those after it

	// The breaker's mutex guards these.
	failures, successes uint64
	latest              [latestOutcomes]bool // true is a failure
	seen                int
}

// lease is an operation of a recovery.
type lease struct {
	recovery *recovery
	slice    int64 // 0 is the probe
	deadline int64 // of the probe
	turn     second
	settled  atomic.Bool
	unwatch  func() bool // ends the watch of the probe's context
	above    *Permit     // of the parent, which is in a recovery too
}

// settle reports whether this is the first that settles.
func (l *lease) settle() bool { return l.settled.CompareAndSwap(false, true) }

// end is settle by the permit's holder.
func (l *lease) end() bool {
	if l.unwatch != nil {
		l.unwatch()
	}
	return l.settle()
}

// admitRecovery decides for an operation in half-open. It answers !ok where
// the breaker has moved on and is to be asked again.
func (b *Breaker) admitRecovery(ctx context.Context, word uint64) (p Permit, ok bool, err error) {
	now := b.now()
	r := b.recovery.Load()
	if now >= b.due.Load() || r == nil || r.generation != word>>generationShift {
		now = b.lock()
		b.unlock()
		if r = b.recovery.Load(); b.word.Load() != word || r == nil {
			return Permit{}, false, nil
		}
	}
	first := r.firstSuccess.Load()
	switch {
	case r.awaitsCheck.Load():
		return Permit{}, true, b.reject(word)
	case first == 0:
		// A context that is done would give the place up at once, to the next one:
		// operations that nobody waits for would run beside each other.
		if r.probe.Load() != nil || ctx != nil && ctx.Err() != nil {
			return Permit{}, true, b.reject(word)
		}
		p, ok = b.takeProbe(ctx, r)
		return p, ok, nil
	case now < first: // by another clock than the one it began by
		return Permit{}, true, b.reject(word)
	}
	turn, ok := takeSecond(&r.second, now-first)
	if !ok && !r.draw(b.config.Load().shareAt(now-first)) {
		return Permit{}, true, b.reject(word)
	}
	slice, alone := r.enter(b, first)
	if slice == 0 {
		return Permit{}, false, nil
	}
	if alone { // its expiry is to be waited for
		b.lock()
		b.unlock()
	}
	return Permit{b: b, ctx: ctx, word: word, timing: timing{now, weighing(1)}, lease: &lease{recovery: r, slice: slice, turn: turn}}, true, nil
}

// Advise says whether an operation may run that nobody will settle, and if not,
// how long to wait. It holds no place and runs no deadline: in half-open it is
// drawn as an admission is, and true at most once a second before the first
// success. What came of the operation is to be told by RecordSuccess or
// HandleError.
func (b *Breaker) Advise() (admit bool, retryAfter time.Duration) {
	admit, above, retryAfter := b.member.advise()
	if !admit {
		return false, retryAfter
	}
	if admit, _, retryAfter = b.advise(); !admit {
		above.giveBack()
	}
	return admit, retryAfter
}

// advise is Advise of the breaker alone; it tells the turn that was taken for it.
func (b *Breaker) advise() (admit bool, turn second, retryAfter time.Duration) {
	now := b.lock()
	defer b.unlock()
	r := b.recovery.Load()
	switch {
	case !b.rejecting() && (b.mode() != Auto || b.state == Closed):
		return true, turn, 0
	case b.rejecting(), r.awaitsCheck.Load():
	case r.firstSuccess.Load() != 0:
		age := now - r.firstSuccess.Load()
		if turn, admit = takeSecond(&r.second, age); !admit {
			admit = r.draw(b.config.Load().shareAt(age))
		}
	case r.probe.Load() == nil:
		turn, admit = takeSecond(&r.advised, now-r.began)
	}
	if admit {
		return true, turn, 0
	}
	return false, turn, b.rejected.Load().RetryAfter()
}

// takeProbe makes the operation the probe, unless another was faster.
func (b *Breaker) takeProbe(ctx context.Context, r *recovery) (Permit, bool) {
	l := &lease{recovery: r}
	now := b.lock()
	if b.recovery.Load() != r || r.firstSuccess.Load() != 0 || r.probe.Load() != nil {
		b.unlock()
		return Permit{}, false
	}
	l.deadline = now + r.timeout
	r.probe.Store(l)
	word := b.word.Load()
	b.unlock()
	if ctx != nil && ctx.Done() != nil {
		b.watchProbe(ctx, r, l)
	}
	return Permit{b: b, ctx: ctx, word: word, timing: timing{now, weighing(1)}, lease: l}, true
}

// watchProbe lets the end of the context settle the probe, for as long as it
// holds its place. The context may be the user's own type, so it is asked
// without the mutex.
func (b *Breaker) watchProbe(ctx context.Context, r *recovery, l *lease) {
	unwatch := context.AfterFunc(ctx, func() { b.probeContextEnded(ctx, l) })
	b.mu.Lock()
	l.unwatch = unwatch
	gone := r.probe.Load() != l
	b.mu.Unlock()
	if gone {
		unwatch()
	}
}

// endRecovery lets go of the recovery, if there is one, and of its probe.
func (b *Breaker) endRecovery() {
	if r := b.recovery.Swap(nil); r != nil {
		if l := r.probe.Swap(nil); l != nil {
			b.lost = l
		}
	}
}

// probeContextEnded settles a probe whose caller has gone.
func (b *Breaker) probeContextEnded(ctx context.Context, l *lease) {
	if !l.settle() {
		return
	}
	o := outcome{kind: Failure, permitted: true, generation: l.recovery.generation, lease: l}
	defer func() {
		_ = recover() // a classifier that panics has no caller here to tell
		b.recordTold(ctx, &o)
	}()
	o.judge(ctx, b.config.Load(), ctx.Err())
}

// due is when the clock next moves the recovery.
func (r *recovery) due(cfg *Config) int64 {
	_, at := r.oldest()
	if l := r.probe.Load(); l != nil {
		at = min(at, l.deadline)
	}
	if first := r.firstSuccess.Load(); first != 0 {
		at = min(at, first+int64(cfg.MinHealthyPeriod))
	}
	return at
}

// stepRecovery does what is due first, a failure before the closing.
func (b *Breaker) stepRecovery(now int64) bool {
	r := b.recovery.Load()
	if r.due(b.config.Load()) > now {
		return false
	}
	slice, at := r.oldest()
	probe := r.probe.Load()
	closing := int64(math.MaxInt64)
	if first := r.firstSuccess.Load(); first != 0 {
		closing = first + int64(b.config.Load().MinHealthyPeriod)
	}
	switch {
	case probe != nil && probe.deadline <= min(at, closing):
		b.probeTimedOut(now, r, probe)
	case slice != 0 && at <= closing:
		b.sliceTimedOut(now, r, slice)
	default:
		b.closeCircuit(RuleMinHealthyPeriod, Order{})
	}
	return true
}

func (b *Breaker) probeTimedOut(now int64, r *recovery, l *lease) {
	if l.settle() { // otherwise its outcome is waiting for the mutex
		o := outcome{kind: Failure, text: timedOutText(r.timeout)}
		b.countTotal(o, false)
		b.note(now, o)
		b.lost = l
		b.recoveryFailed(now, r, RuleProbeTimeout, true, 0)
	}
	r.probe.Store(nil)
}

// sliceTimedOut gives up the operations of a slice. They are failures of the
// recovery now, and count in the totals when they end.
func (b *Breaker) sliceTimedOut(now int64, r *recovery, slice int64) {
	n := r.aged.expire(slice)
	b.lastError = timedOutText(r.timeout)
	b.lastFailure = stampOf(time.Now())
	for range n {
		if b.recovery.Load() == r {
			b.recoveryFailed(now, r, RuleProbeTimeout, true, 0)
		}
	}
}

func timedOutText(timeout int64) string {
	return fmt.Sprintf("no outcome within probeTimeoutMs (%s)", timespan.Text(time.Duration(timeout)))
}

// recovered lets the outcome of an operation move the recovery.
func (b *Breaker) recovered(now int64, o outcome) {
	r := b.recovery.Load()
	if o.kind == Failure || b.isSlow(o) {
		b.recoveryFailed(now, r, RuleRecoveryFailure, true, o.asked)
		return
	}
	r.remember(false)
	b.recoverySucceeded(now, r)
}

func (r *recovery) remember(failure bool) {
	r.latest[r.seen%latestOutcomes] = failure
	r.seen++
}

func (b *Breaker) recoverySucceeded(now int64, r *recovery) {
	r.successes++
	if r.firstSuccess.CompareAndSwap(0, now) {
		b.setRejected() // its seconds begin here
	}
	b.advance(now) // without a healthy period this closes
}

// recoveryFailed counts a failure of the recovery, of an operation or of the
// health check, and opens the circuit again if law 11 says so.
func (b *Breaker) recoveryFailed(now int64, r *recovery, rule string, operation bool, asked time.Duration) {
	cfg := b.config.Load()
	r.failures++
	if operation {
		r.remember(true)
	}
	if r.failures < uint64(cfg.HalfOpenFailureThreshold) { //nolint:gosec // validated to be positive
		return
	}
	if operation && r.firstSuccess.Load() != 0 && cfg.FailureRateThreshold > 0 && !r.failing(cfg) {
		return
	}
	ev := b.evidence(rule, tally{failures: r.failures, successes: r.successes})
	b.failedRecoveries++
	b.openCircuit(now, ev, asked, Order{})
}

// failing reports whether the latest outcomes reach the failure rate.
func (r *recovery) failing(cfg *Config) bool {
	n := min(r.seen, latestOutcomes)
	failures := uint64(0)
	for _, failed := range r.latest[:n] {
		if failed {
			failures++
		}
	}
	t := tally{failures: failures, successes: uint64(n) - failures} //nolint:gosec // at most a hundred
	return n >= min(cfg.MinimumOperations, rateNeeds) && t.atLeast(failures, cfg.FailureRateThreshold)
}

// check is a health check that has begun.
type check struct {
	generation uint64
	operation  bool // its outcome is an operation's too
}

// beginCheck is to be asked before a health check runs. probing says that the
// check is also an operation, unless the circuit is open.
func (b *Breaker) beginCheck(probing bool) check {
	b.lock()
	defer b.unlock()
	return check{b.generation, probing && !b.rejecting()}
}

// endCheck lets the outcome of a health check move the breaker.
// Classify is asked about operations: a check that failed has failed.
func (b *Breaker) endCheck(c check, err *checkError, took time.Duration) {
	o := outcome{kind: Success, took: took, measured: true, weight: 1, permitted: true, generation: c.generation}
	if err != nil {
		o.kind, o.text, o.asked = Failure, err.text, err.wait
	}
	now := b.lock()
	defer b.unlock()
	current := c.generation == b.generation
	recovering := current && b.mode() == Auto && b.state == HalfOpen
	if c.operation && !b.rejecting() {
		b.countTotal(o, current && !recovering)
		if current {
			b.note(now, o)
		}
		if current && !recovering {
			b.countInWindow(now, o)
			if b.mode() == Auto && (o.kind == Failure || b.isSlow(o)) {
				b.judgeWindow(now, o)
			}
		}
	}
	if !recovering {
		return
	}
	r := b.recovery.Load()
	switch {
	case o.kind == Failure:
		if !c.operation {
			b.lastError = o.text
		}
		b.recoveryFailed(now, r, RuleHealthCheck, false, o.asked)
	case c.operation && b.isSlow(o):
		b.recoveryFailed(now, r, RuleHealthCheck, true, 0)
	default:
		if c.operation {
			r.remember(false)
		}
		r.awaitsCheck.Store(false)
		b.recoverySucceeded(now, r)
	}
}
