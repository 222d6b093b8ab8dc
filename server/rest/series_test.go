package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// recorded waits until the series of a service have so many operations, which
// takes a second or two.
func (b *bench) recorded(service string, operations float64) {
	b.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); <-tick.C {
		got := b.admin(200, "GET", "/api/v2/services/"+service+"/series", "")
		points := got.body["points"].([]any)
		n := 0.0
		for _, p := range points {
			n += p.(map[string]any)["successful"].(float64) + p.(map[string]any)["failed"].(float64)
		}
		if len(points) > 0 && n == operations {
			return
		}
	}
	b.tb.Fatalf("%v operations of %s are not recorded", operations, service)
}

func TestSeries_TellHowAServiceWas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:market")
	b.admin(200, "POST", "/api/v2/services/eu:market/operations",
		`{"outcomes":[{"outcome":"success","duration_ms":3},{"outcome":"failure","duration_ms":5,"error":"boom"}]}`)
	b.recorded("eu:market", 2)
	for _, who := range []string{"viewer", "viewer-eu", "operator", "admin"} {
		got := b.as(who, "GET", "/api/v2/services/eu:market/series", "")
		if got.status != 200 || got.body["step"] != "1s" || got.body["service"] != "eu:market" {
			t.Fatalf("%s: %d %s", who, got.status, got.raw)
		}
		var ok, failed float64
		for _, p := range got.body["points"].([]any) {
			point := p.(map[string]any)
			ok += point["successful"].(float64)
			failed += point["failed"].(float64)
			if point["state"] != "closed" || point["mode"] != "auto" || point["admitted_share"] != 1.0 {
				t.Errorf("%s: %v", who, point)
			}
		}
		if ok != 1 || failed != 1 {
			t.Errorf("%s: %v and %v in %s", who, ok, failed, got.raw)
		}
		many := b.as(who, "GET", "/api/v2/series?services=eu:market,eu:other&step=10s", "")
		list, _ := many.body["series"].([]any)
		if many.status != 200 || len(list) != 2 || many.body["step"] != "10s" {
			t.Errorf("%s: %d %s", who, many.status, many.raw)
		}
	}
	if got := b.as("admin", "GET", "/api/v2/services/eu:market/series?step=1h", ""); got.body["step"] != "1h" {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

func TestSeries_AreForThoseWhoMaySee(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:market")
	b.reported("us:market")
	for path, want := range map[string]int{
		"/api/v2/services/eu:market/series":               200,
		"/api/v2/services/us:market/series":               403,
		"/api/v2/services/eu:nobody/series":               404,
		"/api/v2/series?services=eu:market":               200,
		"/api/v2/series?services=eu:market,us:market":     403,
		"/api/v2/series?services=eu:market&services=us:a": 403,
		"/api/v2/state": 200,
	} {
		if got := b.as("viewer-eu", "GET", path, ""); got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.raw)
		}
		if got := b.as("", "GET", path, ""); got.status != 401 {
			t.Errorf("%s by nobody: %d", path, got.status)
		}
		if got := b.as("agent", "GET", path, ""); got.status != 403 {
			t.Errorf("%s by an agent: %d", path, got.status)
		}
	}
}

func TestSeries_OfWhatIsGoneStay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.recorded("market", 0)
	if got := b.as("admin", "DELETE", "/api/v2/services/market", ""); got.status != 204 {
		t.Fatal(got.raw)
	}
	if got := b.admin(200, "GET", "/api/v2/services/market/series", ""); len(got.body["points"].([]any)) == 0 {
		t.Errorf("%s", got.raw)
	}
	b.admin(404, "GET", "/api/v2/services/never/series", "")
}

func TestSeries_NameEveryBadParameter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	past := func(d time.Duration) string { return url.QueryEscape(time.Now().Add(-d).Format(time.RFC3339)) }
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprintf("s%d", i)
	}
	const one, all = "/api/v2/services/market/series?", "/api/v2/series?services=market&"
	for _, tt := range []struct {
		path   string
		fields []string
	}{
		{one + "from=yesterday&to=x&step=fast", []string{"from", "step", "to"}},
		{one + "step=0s", []string{"step"}},
		{one + "step=-1s", []string{"step"}},
		{one + "step=1500ms", []string{"step"}},
		{one + "from=" + past(time.Minute) + "&to=" + past(time.Hour), []string{"from"}},
		{one + "from=" + past(-time.Minute), []string{"from"}},
		{one + "from=" + past(29*24*time.Hour) + "&step=1m", []string{"step"}},
		{one + "services=market", []string{"services"}},
		{all + "from=" + past(29*24*time.Hour) + "&step=1m", []string{"step"}},
		{"/api/v2/series", []string{"services"}},
		{"/api/v2/series?services=", []string{"services"}},
		{"/api/v2/series?services=market,No", []string{"services"}},
		{"/api/v2/series?services=" + strings.Join(many, ","), []string{"services"}},
		{"/api/v2/state?at=noon", []string{"at"}},
		{"/api/v2/state?at=" + past(-time.Minute), []string{"at"}},
	} {
		got := b.as("admin", "GET", tt.path, "")
		fields := got.fields()
		slices.Sort(fields)
		if got.status != 400 || !slices.Equal(fields, tt.fields) {
			t.Errorf("%.120s: %d %v, want %v: %s", tt.path, got.status, fields, tt.fields, got.raw)
		}
	}
	if got := b.as("admin", "GET", "/api/v2/series?services="+strings.Join(many[:200], ","), ""); got.status != 200 {
		t.Errorf("200 services: %d %.200s", got.status, got.raw)
	}
}

func TestState_IsThatOfAnyMoment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := time.Now()
	b.reported("eu:market")
	b.reported("us:market")
	if _, err := b.manager.Override(context.Background(), "eu:market", 1, time.Hour, fleet.Actor{Name: "ada", Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	then := time.Now()
	b.admin(200, "DELETE", "/api/v2/services/eu:market/override?reason=enough", "")
	at := func(moment time.Time) string {
		return "/api/v2/state?at=" + url.QueryEscape(moment.UTC().Format(time.RFC3339Nano))
	}
	if got := b.admin(200, "GET", at(before.Add(-time.Second)), ""); len(got.body["services"].([]any)) != 0 {
		t.Errorf("before all: %s", got.raw)
	}
	got := b.admin(200, "GET", at(then), "")
	list := got.body["services"].([]any)
	if len(list) != 2 {
		t.Fatalf("%s", got.raw)
	}
	entry := list[0].(map[string]any)
	breaker := entry["circuit_breaker"].(map[string]any)
	override, _ := breaker["override"].(map[string]any)
	if entry["service"] != "eu:market" || entry["status"] != "circuit_open" || breaker["mode"] != "forced_open" || override["actor"] != "ada" {
		t.Errorf("then: %s", got.raw)
	}
	last := b.admin(200, "GET", "/api/v2/services/eu:market/events", "").body["events"].([]any)[0].(map[string]any)
	list = b.admin(200, "GET", "/api/v2/state?at="+last["at"].(string), "").body["services"].([]any)
	if len(list) == 0 || list[0].(map[string]any)["circuit_breaker"].(map[string]any)["state"] != "half_open" {
		t.Errorf("at the moment that the history gives the end of the override: %v", list)
	}
	limited := b.as("viewer-eu", "GET", at(then), "")
	if list := limited.body["services"].([]any); limited.status != 200 || len(list) != 1 {
		t.Errorf("for some services: %d %s", limited.status, limited.raw)
	}
}

func TestSeries_WithoutARecorderAreUnavailable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.api.series = nil
	for _, path := range []string{"/api/v2/services/market/series", "/api/v2/series?services=market", "/api/v2/state?at=2026-01-01T00:00:00Z"} {
		if got := b.as("admin", "GET", path, ""); got.status != 503 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	b.admin(200, "GET", "/api/v2/state", "")
}

// reading is a store that keeps what it read of the past.
type reading struct {
	*memory.Store

	read []string
}

func (r *reading) StateAt(ctx context.Context, at time.Time, of fleet.Which) ([]fleet.StateAt, error) {
	found, err := r.Store.StateAt(ctx, at, of)
	for _, s := range found {
		r.read = append(r.read, s.Service)
	}
	return found, err
}

func TestState_OfTheBoardThatWasOnlyWhatTheTokenIsForIsRead(t *testing.T) {
	t.Parallel()
	b := &bench{tb: t, store: memory.New()}
	past := &reading{Store: b.store}
	b.past = past
	b.start()
	t.Cleanup(func() { b.stop() })
	b.reported("eu:market", "us:market")
	path := "/api/v2/state?at=" + stamp(time.Now())
	got := b.as("viewer-eu", http.MethodGet, path, "")
	if names := got.names("services", "service"); len(names) != 1 || names[0] != "eu:market" || !slices.Equal(past.read, []string{"eu:market"}) {
		t.Errorf("%v is told, and %v was read: %s", names, past.read, got.raw)
	}
	past.read = nil
	b.as("viewer", http.MethodGet, path, "")
	if len(past.read) != 2 {
		t.Errorf("for who is for all %v was read", past.read)
	}
}
