package view

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

func asMap(t *testing.T, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// at is a time that is not in UTC and has more than milliseconds.
var at = time.Date(2026, 11, 23, 10, 0, 0, 123_456_789, time.FixedZone("", 2*60*60))

const atText = "2026-11-23T08:00:00.123Z"

func openView() fleet.View {
	return fleet.View{
		Service: "market", Status: fleet.StatusCircuitOpen, Running: true, Layer: "data", Dependencies: []string{"sync"},
		Source: fleet.SourceAPI, TripEventID: 17, OutageEventID: 12, ConfigVersion: 3, Instances: fleet.Instances{Total: 1, Open: 1},
		Breaker: switchgear.Snapshot{
			State: switchgear.Open, Mode: switchgear.ForcedOpen, OpenedAt: at, Failures: 5, LastError: "down", Transitions: 4,
			Trip: &switchgear.Evidence{Rule: switchgear.RuleFailureThreshold, Failures: 5, Successes: 12, LastError: "down"},
			Outage: &switchgear.Outage{
				BeganAt: at, Openings: 3, Cause: switchgear.Evidence{Rule: switchgear.RuleSlowCalls, Failures: 2, Successes: 6},
			},
			Override:    &switchgear.Override{Mode: switchgear.ForcedOpen, Reason: "maintenance", Actor: "alice", Until: at},
			Operations:  switchgear.Operations{Successful: 12, Failed: 5, Rejected: 2, Ignored: 1},
			Performance: switchgear.Performance{Average: 1800 * time.Microsecond, P99: time.Second},
		},
		Health: switchgear.Health{Checked: true, CheckedAt: at, Duration: 3200 * time.Microsecond, Err: "refused", ConsecutiveFailures: 2},
	}
}

func TestEntry_HasTheContractsWords(t *testing.T) {
	t.Parallel()
	v := openView()
	e, err := Entry(&v)
	if err != nil {
		t.Fatal(err)
	}
	got := asMap(t, e)
	breaker := got["circuit_breaker"].(map[string]any)
	want := map[string]any{
		"trip": map[string]any{"rule": "failure_threshold", "failures": 5.0, "successes": 12.0, "last_error": "down", "event_id": 17.0},
		"outage": map[string]any{
			"began_at": atText, "rule": "slow_calls", "failures": 2.0, "successes": 6.0, "last_error": nil, "event_id": 12.0, "openings": 3.0,
		},
		"override": map[string]any{"mode": "forced_open", "reason": "maintenance", "actor": "alice", "expires_at": atText},
		"state":    "open", "mode": "forced_open", "is_open": true, "opened_at": atText, "last_failure": nil, "failures": 5.0,
	}
	for name, w := range want {
		if diff := cmp.Diff(w, breaker[name]); diff != "" {
			t.Errorf("circuit_breaker.%s (-want +got)\n%s", name, diff)
		}
	}
	parts := map[string]any{
		"operations":   map[string]any{"total": 17.0, "successful": 12.0, "failed": 5.0, "rejected": 2.0, "ignored": 1.0},
		"instances":    map[string]any{"total": 1.0, "open": 1.0, "stale": 0.0, "bad_callers": 0.0},
		"health":       map[string]any{"healthy": false, "checked_at": atText, "duration_ms": 3.2, "error": "refused", "consecutive_failures": 2.0},
		"health_check": nil, "status": "circuit_open", "config_version": 3.0, "dependencies": []any{"sync"},
	}
	for name, w := range parts {
		if diff := cmp.Diff(w, got[name]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if p := got["performance"].(map[string]any); p["averageOperationTimeMs"] != 1.8 || p["p99OperationTimeMs"] != 1000.0 {
		t.Errorf("performance %v", p)
	}
	if c := got["config"].(map[string]any); c["failureThreshold"] != 5.0 {
		t.Errorf("config %v", c)
	}
}

func TestEntry_OfAServiceWithoutHistoryHasNulls(t *testing.T) {
	t.Parallel()
	e, err := Entry(&fleet.View{Service: "new"})
	if err != nil {
		t.Fatal(err)
	}
	got := asMap(t, e)
	if d := got["dependencies"]; cmp.Diff([]any{}, d) != "" {
		t.Errorf("dependencies %v, want an empty list", d)
	}
	breaker := got["circuit_breaker"].(map[string]any)
	for _, name := range []string{"trip", "outage", "override", "last_failure", "last_success", "opened_at", "next_attempt_at", "last_reset", "last_recovery_attempt"} {
		if v, ok := breaker[name]; !ok || v != nil {
			t.Errorf("%s is %v, want null", name, v)
		}
	}
	health := got["health"].(map[string]any)
	if health["healthy"] != nil || health["checked_at"] != nil || health["error"] != nil {
		t.Errorf("health %v", health)
	}
}

func TestEntry_ShowsNoSecretOfACheck(t *testing.T) {
	t.Parallel()
	checks := []*config.HealthCheck{
		{HTTP: &config.HTTPCheck{
			URL:     "https://user:s3cret@up.example/health?key=s3cret",
			Headers: map[string]string{"Authorization": "Bearer s3cret"},
		}},
		{Command: &config.CommandCheck{Argv: []string{"/bin/check", "--password", "s3cret"}}},
	}
	want := []string{"https://up.example/health?…", "/bin/check"}
	for i, check := range checks {
		e, err := Entry(&fleet.View{HealthCheck: check})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.HealthCheck); strings.Contains(got, "s3cret") || strings.Contains(got, "user") || !strings.Contains(got, want[i]) {
			t.Errorf("shown: %s", got)
		}
	}
	if checks[0].HTTP.Headers["Authorization"] != "Bearer s3cret" || len(checks[1].Command.Argv) != 3 {
		t.Error("the check itself was changed")
	}
}

func TestEvent_HasNullsForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	got := asMap(t, Event(&fleet.Event{
		ID: 7, Seq: 9, Service: "market", Kind: fleet.EventTransition, From: "closed", To: "open", At: at, Durable: true,
	}))
	want := map[string]any{
		"id": 7.0, "seq": 9.0, "service": "market", "kind": "transition", "from": "closed", "to": "open", "at": atText,
		"actor": nil, "reason": nil, "evidence": nil, "durable": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := asMap(t, Event(&fleet.Event{})); got["id"] != nil || got["durable"] != false {
		t.Errorf("before it is stored: %v", got)
	}
}

func TestResults_HaveTheStateAfterThem(t *testing.T) {
	t.Parallel()
	v := openView()
	check := asMap(t, HealthCheckResult(v.Health, &v, `"id"`))
	if check["service"] != "market" || check["healthy"] != false || check["status"] != "circuit_open" ||
		check["duration_ms"] != 3.2 || check["error"] != "refused" || check["request_id"] != "id" || check["circuit_breaker"] == nil {
		t.Errorf("health check: %v", check)
	}
	reset := asMap(t, ResetResult(&v, `"id"`))
	if reset["service"] != "market" || reset["success"] != true || reset["status"] != "circuit_open" ||
		reset["details"] == "" || reset["request_id"] != "id" {
		t.Errorf("reset: %v", reset)
	}
}

func TestConfig_HasAListOfWarnings(t *testing.T) {
	t.Parallel()
	c := fleet.ConfigView{ConfigVersion: fleet.ConfigVersion{
		Service: "market", Version: 2, Config: json.RawMessage(`{"enabled":true}`), At: at, Actor: "alice", Reason: "why",
	}}
	want := map[string]any{
		"service": "market", "version": 2.0, "config": map[string]any{"enabled": true}, "updated_at": atText,
		"updated_by": "alice", "reason": "why", "warnings": []any{},
	}
	if diff := cmp.Diff(want, asMap(t, Config(&c))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c.Warnings = []switchgear.Warning{{Field: "jitter", Message: "hm"}}
	if got := asMap(t, Config(&c))["warnings"]; cmp.Diff([]any{map[string]any{"field": "jitter", "message": "hm"}}, got) != "" {
		t.Errorf("warnings %v", got)
	}
	version := asMap(t, ConfigVersion(&c.ConfigVersion))
	if version["version"] != 2.0 || version["actor"] != "alice" || version["reason"] != "why" || version["at"] != atText {
		t.Errorf("version %v", version)
	}
}
