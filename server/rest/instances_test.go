package rest

import (
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
