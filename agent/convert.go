package agent

import (
	"encoding/json"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// state is the member on the wire, where its breaker is as s says. The agent's
// mutex is held.
func (m *member) state(s *switchgear.Snapshot) wire.AgentState {
	w := wire.AgentState{
		Service: m.name, ConfigVersion: m.version, ConfigError: clean(m.configError), Running: m.service.Running(),
		CircuitBreaker: circuit(s), Successes: s.Successes, Slow: s.Slow,
		Operations: wire.Operations{
			Total: s.Operations.Total(), Successful: s.Operations.Successful, Failed: s.Operations.Failed,
			Rejected: s.Operations.Rejected, Ignored: s.Operations.Ignored,
		},
		Performance: wire.Performance{
			AverageOperationTimeMs: ms(s.Performance.Average), LastOperationTimeMs: ms(s.Performance.Last),
			P50OperationTimeMs: ms(s.Performance.P50), P95OperationTimeMs: ms(s.Performance.P95), P99OperationTimeMs: ms(s.Performance.P99),
		},
		Health:           health(m.service.Health()),
		FailedRecoveries: s.FailedRecoveries,
		Durations:        durations(m.service.Breaker().Counts().Durations),
	}
	if s.State != switchgear.Closed {
		w.OpenMs = ms(s.OpenTime)
	}
	if s.State == switchgear.Open {
		w.RetryAfterMs = ms(max(time.Until(s.NextAttemptAt), 0))
	}
	return w
}

func circuit(s *switchgear.Snapshot) wire.CircuitBreaker {
	c := wire.CircuitBreaker{
		State: s.State.String(), Mode: s.Mode.String(),
		IsOpen:   s.Mode == switchgear.ForcedOpen || s.Mode == switchgear.Auto && s.State == switchgear.Open,
		Failures: s.Failures, ConsecutiveFailures: s.ConsecutiveFailures, LastError: orNull(s.LastError),
		LastFailure: wire.Time{Time: s.LastFailure}, LastSuccess: wire.Time{Time: s.LastSuccess},
		RecoveryAttempts: s.RecoveryAttempts, LastRecoveryAttempt: wire.Time{Time: s.LastRecoveryAttempt},
		LastReset: wire.Time{Time: s.LastReset}, OpenedAt: wire.Time{Time: s.OpenedAt},
		NextAttemptAt: wire.Time{Time: s.NextAttemptAt}, ClosesAt: wire.Time{Time: s.ClosesAt},
		AdmittedShare: s.AdmittedShare, AwaitsHealthCheck: s.AwaitsCheck, Transitions: s.Transitions,
	}
	if t := s.Trip; t != nil {
		c.Trip = &wire.Trip{Rule: t.Rule, Failures: t.Failures, Successes: t.Successes, LastError: orNull(t.LastError)}
	}
	if o := s.Outage; o != nil {
		c.Outage = outage(o)
	}
	if o := s.Override; o != nil {
		c.Override = &wire.Override{Mode: o.Mode.String(), Reason: clean(o.Reason), Actor: clean(o.Actor), ExpiresAt: wire.Time{Time: o.Until}}
	}
	return c
}

func outage(o *switchgear.Outage) *wire.Outage {
	return &wire.Outage{
		BeganAt: wire.Time{Time: o.BeganAt}, Rule: o.Cause.Rule, Failures: o.Cause.Failures, Successes: o.Cause.Successes,
		LastError: orNull(o.Cause.LastError), Openings: o.Openings,
	}
}

func health(h switchgear.Health) wire.Health {
	if !h.Checked {
		return wire.Health{}
	}
	return wire.Health{
		Healthy: &h.Healthy, CheckedAt: wire.Time{Time: h.CheckedAt}, DurationMs: ms(h.Duration),
		Error: orNull(h.Err), ConsecutiveFailures: h.ConsecutiveFailures,
	}
}

func durations(d switchgear.Durations) *wire.AgentDurations {
	w := &wire.AgentDurations{SumMs: ms(d.Sum), Counts: [][2]uint64{}}
	for i, n := range d.Counts {
		if n > 0 {
			w.Counts = append(w.Counts, [2]uint64{uint64(i), n})
		}
	}
	return w
}

// evidence is a transition's, as an event has it.
type evidence struct {
	Transition          uint64       `json:"transition"`
	Rule                string       `json:"rule"`
	Failures            uint64       `json:"failures"`
	Successes           uint64       `json:"successes"`
	Slow                uint64       `json:"slow"`
	ConsecutiveFailures int          `json:"consecutive_failures"`
	LastError           *string      `json:"last_error"`
	RecoveryAttempt     int          `json:"recovery_attempt"`
	ConfigVersion       int          `json:"config_version"`
	OpenMs              float64      `json:"open_ms,omitempty"`
	InFlight            *int         `json:"in_flight,omitempty"`
	Outage              *wire.Outage `json:"outage,omitempty"`
}

func transition(t *switchgear.Transition) wire.AgentTransition {
	e := &t.Evidence
	j := evidence{
		Transition: t.Number, Rule: e.Rule, Failures: e.Failures, Successes: e.Successes, Slow: e.Slow,
		ConsecutiveFailures: e.ConsecutiveFailures, LastError: orNull(e.LastError), RecoveryAttempt: e.RecoveryAttempt,
		ConfigVersion: e.ConfigVersion, OpenMs: ms(e.OpenTime),
	}
	if e.InFlight >= 0 {
		j.InFlight = &e.InFlight
	}
	if t.Outage != nil {
		j.Outage = outage(t.Outage)
	}
	doc, err := json.Marshal(j)
	if err != nil { // none of its fields can fail
		doc = json.RawMessage("{}")
	}
	return wire.AgentTransition{
		Number: t.Number, From: t.From.String(), To: t.To.String(), At: wire.Time{Time: t.At},
		Actor: clean(t.Actor), Reason: clean(t.Reason), Evidence: doc,
	}
}

// snapshotOf is what the manager remembers of a service, as far as a breaker can
// begin by it.
func snapshotOf(w *wire.AgentState) switchgear.Snapshot {
	c := &w.CircuitBreaker
	s := switchgear.Snapshot{
		LastError: textOf(c.LastError), LastFailure: c.LastFailure.Time, LastRecoveryAttempt: c.LastRecoveryAttempt.Time,
		OpenedAt: c.OpenedAt.Time, RecoveryAttempts: c.RecoveryAttempts, FailedRecoveries: w.FailedRecoveries,
		OpenTime: durationOf(w.OpenMs), NextAttemptAt: time.Now().Add(durationOf(w.RetryAfterMs)),
	}
	switch c.State {
	case switchgear.Open.String():
		s.State = switchgear.Open
	case switchgear.HalfOpen.String():
		s.State = switchgear.HalfOpen
	}
	if s.State == switchgear.Closed {
		return s
	}
	if t := c.Trip; t != nil {
		s.Trip = &switchgear.Evidence{
			Rule: t.Rule, Failures: t.Failures, Successes: t.Successes, LastError: textOf(t.LastError), OpenTime: s.OpenTime, InFlight: -1,
		}
	}
	if o := c.Outage; o != nil && s.Trip != nil && (o.Openings == s.FailedRecoveries || o.Openings == s.FailedRecoveries+1) {
		s.Outage = &switchgear.Outage{
			BeganAt: o.BeganAt.Time, Openings: o.Openings,
			Cause: switchgear.Evidence{Rule: o.Rule, Failures: o.Failures, Successes: o.Successes, LastError: textOf(o.LastError), InFlight: -1},
		}
	}
	return s
}

// ms is d in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }

// durationOf is what ms was made of; what cannot be is zero.
func durationOf(ms float64) time.Duration {
	const most = 1e10 // four months
	if !(ms > 0 && ms <= most) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

func orNull(s string) *string {
	if s = clean(s); s == "" {
		return nil
	}
	return &s
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
