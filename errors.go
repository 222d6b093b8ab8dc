package switchgear

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrOpen is what every rejection wraps: errors.Is(err, ErrOpen).
var ErrOpen = errors.New("switchgear: the circuit does not admit the operation")

// Errors of orders.
var (
	// ErrOverridden refuses a reset while the mode is not auto: the state
	// stands still.
	ErrOverridden = errors.New("switchgear: the mode is not auto, so the state stands still")

	// ErrNoRoom refuses an override, a config or a snapshot for a key of a Keyed
	// that has found no room: its breaker is that of all such keys.
	ErrNoRoom = errors.New("switchgear: the key has found no room, and shares its breaker with others")

	// ErrNoOverride refuses to end an override that is not there.
	ErrNoOverride = errors.New("switchgear: no override is active")
)

// OpenError is a rejection. It is one value for all rejections of an opening
// (and of each part of a recovery), so it must not be changed. Safe for
// concurrent use.
type OpenError struct {
	Service string
	Key     string // of a Keyed's breaker; empty where its parent rejects
	State   State
	Mode    Mode // ForcedOpen where an override rejects

	// Until is when the first recovery attempt is due, of an open circuit, or
	// when the override ends. It is zero in half-open, where RetryAfter moves
	// on from second to second.
	Until time.Time

	// Cause is why the circuit opened. Its Rule is empty where an override
	// rejects at a closed circuit.
	Cause Evidence

	// OverrideReason is the administrator's, of a forced_open.
	OverrideReason string

	seconds time.Time // the origin of half-open's seconds
}

// RetryAfter is how long it makes sense to wait: the rest of the open time or
// of the override; in half-open the time to the next second's admission, at
// least 1 ms. Never negative.
func (e *OpenError) RetryAfter() time.Duration {
	if e.Mode == Auto && e.State == HalfOpen {
		return max(time.Second-time.Since(e.seconds)%time.Second, time.Millisecond)
	}
	return max(time.Until(e.Until), 0)
}

// Error says what rejects, why, and for how long.
func (e *OpenError) Error() string {
	var s strings.Builder
	s.WriteString("switchgear: " + e.Service)
	if e.Key != "" {
		fmt.Fprintf(&s, "[%q]", e.Key)
	}
	switch {
	case e.Mode == ForcedOpen:
		fmt.Fprintf(&s, " is forced open (%s)", e.OverrideReason)
	case e.State == HalfOpen:
		s.WriteString(" is recovering")
	default:
		s.WriteString(" is open")
	}
	switch e.Cause.Rule {
	case "":
	case RuleChildrenOpen:
		fmt.Fprintf(&s, ": %s, %d of %d keys", e.Cause.Rule, e.Cause.KeysOpen, e.Cause.Keys)
	case RuleSlowCalls:
		fmt.Fprintf(&s, ": %s, %d slow of %d that ended", e.Cause.Rule, e.Cause.Slow, e.Cause.Failures+e.Cause.Successes)
		if e.Cause.InFlight > 0 { // some of those that are slow may be among them
			fmt.Fprintf(&s, " and %d in flight", e.Cause.InFlight)
		}
	default:
		fmt.Fprintf(&s, ": %s, %d failures and %d successes", e.Cause.Rule, e.Cause.Failures, e.Cause.Successes)
	}
	if e.Cause.LastError != "" {
		fmt.Fprintf(&s, ", last error %q", e.Cause.LastError)
	}
	fmt.Fprintf(&s, "; retry after %v", e.RetryAfter().Round(time.Millisecond))
	return s.String()
}

// Unwrap is ErrOpen.
func (e *OpenError) Unwrap() error { return ErrOpen }

// ignored marks an error for Ignore.
type ignored struct{ error }

func (e ignored) Unwrap() error { return e.error }

// Ignore marks err so that the breaker ignores the outcome: the
// permit is freed and nothing moves. errors.Is and errors.As see through the
// mark. Ignore(nil) is nil: a success.
func Ignore(err error) error {
	if err == nil {
		return nil
	}
	return ignored{err}
}

// isIgnored reports whether err has the mark. A nil pointer in an error's clothes may
// panic when it is asked: it has none.
func isIgnored(err error) bool {
	defer func() { _ = recover() }()
	var mark ignored
	return errors.As(err, &mark)
}
