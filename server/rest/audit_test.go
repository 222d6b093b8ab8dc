package rest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// refusals are the audit log's, as "action service reason result", the oldest
// first.
func (b *bench) refusals() []string {
	var lines []string
	for _, e := range b.store.AuditLog() {
		if strings.HasPrefix(e.Result, "refused") {
			status, _, _ := strings.Cut(strings.TrimPrefix(e.Result, "refused: "), " ")
			lines = append(lines, strings.Join([]string{e.Actor, e.Action, e.Service, e.Reason, status}, "|"))
		}
	}
	return lines
}

func TestAudit_HasEveryChangeThatWasRefusedToSomebody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.admin(200, "PUT", "/api/v2/services/market/override", `{"mode":"forced_open","reason":"hold","ttl_ms":60000}`)
	const market = "/api/v2/services/market"
	tests := []struct{ role, method, path, body, want string }{
		{"viewer", "POST", market + "/reset", `{"reason":"please"}`, "viewer-1|reset|market||403"},
		{"agent", "PUT", market + "/override", ``, "agent-1|override|market||403"},
		{"operator", "DELETE", market, ``, "operator-1|remove|market||403"},
		{"viewer", "POST", market + "/operations", ``, "viewer-1|report|market||403"},
		{"operator", "POST", "/api/v2/tokens", `{"name":"x","role":"admin"}`, "operator-1|create token|||403"},
		{"viewer", "DELETE", "/api/v2/tokens/x", ``, "viewer-1|revoke token|||403"},
		{"agent", "POST", "/api/v2/ws/tickets", ``, "agent-1|create ticket|||403"},
		{"admin-eu", "PUT", market, `{}`, "admin-eu-1|declare|market||403"},
		{"admin-eu", "POST", "/api/v2/tokens", `{"name":"x","role":"admin"}`, "admin-eu-1|create token|||403"},
		{"operator", "PUT", "/api/v2/services/No%20Name", `{}`, "operator-1|declare|||403"},
		{"operator", "POST", market + "/reset", `{"reason":"now"}`, "operator-1|reset|market|now|409"},
		{"admin", "PUT", market + "/config", `{"config":{},"reason":"x"}`, "admin-1|config|market||428"},
		{"admin", "DELETE", "/api/v2/tokens/environment?reason=old", ``, "admin-1|revoke token||old|409"},
	}
	var want []string
	for _, tt := range tests {
		b.as(tt.role, tt.method, tt.path, tt.body)
		want = append(want, tt.want)
	}
	b.as("admin", "PATCH", market+"/config", `{"config":{},"reason":"x"}`, "If-Match", `"7"`)
	b.as("admin", "PUT", market, `{}`, "If-Match", `"7"`)
	want = append(want, "admin-1|config|market||412", "admin-1|declare|market||412")
	b.as("viewer", "GET", "/api/v2/tokens", "")
	b.as("admin-eu", "GET", "/api/v2/audit", "")
	want = append(want, "viewer-1|list tokens|||403", "admin-eu-1|list audit log|||403")
	// None of these is a refused change.
	b.as("viewer", "GET", market+"/nothing", "")
	b.as("admin-eu", "GET", market, "")
	b.as("admin", "POST", market+"/reset", `{}`)
	b.as("admin", "DELETE", "/api/v2/tokens/none", "")
	for range 12 { // 401, and then 429: of them the log-in tells
		b.as("", "DELETE", market, "", "Authorization", "Bearer "+strings.Repeat("x", 30))
	}
	b.until("every refusal in the log", func() bool { return len(b.refusals()) >= len(want) })
	if diff := cmp.Diff(want, b.refusals()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, e := range b.store.AuditLog() {
		if e.Address != "192.0.2.1" || e.At.IsZero() {
			t.Errorf("%+v has no address or time", e)
		}
		if !strings.HasSuffix(e.Result, " (token "+strings.TrimSuffix(e.Actor, "-1")+")") {
			t.Errorf("%+v has no token", e)
		}
		if e.Action == "revoke token" && e.Actor == "viewer-1" && !strings.Contains(e.Result, `of "x"`) {
			t.Errorf("%+v does not say which token", e)
		}
	}
}

func TestAudit_HasHealthChecksThatWereOrdered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.admin(201, "PUT", "/api/v2/services/market", `{"config":{"healthCheckIntervalMs":0},"healthCheck":{"tcp":{"address":"127.0.0.1:9"}}}`)
	b.failing.Store(true)
	b.as("operator", "POST", "/api/v2/services/market/health-check", "")
	var lines []string
	b.until("the check in the log", func() bool {
		lines = nil
		for _, e := range b.store.AuditLog() {
			if e.Action == "health check" {
				lines = append(lines, e.Actor+"|"+e.Service+"|"+e.Result)
			}
		}
		return len(lines) > 0
	})
	if diff := cmp.Diff([]string{"operator-1|market|unhealthy (token operator)"}, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAudit_HasTheCapsRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.stop()
	b.limits = fleet.Config{MaxServices: 1}
	b.start()
	b.reported("one")
	if got := b.as("admin", "PUT", "/api/v2/services/two?reason=more", `{}`); got.status != 429 {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	b.until("the refusal in the log", func() bool { return slices.Equal(b.refusals(), []string{"admin-1|declare|two|more|429"}) })
}

func TestAudit_IsListedNewestFirstFilteredAndPaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market", "sync")
	for i := range 3 {
		b.as("operator", "POST", "/api/v2/services/market/reset", fmt.Sprintf(`{"reason":"no %d"}`, i))
	}
	middle := time.Now().UTC()
	b.admin(200, "POST", "/api/v2/services/sync/reset", `{"reason":"later"}`)
	b.as("viewer", "POST", "/api/v2/services/sync/reset", `{"reason":"mine"}`)
	b.until("the refusal in the log", func() bool { return len(b.refusals()) == 1 })
	list := func(query string) reply { return b.admin(200, "GET", "/api/v2/audit"+query, "") }
	all := list("")
	ids := all.names("audit", "id")
	if len(ids) != 7 || all.body["next_cursor"] != nil || !slices.IsSortedFunc(ids, func(x, y any) int { return int(y.(float64) - x.(float64)) }) {
		t.Errorf("%d lines: %s", len(ids), all.raw)
	}
	newest := all.body["audit"].([]any)[0].(map[string]any)
	want := map[string]any{
		"id": newest["id"], "at": newest["at"], "actor": "viewer-1", "address": "192.0.2.1", "action": "reset", "service": "sync", "reason": nil,
		"result": "refused: 403 the role viewer may not do this, operator may (token viewer)", "details": nil,
	}
	if diff := cmp.Diff(want, newest); diff != "" {
		t.Errorf("the newest (-want +got)\n%s", diff)
	}
	wantDetails := map[string]any{"from": "closed", "to": "closed"}
	if diff := cmp.Diff(wantDetails, all.body["audit"].([]any)[1].(map[string]any)["details"]); diff != "" {
		t.Errorf("the details of a reset (-want +got)\n%s", diff)
	}
	resets := []any{"no 2", "no 1", "no 0"}
	tests := map[string][]any{
		"?actor=operator-1":                        resets,
		"?service=market&action=reset":             resets,
		"?action=reset&until=" + stamp(middle):     resets,
		"?action=reset&since=" + stamp(middle):     {nil, "later"},
		"?service=sync&actor=admin-1&action=reset": {"later"},
		"?actor=nobody":                            nil,
		"?service=never-was":                       nil,
	}
	for query, want := range tests {
		got := list(query)
		if diff := cmp.Diff(want, got.names("audit", "reason")); diff != "" || got.body["next_cursor"] != nil {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
	for limit := 1; limit <= len(ids)+1; limit++ {
		var pages []any
		for query := fmt.Sprintf("?limit=%d", limit); ; {
			page := list(query)
			pages = append(pages, page.names("audit", "id")...)
			if page.body["next_cursor"] == nil {
				break
			}
			query = fmt.Sprintf("?limit=%d&cursor=%s", limit, url.QueryEscape(page.text("next_cursor")))
		}
		if diff := cmp.Diff(ids, pages); diff != "" {
			t.Errorf("pages of %d (-want +got)\n%s", limit, diff)
		}
	}
}
