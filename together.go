package switchgear

import (
	"fmt"
	"time"
)

// Follow moves the circuit as the instances of its service have decided together
// (RuleFleetQuorum): to Open, from closed or out of a recovery, which counts as no
// failed one; or, of an open circuit, to HalfOpen, though its open time is not
// over. Where there is nothing to move it does nothing. ErrOverridden refuses it
// while the mode is not auto.
func (b *Breaker) Follow(to State, by Order) error {
	if to != Open && to != HalfOpen {
		return fmt.Errorf("switchgear: instances go to open or half_open together, not to %v", to)
	}
	now := b.lock()
	defer b.unlock()
	switch {
	case b.mode() != Auto:
		return ErrOverridden
	case to == Open && b.state != Open:
		b.openCircuit(now, b.evidence(RuleFleetQuorum, b.counts()), 0, by)
	case to == HalfOpen && b.state == Open:
		b.beginRecovery(RuleFleetQuorum, by, false)
	}
	return nil
}

// Hold has an open circuit wait with its recovery for d from now at least, even if
// its open time is over before: at most 24 hours, and 0 lets go of it. A hold ends
// with the open state; a circuit that is not open, or whose mode is not auto, takes
// none. A Snapshot does not have it: whoever restores one is not held.
func (b *Breaker) Hold(d time.Duration) {
	now := b.lock()
	defer b.unlock()
	if b.mode() != Auto || b.state != Open {
		return
	}
	b.heldUntil, b.soon = never, false
	if d > 0 {
		b.heldUntil = now + int64(min(d, maxDuration))
	}
	b.setRejected()
	b.setWord()
	b.advance(now)
}
