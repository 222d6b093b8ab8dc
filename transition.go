package switchgear

import "time"

// The rules that a Transition's evidence names.
const (
	RuleFailureThreshold    = "failure_threshold"    // so many failures in the window
	RuleFailureRate         = "failure_rate"         // the same, and at least that share of the operations
	RuleConsecutiveFailures = "consecutive_failures" // so many failures in a row
	RuleSlowCalls           = "slow_calls"           // that share of the operations was slow
	RuleRecoveryFailure     = "recovery_failure"     // an operation of the recovery failed
	RuleProbeTimeout        = "probe_timeout"        // an operation of the recovery did not end in time
	RuleHealthCheck         = "health_check"         // a health check of the recovery failed
	RuleResetTimeout        = "reset_timeout"        // the open time is over
	RuleMinHealthyPeriod    = "min_healthy_period"   // the recovery stayed stable
	RuleReset               = "reset"                // an administrator's order
	RuleOverrideEnded       = "override_ended"       // an override ended, by hand or by time
	RuleEnabled             = "enabled"              // the config enabled the breaker again
	RuleChildrenOpen        = "children_open"        // that share of a Keyed's breakers is open
	RuleFleetQuorum         = "fleet_quorum"         // instances of the service have decided it together
)

// Transition is one change of a breaker's state.
type Transition struct {
	Service string
	Key     string // of a Keyed's breaker

	// Number counts the transitions of this breaker, from 1 and without gaps.
	Number uint64

	From, To State
	At       time.Time

	// Actor and Reason are those of the order that caused it; empty where the
	// breaker moved by itself.
	Actor, Reason string

	Evidence Evidence

	// Outage is what the circuit is in, or was until it closed just now: At less
	// BeganAt is how long. Nil where it had not opened.
	Outage *Outage

	// After is the breaker right after the transition.
	After *Snapshot
}

// Evidence is what was known at a transition, taken before anything was
// cleared.
type Evidence struct {
	Rule string // one of the Rule constants

	// Failures, Successes and Slow are those in the window; of a transition
	// out of half-open they are those of the recovery. Slow operations that
	// have not ended are among Slow only.
	Failures, Successes, Slow uint64

	ConsecutiveFailures int
	LastError           string // the text of the last failure, cut at 512 bytes
	RecoveryAttempt     int
	ConfigVersion       int

	// OpenTime is how long the circuit will stay open, of a transition to
	// Open; 0 otherwise.
	OpenTime time.Duration

	// InFlight is how many operations had not ended: those of the recovery, of
	// a transition out of half-open, and all, of one out of closed where the
	// slow-call rule is set; -1 where nothing counts them. What was given up
	// long before, or has been slow for longer than the window, need not be
	// among them.
	InFlight int

	// Of Keys breakers of a Keyed, KeysOpen are open; of a transition of its
	// parent by RuleChildrenOpen.
	Keys     int `json:",omitempty"`
	KeysOpen int `json:",omitempty"`
}

// Order is who asks for a change by hand, and why.
type Order struct {
	Actor, Reason string
}

// Override is an administrator's mode that stands above the state until its
// end.
type Override struct {
	Mode   Mode      `json:"mode"` // ForcedOpen or ForcedClosed
	Reason string    `json:"reason"`
	Actor  string    `json:"actor"`
	Until  time.Time `json:"until"`
}

// OverrideEnd is an override that ended and the breaker right after.
type OverrideEnd struct {
	Service  string
	Key      string // of a Keyed's breaker
	Override Override
	At       time.Time

	// Expired tells an end that came by time from one by hand.
	Expired bool

	After *Snapshot
}
