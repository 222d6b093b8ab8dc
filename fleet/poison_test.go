package fleet_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_StartsWithRowsThatSomeoneSpoiled(t *testing.T) {
	edits := map[string]func(map[string]any) any{
		"no JSON object":           func(map[string]any) any { return 17 },
		"a config out of range":    func(m map[string]any) any { m["config"] = map[string]any{"failureThreshold": -3}; return m },
		"no definition":            func(m map[string]any) any { delete(m, "definition"); return m },
		"a state that is none":     func(m map[string]any) any { m["circuitBreaker"].(map[string]any)["state"] = "ajar"; return m },
		"a mode without override":  func(m map[string]any) any { m["circuitBreaker"].(map[string]any)["mode"] = "forced_open"; return m },
		"negative recovery number": func(m map[string]any) any { m["circuitBreaker"].(map[string]any)["recoveryAttempts"] = -1; return m },
	}
	for name, edit := range edits {
		bubble(t, name, func(t *testing.T) {
			store, up := memory.New(), &upstream{}
			b := start(t, store, up)
			file := map[string]config.Service{"filed": probed(3)}
			if err := b.ApplyFile(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			b.declare(t, "web", probed(3))
			b.declare(t, "well", probed(3))
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			stored, err := store.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range stored.Services {
				if row.Service == "well" {
					continue
				}
				var m map[string]any
				if err := json.Unmarshal(row.Value, &m); err != nil {
					t.Fatal(err)
				}
				if row.Value, err = json.Marshal(edit(m)); err != nil {
					t.Fatal(err)
				}
				if err := store.Commit(t.Context(), &fleet.Batch{Services: []fleet.ServiceRow{row}}); err != nil {
					t.Fatal(err)
				}
			}
			b = start(t, store, up)
			if err := b.ApplyFile(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			for _, name := range []string{"well", "filed"} {
				if v := b.view(t, name); v.Status != fleet.StatusHealthy || v.Config.FailureThreshold != 3 {
					t.Errorf("%s: %v, %+v", name, v.Status, v.Config)
				}
			}
			b.declare(t, "web", probed(3))
			if v := b.view(t, "web"); v.Breaker.State != switchgear.Closed {
				t.Errorf("web: %v", v.Breaker.State)
			}
		})
	}
}

func TestManager_IsReadyAgainThoughNothingWaitedToBeStored(t *testing.T) {
	bubble(t, "after a refused order", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "job", config.Service{})
		time.Sleep(6 * time.Second)
		store.Fail(errors.New("the disk is gone"))
		if _, err := b.Reset(t.Context(), "job", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestManager_AServiceThatRanBeforeItWasRegistered(t *testing.T) {
	embed := func(t *testing.T) *switchgear.Service {
		t.Helper()
		s, err := switchgear.NewService("wallet", switchgear.ServiceConfig{
			Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour, Jitter: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	bubble(t, "is shown as it is, and takes orders", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		s := embed(t)
		s.HandleError(errDown, 0)
		if err := b.Register(t.Context(), s, config.Service{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, states, _ := b.Watch(func(fleet.Change) {}); len(states) != 1 || states[0].Status != fleet.StatusCircuitOpen {
			t.Errorf("watchers see %+v", states)
		}
		v, err := b.Reset(t.Context(), "wallet", switchgear.Closed, operator)
		if err != nil || v.Breaker.State != switchgear.Closed || v.Breaker.Transitions != 2 {
			t.Errorf("%v, %v, transition %d", err, v.Breaker.State, v.Breaker.Transitions)
		}
	})
	bubble(t, "and overrides that its program sets and ends are told", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		s := embed(t)
		if err := b.Register(t.Context(), s, config.Service{}); err != nil {
			t.Fatal(err)
		}
		o := switchgear.Override{Mode: switchgear.ForcedOpen, Reason: "drill", Actor: "program", Until: time.Now().Add(time.Hour)}
		if err := s.Breaker().Override(o); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if v := b.view(t, "wallet"); v.Status != fleet.StatusCircuitOpen || v.Breaker.Override == nil {
			t.Errorf("%v %+v", v.Status, v.Breaker.Override)
		}
		if got := b.told("wallet"); !slices.Equal(got, []string{"registered", "override"}) {
			t.Errorf("told %q", got)
		}
		if err := s.Breaker().EndOverride(switchgear.Order{Actor: "program", Reason: "over"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if v := b.view(t, "wallet"); v.Breaker.State != switchgear.HalfOpen || v.Breaker.Override != nil {
			t.Errorf("%v %+v", v.Breaker.State, v.Breaker.Override)
		}
		if got := b.told("wallet"); len(got) != 4 || !slices.Contains(got, "transition closed-half_open") {
			t.Errorf("told %q", got)
		}
		if _, err := b.Reset(t.Context(), "wallet", switchgear.Closed, operator); err != nil {
			t.Error(err)
		}
	})
}

func TestManager_ClosesTheProbesOfServicesThatDidNotComeIn(t *testing.T) {
	bubble(t, "while the store is away", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(3))
		store.Fail(errors.New("the disk is gone"))
		if _, _, err := b.Declare(t.Context(), "api", probed(3), operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("error %v, want unavailable", err)
		}
		other := probed(3)
		other.HealthCheck.TCP.Address = "127.0.0.1:2"
		if _, _, err := b.Declare(t.Context(), "web", other, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("error %v, want unavailable", err)
		}
		store.Fail(nil)
		time.Sleep(2 * time.Second) // now it is known that the store has neither
		if got := up.closed.Load(); got != 2 {
			t.Errorf("%d probes are closed, want 2", got)
		}
	})
	for range 20 { // the order and the end race
		bubble(t, "when the manager stops", func(t *testing.T) {
			store, up := &gated{Store: memory.New()}, &upstream{}
			b := start(t, store, up)
			b.declare(t, "other", config.Service{})
			open := store.shut()
			ended := make(chan error, 2)
			go func() { _, err := b.Reset(t.Context(), "other", switchgear.Closed, operator); ended <- err }()
			time.Sleep(time.Millisecond)
			go func() { _, _, err := b.Declare(t.Context(), "web", probed(3), operator); ended <- err }()
			time.Sleep(time.Millisecond)
			go func() { _ = b.stop() }()
			time.Sleep(time.Millisecond)
			open()
			_, _ = <-ended, <-ended
			_ = b.stop()
			time.Sleep(time.Minute)
			if got := up.checks.Load(); got > 0 && up.closed.Load() == 0 {
				t.Errorf("%d checks ran, and the probe is still open", got)
			}
		})
	}
}
