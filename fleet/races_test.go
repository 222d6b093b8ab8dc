package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_NoCycleComesOfTwoDeclarationsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &gated{Store: memory.New()}
		b := start(t, store, &upstream{})
		for _, name := range []string{"a", "b", "other"} {
			b.declare(t, name, config.Service{})
		}
		open := store.shut()
		var running sync.WaitGroup
		running.Go(func() { _, _ = b.Reset(context.Background(), "other", switchgear.Closed, operator) })
		synctest.Wait()
		errs := make([]error, 2)
		running.Go(func() {
			_, _, errs[0] = b.Declare(context.Background(), "a", config.Service{Dependencies: []string{"b"}}, operator)
		})
		running.Go(func() {
			_, _, errs[1] = b.Declare(context.Background(), "b", config.Service{Dependencies: []string{"a"}}, operator)
		})
		synctest.Wait()
		open()
		running.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("errors %v, want one", errs)
		}
	})
}

func TestManager_StatisticsAreToldOnceASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "db", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		b.declare(t, "queue", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		b.declare(t, "web", config.Service{Dependencies: []string{"db", "queue"}})
		report := func(name string, o switchgear.Outcome) {
			if _, err := b.Report(t.Context(), name, []fleet.Outcome{{Outcome: o}}); err != nil {
				t.Fatal(err)
			}
		}
		report("queue", switchgear.Failure)
		report("web", switchgear.Success)
		time.Sleep(1900 * time.Millisecond)
		var last fleet.View
		_, _, stop := b.Watch(func(c fleet.Change) {
			if c.View == nil || c.Service != "web" {
				return
			}
			if last.Service != "" && last.Status == c.View.Status && c.View.Breaker.At.Sub(last.Breaker.At) < 900*time.Millisecond {
				t.Errorf("statistics %v after those before", c.View.Breaker.At.Sub(last.Breaker.At))
			}
			last = *c.View
		})
		defer stop()
		for range 10 {
			report("web", switchgear.Success)
			report("db", switchgear.Failure)
			report("web", switchgear.Success)
			time.Sleep(200 * time.Millisecond)
			if _, err := b.Reset(t.Context(), "db", switchgear.Closed, operator); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestManager_ARefusedOrderThatIsStoredAllTheSameComesIntoForce(t *testing.T) {
	begin := func(t *testing.T) (*bench, *lossy) {
		t.Helper()
		store := &lossy{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		store.lose.Store(true)
		return b, store
	}
	refused := func(t *testing.T, err error) {
		t.Helper()
		if fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		time.Sleep(2 * time.Second)
	}
	bubble(t, "a reset", func(t *testing.T) {
		b, store := begin(t)
		_, err := b.Reset(t.Context(), "web", switchgear.Closed, operator)
		refused(t, err)
		if v := b.view(t, "web"); v.Breaker.State != switchgear.Closed {
			t.Errorf("state %v", v.Breaker.State)
		}
		if v, err := afterKill(t, store); err != nil || v.Breaker.State != switchgear.Closed || v.Breaker.Transitions != 2 {
			t.Errorf("after a restart: %v, %v, transition %d", err, v.Breaker.State, v.Breaker.Transitions)
		}
	})
	bubble(t, "a removal, with what has happened since", func(t *testing.T) {
		b, store := begin(t)
		err := b.Remove(t.Context(), "web", operator)
		if fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := b.Service("web"); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("it is still there: %v", err)
		}
		if _, err := afterKill(t, store); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("it is back: %v", err)
		}
	})
	bubble(t, "a registration", func(t *testing.T) {
		b, store := begin(t)
		_, _, err := b.Declare(t.Context(), "api", probed(3), operator)
		refused(t, err)
		if _, created, err := b.Declare(t.Context(), "api", probed(3), operator); err != nil || created {
			t.Errorf("sent again: new %v, %v", created, err)
		}
		if v := b.view(t, "api"); v.ConfigVersion != 1 || !v.Running {
			t.Errorf("version %d, running %v", v.ConfigVersion, v.Running)
		}
		if v := b.upstream.checks.Load(); v == 0 {
			t.Error("its health check does not run")
		}
		numbers(t, store)
	})
	bubble(t, "the end of an override, but not of one that was set since", func(t *testing.T) {
		b, store := begin(t)
		store.lose.Store(false)
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		store.lose.Store(true)
		if _, err := b.EndOverride(t.Context(), "web", operator); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedClosed, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if v := b.view(t, "web"); v.Breaker.Mode != switchgear.ForcedClosed {
			t.Errorf("mode %v", v.Breaker.Mode)
		}
		if v, err := afterKill(t, store); err != nil || v.Breaker.Mode != switchgear.ForcedClosed {
			t.Errorf("after a restart: %v, mode %v", err, v.Breaker.Mode)
		}
	})
	bubble(t, "the config of a file, which is read again", func(t *testing.T) {
		b, _ := begin(t)
		file := map[string]config.Service{"db": probed(5), "queue": probed(2)}
		refused(t, b.ApplyFile(t.Context(), file))
		if err := b.ApplyFile(t.Context(), file); err != nil {
			t.Error(err)
		}
		if v := b.view(t, "queue"); v.ConfigVersion != 1 || v.DiffersFromFile {
			t.Errorf("version %d, differs %v", v.ConfigVersion, v.DiffersFromFile)
		}
	})
}

func TestManager_ConcurrentOrdersOfEveryKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		ctx := context.Background()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 40 {
					name := fmt.Sprintf("s%d", n%3)
					def := probed(1)
					def.HealthCheck.TCP.Address = fmt.Sprintf("127.0.0.1:%d", n%2+1)
					switch (i + n) % 8 {
					case 0, 1:
						_, _, _ = b.Declare(ctx, name, def, operator)
					case 2:
						_, _ = b.Override(ctx, name, switchgear.ForcedOpen, time.Second, operator)
					case 3:
						_, _ = b.EndOverride(ctx, name, operator)
					case 4:
						_, _ = b.Reset(ctx, name, switchgear.HalfOpen, operator)
					case 5:
						_, _ = b.Report(ctx, name, []fleet.Outcome{{Outcome: switchgear.Failure}})
					case 6:
						_ = b.ApplyFile(ctx, map[string]config.Service{"s1": def})
					case 7:
						if n%3 == 0 {
							_ = b.Remove(ctx, name, operator)
						}
						time.Sleep(300 * time.Millisecond)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(5 * time.Second)
		for _, v := range b.Services() {
			if _, err := b.Override(ctx, v.Service, switchgear.ForcedClosed, time.Minute, operator); err != nil {
				t.Errorf("%s takes no orders any more: %v", v.Service, err)
			}
		}
		numbers(t, store)
	})
}

// numbers finds holes in the numbers of the stored transitions.
func numbers(t *testing.T, store fleet.Store) {
	t.Helper()
	events, err := store.Events(t.Context(), fleet.EventQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	last := make(map[string]uint64)
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.Kind == fleet.EventRegistered {
			last[e.Service] = 0
		}
		if e.Kind == fleet.EventTransition {
			number := transitionNumber(t, e)
			if number != last[e.Service]+1 {
				t.Errorf("%s: transition %d after %d", e.Service, number, last[e.Service])
			}
			last[e.Service] = number
		}
	}
}

func transitionNumber(t *testing.T, e *fleet.Event) uint64 {
	t.Helper()
	var evidence struct{ Transition uint64 }
	if err := json.Unmarshal(e.Evidence, &evidence); err != nil {
		t.Fatal(err)
	}
	return evidence.Transition
}
