package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEvents_AreNewestFirstFilteredAndPaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market", "sync")
	middle := time.Now().UTC()
	for i := range 5 {
		b.admin(200, "POST", "/api/v2/services/market/reset", fmt.Sprintf(`{"reason":"no %d"}`, i))
	}
	list := func(path string) reply {
		t.Helper()
		return b.as("viewer", "GET", "/api/v2/"+path, "")
	}
	all := list("events")
	if n := len(all.names("events", "id")); n < 7 || all.body["next_cursor"] != nil {
		t.Fatalf("%d events: %s", n, all.raw)
	}
	ids, last := all.names("events", "id"), 1e18
	for _, id := range ids {
		if id.(float64) >= last {
			t.Errorf("not newest first: %v", ids)
		}
		last = id.(float64)
	}
	first := all.body["events"].([]any)[0].(map[string]any)
	for _, name := range []string{"id", "seq", "service", "kind", "from", "to", "at", "actor", "reason", "evidence"} {
		if _, ok := first[name]; !ok {
			t.Errorf("an event has no %s: %v", name, first)
		}
	}
	resets := []any{"no 4", "no 3", "no 2", "no 1", "no 0"}
	tests := map[string][]any{
		"events?kind=reset":                                   resets,
		"services/market/events?kind=reset":                   resets,
		"events?kind=reset&kind=registered&service=market":    append(resets[:5:5], nil),
		"events?kind=reset,registered&service=market":         append(resets[:5:5], nil),
		"events?service=sync":                                 {nil},
		"services/sync/events?kind=reset":                     nil,
		"events?kind=reset&until=" + stamp(middle):            nil,
		"events?kind=reset&since=" + stamp(middle):            resets,
		"events?kind=registered&since=" + stamp(middle):       nil,
		"events?since=" + stamp(time.Now().Add(time.Hour)):    nil,
		"events?kind=reset&since=2020-01-01T00:00:00%2B02:00": resets,
	}
	for path, want := range tests {
		got := list(path)
		if diff := cmp.Diff(want, got.names("events", "reason")); got.status != 200 || diff != "" || got.body["next_cursor"] != nil {
			t.Errorf("%s: %d (-want +got)\n%s", path, got.status, diff)
		}
		if _, ok := got.body["events"].([]any); !ok {
			t.Errorf("%s: events is no list", path)
		}
	}
	for limit := 1; limit <= len(ids)+1; limit++ {
		var pages []any
		for query := fmt.Sprintf("events?limit=%d", limit); ; {
			page := list(query)
			pages = append(pages, page.names("events", "id")...)
			if page.body["next_cursor"] == nil {
				break
			}
			query = fmt.Sprintf("events?limit=%d&cursor=%s", limit, url.QueryEscape(page.body["next_cursor"].(string)))
		}
		if diff := cmp.Diff(ids, pages); diff != "" {
			t.Errorf("pages of %d (-want +got)\n%s", limit, diff)
		}
	}
	for _, path := range []string{"services/never-was/events", "events?service=never-was", "events?service=never-was&kind=reset"} {
		if got := list(path); got.status != 404 {
			t.Errorf("%s: %d, want 404", path, got.status)
		}
	}
}

func stamp(t time.Time) string { return url.QueryEscape(t.Format(time.RFC3339Nano)) }

func TestStore_AwayRefusesOrdersButNoOverride(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.store.Fail(errors.New("disk /secret/path is gone"))
	for _, tt := range []struct{ method, path, body string }{
		{"PUT", "/api/v2/services/new", `{}`},
		{"DELETE", "/api/v2/services/market", ``},
		{"POST", "/api/v2/services/market/reset", `{"reason":"x"}`},
		{"PUT", "/api/v2/services/market/config", `{"config":{},"reason":"x"}`},
		{"PATCH", "/api/v2/services/market/config", `{"config":{},"reason":"x"}`},
		{"POST", "/api/v2/services/market/config/rollback", `{"version":1}`},
		{"GET", "/api/v2/services/market/config/versions", ``},
		{"GET", "/api/v2/events", ``},
		{"GET", "/api/v2/services/market/events", ``},
	} {
		var headers []string
		if strings.Contains(tt.path, "/config") {
			headers = []string{"If-Match", "*"}
		}
		got := b.as("admin", tt.method, tt.path, tt.body, headers...)
		if got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, got.status, got.raw)
		}
		if strings.Contains(got.raw, "secret") {
			t.Errorf("%s %s tells what the store said: %s", tt.method, tt.path, got.raw)
		}
	}
	b.admin(200, "GET", "/api/v2/services", "")
	b.admin(200, "GET", "/api/v2/state", "")
	b.admin(200, "POST", "/api/v2/services/market/operations", failures)
	got := b.admin(200, "PUT", "/api/v2/services/market/override", `{"mode":"forced_closed","reason":"x","ttl_ms":60000}`)
	if got.part("circuit_breaker", "mode") != "forced_closed" {
		t.Errorf("an override takes no effect: %s", got.raw)
	}
	b.store.Fail(nil)
}
