package rest

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const configPath = "/api/v2/services/market/config"

func TestConfig_IsVersioned(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	got := b.as("viewer", "GET", configPath, "")
	if got.status != 200 || got.header.Get("ETag") != `"1"` || got.body["version"] != 1.0 || got.body["service"] != "market" ||
		got.body["updated_by"] != "admin-1" || got.body["updated_at"] == nil || got.part("config", "failureThreshold") != 2.0 {
		t.Errorf("GET: %d %v %s", got.status, got.header, got.raw)
	}
	if warnings, ok := got.body["warnings"].([]any); !ok || len(warnings) > 0 {
		t.Errorf("warnings %v, want an empty list", got.body["warnings"])
	}
	got = b.admin(200, "PUT", configPath, `{"config":{"failureThreshold":7,"minimumOperations":9},"reason":"more patience"}`, "If-Match", `"1"`)
	if got.header.Get("ETag") != `"2"` || got.body["version"] != 2.0 || got.body["reason"] != "more patience" ||
		got.part("config", "failureThreshold") != 7.0 {
		t.Errorf("PUT: %v %s", got.header, got.raw)
	}
	if warnings := got.names("warnings", "field"); !slices.Contains(warnings, any("minimumOperations")) {
		t.Errorf("the lint says %v", got.body["warnings"])
	}
	got = b.admin(200, "PATCH", configPath, `{"config":{"resetTimeoutMs":1000,"failureThreshold":null},"reason":"faster"}`,
		"If-Match", `"2"`, "Content-Type", "application/merge-patch+json; charset=UTF-8")
	if got.part("config", "resetTimeoutMs") != 1000.0 || got.part("config", "failureThreshold") != 5.0 ||
		got.part("config", "minimumOperations") != 9.0 || got.part("config", "probeTimeoutMs") != 1000.0 {
		t.Errorf("PATCH: %s", got.raw)
	}
	got = b.admin(200, "POST", configPath+"/rollback", `{"version":1,"reason":"as it was"}`)
	if got.body["version"] != 4.0 || got.part("config", "failureThreshold") != 2.0 || got.header.Get("ETag") != `"4"` {
		t.Errorf("rollback: %s", got.raw)
	}
	if entry := b.admin(200, "GET", "/api/v2/services/market", ""); entry.body["config_version"] != 4.0 {
		t.Errorf("entry: %s", entry.raw)
	}
	b.admin(404, "POST", configPath+"/rollback", `{"version":99}`)
	b.admin(412, "POST", configPath+"/rollback", `{"version":1}`, "If-Match", `"1"`)
	got = b.as("viewer", "GET", configPath+"/versions", "")
	if diff := cmp.Diff([]any{"as it was", "faster", "more patience", ""}, got.names("versions", "reason")); diff != "" {
		t.Errorf("versions (-want +got)\n%s", diff)
	}
	var all []any
	for query := "?limit=3"; ; {
		page := b.admin(200, "GET", configPath+"/versions"+query, "")
		all = append(all, page.names("versions", "version")...)
		if page.body["next_cursor"] == nil {
			break
		}
		query = "?limit=3&cursor=" + url.QueryEscape(page.body["next_cursor"].(string))
	}
	if diff := cmp.Diff([]any{4.0, 3.0, 2.0, 1.0}, all); diff != "" {
		t.Errorf("pages (-want +got)\n%s", diff)
	}
}

func TestConfig_IsChangedByWhoHasSeenIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	tests := []struct {
		ifMatch string
		status  int
	}{
		{"", 428},
		{`"2"`, 412},
		{`"0"`, 412},
		{`0`, 412},
		{`1`, 412},
		{`W/"1"`, 412},
		{`"01"`, 412},
		{`"-1"`, 412},
		{`"1`, 412},
		{`"abc", "2"`, 412},
		{`"1"`, 200},                          // version 2 now
		{`"7", "2"`, 200},                     // 3
		{`*`, 200},                            // 4
		{"\t" + `"4" `, 200},                  // 5
		{`"18446744073709551617"`, 412},       // 1 in 64 bits
		{`"5"` + "\x00", 412},                 // whatever it is
		{`"5" ; drop table`, 412},             //
		{`"99999999999999999999999999"`, 412}, //
	}
	for _, method := range []string{"PUT", "PATCH"} {
		for i, tt := range tests {
			if method == "PATCH" && tt.status == 200 {
				continue
			}
			headers, body := []string{"If-Match", tt.ifMatch}, fmt.Sprintf(`{"config":{"failureThreshold":%d},"reason":"x"}`, i+3)
			if tt.ifMatch == "" {
				headers = nil
			}
			if got := b.as("admin", method, configPath, body, headers...); got.status != tt.status {
				t.Errorf("%s %q: %d, want %d: %s", method, tt.ifMatch, got.status, tt.status, got.raw)
			}
		}
	}
	if got := b.admin(200, "GET", configPath, ""); got.body["version"] != 5.0 {
		t.Errorf("version %v, want 5", got.body["version"])
	}
}

func TestConfig_OfManyThatHaveSeenTheSameOneIsTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	var taken, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			got := b.as("admin", "PUT", configPath, fmt.Sprintf(`{"config":{"failureThreshold":%d},"reason":"race"}`, i+10), "If-Match", `"1"`)
			switch got.status {
			case 200:
				taken.Add(1)
			case 412:
				refused.Add(1)
			default:
				t.Errorf("%d %s", got.status, got.raw)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 || refused.Load() != 49 {
		t.Errorf("%d are taken and %d refused", taken.Load(), refused.Load())
	}
	if got := b.admin(200, "GET", configPath, ""); got.body["version"] != 2.0 {
		t.Errorf("version %v", got.body["version"])
	}
}

func TestConfig_NamesEveryBadField(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	tests := map[string][]string{
		`{}`:                           {"config", "reason"},
		`{"config":null,"reason":"x"}`: {"config"},
		`{"config":5,"reason":"x"}`:    {"config"},
		`{"config":[],"reason":"x"}`:   {"config"},
		`{"config":{},"reason":""}`:    {"reason"},
		`{"config":{},"Reason":"x"}`:   {"Reason", "reason"},
		`{"config":{"state":"closed","version":7,"failurethreshold":1,"jitter":2,"resetTimeoutMs":0,"recoverySteps":[0.5,0.1]},"etag":"1"}`: {
			"config.state", "config.version", "config.failurethreshold", "config.jitter", "config.resetTimeoutMs",
			"config.recoverySteps", "etag", "reason",
		},
		`{"config":{"failureThreshold":1e999},"reason":"x"}`: {"config.failureThreshold"},
		`{"config":{"enabled":"yes","failureThreshold":1.5,"monitoringWindowMs":99},"reason":"x"}`: {
			"config.enabled", "config.failureThreshold", "config.monitoringWindowMs",
		},
	}
	for body, want := range tests {
		for _, method := range []string{"PUT", "PATCH"} {
			got := b.as("admin", method, configPath, body, "If-Match", "*")
			names := got.fields()
			slices.Sort(names)
			slices.Sort(want)
			if got.status != 400 || !slices.Equal(names, want) {
				t.Errorf("%s %s: %d %v, want %v", method, body, got.status, names, want)
			}
		}
	}
	if got := b.admin(200, "GET", configPath, ""); got.body["version"] != 1.0 {
		t.Errorf("version %v, want 1: nothing was good", got.body["version"])
	}
	// A cross of two fields shows with the config in force only.
	b.admin(200, "PATCH", configPath, `{"config":{"resetTimeoutMs":5000},"reason":"x"}`, "If-Match", "*")
	if got := b.admin(400, "PATCH", configPath, `{"config":{"maxResetTimeoutMs":4000},"reason":"x"}`, "If-Match", "*"); !slices.Equal(got.fields(), []string{"config.maxResetTimeoutMs"}) {
		t.Errorf("got %v", got.fields())
	}
	b.admin(200, "PATCH", configPath, `{"config":{"maxResetTimeoutMs":6000},"reason":"x"}`, "If-Match", "*")
}

func TestConfig_SentBackAsItWasShownStaysDerived(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	shown := b.admin(200, "GET", configPath, "")
	if shown.part("config", "probeTimeoutMs") != 60000.0 {
		t.Fatalf("shown: %s", shown.raw)
	}
	b.admin(200, "PATCH", configPath, `{"config":{"resetTimeoutMs":30000,"probeTimeoutMs":60000},"reason":"x"}`, "If-Match", "*")
	got := b.admin(200, "GET", configPath, "")
	if got.part("config", "probeTimeoutMs") != 30000.0 {
		t.Errorf("it follows no more: %s", got.raw)
	}
}

func TestConfig_IsTriedWithoutATrace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	before := len(b.store.AuditLog())
	const body = `{"config":{"failureThreshold":7,"minimumOperations":9},"reason":"a try"}`
	got := b.admin(200, "PUT", configPath+"?dry_run=true", body, "If-Match", `"1"`)
	if got.header.Get("ETag") != "" || got.body["version"] != 2.0 || got.body["reason"] != "a try" || got.body["updated_by"] != "admin-1" ||
		got.part("config", "failureThreshold") != 7.0 || !slices.Contains(got.names("warnings", "field"), any("minimumOperations")) {
		t.Errorf("PUT: %v %s", got.header, got.raw)
	}
	got = b.admin(200, "PATCH", configPath+"?dry_run=true", `{"config":{"failureThreshold":null},"reason":"a try"}`, "If-Match", "*")
	if got.part("config", "failureThreshold") != 5.0 {
		t.Errorf("PATCH: %s", got.raw)
	}
	b.admin(412, "PUT", configPath+"?dry_run=true", body, "If-Match", `"2"`)
	b.admin(428, "PUT", configPath+"?dry_run=true", body)
	if got := b.admin(400, "PUT", configPath+"?dry_run=true", `{"config":{"failureThreshold":0},"reason":"a try"}`, "If-Match", `"1"`); !slices.Contains(got.fields(), "config.failureThreshold") {
		t.Errorf("a bad one: %s", got.raw)
	}
	if got := b.admin(400, "PUT", configPath+"?dry_run=1", body, "If-Match", `"1"`); !slices.Contains(got.fields(), "dry_run") {
		t.Errorf("neither true nor false: %s", got.raw)
	}
	b.admin(400, "POST", configPath+"/rollback?dry_run=true", `{"version":1}`)
	if got := b.admin(200, "GET", configPath, ""); got.body["version"] != 1.0 {
		t.Errorf("in force is %s", got.raw)
	}
	b.admin(200, "PUT", configPath+"?dry_run=false", body, "If-Match", `"1"`)
	if got := b.as("operator", "PUT", configPath+"?dry_run=true", body, "If-Match", `"1"`); got.status != 403 {
		t.Errorf("an operator: %d", got.status)
	}
	// That is a refusal that matters, and comes behind all others.
	b.until("the operator in the audit log", func() bool { return len(b.store.AuditLog()) > before+1 })
	var log []string
	for _, e := range b.store.AuditLog()[before:] {
		log = append(log, e.Actor+" "+e.Result[:12])
	}
	if want := []string{"admin-1 ok: 2 (token", "operator-1 refused: 403"}; !slices.Equal(log, want) {
		t.Errorf("audit %q, want %q", log, want)
	}
}
