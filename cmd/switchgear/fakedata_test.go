package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/degenduel/switchgear/wire"
)

func fakeConfig(failures int, jitter string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(
		`{"failureThreshold":%d,"resetTimeoutMs":30000,"jitter":%s,"recoverySteps":[0.05,0.2,0.5]}`, failures, jitter))
}

// fakeEntries are a service of each kind that tables show otherwise, by name.
func fakeEntries() []wire.Entry {
	closed := wire.CircuitBreaker{State: "closed", Mode: "auto", Details: "closed: 0 of 5 failures within 5 min", AdmittedShare: 1}
	entry := func(name, status, layer string, b wire.CircuitBreaker) wire.Entry {
		return wire.Entry{
			Service: name, Status: status, Running: true, Layer: layer, Dependencies: []string{}, CircuitBreaker: b,
			Config: fakeConfig(5, "0.1"), ConfigVersion: 1, HealthCheck: json.RawMessage("null"), Source: "file", Instances: wire.Instances{Total: 1},
		}
	}
	disabled := closed
	disabled.Mode = "disabled"

	forced := closed
	forced.Mode = "forced_open"
	forced.IsOpen = true
	forced.Override = &wire.Override{Mode: "forced_open", Reason: "moving", Actor: "admin", ExpiresAt: at(26 * time.Hour)}

	open := wire.CircuitBreaker{
		State: "open", Mode: "auto", Details: "open: failure_threshold, 3 failures and 12 successes", IsOpen: true,
		Failures: 3, ConsecutiveFailures: 3, LastError: new("\x1b[31mconnection\trefused"), LastFailure: at(-7 * time.Second),
		LastSuccess: at(-62 * time.Minute), RecoveryAttempts: 2, LastRecoveryAttempt: at(-40 * time.Second),
		OpenedAt: at(-7 * time.Second), NextAttemptAt: at(23400 * time.Millisecond),
		Trip: &wire.Trip{Rule: "failure_threshold", Failures: 3, Successes: 12, LastError: new("connection refused"), EventID: new(int64(17))},
		Outage: &wire.Outage{
			BeganAt: at(-20 * time.Minute), Rule: "consecutive_failures", Failures: 4, Successes: 0, LastError: new("no route\u202eto host"),
			EventID: new(int64(11)), Openings: 3,
		},
	}
	market := entry("market_data_service", "circuit_open", "data", open)
	market.Description = "Prices from the exchange"
	market.Dependencies = []string{"token_sync_service"}
	market.Operations = wire.Operations{Total: 1215, Successful: 1200, Failed: 15, Rejected: 42, Ignored: 1}
	market.Performance = wire.Performance{
		AverageOperationTimeMs: 1.84, LastOperationTimeMs: 12345, P50OperationTimeMs: 1.5, P95OperationTimeMs: 21.7, P99OperationTimeMs: 180.2,
	}
	market.Health = wire.Health{
		Healthy: new(false), CheckedAt: at(-2 * time.Second), DurationMs: 3.25, Error: new("500 Internal Server Error"), ConsecutiveFailures: 3,
	}
	market.ConfigVersion = 3
	market.ConfigDiffersFromFile = true

	token := entry("token_sync_service", "healthy", "data", closed)
	token.Health = wire.Health{Healthy: new(true), CheckedAt: at(0), DurationMs: 0.42}

	vanity := entry("vanity_wallet", "degraded", "wallet", wire.CircuitBreaker{State: "half_open", Mode: "auto", AwaitsHealthCheck: true})
	vanity.Source, vanity.Instances = "agent", wire.Instances{Total: 2, Open: 1, Stale: 1}

	return []wire.Entry{
		entry("achievement_service", "unknown", "game", disabled),
		entry("contest_wallet", "circuit_open", "wallet", forced),
		market,
		entry("referral_service", "degraded", "game", wire.CircuitBreaker{
			State: "half_open", Mode: "auto", AdmittedShare: 0.2, ClosesAt: at(90 * time.Second), RecoveryAttempts: 1,
		}),
		token,
		vanity,
	}
}

// fakeEvents are an event of each shape, newest first.
func fakeEvents() []wire.Event {
	evidence := func(s string) json.RawMessage { return json.RawMessage(s) }
	return []wire.Event{
		{
			Seq: 9, Service: "contest_wallet", Kind: "override", From: new("auto"), To: new("forced_open"), At: at(-time.Second),
			Actor: new("admin"), Reason: new("moving"), Evidence: evidence(`{"expires_at":"2026-11-23T08:10:00.000Z"}`),
		},
		{
			ID: new(int64(17)), Seq: 8, Service: "market_data_service", Kind: "transition", From: new("closed"), To: new("open"),
			At: at(-7 * time.Second), Durable: true,
			Evidence: evidence(`{"transition":4,"rule":"failure_threshold","failures":3,"successes":12,"last_error":"connection\nrefused"}`),
		},
		{
			ID: new(int64(16)), Seq: 7, Service: "market_data_service", Kind: "config_changed", At: at(-time.Minute), Durable: true,
			Actor: new("admin"), Reason: new("a herd"), Evidence: evidence(`{"previous_version":2,"version":3}`),
		},
		{
			ID: new(int64(15)), Seq: 6, Service: "market_data_service", Kind: "registered", At: at(-50 * time.Hour), Durable: true,
			Actor: new("file"), Evidence: evidence(`{ "source": "file" }`),
		},
	}
}

// fakeInstances are those of vanity_wallet; other services have none.
func fakeInstances(service string) []wire.Instance {
	if service != "vanity_wallet" {
		return []wire.Instance{}
	}
	open := wire.CircuitBreaker{State: "open", Mode: "auto", Failures: 5, IsOpen: true}
	return []wire.Instance{
		{
			Instance: "r3k1q0ZsXb7mP2aQ", Name: "web-1", Program: "shop v1.4.0", Library: "switchgear-go v1", Address: "10.0.0.7", Node: "a", Connected: true,
			StartedAt: at(-time.Hour), JoinedAt: at(-time.Hour), SeenAt: at(-time.Second), ConfigVersion: 3, IsOpen: true, CircuitBreaker: open,
			Operations: wire.Operations{Total: 40, Successful: 35, Failed: 5},
		},
		{
			Instance: "Vt0pW8yLh5cD9eFg", Name: "web-2", Program: "shop v1.3.9", Address: "10.0.0.8", Stale: true, SeenAt: at(-2 * time.Minute),
			ConfigError: new("failureThreshold: too low\x1b[2J"), CircuitBreaker: wire.CircuitBreaker{State: "closed", Mode: "auto"},
		},
	}
}
