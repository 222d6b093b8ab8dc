package fleet_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// gated is a store whose commits wait while it is shut.
type gated struct {
	*memory.Store

	mu   sync.Mutex
	gate chan struct{}
}

func (g *gated) Commit(ctx context.Context, b *fleet.Batch) error {
	g.mu.Lock()
	gate := g.gate
	g.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return g.Store.Commit(ctx, b)
}

// shut holds back commits until open is called.
func (g *gated) shut() (open func()) {
	gate := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate = gate
	return func() {
		g.mu.Lock()
		g.gate = nil
		g.mu.Unlock()
		close(gate)
	}
}

// during runs order, and what happens to the service while the store is writing
// the order down.
func during(g *gated, order, happens func()) {
	open := g.shut()
	var running sync.WaitGroup
	running.Go(order)
	synctest.Wait()
	running.Go(happens)
	synctest.Wait()
	open()
	running.Wait()
	synctest.Wait()
}

// afterKill is "web" as a manager finds it that starts now, the one before
// having been killed.
func afterKill(t *testing.T, store fleet.Store) (fleet.View, error) {
	t.Helper()
	return start(t, store, &upstream{}).Service("web")
}

func TestManager_AKillLosesNothingThatWasAnswered(t *testing.T) {
	begin := func(t *testing.T) (*bench, *gated) {
		t.Helper()
		store := &gated{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		return b, store
	}
	fail := func(b *bench) func() {
		return func() {
			_, _ = b.Report(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Failure, Error: "boom"}})
		}
	}
	bubble(t, "a config, and a transition meanwhile", func(t *testing.T) {
		b, store := begin(t)
		during(store, func() {
			_, err := b.SetConfig(context.Background(), "web", 1, func(json.RawMessage) (json.RawMessage, error) {
				return json.RawMessage(`{"failureThreshold": 7, "resetTimeoutMs": 3600000}`), nil
			}, operator)
			if err != nil {
				t.Error(err)
			}
		}, fail(b))
		v, err := afterKill(t, store)
		if err != nil || v.ConfigVersion != 2 || v.Config.FailureThreshold != 7 || v.Breaker.State != switchgear.Open {
			t.Errorf("%v, version %d, threshold %d, %v", err, v.ConfigVersion, v.Config.FailureThreshold, v.Breaker.State)
		}
	})
	bubble(t, "an override, and a transition meanwhile", func(t *testing.T) {
		b, store := begin(t)
		during(store, func() {
			if _, err := b.Override(context.Background(), "web", switchgear.ForcedClosed, time.Hour, operator); err != nil {
				t.Error(err)
			}
		}, fail(b))
		v, err := afterKill(t, store)
		if err != nil || v.Breaker.Mode != switchgear.ForcedClosed || v.Breaker.Transitions != 1 {
			t.Errorf("%v, mode %v, transition %d", err, v.Breaker.Mode, v.Breaker.Transitions)
		}
	})
	bubble(t, "a removal, and a transition meanwhile", func(t *testing.T) {
		b, store := begin(t)
		during(store, func() {
			if err := b.Remove(context.Background(), "web", operator); err != nil {
				t.Error(err)
			}
		}, fail(b))
		if _, err := afterKill(t, store); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("the service is back: %v", err)
		}
	})
	bubble(t, "a new health check, and a transition meanwhile", func(t *testing.T) {
		b, store := begin(t)
		during(store, func() {
			b.declare(t, "web", config.Service{Config: switchgear.Config{
				FailureThreshold: 1, ResetTimeout: time.Hour, HealthCheckInterval: -1,
			}, HealthCheck: probed(1).HealthCheck})
		}, fail(b))
		if v := b.view(t, "web"); v.Breaker.State != switchgear.Open || v.Breaker.Transitions != 1 {
			t.Errorf("before: %v, transition %d", v.Breaker.State, v.Breaker.Transitions)
		}
		v, err := afterKill(t, store)
		if err != nil || v.Breaker.State != switchgear.Open || v.Breaker.Transitions != 1 || v.HealthCheck == nil {
			t.Errorf("%v, %v, transition %d, check %v", err, v.Breaker.State, v.Breaker.Transitions, v.HealthCheck)
		}
	})
	bubble(t, "the end of an override by time, with its transition", func(t *testing.T) {
		b, store := begin(t)
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		events, err := store.Events(t.Context(), fleet.EventQuery{Service: "web", Limit: 2})
		if err != nil || len(events) != 2 || events[1].Kind != fleet.EventOverrideExpired || events[0].To != "half_open" {
			t.Errorf("%v %+v", err, events)
		}
	})
}

// batches is a store that keeps how many events of each kind each commit had.
type batches struct {
	*memory.Store

	mu      sync.Mutex
	commits []map[fleet.EventKind]int
}

func (s *batches) Commit(ctx context.Context, b *fleet.Batch) error {
	kinds := make(map[fleet.EventKind]int)
	for i := range b.Events {
		kinds[b.Events[i].Kind]++
	}
	s.mu.Lock()
	s.commits = append(s.commits, kinds)
	s.mu.Unlock()
	return s.Store.Commit(ctx, b)
}

func TestManager_AnOverrideEndsInOneTransaction(t *testing.T) {
	for range 20 { // the two notices race
		synctest.Test(t, func(t *testing.T) {
			store := &batches{Store: memory.New()}
			b := start(t, store, &upstream{})
			b.declare(t, "web", config.Service{})
			if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute + time.Second)
			store.mu.Lock()
			defer store.mu.Unlock()
			expired, transitions := 0, 0
			for _, kinds := range store.commits {
				expired += kinds[fleet.EventOverrideExpired]
				transitions += kinds[fleet.EventTransition]
				if kinds[fleet.EventOverrideExpired] != kinds[fleet.EventTransition] {
					t.Errorf("a commit had %v", kinds)
				}
			}
			if expired != 1 || transitions != 1 {
				t.Errorf("%d ends and %d transitions are stored", expired, transitions)
			}
		})
	}
}
