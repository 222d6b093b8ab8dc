package agents

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/wire"
)

// longestText is how much is kept of an error's text, as breakers do.
const longestText = 512

// cut is the text, or as much of it as is kept.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	for longest > 0 && !utf8.RuneStart(text[longest]) {
		longest--
	}
	return text[:longest]
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return cut(*s, longestText)
}

// state is the breaker of one instance. The field is where it stands in the
// message, with a point after it.
func (f *faults) state(field string, s *wire.AgentState) fleet.InstanceState {
	f.name(field+"service", s.Service)
	out := fleet.InstanceState{
		Service: s.Service, Snapshot: f.snapshot(field, s), Health: f.health(field+"health.", &s.Health), Running: s.Running,
		ConfigVersion: f.count(field+"config_version", s.ConfigVersion), ConfigError: cut(s.ConfigError, longestText),
		RetryAfter: f.ms(field+"retry_after_ms", s.RetryAfterMs), Durations: f.durations(field+"durations.", s.Durations),
	}
	if out.Snapshot.State == switchgear.Open {
		out.Snapshot.NextAttemptAt = f.now.Add(out.RetryAfter).UTC()
	}
	return out
}

func (f *faults) snapshot(field string, s *wire.AgentState) switchgear.Snapshot {
	c, circuit := &s.CircuitBreaker, field+"circuit_breaker."
	o, p, spent := &s.Operations, &s.Performance, field+"performance."
	out := switchgear.Snapshot{
		Service: s.Service, At: f.now.UTC(), Transitions: c.Transitions, Failures: c.Failures, Successes: s.Successes, Slow: s.Slow,
		ConsecutiveFailures: f.count(circuit+"consecutive_failures", c.ConsecutiveFailures), LastError: text(c.LastError),
		LastFailure: f.past(circuit+"last_failure", c.LastFailure), LastSuccess: f.past(circuit+"last_success", c.LastSuccess),
		LastReset: f.past(circuit+"last_reset", c.LastReset), LastRecoveryAttempt: f.past(circuit+"last_recovery_attempt", c.LastRecoveryAttempt),
		OpenedAt: f.past(circuit+"opened_at", c.OpenedAt), ClosesAt: f.at(circuit+"closes_at", c.ClosesAt),
		OpenTime:         f.ms(field+"open_ms", s.OpenMs),
		RecoveryAttempts: f.count(circuit+"recovery_attempts", c.RecoveryAttempts), FailedRecoveries: f.count(field+"failed_recoveries", s.FailedRecoveries),
		AwaitsCheck: c.AwaitsHealthCheck,
		Operations:  switchgear.Operations{Successful: o.Successful, Failed: o.Failed, Rejected: o.Rejected, Ignored: o.Ignored},
		Performance: switchgear.Performance{
			Average: f.ms(spent+"averageOperationTimeMs", p.AverageOperationTimeMs), Last: f.ms(spent+"lastOperationTimeMs", p.LastOperationTimeMs),
			P50: f.ms(spent+"p50OperationTimeMs", p.P50OperationTimeMs), P95: f.ms(spent+"p95OperationTimeMs", p.P95OperationTimeMs),
			P99: f.ms(spent+"p99OperationTimeMs", p.P99OperationTimeMs),
		},
	}
	f.word(circuit+"state", c.State, &out.State)
	f.word(circuit+"mode", c.Mode, &out.Mode)
	if c.AdmittedShare < 0 || c.AdmittedShare > 1 {
		f.add(circuit+"admitted_share", "must be in 0 … 1")
	}
	out.AdmittedShare = c.AdmittedShare
	out.Override = f.override(circuit+"override", c.Override, out.Mode)
	if out.State != switchgear.Closed && c.Trip != nil {
		out.Trip = &switchgear.Evidence{
			Rule: cut(c.Trip.Rule, longestText), Failures: c.Trip.Failures, Successes: c.Trip.Successes, LastError: text(c.Trip.LastError),
		}
		out.Outage = f.outage(circuit+"outage.", c.Outage)
	}
	return out
}

// override is the mode that stands above the state. A mode that forces has one.
func (f *faults) override(field string, o *wire.Override, mode switchgear.Mode) *switchgear.Override {
	forces := mode == switchgear.ForcedOpen || mode == switchgear.ForcedClosed
	switch {
	case o == nil && forces:
		f.add(field, "is required with the mode %s", mode)
		return nil
	case o == nil:
		return nil
	}
	out := &switchgear.Override{
		Reason: cut(o.Reason, wire.MaxReason), Actor: cut(o.Actor, longestText), Until: f.at(field+".expires_at", o.ExpiresAt),
	}
	f.word(field+".mode", o.Mode, &out.Mode)
	if out.Mode != mode {
		f.add(field+".mode", "%s is not the mode of the circuit breaker", out.Mode)
	}
	return out
}

// outage is how it began; nil for one that says no beginning.
func (f *faults) outage(field string, o *wire.Outage) *switchgear.Outage {
	if o == nil || o.BeganAt.IsZero() {
		return nil
	}
	if o.Openings < 1 {
		f.add(field+"openings", "must be 1 or more")
	}
	return &switchgear.Outage{
		BeganAt: f.past(field+"began_at", o.BeganAt), Openings: o.Openings,
		Cause: switchgear.Evidence{Rule: cut(o.Rule, longestText), Failures: o.Failures, Successes: o.Successes, LastError: text(o.LastError)},
	}
}

func (f *faults) health(field string, h *wire.Health) switchgear.Health {
	if h.Healthy == nil {
		return switchgear.Health{}
	}
	return switchgear.Health{
		Checked: true, Healthy: *h.Healthy, CheckedAt: f.past(field+"checked_at", h.CheckedAt), Duration: f.ms(field+"duration_ms", h.DurationMs),
		Err: text(h.Error), ConsecutiveFailures: f.count(field+"consecutive_failures", h.ConsecutiveFailures),
	}
}

func (f *faults) durations(field string, d *wire.AgentDurations) *switchgear.Durations {
	if d == nil {
		return nil
	}
	out := &switchgear.Durations{Sum: f.ms(field+"sum_ms", d.SumMs)}
	seen := make(map[uint64]bool)
	for i, c := range d.Counts {
		place := c[0]
		if place >= uint64(len(out.Counts)) || seen[place] {
			f.add(field+"counts["+strconv.Itoa(i)+"][0]", "%d is not one of 0 … %d, each once", place, len(out.Counts)-1)
			return out
		}
		seen[place] = true
		out.Counts[place] = c[1]
	}
	return out
}

// service is one that an agent brings in.
func (f *faults) service(field string, s *wire.JoinService) fleet.AgentService {
	f.name(field+"service", s.Service)
	about, err := json.Marshal(struct {
		Layer        string          `json:"layer"`
		Description  string          `json:"description"`
		Dependencies []string        `json:"dependencies"`
		Config       json.RawMessage `json:"config,omitempty"`
	}{s.Layer, s.Description, s.Dependencies, notNull(s.Config)})
	if err != nil { // what was decoded is JSON
		f.add(field+"config", "%v", err)
	}
	def, err := config.DecodeService(about, config.DecodeOptions{Name: s.Service})
	if err != nil {
		bad := fleet.FieldsOf(err)
		for _, b := range bad {
			f.add(field+b.Field, "%s", b.Message)
		}
		if len(bad) == 0 {
			f.add(field+"config", "%v", err)
		}
	}
	if s.State.Service != s.Service {
		f.add(field+"state.service", "%.130q is not the service that joins", s.State.Service)
	}
	return fleet.AgentService{Name: s.Service, About: def, HasCheck: s.HasCheck, Fresh: s.Fresh, State: f.state(field+"state.", &s.State)}
}

func notNull(doc json.RawMessage) json.RawMessage {
	if string(doc) == "null" {
		return nil
	}
	return doc
}

// transitions are those of a message.
func (f *faults) transitions(m *wire.AgentTransitions) ([]switchgear.Transition, fleet.InstanceState) {
	f.name("service", m.Service)
	if m.State.Service != m.Service {
		f.add("state.service", "%.130q is not the service of the transitions", m.State.Service)
	}
	after := f.state("state.", &m.State)
	list := make([]switchgear.Transition, len(m.Transitions))
	for i := range m.Transitions {
		list[i] = f.transition("transitions["+strconv.Itoa(i)+"].", m.Service, &m.Transitions[i])
	}
	return list, after
}

func (f *faults) transition(field, service string, t *wire.AgentTransition) switchgear.Transition {
	out := switchgear.Transition{
		Service: service, Number: t.Number, At: f.past(field+"at", t.At), Actor: cut(t.Actor, longestText), Reason: cut(t.Reason, wire.MaxReason),
	}
	if out.At.IsZero() {
		f.add(field+"at", "is required")
	}
	f.word(field+"from", t.From, &out.From)
	f.word(field+"to", t.To, &out.To)
	out.Evidence, out.Outage = f.evidence(field+"evidence", t.Evidence)
	return out
}

// evidence is that of an event of the kind transition, as far as it is known.
type evidence struct {
	Rule                string       `json:"rule"`
	Failures            uint64       `json:"failures"`
	Successes           uint64       `json:"successes"`
	Slow                uint64       `json:"slow"`
	ConsecutiveFailures int          `json:"consecutive_failures"`
	LastError           *string      `json:"last_error"`
	RecoveryAttempt     int          `json:"recovery_attempt"`
	ConfigVersion       int          `json:"config_version"`
	OpenMs              float64      `json:"open_ms"`
	InFlight            *int         `json:"in_flight"`
	Outage              *wire.Outage `json:"outage"`
}

func (f *faults) evidence(field string, doc json.RawMessage) (switchgear.Evidence, *switchgear.Outage) {
	out := switchgear.Evidence{InFlight: -1}
	if doc = notNull(doc); len(doc) == 0 {
		return out, nil
	}
	var e evidence
	if err := strict.Decode(doc, &e, strict.Options{IgnoreUnknown: true, AnyNumber: true, Path: field}); err != nil {
		bad := fleet.FieldsOf(err)
		for _, b := range bad {
			f.add(b.Field, "%s", b.Message)
		}
		if len(bad) == 0 {
			f.add(field, "%v", err)
		}
		return out, nil
	}
	out.Rule, out.LastError = cut(e.Rule, longestText), text(e.LastError)
	out.Failures, out.Successes, out.Slow = e.Failures, e.Successes, e.Slow
	out.ConsecutiveFailures = f.count(field+".consecutive_failures", e.ConsecutiveFailures)
	out.RecoveryAttempt = f.count(field+".recovery_attempt", e.RecoveryAttempt)
	out.ConfigVersion = f.count(field+".config_version", e.ConfigVersion)
	out.OpenTime = f.ms(field+".open_ms", e.OpenMs)
	if e.InFlight != nil {
		out.InFlight = f.count(field+".in_flight", *e.InFlight)
	}
	return out, f.outage(field+".outage.", e.Outage)
}

// result is an agent's answer to an order: nil if it was carried out.
func (f *faults) result(m *wire.AgentResult) (after fleet.InstanceState, failed error) {
	f.name("service", m.Service)
	if m.Error != nil {
		failed = refusalOf(m.Error)
	}
	if m.State.Service == "" && failed != nil {
		return fleet.InstanceState{Service: m.Service}, failed
	}
	if m.State.Service != m.Service {
		f.add("state.service", "%.130q is not the service of the order", m.State.Service)
	}
	return f.state("state.", &m.State), failed
}

// maxFields is how many bad fields of an agent's refusal are kept.
const maxFields = 100

// refusalOf is why an agent did not do something.
func refusalOf(e *wire.AgentError) error {
	out := &fleet.Error{Kind: fleet.Internal, Op: "agent", Err: agentError(cut(e.Message, longestText))}
	for kind, code := range codes {
		if code == e.Code && kind != fleet.Precondition {
			out.Kind = kind
		}
	}
	for _, b := range e.Errors[:min(len(e.Errors), maxFields)] {
		out.Fields = append(out.Fields, switchgear.FieldError{Field: cut(b.Field, longestText), Message: cut(b.Message, longestText)})
	}
	return out
}

// agentError is what an agent says of an order.
type agentError string

// Error is what it says.
func (e agentError) Error() string { return string(e) }

// info is which process an agent is in.
func (f *faults) info(m *wire.AgentHello) fleet.AgentInfo {
	return fleet.AgentInfo{
		Instance: m.Instance, Boot: m.Boot, Name: m.Name, Program: m.Program, Library: m.Library,
		StartedAt: f.past("started_at", m.StartedAt),
	}
}
