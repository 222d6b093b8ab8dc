package switchgear

import (
	"cmp"
	"context"
	"time"
)

// The parent of a Keyed's breakers is a breaker too. While it is closed it counts
// nothing, and costs an operation one load of its word; it opens by the share of
// its children that is open, and in its recovery takes part in their operations.

// recoveryShare is what OpenShare is to a recovery of the parent where it is off:
// orders begin one then too.
const recoveryShare = 0.5

// parentConfig is the parent's. Failures move it in a recovery only: its rate is
// judged there over at least ten outcomes, so that one bad key weighs little.
func (k *Keyed) parentConfig(cfg Config) Config {
	cfg.FailureThreshold, cfg.ConsecutiveFailureThreshold = maxCount, 0
	cfg.FailureRateThreshold = cmp.Or(k.share, recoveryShare)
	cfg.MinimumOperations = int(max(k.minimum, rateNeeds))
	return cfg
}

// judge opens the parent if one child too many is open. It is asked in the call
// that opened the child, outside the child's mutex; why is the child's last error.
// It returns the error of the parent that it opened.
func (k *Keyed) judge(why string) *OpenError {
	if !k.tooManyOpen() {
		return nil
	}
	b := &k.parent
	now := b.lock()
	defer b.unlock()
	if b.mode() != Auto || b.state != Closed || !k.tooManyOpen() {
		return nil
	}
	ev := b.evidence(RuleChildrenOpen, tally{})
	ev.LastError = why
	ev.Keys, ev.KeysOpen = int(k.size.Load()), int(k.open.Load())
	b.openCircuit(now, ev, 0, Order{})
	return b.rejected.Load()
}

func (k *Keyed) tooManyOpen() bool {
	open, all := k.open.Load(), k.size.Load()
	return k.share > 0 && open >= k.minimum && float64(open)/float64(max(all, 1)) > k.share
}

// word is that of the breaker as a key's: what it would let in it has the parent
// asked about, unless an override forces it closed, and each run is noted as a use.
// A breaker whose key went takes no shortcut: all that it counts is to get into the
// sums, and it has no timer.
func (m *member) word(word uint64) uint64 {
	word = word&^(countsPlain|countsBare) | ofKey
	if m.counted != nil {
		if word &^= countsFast; word&rejects != 0 {
			word |= endsSoon
		}
	}
	if word&rejects != 0 || Mode(word&modeBits>>modeShift) == ForcedClosed {
		return word
	}
	word |= asksParent
	if word&admitsPlain != 0 {
		word = word&^admitsPlain | admitsBelow
	}
	return word
}

// admits reports whether the breaker lets in what, by the word, it need not time, and
// the parent too.
func (m *member) admits(word uint64) bool {
	return m != nil && word&(countsFast|watches) == countsFast && (m.admitsAll() || word&asksParent == 0)
}

// admitsAll notes a use, and reports whether the parent lets everything in.
func (m *member) admitsAll() bool {
	m.touch()
	return m.keyed.parent.word.Load()&(rejects|stateBits) == 0
}

// admit is the breaker's where the parent must be asked. It answers !ok where the
// breaker has moved on and is to be asked again.
func (m *member) admit(ctx context.Context, word, number uint64, p *Permit) (ok bool, err error) {
	b := &m.breaker
	var above *Permit
	if !m.admitsAll() {
		if above, err = m.keyed.parent.admitAbove(ctx); err != nil {
			return true, err
		}
	}
	switch {
	case word&admitsBelow != 0:
		b.admitTimed(ctx, word, number, p)
		ok = true
	case word&modeBits == 0 && State(word&stateBits) == HalfOpen:
		if *p, ok, err = b.admitRecovery(ctx, word); err != nil {
			m.rejected()
		}
	default: // idle
		now := b.lock()
		b.wake(now)
		b.unlock()
	}
	switch {
	case above == nil:
	case !ok || err != nil:
		above.giveBack()
	default:
		p.under(above)
	}
	return ok, err
}

// admitAbove is admit of a parent: while it is not in a recovery, what it lets in
// is none of its operations and needs no permit.
func (b *Breaker) admitAbove(ctx context.Context) (*Permit, error) {
	for {
		word := b.word.Load()
		switch {
		case word&rejects != 0:
			if b.rejectsStill(word) {
				return nil, b.reject(word)
			}
			b.lock() // its time is over, and the timer is late
			b.unlock()
		case word&modeBits == 0 && State(word&stateBits) == HalfOpen:
			p, ok, err := b.admitRecovery(ctx, word)
			switch {
			case err != nil:
				return nil, err
			case ok:
				return &p, nil
			}
		default:
			return nil, nil //nolint:nilnil // it admits, and wants to hear no more
		}
	}
}

// under makes p settle the parent's permit when it is settled.
func (p *Permit) under(above *Permit) {
	if p.lease == nil {
		p.lease = new(lease)
		p.word &^= countsFast // there is more to do than to count
	}
	p.lease.above = above
}

// above is a copy of the parent's permit, for the first to settle it counts; nil
// where there is none.
func (p *Permit) above() *Permit {
	if p.lease == nil || p.lease.above == nil {
		return nil
	}
	above := *p.lease.above
	return &above
}

// giveBack frees the place of an operation that was not let in after all. It
// counts nowhere.
func (p *Permit) giveBack() {
	b, l := p.b, p.lease
	if !l.end() {
		return
	}
	b.lock()
	l.recovery.leave(l)
	b.unlock()
	l.turn.giveBack()
}

// advise is Advise of the parent, where the breaker asks it.
func (m *member) advise() (admit bool, turn second, retryAfter time.Duration) {
	if m == nil || m.breaker.word.Load()&asksParent == 0 || m.admitsAll() {
		return true, turn, 0
	}
	return m.keyed.parent.advise()
}

// recordAbove lets an outcome without a permit take part in the parent's recovery, if
// the breaker would have asked the parent about the operation.
func (m *member) recordAbove(o outcome, asks bool) {
	if m == nil {
		return
	}
	m.touch()
	if b := &m.keyed.parent; asks && b.word.Load()&(rejects|modeBits|stateBits) == uint64(HalfOpen) {
		b.record(o)
	}
}
