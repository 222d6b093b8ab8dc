package series

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// at is how the services were at a moment, by name.
func (b *bench) at(moment time.Time) map[string]fleet.View {
	b.t.Helper()
	views, err := b.StateAt(context.Background(), moment, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	found := make(map[string]fleet.View, len(views))
	for _, v := range views {
		found[v.Service] = v
	}
	return found
}

// asTold is what of a view can be known later.
var asTold = cmp.Options{
	cmpopts.IgnoreFields(fleet.View{}, "DiffersFromFile"),
	cmpopts.IgnoreFields(switchgear.Snapshot{}, "At", "Successes", "Slow", "ConsecutiveFailures", "LastError", "LastFailure", "LastSuccess",
		"OpenTime", "RetryAsked", "JitterDrawn", "FailedRecoveries", "AwaitsCheck", "ClosesAt", "Window", "LastReset", "LastRecoveryAttempt", "RecoveryAttempts"),
	cmpopts.IgnoreFields(switchgear.Evidence{}, "InFlight"),
	cmpopts.IgnoreFields(switchgear.Performance{}, "Last", "Slowest"),
	cmpopts.EquateApproxTime(2 * time.Millisecond),
	cmpopts.EquateEmpty(),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Config" }, cmp.Comparer(func(a, b switchgear.Config) bool {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return string(x) == string(y)
	})),
	cmp.Comparer(func(a, b time.Duration) bool { return a.Truncate(time.Microsecond) == b.Truncate(time.Microsecond) }),
}

// TestStateAt_IsWhatWasThen looks at a service at rest after each thing that
// happens to it, and later asks how it was.
func TestStateAt_IsWhatWasThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		b := start(t, s, Config{})
		quick := switchgear.Config{
			FailureThreshold: 4, ResetTimeout: 30 * time.Second, MinHealthyPeriod: time.Minute, Jitter: -1, MonitoringWindow: time.Hour,
		}
		began := time.Now()
		type moment struct {
			what  string
			at    time.Time
			views []fleet.View
		}
		var then []moment
		note := func(what string) {
			t.Helper()
			pass(4 * time.Second)
			then = append(then, moment{what, time.Now(), b.manager.Services()})
			pass(time.Second)
		}
		must := func(_ fleet.View, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		b.declare("web", config.Service{Layer: "edge", Description: "the front", Config: quick})
		note("new")
		b.declare("shop", config.Service{Dependencies: []string{"web"}, Config: quick})
		b.report("web", 10, 1)
		b.report("shop", 3, 0)
		note("some operations")
		b.report("web", 0, 1)
		note("near opening")
		b.report("web", 0, 2)
		note("open, and the other degraded")
		pass(30 * time.Second)
		note("half-open")
		b.report("web", 0, 1)
		note("open again")
		pass(time.Minute)
		note("half-open again")
		b.report("web", 1, 0)
		note("recovering")
		pass(2 * time.Minute)
		note("closed")
		must(b.manager.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator))
		note("forced open")
		must(b.manager.EndOverride(t.Context(), "web", operator))
		note("forced no more")
		_, err := b.manager.SetConfig(t.Context(), "shop", fleet.AnyVersion, func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"failureThreshold": 9, "enabled": false}`), nil
		}, operator)
		must(fleet.View{}, err)
		note("another config")
		b.declare("shop", config.Service{Layer: "middle", Description: "sells", Config: quick})
		note("another definition")
		b.stop()
		b = start(t, s, Config{})
		note("restarted")
		must(b.manager.Override(t.Context(), "web", switchgear.ForcedClosed, 10*time.Second, operator))
		pass(20 * time.Second)
		note("override expired")
		if err := b.manager.Remove(t.Context(), "shop", operator); err != nil {
			t.Fatal(err)
		}
		note("one removed")
		b.declare("shop", lenient)
		note("and back")
		check := func(when string) {
			for _, m := range then {
				want := make(map[string]fleet.View)
				for _, v := range m.views {
					if v.Breaker.Trip == nil {
						v.TripEventID = 0 // it is of a trip that nobody is told
					}
					if o := v.Breaker.Outage; o != nil && o.Openings > 1 {
						v.OutageEventID = 0 // the transition of then does not say it
						first := o.Cause
						v.Breaker.Outage = &switchgear.Outage{BeganAt: o.BeganAt, Openings: o.Openings, Cause: switchgear.Evidence{
							Rule: first.Rule, Failures: first.Failures, Successes: first.Successes, LastError: first.LastError,
						}}
					}
					want[v.Service] = v
				}
				if diff := cmp.Diff(want, b.at(m.at), asTold); diff != "" {
					t.Errorf("%s, asked %s (-then +later)\n%s", m.what, when, diff)
				}
			}
		}
		check("at once")
		if got := b.at(began.Add(-time.Second)); len(got) != 0 {
			t.Errorf("before all there is %v", got)
		}
		pass(3 * time.Minute)
		check("some minutes later")
		b.stop()
		b = start(t, s, Config{})
		check("after a restart")
	})
}

func TestStateAt_AnOverrideWhoseEndCameWhileNobodyRanIsOver(t *testing.T) {
	t.Parallel()
	for mode, state := range map[switchgear.Mode]switchgear.State{switchgear.ForcedOpen: switchgear.HalfOpen, switchgear.ForcedClosed: switchgear.Closed} {
		bubble(t, mode.String(), func(t *testing.T) {
			s := memory.New()
			b := start(t, s, Config{})
			b.declare("web", lenient)
			if _, err := b.manager.Override(t.Context(), "web", mode, time.Minute, operator); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Second)
			b.stop()
			pass(5 * time.Minute)
			b = start(t, s, Config{})
			pass(10 * time.Second)
			now := time.Now()
			for ago, want := range map[time.Duration]switchgear.Mode{5 * time.Minute: mode, 3 * time.Minute: switchgear.Auto} {
				v := b.at(now.Add(-ago))["web"]
				if v.Breaker.Mode != want || (v.Breaker.Override != nil) != (want == mode) || want != mode && v.Breaker.State != state {
					t.Errorf("%v ago: %v %v %+v", ago, v.Breaker.Mode, v.Breaker.State, v.Breaker.Override)
				}
			}
		})
	}
}

// asked keeps which services a store was asked for.
type asked struct {
	*memory.Store

	mu    sync.Mutex
	names map[string]bool
}

func (a *asked) note(of fleet.Which) fleet.Which {
	return fleet.Which{Match: func(name string) bool {
		if !of.Has(name) {
			return false
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.names[name] = true
		return true
	}}
}

func (a *asked) SeriesAt(ctx context.Context, step time.Duration, at time.Time, of fleet.Which) ([]fleet.SeriesChunk, error) {
	return a.Store.SeriesAt(ctx, step, at, a.note(of))
}

func (a *asked) StateAt(ctx context.Context, at time.Time, of fleet.Which) ([]fleet.StateAt, error) {
	return a.Store.StateAt(ctx, at, a.note(of))
}

func TestStateAt_ReadsWhatIsSeenAndWhatThatDependsOn(t *testing.T) {
	t.Parallel()
	bubble(t, "and tells the first alone, as it was", func(t *testing.T) {
		s := &asked{Store: memory.New(), names: make(map[string]bool)}
		b := start(t, s, Config{})
		b.declare("db", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		b.declare("shop", config.Service{Dependencies: []string{"db"}, Config: lenient.Config})
		b.declare("other", config.Service{Dependencies: []string{"shop"}, Config: lenient.Config})
		for _, name := range []string{"other", "shop"} {
			b.report(name, 7, 0)
		}
		b.report("db", 1, 1)
		pass(3 * time.Second)
		moment := time.Now()
		pass(3 * time.Second)
		for _, name := range []string{"other", "shop", "db"} { // what they were is then in the series alone
			b.report(name, 1, 0)
		}
		pass(3 * time.Second)
		all := b.at(moment)
		clear(s.names)
		views, err := b.StateAt(t.Context(), moment, func(name string) bool { return name == "shop" })
		if err != nil || len(views) != 1 {
			t.Fatalf("%+v, %v", views, err)
		}
		if diff := cmp.Diff(all["shop"], views[0], asTold); diff != "" || views[0].Status != fleet.StatusDegraded {
			t.Errorf("%v (-of all +alone)\n%s", views[0].Status, diff)
		}
		delete(s.names, "shop")
		delete(s.names, "db")
		if len(s.names) > 0 {
			t.Errorf("also asked for: %v", s.names)
		}
	})
}

func TestStateAt_RefusesTheFuture(t *testing.T) {
	t.Parallel()
	r := newBenchRecorder(t, memory.New())
	_, err := r.StateAt(t.Context(), time.Now().Add(time.Minute), nil)
	if fields := fleet.FieldsOf(err); fleet.KindOf(err) != fleet.Invalid || len(fields) != 1 || fields[0].Field != "at" {
		t.Errorf("%v", err)
	}
}

// TestStateAt_KnowsAfterARestartWhatItKnewBefore is of a chunk that began less than
// a step before the moment, and of which a point was over by then.
func TestStateAt_KnowsAfterARestartWhatItKnewBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		b := start(t, s, Config{})
		pass(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 37*time.Second)))
		minute := time.Now().Truncate(time.Minute)
		b.declare("web", lenient)
		b.report("web", 10, 0)
		at := minute.Add(80 * time.Second) // the minute was over 20 s before
		pass(7 * time.Hour)
		before := b.at(at)["web"]
		b.stop()
		b = start(t, s, Config{})
		after := b.at(at)["web"]
		if before.Breaker.Operations.Successful != 10 || after.Breaker.Operations != before.Breaker.Operations || after.Status != before.Status {
			t.Errorf("%v %+v before, %v %+v after", before.Status, before.Breaker.Operations, after.Status, after.Breaker.Operations)
		}
	})
}
