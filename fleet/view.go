package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/timespan"
)

// Status is how a service is in one word: the first of the statuses below, in
// their order, whose rule holds.
type Status string

// The statuses.
//
//   - circuit_open: its circuit is open, or forced open. Of a service whose
//     breakers are in programs none of which is heard of, only the latter.
//   - unknown: no operation or health check of it has ended yet, or it is one
//     that must report (its report interval is set) and its reports stopped.
//   - unhealthy: its newest health check failed, or it is not running.
//   - degraded: its circuit is half-open; or is half way to opening: half the
//     failures, the failures in a row or the slow calls that it takes; or a
//     service that it depends on is circuit_open or unhealthy.
//   - healthy: none of these.
const (
	StatusCircuitOpen Status = "circuit_open"
	StatusUnknown     Status = "unknown"
	StatusUnhealthy   Status = "unhealthy"
	StatusDegraded    Status = "degraded"
	StatusHealthy     Status = "healthy"
)

// Source is what brought a service to the manager.
type Source string

// The sources of services.
const (
	SourceFile Source = "file" // the config file
	SourceAPI  Source = "api"
	SourceCode Source = "code" // a program that embeds the manager

	// SourceAgent is programs that joined by agents: the breakers are theirs.
	SourceAgent Source = "agent"
)

// View is the state of one service at one moment. It is a value; what it
// points to must not be changed.
type View struct {
	Service      string
	Status       Status
	Running      bool
	Layer        string
	Description  string
	Dependencies []string
	Source       Source

	Breaker     switchgear.Snapshot
	TripEventID int64 // of the event that last opened the circuit; 0 while closed

	// OutageEventID is of the event that began the outage; 0 where there is none,
	// or the event is not stored, or nobody knows it.
	OutageEventID int64

	Health switchgear.Health

	Config          switchgear.Config
	ConfigVersion   int
	DiffersFromFile bool // the config in force is not what the file says; never of what programs bring

	HealthCheck    *config.HealthCheck
	ReportInterval time.Duration
	Instances      Instances
	Alerts         config.AlertRules // what its section says of the rules of its alerts

	// Answers are how many instances did what was ordered, in words, in the
	// answer to an order to instances; empty elsewhere.
	Answers string

	NearInstance bool // of agents: an instance is near opening or not closed, by the windows of the instances, and not by their sum
}

// Instances are how many copies of a service there are.
type Instances struct {
	Total, Open, Stale int

	// BadCallers are open by themselves, where the fleet rule has found no quorum
	// and others with traffic are closed.
	BadCallers int
}

// IsOpen reports whether nothing is admitted.
func (v *View) IsOpen() bool {
	s := &v.Breaker
	return s.Mode == switchgear.ForcedOpen || s.Mode == switchgear.Auto && s.State == switchgear.Open
}

// statusOf is the first of the five rules that holds. failing are the services
// it depends on that are circuit_open or unhealthy; silent is a service whose
// reports have stopped.
func statusOf(v *View, silent bool, failing []string) Status {
	return statusBy(v, silent, v.NearOpening(), failing)
}

// statusBy is statusOf where it is known whether the circuit is near opening.
func statusBy(v *View, silent, near bool, failing []string) Status {
	s := &v.Breaker
	ended := s.Operations.Total()+s.Operations.Ignored > 0 || v.Health.Checked
	switch {
	case s.Mode == switchgear.ForcedOpen, s.State == switchgear.Open && (!silent || v.Source != SourceAgent): // whose breakers are elsewhere
		return StatusCircuitOpen
	case !ended || silent:
		return StatusUnknown
	case v.Health.Checked && !v.Health.Healthy, !v.Running:
		return StatusUnhealthy
	case s.State == switchgear.HalfOpen, near, len(failing) > 0:
		return StatusDegraded
	}
	return StatusHealthy
}

// nearOpening reports whether the window is half way, or more, to opening the
// circuit, or slow calls above half of what does.
func nearOpening(s *switchgear.Snapshot, c switchgear.Config) bool {
	total := float64(s.Failures + s.Successes)
	enough := total >= float64(c.MinimumOperations)
	half := 2*s.Failures >= uint64(c.FailureThreshold) //nolint:gosec // validated to be positive
	if c.FailureRateThreshold > 0 {
		half = half && enough && 2*float64(s.Failures) >= c.FailureRateThreshold*total
	}
	streak := c.ConsecutiveFailureThreshold > 0 && 2*s.ConsecutiveFailures >= c.ConsecutiveFailureThreshold
	slow := c.SlowCallDuration > 0 && c.SlowCallRateThreshold > 0 &&
		enough && 2*float64(s.Slow) > c.SlowCallRateThreshold*total
	return s.Failures > 0 && half || streak || slow
}

// NearOpening reports whether the window is half way, or more, to opening the
// circuit. Of agents: whether that of an instance is, or one is not closed.
func (v *View) NearOpening() bool {
	if v.Source == SourceAgent {
		return v.NearInstance
	}
	return nearOpening(&v.Breaker, v.Config.Resolved())
}

// fails reports whether a service of this status degrades those that depend on
// it.
func (s Status) fails() bool { return s == StatusCircuitOpen || s == StatusUnhealthy }

// Details is the state in words for people.
func (v *View) Details() string {
	text := v.details()
	if in := v.Instances; in.Total > 1 {
		text += fmt.Sprintf("; %d of %d instances open", in.Open, in.Total)
		if in.Stale > 0 {
			text += fmt.Sprintf(", %d silent", in.Stale)
		}
		if in.BadCallers > 0 {
			text += fmt.Sprintf(", %d open alone", in.BadCallers)
		}
	}
	if v.Answers != "" {
		return v.Answers + "; " + text
	}
	return text
}

func (v *View) details() string {
	s := &v.Breaker
	switch {
	case s.Override != nil:
		return fmt.Sprintf("%s by %s until %s: %s",
			s.Mode, s.Override.Actor, s.Override.Until.UTC().Format(time.RFC3339), s.Override.Reason)
	case s.Mode == switchgear.Disabled:
		return "disabled by its config: everything is admitted"
	case s.State == switchgear.Open:
		return fmt.Sprintf("open: %s; next attempt at %s%s", tripText(s.Trip), s.NextAttemptAt.UTC().Format(time.RFC3339), outageText(s.Outage))
	case s.State == switchgear.HalfOpen && s.AwaitsCheck:
		return fmt.Sprintf("recovery attempt %d: awaiting the health check, nothing is admitted before it passes%s", s.RecoveryAttempts, outageText(s.Outage))
	case s.State == switchgear.HalfOpen && s.ClosesAt.IsZero():
		return fmt.Sprintf("recovery attempt %d: one operation at a time is the probe%s", s.RecoveryAttempts, outageText(s.Outage))
	case s.State == switchgear.HalfOpen:
		return fmt.Sprintf("recovery attempt %d: %.0f %% of operations are admitted; closes at %s if nothing fails%s",
			s.RecoveryAttempts, 100*s.AdmittedShare, s.ClosesAt.UTC().Format(time.RFC3339), outageText(s.Outage))
	}
	c := v.Config.Resolved()
	return fmt.Sprintf("closed: %d of %d failures within %s", s.Failures, c.FailureThreshold, timespan.Text(c.MonitoringWindow))
}

// ruleWords are the rules for people.
var ruleWords = map[string]string{
	switchgear.RuleFailureThreshold:    "too many failures",
	switchgear.RuleFailureRate:         "failure rate",
	switchgear.RuleConsecutiveFailures: "failures in a row",
	switchgear.RuleSlowCalls:           "slow calls",
	switchgear.RuleRecoveryFailure:     "an operation of the recovery failed",
	switchgear.RuleProbeTimeout:        "an operation of the recovery did not end in time",
	switchgear.RuleHealthCheck:         "the health check failed in the recovery",
	switchgear.RuleFleetQuorum:         "too many instances are open",
	RuleAllInstances:                   "all instances are open",
}

func ruleText(rule string) string { return cmp.Or(ruleWords[rule], rule) }

func tripText(e *switchgear.Evidence) string {
	if e == nil {
		return "for a reason that was not kept"
	}
	rule := ruleText(e.Rule)
	text := fmt.Sprintf("%s, %d failed and %d succeeded", rule, e.Failures, e.Successes)
	if e.Rule == switchgear.RuleSlowCalls {
		text = fmt.Sprintf("%s, %d of %d that ended", rule, e.Slow, e.Failures+e.Successes)
		if e.InFlight > 0 { // some of those that are slow may be among them
			text += fmt.Sprintf(" and %d in flight", e.InFlight)
		}
	}
	if e.LastError != "" {
		text += fmt.Sprintf(", last error %q", e.LastError)
	}
	return text
}

// sameAs reports whether nothing that is worth telling differs, statistics
// apart, and then whether those differ.
func (v *View) sameAs(o *View) (state, statistics bool) {
	a, b := &v.Breaker, &o.Breaker
	state = v.Status == o.Status && v.Running == o.Running && v.Layer == o.Layer && v.Description == o.Description &&
		slices.Equal(v.Dependencies, o.Dependencies) && v.ConfigVersion == o.ConfigVersion &&
		v.DiffersFromFile == o.DiffersFromFile && v.Instances == o.Instances && v.Alerts.Equal(o.Alerts) &&
		a.State == b.State && a.Mode == b.Mode && a.Transitions == b.Transitions &&
		a.RecoveryAttempts == b.RecoveryAttempts && a.AwaitsCheck == b.AwaitsCheck && a.AdmittedShare == b.AdmittedShare &&
		a.ClosesAt.IsZero() == b.ClosesAt.IsZero() && a.LastReset.Equal(b.LastReset) && sameOverride(a.Override, b.Override) &&
		v.Health.Healthy == o.Health.Healthy && v.Health.Checked == o.Health.Checked
	statistics = a.Failures == b.Failures && a.Operations == b.Operations && a.Performance == b.Performance &&
		a.ConsecutiveFailures == b.ConsecutiveFailures &&
		v.Health.CheckedAt.Equal(o.Health.CheckedAt) && v.Health.Err == o.Health.Err
	return state, statistics
}

func sameOverride(a, b *switchgear.Override) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Mode == b.Mode && a.Reason == b.Reason && a.Actor == b.Actor && a.Until.Equal(b.Until)
}
