package switchgear

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// maxErrorText is how much of an error's text is kept.
const maxErrorText = 512

// outcome is how an operation ended, with all that user code has to say of it:
// what follows happens under the mutex.
type outcome struct {
	kind       Outcome
	took       time.Duration
	text       string        // of a failure's error
	asked      time.Duration // the wait that a failure's error asks for
	generation uint64
	lease      *lease
	timing     timing

	weight    uint32 // how many operations took stands for in the statistics
	measured  bool   // took is known
	permitted bool   // it was let in, or begun, in that generation
}

// judge says what err means. It calls the user's code.
func (o *outcome) judge(ctx context.Context, cfg *Config, err error) {
	o.kind = classify(ctx, cfg, err)
	if o.kind == Failure && err != nil {
		o.text = errorText(err)
		o.asked = retryAfter(err)
	}
}

// errorText is what err says. A nil pointer in an error's clothes may panic when
// it is asked; the caller is to have it back all the same.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "an error that panics when it is asked what it says"
		}
	}()
	return cut(err.Error(), maxErrorText)
}

// retryAfter is the wait that err asks for; zero where it asks for none.
func retryAfter(err error) (wait time.Duration) {
	defer func() { _ = recover() }()
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		wait = asks.RetryAfter()
	}
	return wait
}

func classify(ctx context.Context, cfg *Config, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case isIgnored(err):
		return Ignored
	case ctx != nil && ctx.Err() != nil && isCanceled(err):
		return Ignored
	case cfg.Classify != nil:
		return min(cfg.Classify(err), Ignored)
	}
	return Failure
}

// isCanceled is as careful as isIgnored.
func isCanceled(err error) bool {
	defer func() { _ = recover() }()
	return errors.Is(err, context.Canceled)
}

// RecordSuccess counts a success of work that ran elsewhere, with its
// duration. It belongs to the state in which it is recorded: closed, to the
// window; half-open, to the recovery; open, to the totals only.
func (b *Breaker) RecordSuccess(d time.Duration) {
	b.recordApart(outcome{kind: Success, took: max(d, 0), measured: true, weight: 1})
}

// HandleError counts the outcome of work that ran elsewhere by its error, as
// an operation's; nil is a success. It belongs to the state in which it is
// recorded.
func (b *Breaker) HandleError(err error, d time.Duration) {
	o := outcome{kind: Failure, took: max(d, 0), measured: true, weight: 1}
	defer func() { b.recordApart(o) }()
	o.judge(context.Background(), b.config.Load(), err)
}

// RecordIgnored counts an operation that ran elsewhere and is to move nothing.
func (b *Breaker) RecordIgnored() { b.recordApart(outcome{kind: Ignored}) }

// recordApart is record for what had no permit.
func (b *Breaker) recordApart(o outcome) {
	asks := b.word.Load()&asksParent != 0 // before the outcome moves the breaker
	b.record(o)
	b.member.recordAbove(o, asks)
}

// record counts the outcome and lets it move the state. It tells what that opened.
func (b *Breaker) record(o outcome) (opened opening) {
	now := b.lock()
	generation := b.generation
	b.count(now, o)
	var own *OpenError
	if b.generation != generation && b.state == Open {
		own = b.rejected.Load()
	}
	opened = b.unlock()
	opened.own = own
	return opened
}

// count is record under the mutex.
func (b *Breaker) count(now int64, o outcome) {
	stale := o.permitted && o.generation != b.generation
	if o.lease != nil && !o.lease.recovery.leave(o.lease) {
		stale = true // it has been a failure of the recovery already
	}
	if w := b.watchOf(o.generation, o.timing); w != nil && !w.leave(o.timing) {
		w.forget(&b.stats().window, o.timing)
	}
	inWindow := !stale && (b.state == Closed || b.mode() != Auto)
	b.countTotal(o, inWindow)
	if stale || o.kind == Ignored {
		return
	}
	b.note(now, o)
	switch {
	case inWindow:
		b.countInWindow(now, o)
		if b.mode() == Auto && (o.kind == Failure || b.isSlow(o)) {
			b.judgeWindow(now, o)
		}
	case b.state == HalfOpen:
		b.recovered(now, o)
	}
}

// countTotal adds the outcome to the totals. The counter of the successes that
// are in the window is countInWindow's.
func (b *Breaker) countTotal(o outcome, inWindow bool) {
	switch {
	case o.kind == Ignored:
		b.ignored++
	case o.kind == Failure:
		b.failed++
	case !inWindow:
		b.succeededApart++
	}
}

// note keeps what is shown of the latest operations.
func (b *Breaker) note(now int64, o outcome) {
	t := &b.stats().timings
	if o.kind == Failure {
		b.lastError = o.text
		b.lastFailure = stampOf(time.Now())
	} else {
		t.lastSuccess.Store(now)
	}
	t.roll(now, b.config.Load().MonitoringWindow)
	if o.weight > 0 && t.add(o.took, o.weight) {
		t.turnOver()
	}
}

func (b *Breaker) countInWindow(now int64, o outcome) {
	b.wake(now)
	if o.kind == Failure {
		b.streak++
		b.stats().window.fail(now)
	} else {
		b.streak = 0
		b.stats().succeeded++
	}
	if b.isSlow(o) {
		b.stats().window.slow()
	}
	b.setWord()
}

func (b *Breaker) isSlow(o outcome) bool {
	return o.measured && int64(o.took) >= b.slowFrom.Load()
}

// judgeWindow opens the circuit if the rule of the config is met.
func (b *Breaker) judgeWindow(now int64, o outcome) {
	cfg := b.config.Load()
	t := b.windowCounts(b.successes())
	least := uint64(cfg.MinimumOperations) //nolint:gosec // validated to be positive
	var rule string
	switch {
	case o.kind == Failure && t.failures >= uint64(cfg.FailureThreshold) && cfg.FailureRateThreshold == 0: //nolint:gosec // as above
		rule = RuleFailureThreshold
	case o.kind == Failure && t.failures >= uint64(cfg.FailureThreshold) && t.total() >= least && t.atLeast(t.failures, cfg.FailureRateThreshold): //nolint:gosec // as above
		rule = RuleFailureRate
	case o.kind == Failure && cfg.ConsecutiveFailureThreshold > 0 && b.streak >= cfg.ConsecutiveFailureThreshold:
		rule = RuleConsecutiveFailures
	case b.isSlow(o) && t.total()+t.hanging >= least && t.slowAtLeast(cfg.SlowCallRateThreshold):
		rule = RuleSlowCalls
	default:
		return
	}
	b.openCircuit(now, b.evidence(rule, t), o.asked, Order{})
}

// exiting reports whether the function that was deferred is run by runtime.Goexit.
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
