// Package view makes what is on the wire of what the manager knows.
package view

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// Entry is a service's state on the wire.
func Entry(v *fleet.View) (wire.Entry, error) {
	cfg, err := v.Config.MarshalJSON() // which json.Marshal would only read once more
	if err != nil {
		return wire.Entry{}, err
	}
	check, rules := json.RawMessage("null"), json.RawMessage("null")
	if v.HealthCheck != nil {
		if check, err = json.Marshal(shown(v.HealthCheck)); err != nil {
			return wire.Entry{}, err
		}
	}
	if len(v.Alerts) > 0 {
		if rules, err = json.Marshal(v.Alerts); err != nil {
			return wire.Entry{}, err
		}
	}
	s := &v.Breaker
	return wire.Entry{
		Service: v.Service, Status: string(v.Status), Running: v.Running,
		Layer: v.Layer, Description: v.Description, Dependencies: append([]string{}, v.Dependencies...),
		CircuitBreaker: CircuitBreaker(v),
		Operations:     operations(s), Performance: performance(s),
		Health: Health(v.Health), Config: cfg, ConfigVersion: v.ConfigVersion,
		Instances: wire.Instances(v.Instances), Source: string(v.Source),
		ConfigDiffersFromFile: v.DiffersFromFile, HealthCheck: check, ReportIntervalMs: Ms(v.ReportInterval), Alerts: rules,
	}, nil
}

func operations(s *switchgear.Snapshot) wire.Operations {
	return wire.Operations{
		Total: s.Operations.Total(), Successful: s.Operations.Successful, Failed: s.Operations.Failed,
		Rejected: s.Operations.Rejected, Ignored: s.Operations.Ignored,
	}
}

func performance(s *switchgear.Snapshot) wire.Performance {
	return wire.Performance{
		AverageOperationTimeMs: Ms(s.Performance.Average), LastOperationTimeMs: Ms(s.Performance.Last),
		P50OperationTimeMs: Ms(s.Performance.P50), P95OperationTimeMs: Ms(s.Performance.P95), P99OperationTimeMs: Ms(s.Performance.P99),
	}
}

// CircuitBreaker is the breaker's part of an entry.
func CircuitBreaker(v *fleet.View) wire.CircuitBreaker {
	s := &v.Breaker
	c := wire.CircuitBreaker{
		State: s.State.String(), Mode: s.Mode.String(), Details: v.Details(), IsOpen: v.IsOpen(),
		Failures: s.Failures, ConsecutiveFailures: s.ConsecutiveFailures, LastError: text(s.LastError),
		LastFailure: wire.Time{Time: s.LastFailure}, LastSuccess: wire.Time{Time: s.LastSuccess},
		RecoveryAttempts: s.RecoveryAttempts, LastRecoveryAttempt: wire.Time{Time: s.LastRecoveryAttempt},
		LastReset: wire.Time{Time: s.LastReset}, OpenedAt: wire.Time{Time: s.OpenedAt},
		NextAttemptAt: wire.Time{Time: s.NextAttemptAt}, ClosesAt: wire.Time{Time: s.ClosesAt},
		AdmittedShare: s.AdmittedShare, AwaitsHealthCheck: s.AwaitsCheck, Transitions: s.Transitions,
	}
	if t := s.Trip; t != nil {
		c.Trip = &wire.Trip{Rule: t.Rule, Failures: t.Failures, Successes: t.Successes, LastError: text(t.LastError), EventID: id(v.TripEventID)}
	}
	if o := s.Outage; o != nil {
		c.Outage = &wire.Outage{
			BeganAt: wire.Time{Time: o.BeganAt}, Rule: o.Cause.Rule, Failures: o.Cause.Failures, Successes: o.Cause.Successes,
			LastError: text(o.Cause.LastError), EventID: id(v.OutageEventID), Openings: o.Openings,
		}
	}
	if o := s.Override; o != nil {
		c.Override = &wire.Override{Mode: o.Mode.String(), Reason: o.Reason, Actor: o.Actor, ExpiresAt: wire.Time{Time: o.Until}}
	}
	return c
}

// Health is the health's part of an entry.
func Health(h switchgear.Health) wire.Health {
	if !h.Checked {
		return wire.Health{}
	}
	return wire.Health{
		Healthy: &h.Healthy, CheckedAt: wire.Time{Time: h.CheckedAt}, DurationMs: Ms(h.Duration),
		Error: text(h.Err), ConsecutiveFailures: h.ConsecutiveFailures,
	}
}

// Event is an event on the wire.
func Event(e *fleet.Event) wire.Event {
	return wire.Event{
		ID: id(e.ID), Seq: e.Seq, Service: e.Service, Kind: string(e.Kind), From: text(e.From), To: text(e.To),
		At: wire.Time{Time: e.At}, Actor: text(e.Actor), Reason: text(e.Reason), Evidence: e.Evidence, Durable: e.Durable,
	}
}

// HealthCheckResult is the answer to a health check.
func HealthCheckResult(h switchgear.Health, v *fleet.View, requestID wire.RequestID) wire.HealthCheckResult {
	c := CircuitBreaker(v)
	return wire.HealthCheckResult{
		Timestamp: wire.Time{Time: time.Now()}, Service: v.Service, Healthy: h.Healthy, Status: string(v.Status),
		DurationMs: Ms(h.Duration), Error: text(h.Err), CircuitBreaker: &c, RequestID: requestID,
	}
}

// ResetResult is the answer to a reset that was done.
func ResetResult(v *fleet.View, requestID wire.RequestID) wire.ResetResult {
	c := CircuitBreaker(v)
	return wire.ResetResult{
		Timestamp: wire.Time{Time: time.Now()}, Service: v.Service, Success: true, Status: string(v.Status),
		Details: c.Details, CircuitBreaker: &c, RequestID: requestID,
	}
}

// Config is a service's config in force on the wire.
func Config(c *fleet.ConfigView) wire.Config {
	out := wire.Config{
		Service: c.Service, Config: c.Config, Version: c.Version, UpdatedAt: wire.Time{Time: c.At},
		UpdatedBy: c.Actor, Reason: c.Reason, Warnings: []wire.FieldMessage{},
	}
	for _, w := range c.Warnings {
		out.Warnings = append(out.Warnings, wire.FieldMessage(w))
	}
	return out
}

// ConfigVersion is one version of a config on the wire.
func ConfigVersion(v *fleet.ConfigVersion) wire.ConfigVersion {
	return wire.ConfigVersion{Version: v.Version, Config: v.Config, At: wire.Time{Time: v.At}, Actor: v.Actor, Reason: v.Reason}
}

// Token is what is told of a token.
func Token(t *fleet.Token) wire.Token {
	return wire.Token{
		ID: t.ID, Name: t.Name, Role: t.Role, Services: append([]string(nil), t.Services...),
		CreatedAt: wire.Time{Time: t.CreatedAt}, CreatedBy: t.CreatedBy, ExpiresAt: wire.Time{Time: t.ExpiresAt},
	}
}

// AuditEntry is one line of the audit log on the wire.
func AuditEntry(e *fleet.AuditEntry) wire.AuditEntry {
	return wire.AuditEntry{
		ID: e.ID, At: wire.Time{Time: e.At}, Actor: e.Actor, Address: e.Address, Action: e.Action,
		Service: text(e.Service), Reason: text(e.Reason), Result: e.Result, Details: e.Details,
	}
}

// hidden stands where a section has what may be a secret.
const hidden = "…"

// shown is the check without what may be a secret, for every viewer sees it:
// user, password and query of a URL, the values of headers, and the arguments
// of a command.
func shown(check *config.HealthCheck) *config.HealthCheck {
	if check == nil {
		return nil
	}
	out := *check
	if check.HTTP != nil {
		http := *check.HTTP
		http.URL = shownURL(http.URL)
		http.Headers = make(map[string]string, len(check.HTTP.Headers))
		for name := range check.HTTP.Headers {
			http.Headers[name] = hidden
		}
		out.HTTP = &http
	}
	if c := check.Command; c != nil && len(c.Argv) > 1 {
		out.Command = &config.CommandCheck{Argv: []string{c.Argv[0], hidden}}
	}
	return &out
}

func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return hidden
	}
	out := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	if u.RawQuery != "" {
		out += "?" + hidden
	}
	return out
}

// Ms is d in milliseconds, to the microsecond.
func Ms(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }

// text is null for nothing.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func id(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}
