package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

func TestWords_SayWhyItHappened(t *testing.T) {
	t.Parallel()
	transition := func(from, to, evidence string) fleet.Event {
		return fleet.Event{Kind: fleet.EventTransition, From: from, To: to, Evidence: json.RawMessage(evidence)}
	}
	byHand := transition("open", "closed", `{"rule":"reset"}`)
	byHand.Actor, byHand.Reason = "admin", "it is well"
	ended := transition("forced_open", "half_open", `{"rule":"override_ended","recovery_attempt":1}`)
	ended.Actor, ended.Reason = "admin", "maintenance"
	var got []string
	for _, e := range []fleet.Event{
		transition("closed", "open", `{"rule":"failure_threshold","failures":3,"successes":40,"last_error":"GET /work: 500","open_ms":1512}`),
		transition("closed", "open", `{"rule":"failure_rate","failures":30,"successes":10,"last_error":null,"open_ms":61000}`),
		transition("closed", "open", `{"rule":"consecutive_failures","failures":7,"last_error":"no","open_ms":500}`),
		transition("closed", "open", `{"rule":"slow_calls","slow":21,"successes":15,"in_flight":25,"open_ms":7260000}`),
		transition("open", "half_open", `{"rule":"reset_timeout","recovery_attempt":2}`),
		transition("half_open", "open", `{"rule":"recovery_failure","last_error":"no","open_ms":3000}`),
		transition("half_open", "open", `{"rule":"probe_timeout","open_ms":3000}`),
		transition("half_open", "open", `{"rule":"health_check","last_error":"no","open_ms":3000}`),
		transition("half_open", "closed", `{"rule":"min_healthy_period"}`),
		byHand,
		ended,
		transition("closed", "closed", `{"rule":"enabled"}`),
		transition("closed", "open", `{"rule":"of a later version"}`),
		transition("closed", "open", ``),
		{Kind: fleet.EventOverride, From: "auto", To: "forced_open", Actor: "admin", Reason: "maintenance"},
		{Kind: fleet.EventOverride, From: "forced_open", To: "auto", Actor: "admin", Reason: "done"},
		{Kind: fleet.EventOverrideExpired, From: "forced_closed", To: "auto"},
		{Kind: fleet.EventConfigChanged, Actor: "admin"},
		{Kind: fleet.EventConfigWarning, Reason: "too many successes"},
		{Kind: fleet.EventHealthFailed, Reason: "GET /health: 500"},
		{Kind: fleet.EventHealthRecovered},
		{Kind: fleet.EventRemoved, Actor: "admin"},
		{Kind: fleet.EventRegistered},
		{Kind: fleet.EventReset},
	} {
		got = append(got, words(&e))
	}
	golden(t, "words.golden", strings.Join(got, "\n")+"\n")
}

func TestChangeWords_TellWhatNoEventTells(t *testing.T) {
	t.Parallel()
	recovering := func(share float64) *fleet.View {
		return &fleet.View{Breaker: switchgear.Snapshot{State: switchgear.HalfOpen, AdmittedShare: share}}
	}
	dependant := func(s fleet.Status) *fleet.View { return &fleet.View{Status: s, Dependencies: []string{"a", "b"}} }
	all := []fleet.View{{Service: "a", Status: fleet.StatusHealthy}, {Service: "b", Status: fleet.StatusCircuitOpen}}
	for _, test := range []struct {
		name    string
		was, is *fleet.View
		want    string
	}{
		{"nothing admitted yet", recovering(0), recovering(0), ""},
		{"first step", recovering(0), recovering(0.05), "lets 5% of its operations in"},
		{"same step", recovering(0.05), recovering(0.05), ""},
		{"a dependency fails", dependant(fleet.StatusHealthy), dependant(fleet.StatusDegraded), "is degraded, for it depends on b"},
		{"it still fails", dependant(fleet.StatusDegraded), dependant(fleet.StatusDegraded), ""},
	} {
		if got := changeWords(test.was, test.is, all); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestTempo_ScalesEveryDurationAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	usual := switchgear.Config{
		FailureThreshold: 10, ResetTimeout: 120 * time.Second, MonitoringWindow: 600 * time.Second,
		SlowCallDuration: 4 * time.Second, SlowCallRateThreshold: 0.5,
	}
	want := switchgear.Config{
		FailureThreshold: 10, ResetTimeout: 6 * time.Second, MinHealthyPeriod: 6 * time.Second, MonitoringWindow: 30 * time.Second,
		HealthCheckInterval: 1500 * time.Millisecond, SlowCallDuration: 200 * time.Millisecond, SlowCallRateThreshold: 0.5,
	}
	if diff := cmp.Diff(want, tempo(20).config(usual)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range cast {
		for _, speed := range []tempo{1, usualTempo, testTempo} {
			if err := speed.config(p.config).Validate(); err != nil {
				t.Errorf("%s at %d: %v", p.name, speed, err)
			}
		}
	}
}
