package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_EmbeddedService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		embed := func(b *bench, threshold int) *switchgear.Service {
			s, err := switchgear.NewService("wallet", switchgear.ServiceConfig{
				Config: switchgear.Config{FailureThreshold: threshold, ResetTimeout: time.Hour, Jitter: -1},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Register(t.Context(), s, config.Service{Layer: "wallet"}); err != nil {
				t.Fatal(err)
			}
			return s
		}
		b := start(t, store, &upstream{})
		s := embed(b, 2)
		_, err := b.SetConfig(t.Context(), "wallet", 1, func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"failureThreshold": 3, "resetTimeoutMs": 3600000, "jitter": 0}`), nil
		}, operator)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if s.Breaker().State() != switchgear.Closed {
				t.Fatal("it opened by the config that is not in force any more")
			}
			_ = s.Do(t.Context(), func(context.Context) error { return errors.New("boom") })
		}
		synctest.Wait()
		if v := b.view(t, "wallet"); v.Status != fleet.StatusCircuitOpen || v.Layer != "wallet" || v.Source != fleet.SourceCode {
			t.Errorf("%+v", v)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)

		b = start(t, store, &upstream{})
		if len(b.Services()) != 0 {
			t.Error("a service that no program brought is shown")
		}
		s = embed(b, 2)
		v := b.view(t, "wallet")
		if s.Breaker().State() != switchgear.Open || v.ConfigVersion != 2 || v.Config.FailureThreshold != 3 {
			t.Errorf("after the restart: %v, version %d", s.Breaker().State(), v.ConfigVersion)
		}
		if left := time.Until(v.Breaker.NextAttemptAt); left > 50*time.Minute || left < 50*time.Minute-time.Second {
			t.Errorf("%v left, want 50 minutes", left)
		}
		if err := b.Register(t.Context(), s, config.Service{}); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("registering twice: %v", err)
		}
	})
}

func TestManager_StatisticsAreStoredCoalescedAndOnShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "job", config.Service{})
		successful := func() uint64 {
			stored, err := store.Load(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var st fleet.ServiceState
			if err := json.Unmarshal(stored.Services[0].Value, &st); err != nil {
				t.Fatal(err)
			}
			return st.Operations.Successful
		}
		report := func() {
			if _, err := b.Report(t.Context(), "job", []fleet.Outcome{{Duration: time.Millisecond}}); err != nil {
				t.Fatal(err)
			}
		}
		report()
		if got := successful(); got != 0 {
			t.Errorf("a statistic was stored at once: %d", got)
		}
		time.Sleep(6 * time.Second)
		if got := successful(); got != 1 {
			t.Errorf("%d stored after the flush interval, want 1", got)
		}
		report()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if got := successful(); got != 2 {
			t.Errorf("%d stored after the shutdown, want 2", got)
		}
	})
}
