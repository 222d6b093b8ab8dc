package rest

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

const probedBody = `{"layer":"data","description":"Prices from the Exchange","dependencies":["sync"],` +
	`"config":{"failureThreshold":3,"resetTimeoutMs":30000},"healthCheck":{"tcp":{"address":"127.0.0.1:9"},"timeoutMs":2000}}`

func TestServices_AreRegisteredChangedAndTakenOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("sync")
	got := b.admin(201, "PUT", "/api/v2/services/market:eu", probedBody)
	if location := got.header.Get("Location"); location != "/api/v2/services/market:eu" {
		t.Errorf("Location %q", location)
	}
	want := map[string]any{
		"service": "market:eu", "status": "unknown", "layer": "data", "description": "Prices from the Exchange",
		"dependencies": []any{"sync"}, "config_version": 1.0, "source": "api",
	}
	for name, w := range want {
		if diff := cmp.Diff(w, got.body[name]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if got.part("config", "failureThreshold") != 3.0 || got.part("circuit_breaker", "state") != "closed" {
		t.Errorf("entry: %s", got.raw)
	}
	got = b.admin(200, "PUT", "/api/v2/services/market:eu", `{"layer":"edge"}`)
	if got.body["layer"] != "edge" || got.body["config_version"] != 2.0 || got.part("config", "failureThreshold") != 5.0 ||
		got.part("health_check") != nil {
		t.Errorf("changed: %s", got.raw)
	}
	if again := b.admin(200, "GET", "/api/v2/services/market:eu", ""); again.raw == "" || again.body["layer"] != "edge" {
		t.Errorf("read again: %s", again.raw)
	}
	gone := b.as("admin", "DELETE", "/api/v2/services/market:eu?reason=old", "")
	if gone.status != 204 || gone.raw != "" {
		t.Errorf("DELETE: %d %q", gone.status, gone.raw)
	}
	b.admin(404, "GET", "/api/v2/services/market:eu", "")
	b.admin(404, "DELETE", "/api/v2/services/market:eu", "")
	events := b.admin(200, "GET", "/api/v2/services/market:eu/events", "")
	if diff := cmp.Diff([]any{"removed", "config_changed", "declared", "registered"}, events.names("events", "kind")); diff != "" {
		t.Errorf("the history of what is gone (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]any{"old", nil, nil, nil}, events.names("events", "reason")); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

func TestServices_OthersNeedAreNotTakenOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("sync")
	b.admin(201, "PUT", "/api/v2/services/market", probedBody)
	b.admin(409, "DELETE", "/api/v2/services/sync", "")
	if got := b.admin(400, "PUT", "/api/v2/services/sync", `{"dependencies":["market"]}`); !slices.Equal(got.fields(), []string{"dependencies[0]"}) {
		t.Errorf("a cycle: %s", got.raw)
	}
	if got := b.admin(400, "PUT", "/api/v2/services/other", `{"dependencies":["sync","nowhere"],"colour":1}`); !slices.Equal(got.fields(), []string{"colour", "dependencies[1]"}) {
		t.Errorf("an unknown one: %s", got.raw)
	}
	b.admin(404, "GET", "/api/v2/services/other", "")
}

func TestServices_OfTheProgramAreItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.embedded("inside")
	b.admin(200, "GET", "/api/v2/services/inside", "")
	b.admin(409, "PUT", "/api/v2/services/inside", `{}`)
	b.admin(409, "DELETE", "/api/v2/services/inside", "")
	b.admin(200, "GET", "/api/v2/services/inside", "")
}

func TestServices_NamesEveryBadFieldOfASection(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.admin(400, "PUT", "/api/v2/services/market?reason=%00", `{"layer":"No Layer","colour":1,"dependencies":["market"],`+
		`"config":{"failureThreshold":0,"resetTimeoutMs":"soon"},"healthCheck":{"command":{"argv":["id"]},"timeoutMs":-1},"alerts":{"flapping":{"openings":1},"late":{}}}`)
	for _, name := range []string{
		"reason", "layer", "colour", "dependencies[0]", "config.failureThreshold", "config.resetTimeoutMs",
		"healthCheck.command", "healthCheck.timeoutMs", "alerts.flapping.openings", "alerts.late",
	} {
		if !slices.Contains(got.fields(), name) {
			t.Errorf("%s is not named in %v", name, got.fields())
		}
	}
}

func TestServices_TakeRulesOfAlerts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const rules = `{"circuit_state_change":{"enabled":false,"forMs":0},"consecutive_failures":{"threshold":5,"severity":"info"},"recovery_failure":null,` +
		`"performance_degradation":{"p95Ms":500.5,"forMs":1000},"service_unknown":{"forMs":86400000},"flapping":{"openings":2,"withinMs":1000}}`
	b.admin(201, "PUT", "/api/v2/services/market", `{"alerts":`+rules+`}`)
	v, err := b.manager.Service("market")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Alerts; len(got) != 5 || got["flapping"].Openings != 2 || got["performance_degradation"].P95.Microseconds() != 500500 {
		t.Errorf("got the rules %v", got)
	}
}

func TestServices_AreListedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := []any{}
	for i := range 7 {
		name := fmt.Sprintf("s%d", i)
		want = append(want, name)
		layer := "even"
		if i%2 == 1 {
			layer = "odd"
		}
		b.admin(201, "PUT", "/api/v2/services/"+name, fmt.Sprintf(`{"layer":%q,"description":"Number %d"}`, layer, i))
	}
	b.admin(200, "POST", "/api/v2/services/s3/operations", `{"outcomes":[{"outcome":"success","duration_ms":1}]}`)
	list := func(query string) ([]any, any) {
		t.Helper()
		got := b.admin(200, "GET", "/api/v2/services"+query, "")
		if names := got.names("services", "service"); len(names) > 0 {
			return names, got.body["next_cursor"]
		}
		if _, ok := got.body["services"].([]any); !ok {
			t.Errorf("%s: services is no list: %s", query, got.raw)
		}
		return []any{}, got.body["next_cursor"]
	}
	tests := map[string][]any{
		"":                               want,
		"?limit=7":                       want,
		"?layer=odd":                     {"s1", "s3", "s5"},
		"?layer=":                        {},
		"?layer=none":                    {},
		"?status=healthy":                {"s3"},
		"?status=healthy&status=unknown": want,
		"?status=healthy,degraded":       {"s3"},
		"?q=NUMBER%204":                  {"s4"},
		"?q=s5":                          {"s5"},
		"?q=":                            want,
		"?layer=odd&status=unknown&q=s":  {"s1", "s5"},
	}
	for query, want := range tests {
		got, cursor := list(query)
		if diff := cmp.Diff(want, got); diff != "" || cursor != nil {
			t.Errorf("%s (-want +got), cursor %v\n%s", query, cursor, diff)
		}
	}
	for limit := 1; limit <= 8; limit++ {
		var all []any
		for query := fmt.Sprintf("?limit=%d", limit); ; {
			got, cursor := list(query)
			all = append(all, got...)
			if cursor == nil {
				break
			}
			if len(got) != limit {
				t.Fatalf("limit %d: a page of %d", limit, len(got))
			}
			query = fmt.Sprintf("?limit=%d&cursor=%s", limit, url.QueryEscape(cursor.(string)))
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("pages of %d (-want +got)\n%s", limit, diff)
		}
	}
}

func TestState_IsTheWholeBoard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.admin(200, "GET", "/api/v2/state", "")
	if list, ok := got.body["services"].([]any); !ok || len(list) != 0 || got.body["at"] == nil {
		t.Errorf("empty: %s", got.raw)
	}
	b.reported("b", "a")
	got = b.as("viewer", "GET", "/api/v2/state", "")
	if diff := cmp.Diff([]any{"a", "b"}, got.names("services", "service")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if head := b.admin(200, "GET", "/api/v2/services/a", ""); head.header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type %q", head.header.Get("Content-Type"))
	}
}

func TestServices_AreChangedByWhoHasSeenThemIfHeSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const path = "/api/v2/services/market"
	for _, ifMatch := range []string{"*", `"1"`} {
		b.admin(412, "PUT", path, `{}`, "If-Match", ifMatch)
	}
	b.admin(404, "GET", path, "")
	b.reported("market")
	b.admin(412, "PUT", path, `{"layer":"x"}`, "If-Match", `"2"`)
	b.admin(200, "PUT", path, `{"layer":"edge","config":{"failureThreshold":3}}`, "If-Match", `"1"`)
	var taken, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			switch got := b.as("admin", "PUT", path, fmt.Sprintf(`{"config":{"failureThreshold":%d}}`, i+10), "If-Match", `"2"`); got.status {
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
	if taken.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d are taken and %d refused", taken.Load(), refused.Load())
	}
	if _, err := b.manager.DeclareIf(t.Context(), "market", 2, config.Service{}, fleet.Actor{}); fleet.KindOf(err) != fleet.Precondition {
		t.Errorf("it is not looked at again when the change's turn comes: %v", err)
	}
	b.admin(200, "PUT", path, `{}`, "If-Match", "*")
}
