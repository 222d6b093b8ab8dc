package alert_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// large is an engine that knows 20 000 services, which are all well.
func large(tb testing.TB) (*alert.Engine, []*fleet.View) {
	tb.Helper()
	s := memory.New()
	m, err := fleet.New(context.Background(), fleet.Deps{Store: s}, fleet.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	e, err := alert.New(context.Background(), alert.Deps{Manager: m, Store: s}, alert.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	views := make([]*fleet.View, 20_000)
	for i := range views {
		views[i] = &fleet.View{
			Service: fmt.Sprintf("service-%05d", i), Status: fleet.StatusHealthy, Running: true,
			Instances: fleet.Instances{Total: 1}, Breaker: switchgear.Snapshot{Mode: switchgear.Auto},
		}
		if i%10 == 0 {
			views[i].Alerts = config.AlertRules{"consecutive_failures": {Threshold: 10}}
		}
	}
	return e, views
}

// BenchmarkEngine_AllChange is a second in which something changed of each of
// 20 000 services.
func BenchmarkEngine_AllChange(b *testing.B) {
	e, views := large(b)
	for b.Loop() {
		for _, v := range views {
			next := *v
			next.Breaker.Operations.Successful++
			e.See(fleet.Change{Service: v.Service, View: &next})
		}
		e.Look(time.Now())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(views)), "ns/service")
}

// BenchmarkEngine_NothingChanges is a second of a fleet that rests.
func BenchmarkEngine_NothingChanges(b *testing.B) {
	e, views := large(b)
	for _, v := range views {
		e.See(fleet.Change{Service: v.Service, View: v})
	}
	e.Look(time.Now())
	for b.Loop() {
		e.Look(time.Now())
	}
}

// BenchmarkEngine_Storm is all of 20 000 services opening in a second.
func BenchmarkEngine_Storm(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		e, views := large(b)
		for _, v := range views {
			e.See(fleet.Change{Service: v.Service, View: v})
		}
		e.Look(time.Now())
		for _, v := range views {
			next := *v
			next.Status, next.Breaker.State = fleet.StatusCircuitOpen, switchgear.Open
			next.Breaker.Outage = &switchgear.Outage{BeganAt: time.Now(), Cause: switchgear.Evidence{Rule: switchgear.RuleFailureThreshold, Failures: 5}}
			e.See(fleet.Change{Service: v.Service, View: &next})
		}
		b.StartTimer()
		if n := e.Look(time.Now()); n != len(views) {
			b.Fatalf("%d alerts to be stored, want %d", n, len(views))
		}
	}
}
