package rest

import (
	"slices"
	"strings"
	"testing"
)

func TestAPI_RefusesWhoIsNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, header := range map[string]string{
		"nothing": "", "unknown": "Bearer " + strings.Repeat("x", 30), "basic": "Basic abc", "short": "Bearer x",
	} {
		got := b.as("", "GET", "/api/v2/services", "", "Authorization", header)
		if got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	for range 20 {
		b.as("", "GET", "/api/v2/services", "", "Authorization", "Bearer "+strings.Repeat("x", 30))
	}
	got := b.as("", "GET", "/api/v2/services", "", "Authorization", "Bearer "+strings.Repeat("x", 30))
	if got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("after many failures: %d %v", got.status, got.header)
	}
	b.admin(200, "GET", "/api/v2/services", "")
}

func TestAPI_HasProblemsForOtherPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v2/", 404, ""},
		{"GET", "/api/v2/nothing", 404, ""},
		{"GET", "/api/v2/services/", 404, ""},
		{"GET", "/api/v2/services/market/processes", 404, ""},
		{"GET", "/api/v2/services/market/config/versions/1", 404, ""},
		{"POST", "/api/v2/services", 405, "GET, HEAD"},
		{"PATCH", "/api/v2/services/market", 405, "DELETE, GET, HEAD, PUT"},
		{"GET", "/api/v2/services/market/reset", 405, "POST"},
		{"DELETE", "/api/v2/services/market/config", 405, "GET, HEAD, PATCH, PUT"},
		{"OPTIONS", "/api/v2/state", 405, "GET, HEAD"},
		{"BREW", "/api/v2/state", 405, "GET, HEAD"},
		{"GET", "/api/v2/services/unknown", 404, ""},
		{"GET", "/api/v2/tokens/x", 405, "DELETE"},
		{"DELETE", "/api/v2/tokens/x", 404, ""},
		{"DELETE", "/api/v2/tokens/", 404, ""},
		{"PUT", "/api/v2/openapi.json", 405, "GET, HEAD"},
		{"GET", "/api/v2/services/Market", 400, ""},
		{"GET", "/api/v2/services/a%2Fb", 400, ""},
		{"GET", "/api/v2/services/a%20b", 400, ""},
		{"GET", "/api/v2/services/%ff", 400, ""},
		{"GET", "/api/v2/services/.a", 400, ""},
		{"GET", "/api/v2/services/" + strings.Repeat("a", 129), 400, ""},
		{"GET", "/api/v2/services/" + strings.Repeat("a", 128), 404, ""},
	}
	for _, tt := range tests {
		got := b.as("admin", tt.method, tt.path, "")
		if got.status != tt.status || got.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, got.status, got.header.Get("Allow"), tt.status, tt.allow)
		}
	}
}

func TestAPI_DoesNotKnowAnUnknownService(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, rt := range b.api.routes() {
		method, path, _ := strings.Cut(strings.ReplaceAll(rt.pattern, "{service}", "unknown"), " ")
		if !strings.Contains(path, "unknown") || rt.pattern == "PUT /api/v2/services/{service}" {
			continue
		}
		if got := b.as("admin", method, path, ""); got.status != 404 {
			t.Errorf("%s: %d, want 404", rt.pattern, got.status)
		}
		path = strings.Replace(path, "unknown", "Not_a_name", 1)
		if got := b.as("admin", method, path, ""); got.status != 400 || !slices.Contains(got.fields(), "service") {
			t.Errorf("%s: %d %v, want 400", rt.pattern, got.status, got.fields())
		}
	}
}

func TestAPI_RefusesUnknownAndRepeatedParameters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	tests := []struct {
		path  string
		field string
	}{
		{"/api/v2/state?before=2026-11-23T08:00:00Z", "before"},
		{"/api/v2/services?state=open", "state"},
		{"/api/v2/services?limit=1&limit=2", "limit"},
		{"/api/v2/services?limit=0", "limit"},
		{"/api/v2/services?limit=1001", "limit"},
		{"/api/v2/services?limit=1e3", "limit"},
		{"/api/v2/services?limit=", "limit"},
		{"/api/v2/services?status=open", "status"},
		{"/api/v2/services?cursor=zzz", "cursor"},
		{"/api/v2/services?cursor=", "cursor"},
		{"/api/v2/services?q=%ff", "q"},
		{"/api/v2/services?q=" + strings.Repeat("a", 257), "q"},
		{"/api/v2/services?q=%zz", "query"},
		{"/api/v2/services?a;b", "query"},
		{"/api/v2/services/market?token=" + secrets["admin"], "token"},
		{"/api/v2/events?kind=explosion", "kind"},
		{"/api/v2/events?since=yesterday", "since"},
		{"/api/v2/events?until=2026-11-23", "until"},
		{"/api/v2/events?since=0001-01-01T00:00:00Z", "since"},
		{"/api/v2/audit?service=No", "service"},
		{"/api/v2/audit?actor=", "actor"},
		{"/api/v2/audit?action=", "action"},
		{"/api/v2/audit?since=1", "since"},
		{"/api/v2/audit?limit=0", "limit"},
		{"/api/v2/audit?cursor=" + *eventsList.cursor("1"), "cursor"},
		{"/api/v2/audit?address=x", "address"},
		{"/api/v2/tokens?cursor=" + *tokensList.cursor("x"), "cursor"},
		{"/api/v2/tokens?cursor=" + *tokensList.cursor("1"), "cursor"},
		{"/api/v2/tokens?limit=1001", "limit"},
		{"/api/v2/openapi.json?pretty", "pretty"},
		{"/api/v2/events?service=No", "service"},
		{"/api/v2/events?service=", "service"},
		{"/api/v2/services/market/events?service=market", "service"},
		{"/api/v2/services/market/config?version=1", "version"},
		{"/api/v2/services/market/config/versions?cursor=" + *eventsList.cursor("1"), "cursor"},
		{"/api/v2/services/market/config/versions?cursor=" + *versionsList.cursor("-1"), "cursor"},
	}
	for _, tt := range tests {
		got := b.as("admin", "GET", tt.path, "")
		if got.status != 400 || !slices.Contains(got.fields(), tt.field) {
			t.Errorf("%s: %d %s", tt.path, got.status, got.raw)
		}
	}
	got := b.as("admin", "GET", "/api/v2/events?kind=a&since=b&until=c&limit=d&cursor=e", "")
	if want := []string{"kind", "since", "until", "limit", "cursor"}; len(got.fields()) != len(want) {
		t.Errorf("got %v, want %v: every bad field", got.fields(), want)
	}
}
