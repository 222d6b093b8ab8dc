package rest

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// deaf is an agent that takes what it is sent.
type deaf struct{}

func (deaf) Order(fleet.AgentOrder) error { return nil }
func (deaf) Close(int, string)            {}

// joined has a process bring a service in.
func (b *bench) joined(name, service string) *fleet.AgentSession {
	b.tb.Helper()
	s, err := b.manager.Attach(b.tb.Context(), fleet.AgentInfo{
		Instance: "instance_of_" + name + "____", Boot: "secret_of_" + name + "_______", Name: name, Program: "shop v1", Library: "test",
		Address: "198.18.0.1", Node: "node-1", StartedAt: time.Now(),
	}, nil, deaf{})
	if err != nil {
		b.tb.Fatal(err)
	}
	got, err := s.Join(b.tb.Context(), []fleet.AgentService{{
		Name: service, About: config.Service{Layer: "data"}, State: fleet.InstanceState{Service: service, Snapshot: switchgear.Snapshot{Service: service}},
	}})
	if err != nil || got[0].Err != nil {
		b.tb.Fatal(err, got)
	}
	return s
}

func TestInstances_AreThoseThatJoined(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("sync")
	b.joined("web-2", "prices")
	b.joined("web-1", "prices").Report([]fleet.InstanceState{{
		Service: "prices", ConfigError: "no", Snapshot: switchgear.Snapshot{Service: "prices", Operations: switchgear.Operations{Failed: 3}},
	}})
	got := b.as("viewer", "GET", "/api/v2/services/prices/instances", "")
	list, _ := got.body["instances"].([]any)
	if got.status != 200 || len(list) != 2 {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	one, _ := list[0].(map[string]any)
	if one["name"] != "web-1" || one["node"] != "node-1" || one["connected"] != true || one["stale"] != false || one["is_open"] != false ||
		one["config_error"] != "no" || one["operations"].(map[string]any)["failed"] != 3.0 { //nolint:forcetypeassert // it panics if not
		t.Errorf("the first: %s", got.raw)
	}
	if none := b.as("viewer", "GET", "/api/v2/services/sync/instances", ""); none.status != 200 || len(none.body["instances"].([]any)) != 0 { //nolint:forcetypeassert // it panics if not
		t.Errorf("of a reported one: %s", none.raw)
	}
	for role, want := range map[string]int{"agent": 403, "": 401} {
		if got := b.as(role, "GET", "/api/v2/services/prices/instances", ""); got.status != want {
			t.Errorf("%s: %d, want %d", role, got.status, want)
		}
	}
}

// opens has the only process of a service open its circuit.
func (b *bench) opens(s *fleet.AgentSession, service string) {
	b.tb.Helper()
	why := switchgear.Evidence{Rule: switchgear.RuleFailureThreshold, Failures: 5, LastError: "down"}
	after := fleet.InstanceState{Service: service, Running: true, Snapshot: switchgear.Snapshot{
		Service: service, State: switchgear.Open, Transitions: 1, OpenedAt: time.Now(), NextAttemptAt: time.Now().Add(time.Hour),
		Operations: switchgear.Operations{Failed: 5}, Trip: &why, Outage: &switchgear.Outage{BeganAt: time.Now(), Cause: why, Openings: 1},
	}}
	tr := switchgear.Transition{Service: service, Number: 1, From: switchgear.Closed, To: switchgear.Open, At: time.Now(), Evidence: why}
	if err := s.Transitions(b.tb.Context(), service, []switchgear.Transition{tr}, after); err != nil {
		b.tb.Fatal(err)
	}
}

func TestLimitedTokens_SeeOfProgramsThoseOfTheirServices(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, service := range []string{"eu:web", "us:web"} {
		b.opens(b.joined("of_"+service[:2], service), service)
		b.until("an alert of "+service, func() bool {
			return len(b.admin(200, "GET", "/api/v2/alerts?service="+service, "").names("alerts", "kind")) > 0
		})
	}
	own := []any{"eu:web"}
	for path, list := range map[string]string{
		"/api/v2/services": "services",
		"/api/v2/state":    "services",
		"/api/v2/state?at=" + url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano)): "services",
		"/api/v2/alerts":                 "alerts",
		"/api/v2/alerts?status=firing":   "alerts",
		"/api/v2/events?kind=registered": "events",
		"/api/v2/events?kind=transition": "events",
	} {
		got := b.as("admin-eu", "GET", path, "")
		names := got.names(list, "service")
		if got.status != 200 || len(names) == 0 || !slices.Equal(slices.Compact(names), own) || strings.Contains(got.raw, "us:") {
			t.Errorf("%s: %d %s", path, got.status, got.raw)
		}
		if all := b.admin(200, "GET", path, ""); !strings.Contains(all.raw, "us:web") {
			t.Errorf("%s: who may see all: %s", path, all.raw)
		}
	}
	for _, path := range []string{"", "/instances", "/events", "/config", "/series"} {
		if got := b.as("admin-eu", "GET", "/api/v2/services/us:web"+path, ""); got.status != 403 {
			t.Errorf("%s of another's: %d %s", path, got.status, got.raw)
		}
		if got := b.as("admin-eu", "GET", "/api/v2/services/eu:web"+path, ""); got.status != 200 {
			t.Errorf("%s of its own: %d %s", path, got.status, got.raw)
		}
	}
	if got := b.admin(200, "GET", "/api/v2/audit?service=eu:web", ""); !slices.Equal(got.names("audit", "service"), own) {
		t.Errorf("the audit log of the one: %s", got.raw)
	}
}

func TestEntry_OfProgramsDiffersFromNoFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.joined("web", "prices")
	b.admin(200, "PUT", "/api/v2/services/prices/config", `{"config":{"failureThreshold":7},"reason":"a test"}`, "If-Match", `"1"`)
	if got := b.admin(200, "GET", "/api/v2/services/prices", ""); got.body["config_version"] != 2.0 || got.body["config_differs_from_file"] != false {
		t.Errorf("%s", got.raw)
	}
	b.restart()
	if got := b.admin(200, "GET", "/api/v2/services/prices", ""); got.body["config_version"] != 2.0 || got.body["config_differs_from_file"] != false {
		t.Errorf("after a restart: %s", got.raw)
	}
}
