package switchgear

import (
	"context"
	"sync/atomic"
	"time"
)

// Permit is an operation that was let in. Its Done must be called once, by one
// goroutine; it is a value, but not for copying.
type Permit struct {
	timing

	b     *Breaker
	ctx   context.Context //nolint:containedctx // an outcome is judged by the caller's own context
	word  uint64
	lease *lease // of a recovery
}

// timing is what is known of when an operation began. It is no more than two
// words, so that a Permit is returned in registers.
type timing struct {
	start int64  // 0 where the operation is not timed
	tags  uint64 // weight (24) | number of the watcher (16) | lane (16) | stripe (8); untimed: its count (56) | stripe (8)
}

// weight is how many operations this one's duration stands for in the statistics.
func (t timing) weight() uint32 { return uint32(t.tags >> 40) }

func weighing(n uint32) uint64 { return uint64(n) << 40 }

// stripe is the number of the stripe that was asked for the operation, and whose
// samples it is among. To pick another by where the asker's stack is now, some
// frames deeper or in another goroutine, would leave that one without a count.
func (t timing) stripe() uint64 { return t.tags & 0xFF }

// Do runs fn, with ctx, if b admits it, and records what comes of it exactly
// once: a return, an error, a panic, which goes on with its own stack, or a
// runtime.Goexit. The value and the error are fn's. A rejection is a zero value
// and an *OpenError, which wraps ErrOpen; fn is then not called.
func Do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	word := b.word.Load()
	if word&countsBare == 0 {
		if word&(rejects|endsSoon|ofKey) == rejects {
			var none T
			if word&hooked != 0 {
				return none, b.rejectTold(ctx, word)
			}
			return none, b.reject(word)
		}
		if word&hooked != 0 {
			return doHooked(ctx, b, word, fn)
		}
		if !b.member.admits(word) {
			return doAllowed(ctx, b, noNumber, fn)
		}
	}
	all := b.striping.Load()
	number := all.number()
	s := &all.all[number]
	n := s.successes.Load()
	if n >= s.next.Load() {
		return doAllowed(ctx, b, number, fn)
	}
	returned := false
	defer b.abandonUnless(&returned, word)
	v, err := fn(ctx)
	returned = true
	if err != nil || b.word.Load() != word || !s.succeed(n) {
		b.end(ctx, word, s, err)
	} else if word&ofKey != 0 {
		b.counted(word)
	}
	return v, err
}

// end settles an operation that was not timed, where a count is not enough or
// did not succeed at once.
func (b *Breaker) end(ctx context.Context, word uint64, s *stripe, err error) {
	if err == nil && b.word.Load() == word {
		b.succeedBeside(s)
		b.counted(word)
		return
	}
	p := Permit{b: b, ctx: ctx, word: word}
	p.settle(err)
}

// abandonUnless settles an operation that was not timed and did not return.
func (b *Breaker) abandonUnless(returned *bool, word uint64) {
	if !*returned {
		p := Permit{b: b, word: word}
		p.abandon()
	}
}

// doAllowed is Do with a permit. number is that of the stripe that was asked, if
// one was.
func doAllowed[T any](ctx context.Context, b *Breaker, number uint64, fn func(context.Context) (T, error)) (T, error) {
	var p Permit
	err := b.admit(ctx, number, &p)
	if (err != nil || p.lease != nil) && b.word.Load()&hooked != 0 {
		b.tellAdmitted(ctx, &p, err)
	}
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

// Allow asks whether an operation may run. The error is an *OpenError, which
// wraps ErrOpen; otherwise the permit's Done must be called with what came of
// the operation. ctx is the operation's: where the permit is the probe of a
// recovery, its end settles the permit, and one that is done already is rejected.
func (b *Breaker) Allow(ctx context.Context) (p Permit, err error) {
	number := uint64(noNumber)
	if word := b.word.Load(); word&countsPlain != 0 || b.member.admits(word) {
		all := b.striping.Load()
		number = all.number()
		s := &all.all[number]
		if n := s.successes.Load(); n < s.next.Load() {
			p.b, p.ctx, p.word, p.tags = b, ctx, word, n<<8|number
			return p, nil
		}
	}
	err = b.admit(ctx, number, &p)
	if (err != nil || p.lease != nil) && b.word.Load()&hooked != 0 {
		b.tellAdmitted(ctx, &p, err)
	}
	return p, err
}

// reject is for a breaker that has rejected, or may: it has its stripes.
func (b *Breaker) reject(word uint64) error {
	s := b.stripe()
	c := &s.rejectedOpen
	if word&(stateBits|modeBits) != uint64(Open) {
		c = s.rejectedOtherwise(word)
	}
	if n := c.Load(); !c.CompareAndSwap(n, n+1) { // add, for it is not inlined
		b.clashed(s, c)
	}
	return b.rejected.Load()
}

func (s *stripe) rejectedOtherwise(word uint64) *atomic.Uint64 {
	if Mode(word&modeBits>>modeShift) == ForcedOpen {
		return &s.rejectedForced
	}
	return &s.rejectedHalfOpen
}

// admit is Allow where one load of the word does not settle it, or the operation
// is to be timed. It fills the permit in place, for to hand one on costs as much
// as to decide. number is that of the stripe that was asked, if one was.
func (b *Breaker) admit(ctx context.Context, number uint64, p *Permit) error {
	for {
		word := b.word.Load()
		switch {
		case word&rejects != 0:
			if b.rejectsStill(word) {
				err := b.reject(word)
				b.member.rejected()
				return err
			}
			b.lock() // its time is over, and the timer is late
			b.unlock()
		case word&admitsPlain != 0:
			if word&ofKey != 0 {
				b.member.touch()
			}
			b.admitTimed(ctx, word, number, p)
			return nil
		case word&asksParent != 0:
			if ok, err := b.member.admit(ctx, word, number, p); ok {
				return err
			}
		case word&modeBits == 0 && State(word&stateBits) == HalfOpen:
			if admitted, ok, err := b.admitRecovery(ctx, word); ok {
				*p = admitted
				return err
			}
		default: // idle
			now := b.lock()
			b.wake(now)
			b.unlock()
		}
	}
}

// rejectsStill reports whether what rejects, by the word, has not ended. The word
// is asked again, for due may be that of the next state already.
func (b *Breaker) rejectsStill(word uint64) bool {
	return word&endsSoon == 0 || b.now() < b.due.Load() && b.word.Load() == word
}

// admitTimed lets an operation in whose duration is needed.
func (b *Breaker) admitTimed(ctx context.Context, word, number uint64, p *Permit) {
	now := b.now()
	weight := uint32(1)
	all := b.striping.Load()
	if number == noNumber {
		number = all.number()
	}
	if word&countsFast != 0 {
		s := all.at(number)
		if weight = 0; s.successes.Load() >= s.next.Load() {
			weight = b.sample(s, now)
		}
	}
	p.b, p.ctx, p.word = b, ctx, word
	p.start, p.tags = now, weighing(weight)|number
	if word&watches != 0 {
		p.tags |= b.enterWatch(word, now)
	}
}

// Done settles the permit with the operation's error; nil is success. A second
// call does nothing. What the error means is said at Config.Classify.
func (p *Permit) Done(err error) {
	b := p.b
	if b == nil {
		return
	}
	if err != nil || p.word&countsFast == 0 || b.word.Load() != p.word {
		p.settle(err)
		return
	}
	word := p.word
	switch {
	case p.start == 0:
		p.b = nil
		if s := b.striping.Load().at(p.stripe()); !s.succeed(p.tags >> 8) {
			b.succeedBeside(s)
		}
	case b.timed(p):
		p.b = nil
	default:
		p.settle(nil)
		return
	}
	if word&ofKey != 0 {
		b.counted(word)
	}
}

// timed counts a success that is not slow; it reports whether it is one.
func (b *Breaker) timed(p *Permit) bool {
	now := b.now()
	took := now - p.start
	if took >= b.slowFrom.Load() {
		return false
	}
	if w := b.watchOf(p.word>>generationShift, p.timing); w != nil && !w.leave(p.timing) {
		b.lock() // it was given up since the clock was read
		w.forget(&b.stats().window, p.timing)
		b.unlock()
	}
	s, t := b.striping.Load().at(p.stripe()), &b.stats().timings
	weight := p.weight()
	if weight > 0 && t.add(time.Duration(took), weight) {
		b.lock()
		t.turnOver()
		b.unlock()
	}
	if weight > 0 || s.successes.Load() >= s.next.Load() {
		t.lastSuccess.Store(now)
		s.setBrief(took < brief)
	}
	b.add(s, &s.successes)
	if weight > 0 && p.word&hooked != 0 {
		b.exemplify(p.ctx, now, time.Duration(took))
	}
	return true
}

// succeedBeside counts a success that moves nothing, of an operation that was
// not timed, where another of the stripe has ended meanwhile, or one is to be
// measured: there is a time to tell then.
func (b *Breaker) succeedBeside(s *stripe) {
	if n := s.successes.Add(1); n > s.next.Load() {
		b.stats().timings.lastSuccess.Store(b.now())
	} else if s.brief.Load() {
		b.met(s, 1)
	}
}

// settle is Done where counting is not enough.
func (p *Permit) settle(err error) {
	b := p.b
	if above := p.above(); above != nil {
		defer above.settle(err)
	}
	o, first := p.outcome()
	if !first {
		return
	}
	// Deferred, so that the place is free even if the user's classifier panics.
	defer func() { b.recordTold(p.ctx, &o) }()
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
	if l != nil && l.recovery == nil {
		l = nil // it is but for the parent's permit
	}
	o = outcome{kind: Failure, permitted: true, generation: p.word >> generationShift, lease: l}
	if p.start != 0 {
		o.timing, o.weight = p.timing, p.weight()
		o.took, o.measured = time.Duration(b.now()-p.start), true
	}
	return o, true
}

// abandon settles the permit of an operation that did not return: a panic is a
// failure, a runtime.Goexit is ignored. No classifier is asked. It is called by
// a deferred function, and looks who runs that, for recover would cost the
// panic its stack.
func (p *Permit) abandon() {
	b := p.b
	if above := p.above(); above != nil {
		above.abandon()
	}
	o, first := p.outcome()
	if !first {
		return
	}
	if exiting() {
		o.kind = Ignored
	} else {
		o.text = "the operation panicked"
	}
	b.recordTold(p.ctx, &o)
}
