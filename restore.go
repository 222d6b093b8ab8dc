package switchgear

import (
	"errors"
	"fmt"
	"time"
)

// errSnapshot refuses a snapshot that no breaker can have made.
var errSnapshot = errors.New("switchgear: the snapshot cannot be restored")

// Restore puts the breaker where the snapshot was: state, mode, totals, window,
// transition number and the time left, which is the wall time of the next
// attempt less now, never below zero nor above the open time. An open time that
// has passed, and a recovery that was under way, begin a recovery anew, under
// the same attempt number; an override that has ended is applied and told; what
// was disabled and is not any more closes. An override lasts for 30 days more at
// most. Call it before operations run. A snapshot that no breaker can have made, or
// that is another service's, is refused by an error that names the field.
func (b *Breaker) Restore(s Snapshot) error {
	if err := b.member.own(); err != nil {
		return err
	}
	if s.Service != b.name {
		return fmt.Errorf("%w: it is of %q, not of %q", errSnapshot, s.Service, b.name)
	}
	if s.Key != b.Key() {
		return fmt.Errorf("%w: it is of the key %q, not of %q", errSnapshot, s.Key, b.Key())
	}
	if wrong := s.wrong(); wrong != "" {
		return fmt.Errorf("%w: %s", errSnapshot, wrong)
	}
	b.lock()
	defer b.unlock()
	wall := time.Now()
	now := int64(wall.Sub(b.base))
	b.restoreCounts(s, wall, now)
	b.endRecovery()
	b.override, b.heldUntil = nil, never
	b.generation++
	b.soon = false
	if s.Override != nil {
		o := *s.Override
		left := min(max(o.Until.Sub(wall), 0), maxOverride)
		if left == maxOverride {
			o.Until = wall.Add(left)
		}
		b.setOverride(now, o, left)
	}
	b.resume(&s, wall, now)
	return nil
}

// resume goes where the snapshot was, whose counts the breaker has.
func (b *Breaker) resume(s *Snapshot, wall time.Time, now int64) {
	b.state = s.State
	left := min(max(s.NextAttemptAt.Sub(wall), 0), s.OpenTime)
	b.opened = now - int64(s.OpenTime-left)
	b.until = now + int64(left)
	switch {
	case b.mode() != Auto:
	case s.Mode == Disabled:
		b.closeCircuit(RuleEnabled, Order{})
	case s.State == Open && left == 0:
		b.attempts = max(b.attempts, 1)
		b.lastAttempt = stampOf(wall)
		b.beginRecovery(RuleResetTimeout, Order{}, true)
	case s.State == HalfOpen:
		b.beginRecovery("", Order{}, true)
	}
	b.setRejected()
	b.setWord()
	b.advance(now)
}

// wrong names a field that no breaker can have made so; "" where there is none.
func (s *Snapshot) wrong() string {
	const longest = 2 * maxDuration // the longest MaxResetTimeout, and all of its jitter
	switch {
	case s.State > HalfOpen:
		return fmt.Sprintf("State: %v is no state", s.State)
	case s.Mode > Disabled:
		return fmt.Sprintf("Mode: %v is no mode", s.Mode)
	case s.ConsecutiveFailures < 0:
		return fmt.Sprintf("ConsecutiveFailures: %d is negative", s.ConsecutiveFailures)
	case s.RecoveryAttempts < 0:
		return fmt.Sprintf("RecoveryAttempts: %d is negative", s.RecoveryAttempts)
	case s.FailedRecoveries < 0:
		return fmt.Sprintf("FailedRecoveries: %d is negative", s.FailedRecoveries)
	case s.OpenTime < 0 || s.OpenTime > longest:
		return fmt.Sprintf("OpenTime: %v is not in 0 … %v", s.OpenTime, longest)
	case !(s.JitterDrawn >= 0 && s.JitterDrawn <= 1): // which NaN is not
		return fmt.Sprintf("JitterDrawn: %v is not in 0 … 1", s.JitterDrawn)
	case s.Override == nil && (s.Mode == ForcedOpen || s.Mode == ForcedClosed):
		return fmt.Sprintf("Mode: it is %v without an override", s.Mode)
	case s.Override != nil && s.Override.Mode != ForcedOpen && s.Override.Mode != ForcedClosed:
		return fmt.Sprintf("Override.Mode: %v is no override", s.Override.Mode)
	}
	if wrong := s.wrongOutage(); wrong != "" {
		return wrong
	}
	for i, k := range s.Window {
		if k.Failures > 0 && (k.FirstFailure.IsZero() || k.FirstFailure.After(k.LastFailure)) {
			return fmt.Sprintf("Window[%d]: %d failures from %v to %v", i, k.Failures, k.FirstFailure, k.LastFailure)
		}
	}
	return ""
}

func (b *Breaker) restoreCounts(s Snapshot, wall time.Time, now int64) {
	c := b.stats()
	successes, r := b.successes(), b.rejections()
	// What has been counted before is taken off again; the sums wrap.
	b.succeededApart = s.Operations.Successful - successes
	b.failed, b.ignored = s.Operations.Failed, s.Operations.Ignored
	b.rejectedBefore = s.Operations.Rejected - r.Open - r.HalfOpen - r.Forced
	b.transitions = s.Transitions
	b.streak, b.lastError = s.ConsecutiveFailures, s.LastError
	b.lastFailure, b.lastReset = stampOf(s.LastFailure), stampOf(s.LastReset)
	b.lastAttempt, b.openedAt = stampOf(s.LastRecoveryAttempt), stampOf(s.OpenedAt)
	b.openTime, b.asked, b.drawn = s.OpenTime, s.RetryAsked, s.JitterDrawn
	b.attempts, b.failedRecoveries, b.trip = s.RecoveryAttempts, s.FailedRecoveries, s.trip()
	// What was in the future when the wall clock was set back is now.
	at := func(t time.Time) int64 { return now - max(int64(wall.Sub(t)), 0) }
	if !s.LastSuccess.IsZero() {
		c.timings.lastSuccess.Store(at(s.LastSuccess))
	}
	c.timings.last.Store(int64(s.Performance.Last))
	// What is older than any window is too old to be reckoned with.
	within := func(t time.Time) int64 { return max(at(t), now-2*int64(maxDuration)) }
	var parts []part
	for _, k := range s.Window {
		parts = append(parts, part{
			from: within(k.From), to: within(k.To) + 1, tally: tally{failures: k.Failures, successes: k.Successes, slow: k.Slow},
			first: within(k.FirstFailure), last: within(k.LastFailure),
		})
	}
	c.window.fill(c.window.span, now, successes, parts)
}
