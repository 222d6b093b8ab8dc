package switchgear

import (
	"math"
	"math/rand/v2"
	"time"
)

// lock takes the mutex and brings the breaker up to now. Every method that
// moves the breaker begins with it and ends with unlock.
func (b *Breaker) lock() (now int64) {
	b.mu.Lock()
	now = b.now()
	b.advance(now)
	return now
}

// unlock arms the timer for what is due next, lets go, and calls what must be
// called without the mutex. It returns the parent that this opened, if it did.
func (b *Breaker) unlock() (above opening) {
	b.arm()
	call := b.callCheck
	b.callCheck = false
	var unwatch func() bool
	if b.lost != nil {
		unwatch = b.lost.unwatch
		b.lost = nil
	}
	opened, why := b.member.account()
	b.mu.Unlock()
	if opened {
		above.parent = b.member.keyed.judge(why)
	}
	if unwatch != nil {
		unwatch()
	}
	if call {
		b.wantsCheck()
	}
	return above
}

// tick is the timer's.
func (b *Breaker) tick() {
	b.mu.Lock()
	b.armed = math.MaxInt64
	b.advance(b.now())
	b.unlock()
}

// arm sets the one timer of the breaker to what the clock moves next; a closed
// breaker that is idle has nothing to wait for.
func (b *Breaker) arm() {
	due := b.nextDue()
	b.due.Store(due)
	// An operation that was first of its slice meanwhile has looked at due
	// before it was stored, or is seen here.
	for next := b.nextDue(); next < due; next = b.nextDue() {
		due = next
		b.due.Store(due)
	}
	if b.member.gone() {
		due = math.MaxInt64
	}
	switch {
	case due == b.armed:
		return
	case due == math.MaxInt64:
		b.timer.Stop()
	case b.timer == nil:
		b.timer = time.AfterFunc(time.Duration(due-b.now()), b.tick)
	default:
		b.timer.Reset(time.Duration(due - b.now()))
	}
	b.armed = due
}

// lead is how long before its end what rejects begins to look at the clock at
// every rejection. Without it an operation at the very end would hang on which
// is faster, it or the timer; with it all the time, a rejection would cost
// several times as much.
const lead = int64(time.Millisecond)

// rejectsUntil is when what rejects ends.
func (b *Breaker) rejectsUntil() int64 {
	if b.override != nil {
		return b.heldUntil
	}
	return b.nextAttempt()
}

// nextAttempt is when an open circuit begins its recovery, in mode auto.
func (b *Breaker) nextAttempt() int64 { return max(b.until, b.heldUntil) }

func (b *Breaker) nextDue() int64 {
	due := int64(math.MaxInt64)
	if b.override != nil {
		due = b.heldUntil
	}
	if b.busy {
		due = min(due, b.stats().window.next())
	}
	if b.sampled.Load() {
		due = min(due, b.sampleEnd)
	}
	if w := b.watching(); w != nil {
		due = min(due, w.due())
	}
	if b.rejecting() && !b.soon {
		due = min(due, b.rejectsUntil()-lead)
	}
	if b.mode() == Auto {
		switch b.state {
		case Open:
			due = min(due, b.nextAttempt())
		case HalfOpen:
			due = min(due, b.recovery.Load().due(b.config.Load()))
		case Closed:
		}
	}
	return due
}

// advance does all that the clock has made due, in its order.
func (b *Breaker) advance(now int64) {
	for {
		switch {
		case b.override != nil && now >= b.heldUntil:
			b.endOverride(Order{Actor: b.override.Actor, Reason: b.override.Reason}, true)
		case b.busy && now >= b.stats().window.next():
			b.roll(now)
			if n := b.activity(); n != b.seen {
				b.seen = n
			} else {
				b.busy = false
				b.setWord()
			}
		case b.sampled.Load() && now >= b.sampleEnd:
			b.endSampling()
		case b.stepWatch(now):
		case b.rejecting() && !b.soon && now >= b.rejectsUntil()-lead:
			b.soon = true
			b.setWord()
		case b.mode() != Auto:
			return
		case b.state == Open && now >= b.nextAttempt():
			b.beginRecovery(RuleResetTimeout, Order{}, false)
		case b.state == HalfOpen && b.stepRecovery(now):
		default:
			return
		}
	}
}

// roll moves what is counted by time on to now. The successes go on meanwhile: it
// says up to which of them that is.
func (b *Breaker) roll(now int64) (successes uint64) {
	c := b.stats()
	successes = b.successes()
	c.window.roll(now, successes)
	c.timings.roll(now, b.config.Load().MonitoringWindow)
	return successes
}

// activity changes with every operation.
func (b *Breaker) activity() uint64 { return b.successes() + b.failed + b.ignored }

// wake arms the window's timer, which an idle breaker has let go of.
func (b *Breaker) wake(now int64) {
	b.roll(now)
	if !b.busy {
		b.busy = true
		b.seen = math.MaxUint64
		b.setWord()
	}
}

// mode is what stands above the state.
func (b *Breaker) mode() Mode {
	switch {
	case b.override != nil:
		return b.override.Mode
	case b.config.Load().Disabled:
		return Disabled
	}
	return Auto
}

func (b *Breaker) rejecting() bool {
	m := b.mode()
	return m == ForcedOpen || m == Auto && b.state == Open
}

// setWord tells operations what to do.
func (b *Breaker) setWord() {
	m := b.mode()
	word := b.generation<<generationShift | uint64(m)<<modeShift | uint64(b.state)
	if b.config.Load().Hooks != nil {
		word |= hooked
	}
	switch {
	case b.rejecting():
		word |= rejects
		if b.soon {
			word |= endsSoon
		}
	case (m != Auto || b.state == Closed) && b.busy:
		word |= admitsPlain
		slowRule := b.slowFrom.Load() != noSlowRule
		if b.watchSlow(); slowRule {
			word |= watches
		}
		if b.streak == 0 {
			word |= countsFast
			if !slowRule {
				word |= countsPlain
				if word&hooked == 0 {
					word |= countsBare
				}
			}
		}
	}
	if b.rejecting() || b.state != Closed {
		b.stats() // a rejection counts in it
	}
	if b.member != nil {
		b.member.note()
		word = b.member.word(word)
	}
	b.word.Store(word)
}

// setRejected makes the one error that rejections get from now on.
func (b *Breaker) setRejected() {
	e := &OpenError{Service: b.name, Key: b.Key(), State: b.state, Mode: b.mode()}
	if b.trip != nil {
		e.Cause = b.trip.Evidence
	}
	switch {
	case e.Mode == ForcedOpen:
		e.Until = b.override.Until
		e.OverrideReason = b.override.Reason
	case e.Mode != Auto:
		return
	case e.State == Open:
		e.Until = time.Now().Add(time.Duration(b.nextAttempt() - b.now()))
	case e.State == HalfOpen:
		e.seconds = time.Now()
	case e.State == Closed:
		return
	}
	b.rejected.Store(e)
}

// evidence is what is known now.
func (b *Breaker) evidence(rule string, t tally) Evidence {
	ev := Evidence{
		Rule: rule, Failures: t.failures, Successes: t.successes, Slow: t.slow,
		ConsecutiveFailures: b.streak, LastError: b.lastError,
		RecoveryAttempt: b.attempts, ConfigVersion: b.config.Load().Version, InFlight: -1,
	}
	if r := b.recovery.Load(); b.state == HalfOpen && r != nil {
		ev.InFlight = r.inFlight()
	} else if b.state == Closed && b.slowFrom.Load() != noSlowRule {
		if ev.InFlight = 0; b.watching() != nil {
			ev.InFlight = b.watching().inFlight(&b.stats().window)
		}
	}
	return ev
}

// counts is what the window, or the recovery, holds now.
func (b *Breaker) counts() tally {
	if r := b.recovery.Load(); b.state == HalfOpen && r != nil {
		return tally{failures: r.failures, successes: r.successes}
	}
	return b.windowCounts(b.roll(b.now()))
}

// windowCounts is what the window holds with so many successes; roll comes first.
func (b *Breaker) windowCounts(successes uint64) tally {
	c := b.stats()
	t := c.window.counts(successes)
	if w := b.watching(); w != nil {
		t.hanging = w.hanging(&c.window)
		t.slow += t.hanging
	}
	return t
}

func (b *Breaker) openCircuit(now int64, ev Evidence, asked time.Duration, by Order) {
	b.drawn = rand.Float64() //nolint:gosec // spreads retries, guards no secret
	b.asked = asked
	b.opened, b.openedAt = now, stampOf(time.Now())
	b.setUntil()
	ev.OpenTime = b.openTime
	b.trip = b.trip.next(ev, b.openedAt)
	b.endRecovery()
	b.move(Open, ev, by)
}

// setUntil reckons when the open time ends.
func (b *Breaker) setUntil() {
	cfg := b.config.Load()
	b.openTime = max(
		cfg.openTime(b.failedRecoveries, b.drawn),
		min(b.asked, max(cfg.MaxResetTimeout, maxRetryAfter)))
	b.until = b.opened + int64(b.openTime)
}

// beginRecovery goes to half-open, or begins anew there. again keeps the
// number of the attempt.
func (b *Breaker) beginRecovery(rule string, by Order, again bool) {
	ev := b.evidence(rule, b.counts())
	if !again {
		b.attempts++
		b.lastAttempt = stampOf(time.Now())
	}
	ev.RecoveryAttempt = b.attempts
	b.endRecovery()
	if b.mode() == Auto {
		r := &recovery{generation: b.generation + 1, began: b.now(), timeout: int64(b.config.Load().ProbeTimeout), attempt: b.attempts}
		r.awaitsCheck.Store(b.awaitsCheck)
		b.recovery.Store(r)
		b.callCheck = b.awaitsCheck
	}
	b.move(HalfOpen, ev, by)
}

// closeCircuit goes to closed and clears what is counted.
func (b *Breaker) closeCircuit(rule string, by Order) {
	ev := b.evidence(rule, b.counts())
	b.endRecovery()
	c := b.stats()
	c.window.clear(b.successes())
	b.streak, b.attempts, b.failedRecoveries = 0, 0, 0
	b.openedAt = 0
	b.lastReset = stampOf(time.Now())
	b.move(Closed, ev, by)
}

// move ends the generation and goes to the state.
func (b *Breaker) move(to State, ev Evidence, by Order) {
	from, outage := b.state, b.trip.shownOutage()
	b.state = to
	if to == Closed {
		b.trip = nil
	}
	b.generation++
	b.soon = false
	if b.override == nil {
		b.heldUntil = never
	}
	if to != Closed && b.mode() == Auto {
		b.busy = false
	}
	b.setRejected()
	b.setWord()
	if from == to {
		return
	}
	b.transitions++
	b.edges[from][to]++
	above := b.member.watchers()
	if len(b.transitionWatch) == 0 && len(above) == 0 {
		return
	}
	after := b.snapshot()
	t := Transition{
		Service: b.name, Key: b.Key(), Number: b.transitions, From: from, To: to, At: after.At,
		Actor: by.Actor, Reason: by.Reason, Evidence: ev, Outage: outage, After: &after,
	}
	b.transitionWatch.push(t)
	above.push(t)
}
