package switchgear

import (
	"errors"
	"fmt"
	"time"
)

// ErrMoved is the answer of Adopt where the breaker has a history of its own.
var ErrMoved = errors.New("switchgear: the breaker has moved by itself")

// Adopt lets a breaker that has not moved yet begin in the state that another
// one of the same service was in, for example that of the same program before a
// restart, or on another machine: the state, why and when the circuit opened,
// the time left as Restore reckons it, and the recoveries so far. Totals,
// window and transition number stay the breaker's own; the mode and the rest of
// the snapshot are not looked at. It may be called while operations run: their
// results count as those of an older state. An open time that has passed, and a
// recovery that was under way, begin a recovery anew under the same attempt
// number. A snapshot of a closed circuit changes nothing.
//
// ErrMoved refuses it if there was a transition already or the mode is not
// auto; a snapshot that no breaker can have made, or that is another service's,
// is refused by an error that names the field.
func (b *Breaker) Adopt(s Snapshot) error {
	if err := b.member.own(); err != nil {
		return err
	}
	s.Mode, s.Override = Auto, nil
	if s.Service != b.name {
		return fmt.Errorf("%w: it is of %q, not of %q", errSnapshot, s.Service, b.name)
	}
	if wrong := s.wrong(); wrong != "" {
		return fmt.Errorf("%w: %s", errSnapshot, wrong)
	}
	b.lock()
	defer b.unlock()
	wall := time.Now()
	now := int64(wall.Sub(b.base))
	if b.transitions > 0 || b.state != Closed || b.mode() != Auto {
		return ErrMoved
	}
	if s.State == Closed {
		return nil
	}
	b.generation++
	b.openedAt, b.lastAttempt = stampOf(s.OpenedAt), stampOf(s.LastRecoveryAttempt)
	b.openTime, b.asked, b.drawn = s.OpenTime, s.RetryAsked, s.JitterDrawn
	b.attempts, b.failedRecoveries, b.trip = s.RecoveryAttempts, s.FailedRecoveries, s.trip()
	if b.lastError == "" {
		b.lastError, b.lastFailure = s.LastError, stampOf(s.LastFailure)
	}
	b.resume(&s, wall, now)
	return nil
}
