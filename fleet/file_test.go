package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_ConfigFile(t *testing.T) {
	file := func(threshold int) map[string]config.Service {
		return map[string]config.Service{"db": probed(5), "web": probed(threshold, "db")}
	}
	apply := func(t *testing.T, b *bench, services map[string]config.Service) {
		t.Helper()
		if err := b.ApplyFile(t.Context(), services); err != nil {
			t.Fatal(err)
		}
	}
	threshold := func(t *testing.T, b *bench, want, version int, differs bool) {
		t.Helper()
		v := b.view(t, "web")
		if v.Config.FailureThreshold != want || v.ConfigVersion != version || v.DiffersFromFile != differs {
			t.Errorf("threshold %d, version %d, differs %v; want %d, %d, %v",
				v.Config.FailureThreshold, v.ConfigVersion, v.DiffersFromFile, want, version, differs)
		}
	}
	bubble(t, "the store's newest version stands until the file says something else", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		apply(t, b, file(3))
		threshold(t, b, 3, 1, false)
		_, err := b.SetConfig(t.Context(), "web", 1, func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"failureThreshold": 8}`), nil
		}, operator)
		if err != nil {
			t.Fatal(err)
		}
		threshold(t, b, 8, 2, true)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, up)
		apply(t, b, file(3))
		threshold(t, b, 8, 2, true)
		apply(t, b, file(4))
		threshold(t, b, 4, 3, false)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, up)
		apply(t, b, file(9))
		threshold(t, b, 9, 4, false)
	})
	bubble(t, "what left the file is taken out, at a reload and at a start", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		apply(t, b, file(3))
		b.declare(t, "mine", config.Service{})
		apply(t, b, map[string]config.Service{"db": probed(5)})
		if _, err := b.Service("web"); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("web is still there: %v", err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, up)
		apply(t, b, nil)
		if got := b.Services(); len(got) != 1 || got[0].Service != "mine" {
			t.Errorf("services %v", got)
		}
		events, err := b.Events(t.Context(), fleet.EventQuery{Service: "web", Limit: 10})
		if err != nil || len(events) != 2 || events[0].Kind != fleet.EventRemoved {
			t.Errorf("the history of web: %v %v", events, err)
		}
	})
	bubble(t, "an unknown dependency and a cycle are refused", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		err := b.ApplyFile(t.Context(), map[string]config.Service{"a": probed(1, "b"), "b": probed(1, "c"), "c": probed(1, "a")})
		if fleet.KindOf(err) != fleet.Invalid || !strings.Contains(err.Error(), "a -> b -> c -> a") {
			t.Errorf("error %v", err)
		}
		if _, _, err = b.Declare(t.Context(), "a", probed(1, "nowhere"), operator); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("error %v", err)
		}
	})
}

func TestManager_Dependencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "db", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		b.declare(t, "web", config.Service{Dependencies: []string{"db"}})
		report := func(name string, o switchgear.Outcome) {
			if _, err := b.Report(t.Context(), name, []fleet.Outcome{{Outcome: o}}); err != nil {
				t.Fatal(err)
			}
		}
		report("web", switchgear.Success)
		if got := b.view(t, "web").Status; got != fleet.StatusHealthy {
			t.Errorf("status %v", got)
		}
		report("db", switchgear.Failure)
		if got := b.view(t, "web").Status; got != fleet.StatusDegraded {
			t.Errorf("the status of what depends on an open circuit is %v", got)
		}
		if err := b.Remove(t.Context(), "db", operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("removing what others depend on: %v", err)
		}
		if err := b.Remove(t.Context(), "web", operator); err != nil {
			t.Error(err)
		}
		if err := b.Remove(t.Context(), "db", operator); err != nil {
			t.Error(err)
		}
	})
}

func TestManager_StoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		b.declare(t, "api", config.Service{})
		store.Fail(errors.New("the disk is gone"))
		if _, err := b.Reset(t.Context(), "api", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("a reset: %v, want unavailable", err)
		}
		if err := b.Ready(t.Context()); err == nil {
			t.Error("the manager says that it is ready")
		}
		a, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure, Error: "boom"}})
		if err != nil || a.State != switchgear.Open || a.Admit {
			t.Fatalf("a report: %+v %v", a, err)
		}
		v, err := b.Override(t.Context(), "api", switchgear.ForcedOpen, time.Hour, operator)
		if err != nil || v.Status != fleet.StatusCircuitOpen {
			t.Errorf("an override: %v %v", v.Status, err)
		}
		b.mu.Lock()
		for _, c := range b.changes {
			if c.Event != nil && (c.Event.Kind == fleet.EventTransition || c.Event.Kind == fleet.EventOverride) && c.Event.Durable {
				t.Errorf("%+v is said to be durable", c.Event)
			}
		}
		b.mu.Unlock()
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
		events, err := b.Events(t.Context(), fleet.EventQuery{Limit: 10})
		if err != nil || len(events) != 4 || events[0].Kind != fleet.EventOverride || events[1].To != "open" {
			t.Errorf("stored %+v %v", events, err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		if b.view(t, "web").Breaker.State != switchgear.Open || b.view(t, "api").Breaker.Mode != switchgear.ForcedOpen {
			t.Error("what happened while the store was away is lost")
		}
		if audit := store.AuditLog(); audit[len(audit)-1].Action != "override" {
			t.Errorf("audit %+v", audit)
		}
	})
}

func TestManager_ReportedService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "job", config.Service{
			ReportInterval: 10 * time.Second,
			Config:         switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Minute, MinHealthyPeriod: time.Minute, Jitter: -1},
		})
		if got := b.view(t, "job").Status; got != fleet.StatusUnknown {
			t.Errorf("status %v before the first report", got)
		}
		report := func(o ...fleet.Outcome) fleet.Advice {
			a, err := b.Report(t.Context(), "job", o)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		failed := fleet.Outcome{Outcome: switchgear.Failure, Error: "boom"}
		if a := report(fleet.Outcome{Outcome: switchgear.Success}); !a.Admit || a.State != switchgear.Closed {
			t.Errorf("advice %+v", a)
		}
		if a := report(failed, failed); a.Admit || a.State != switchgear.Open || a.RetryAfter != time.Minute {
			t.Errorf("advice %+v", a)
		}
		time.Sleep(time.Minute + time.Second)
		if a := report(); !a.Admit || a.State != switchgear.HalfOpen {
			t.Errorf("the first question of a recovery: %+v", a)
		}
		if a := report(); a.Admit {
			t.Errorf("the second question in a second: %+v", a)
		}
		report(fleet.Outcome{Outcome: switchgear.Success})
		time.Sleep(29 * time.Second)
		if got := b.view(t, "job").Status; got == fleet.StatusUnknown {
			t.Error("silent before three reports were missed")
		}
		time.Sleep(5 * time.Second)
		if got := b.view(t, "job"); got.Status != fleet.StatusUnknown || got.Instances.Stale != 1 {
			t.Errorf("status %v after three missed reports", got.Status)
		}
	})
}

// lossy is a store whose next commit is written, and its answer lost.
type lossy struct {
	*memory.Store

	lose atomic.Bool
}

func (l *lossy) Commit(ctx context.Context, b *fleet.Batch) error {
	err := l.Store.Commit(ctx, b)
	if err == nil && l.lose.CompareAndSwap(true, false) {
		return &fleet.Error{Kind: fleet.Unavailable, Op: "commit", Err: errors.New("the answer was lost")}
	}
	return err
}

func TestManager_LostAnswers(t *testing.T) {
	bubble(t, "of a config: it comes into force, and is told", func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", probed(3))
		set := func(threshold string) error {
			_, err := b.SetConfig(t.Context(), "web", fleet.AnyVersion, func(json.RawMessage) (json.RawMessage, error) {
				return json.RawMessage(`{"failureThreshold": ` + threshold + `}`), nil
			}, operator)
			return err
		}
		store.lose.Store(true)
		if err := set("7"); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		time.Sleep(2 * time.Second)
		if v := b.view(t, "web"); v.ConfigVersion != 2 || v.Config.FailureThreshold != 7 {
			t.Errorf("version %d, threshold %d", v.ConfigVersion, v.Config.FailureThreshold)
		}
		if got := b.told("web"); !slices.Contains(got, "config_changed") {
			t.Errorf("told %q", got)
		}
		if err := set("9"); err != nil || b.view(t, "web").ConfigVersion != 3 {
			t.Errorf("%v, version %d", err, b.view(t, "web").ConfigVersion)
		}
	})
	bubble(t, "of a transition: it is stored once", func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		store.lose.Store(true)
		if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		events, err := b.Events(t.Context(), fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 10})
		if err != nil || len(events) != 1 {
			t.Errorf("%d transitions are stored, %v", len(events), err)
		}
	})
}
