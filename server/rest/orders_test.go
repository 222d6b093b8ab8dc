package rest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const failures = `{"outcomes":[{"outcome":"failure","duration_ms":3,"error":"down"},{"outcome":"failure","duration_ms":4,"error":"down"}]}`

func TestOperations_AnswerWhetherToGoOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	report := func(body string) map[string]any {
		t.Helper()
		got := b.as("agent", "POST", "/api/v2/services/market/operations", body)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", body, got.status, got.raw)
		}
		return got.body
	}
	want := map[string]any{"service": "market", "state": "closed", "admit": true, "retry_after_ms": 0.0}
	if diff := cmp.Diff(want, report(`{"outcomes":[]}`)); diff != "" {
		t.Errorf("a question (-want +got)\n%s", diff)
	}
	report(`{"outcomes":[{"outcome":"success","duration_ms":1.5},{"outcome":"ignored"}]}`)
	got := report(failures)
	if wait, _ := got["retry_after_ms"].(float64); got["state"] != "open" || got["admit"] != false || wait < 1000 || wait > 70_000 {
		t.Errorf("after the threshold: %v", got)
	}
	entry := b.admin(200, "GET", "/api/v2/services/market", "")
	operations := map[string]any{"total": 3.0, "successful": 1.0, "failed": 2.0, "rejected": 0.0, "ignored": 1.0}
	if diff := cmp.Diff(operations, entry.body["operations"]); diff != "" {
		t.Errorf("operations (-want +got)\n%s", diff)
	}
	trip, _ := entry.part("circuit_breaker", "trip").(map[string]any)
	if entry.body["status"] != "circuit_open" || trip["last_error"] != "down" || trip["event_id"] == nil {
		t.Errorf("entry: %s", entry.raw)
	}
	// The opening is durable before it is told.
	event := b.admin(200, "GET", "/api/v2/services/market/events?kind=transition", "")
	if diff := cmp.Diff([]any{trip["event_id"]}, event.names("events", "id")); diff != "" {
		t.Errorf("the event that opened it (-want +got)\n%s", diff)
	}
}

func TestOperations_CutLongErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.admin(200, "POST", "/api/v2/services/market/operations",
		`{"outcomes":[{"outcome":"failure","duration_ms":1,"error":"`+strings.Repeat("é", 1000)+`"}]}`)
	text, _ := b.admin(200, "GET", "/api/v2/services/market", "").part("circuit_breaker", "last_error").(string)
	if text != strings.Repeat("é", 256) {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestOperations_NameEveryBadOutcome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	one := `{"outcome":"success","duration_ms":1},`
	tests := map[string][]string{
		`{}`:                {"outcomes"},
		`{"outcomes":null}`: {"outcomes"},
		`{"outcomes":[{"outcome":"won","duration_ms":1},{"outcome":"success","duration_ms":-1},{"outcome":"failure","duration_ms":86400001}]}`: {
			"outcomes[0].outcome", "outcomes[1].duration_ms", "outcomes[2].duration_ms",
		},
		`{"outcomes":[{"outcome":"success","duration":1},{"Outcome":"success"},5]}`: {
			"outcomes[0].duration", "outcomes[1].Outcome", "outcomes[2]",
		},
		`{"outcomes":[` + strings.Repeat(one, 1000) + `{"outcome":"success","duration_ms":1}]}`: {"outcomes"},
	}
	for body, want := range tests {
		got := b.as("agent", "POST", "/api/v2/services/market/operations", body)
		if got.status != 400 {
			t.Errorf("%.100s: %d", body, got.status)
		}
		for _, name := range want {
			if !slices.Contains(got.fields(), name) {
				t.Errorf("%.100s: %s is not named in %v", body, name, got.fields())
			}
		}
	}
	b.admin(200, "POST", "/api/v2/services/market/operations", `{"outcomes":[`+strings.TrimSuffix(strings.Repeat(one, 1000), ",")+`]}`)
	entry := b.admin(200, "GET", "/api/v2/services/market", "")
	if total := entry.part("operations", "total"); total != 1000.0 {
		t.Errorf("%v operations are counted, want those of the one good report", total)
	}
}

func TestHealthCheck_AnswersWithTheResult(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("sync")
	b.admin(201, "PUT", "/api/v2/services/market", probedBody)
	b.failing.Store(true)
	got := b.as("operator", "POST", "/api/v2/services/market/health-check", "")
	if got.status != 200 || got.body["service"] != "market" || got.body["request_id"] == "" || got.body["timestamp"] == nil {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	for _, name := range []string{"healthy", "status", "duration_ms", "error", "circuit_breaker"} {
		if _, ok := got.body[name]; !ok {
			t.Errorf("%s is not there: %s", name, got.raw)
		}
	}
	if _, ok := got.body["type"]; ok {
		t.Errorf("type is of the stream: %s", got.raw)
	}
	b.admin(200, "POST", "/api/v2/services/market/health-check", "{}")
	b.admin(400, "POST", "/api/v2/services/market/health-check", `{"force":true}`)
	b.admin(409, "POST", "/api/v2/services/sync/health-check", "")
}

func TestReset_ClosesOrBeginsARecovery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.admin(200, "POST", "/api/v2/services/market/operations", failures)
	got := b.as("operator", "POST", "/api/v2/services/market/reset", `{"reason":"try","to":"half_open"}`)
	if got.status != 200 || got.body["success"] != true || got.part("circuit_breaker", "state") != "half_open" ||
		got.body["status"] != "degraded" || got.body["details"] == "" || got.body["request_id"] == "" {
		t.Errorf("to half_open: %d %s", got.status, got.raw)
	}
	got = b.as("operator", "POST", "/api/v2/services/market/reset", `{"reason":"fixed"}`)
	if got.status != 200 || got.part("circuit_breaker", "state") != "closed" || got.part("circuit_breaker", "failures") != 0.0 {
		t.Errorf("to closed: %d %s", got.status, got.raw)
	}
	audit := b.store.AuditLog()
	last := audit[len(audit)-1]
	if last.Actor != "operator-1" || last.Address != "192.0.2.1" || last.Action != "reset" || last.Reason != "fixed" || last.Service != "market" {
		t.Errorf("audit: %+v", last)
	}
}

func TestOverride_StandsUntilItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	got := b.as("operator", "PUT", "/api/v2/services/market/override", `{"mode":"forced_open","reason":"repair","ttl_ms":60000}`)
	o, _ := got.part("circuit_breaker", "override").(map[string]any)
	ends, err := time.Parse(time.RFC3339, o["expires_at"].(string))
	if err != nil || got.status != 200 || o["mode"] != "forced_open" || o["reason"] != "repair" || o["actor"] != "operator-1" ||
		time.Until(ends) > time.Minute || time.Until(ends) < 50*time.Second {
		t.Errorf("%d %v: %v", got.status, err, o)
	}
	if got.body["status"] != "circuit_open" || got.part("circuit_breaker", "is_open") != true {
		t.Errorf("entry: %s", got.raw)
	}
	b.admin(409, "POST", "/api/v2/services/market/reset", `{"reason":"no"}`)
	got = b.as("operator", "DELETE", "/api/v2/services/market/override", `{"reason":"repaired"}`)
	if got.status != 200 || got.part("circuit_breaker", "override") != nil || got.part("circuit_breaker", "state") != "half_open" {
		t.Errorf("its end: %d %s", got.status, got.raw)
	}
	b.admin(404, "DELETE", "/api/v2/services/market/override", "")
	b.admin(200, "PUT", "/api/v2/services/market/override", `{"mode":"forced_closed","reason":"trust","ttl_ms":2592000000}`)
	b.admin(200, "DELETE", "/api/v2/services/market/override?reason=enough", "")
	events := b.admin(200, "GET", "/api/v2/services/market/events?kind=override", "")
	if diff := cmp.Diff([]any{"enough", "trust", "repaired", "repair"}, events.names("events", "reason")); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

func TestOrders_NameEveryBadField(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	tests := []struct {
		method, path, body string
		want               []string
	}{
		{"POST", "reset", `{}`, []string{"reason"}},
		{"POST", "reset", `{"reason":"  "}`, []string{"reason"}},
		{"POST", "reset", `{"reason":"a\u0007b","to":"open","force":1}`, []string{"reason", "to", "force"}},
		{"POST", "reset", `{"reason":5,"to":["closed"]}`, []string{"reason", "to"}},
		{"POST", "reset", `{"reason":"` + strings.Repeat("a", 1025) + `"}`, []string{"reason"}},
		{"PUT", "override", `{}`, []string{"mode", "reason", "ttl_ms"}},
		{"PUT", "override", `{"mode":"open","reason":null,"ttl_ms":0}`, []string{"mode", "reason", "ttl_ms"}},
		{"PUT", "override", `{"mode":"auto","reason":"x","ttl_ms":-1}`, []string{"mode", "ttl_ms"}},
		{"PUT", "override", `{"mode":"forced_open","reason":"x","ttl_ms":2592000001}`, []string{"ttl_ms"}},
		{"PUT", "override", `{"mode":"forced_open","reason":"x","ttl_ms":"60000","ttl":1}`, []string{"ttl_ms", "ttl"}},
		{"PUT", "override", `{"mode":"forced_open","reason":"x","ttl_ms":1,"actor":"root"}`, []string{"actor"}},
		{"DELETE", "override", `{"why":"x"}`, []string{"why"}},
		{"DELETE", "override?reason=%01", ``, []string{"reason"}},
		{"POST", "config/rollback", `{}`, []string{"version"}},
		{"POST", "config/rollback", `{"version":-1,"reason":"\u0007"}`, []string{"version", "reason"}},
		{"POST", "config/rollback", `{"version":1.5,"to":2}`, []string{"version", "to"}},
	}
	for _, tt := range tests {
		got := b.as("admin", tt.method, "/api/v2/services/market/"+tt.path, tt.body)
		slices.Sort(tt.want)
		names := got.fields()
		slices.Sort(names)
		if got.status != 400 || !slices.Equal(names, tt.want) {
			t.Errorf("%s %s %.80s: %d %v, want %v", tt.method, tt.path, tt.body, got.status, names, tt.want)
		}
	}
}
