package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_Configs(t *testing.T) {
	whole := func(doc string) func(json.RawMessage) (json.RawMessage, error) {
		return func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(doc), nil }
	}
	bubble(t, "versions, preconditions and rollback", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		v, err := b.SetConfig(t.Context(), "web", 1, whole(`{"failureThreshold": 7}`), operator)
		if err != nil || v.Version != 2 {
			t.Fatalf("version %d, %v", v.Version, err)
		}
		if _, err := b.SetConfig(t.Context(), "web", 1, whole(`{}`), operator); fleet.KindOf(err) != fleet.Precondition {
			t.Errorf("error %v, want a failed precondition", err)
		}
		if v, err = b.Rollback(t.Context(), "web", fleet.AnyVersion, 1, operator); err != nil || v.Version != 3 {
			t.Fatalf("version %d, %v", v.Version, err)
		}
		if got := b.view(t, "web"); got.Config.FailureThreshold != 3 || got.ConfigVersion != 3 {
			t.Errorf("config %+v, version %d", got.Config, got.ConfigVersion)
		}
		all, err := b.ConfigVersions(t.Context(), "web", 0, 10)
		if err != nil || len(all) != 3 || all[0].Version != 3 {
			t.Errorf("%d versions, %v", len(all), err)
		}
	})
	bubble(t, "a bad one names every field and changes nothing", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		_, err := b.SetConfig(t.Context(), "web", 1, whole(`{"failureThreshold": 0, "jitter": 2, "x": 1}`), operator)
		if fleet.KindOf(err) != fleet.Invalid || len(fleet.FieldsOf(err)) != 3 {
			t.Errorf("error %v, fields %v", err, fleet.FieldsOf(err))
		}
		if got := b.view(t, "web").ConfigVersion; got != 1 {
			t.Errorf("version %d", got)
		}
	})
	bubble(t, "a derived value that is sent back stays derived", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		edit := func(doc json.RawMessage) (json.RawMessage, error) {
			var m map[string]any
			if err := json.Unmarshal(doc, &m); err != nil {
				return nil, err
			}
			m["resetTimeoutMs"] = 1000
			return json.Marshal(m)
		}
		if _, err := b.SetConfig(t.Context(), "web", 1, edit, operator); err != nil {
			t.Fatal(err)
		}
		if got := b.view(t, "web").Config.Resolved().ProbeTimeout; got != time.Second {
			t.Errorf("probe timeout %v, want the new reset timeout", got)
		}
	})
	bubble(t, "of a hundred at once from one version, one wins", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				_, err := b.SetConfig(context.Background(), "web", 1, whole(fmt.Sprintf(`{"failureThreshold": %d}`, i+10)), operator)
				if err == nil {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

func setThreshold(b *bench, threshold int, by fleet.Actor) error {
	_, err := b.SetConfig(context.Background(), "web", fleet.AnyVersion, func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(fmt.Sprintf(`{"failureThreshold": %d}`, threshold)), nil
	}, by)
	return err
}

func TestManager_AConfigThatChangesNothingIsNoNewVersion(t *testing.T) {
	bubble(t, "but the one in force", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", probed(3))
		v, err := b.SetConfig(t.Context(), "web", 1, func(current json.RawMessage) (json.RawMessage, error) { return current, nil }, operator)
		if err != nil || v.Version != 1 || v.Actor != "alice" || len(v.Config) == 0 {
			t.Errorf("%v, %+v", err, v)
		}
		if v, err = b.Rollback(t.Context(), "web", 1, 1, operator); err != nil || v.Version != 1 {
			t.Errorf("%v, %+v", err, v)
		}
		if got := b.told("web"); len(got) != 1 {
			t.Errorf("told %q", got)
		}
		if _, err := b.SetConfig(t.Context(), "web", 2, func(c json.RawMessage) (json.RawMessage, error) { return c, nil }, operator); fleet.KindOf(err) != fleet.Precondition {
			t.Errorf("for another version: %v", err)
		}
	})
}

func TestManager_DeclareIfHeedsTheVersion(t *testing.T) {
	bubble(t, "that its sender has seen", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		declare := func(ifVersion, threshold int) error {
			_, err := b.DeclareIf(t.Context(), "web", ifVersion, probed(threshold), operator)
			return err
		}
		if err := declare(1, 3); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("a service that is not there: %v", err)
		}
		b.declare(t, "web", probed(3))
		if err := declare(1, 4); err != nil {
			t.Error(err)
		}
		if err := declare(1, 5); fleet.KindOf(err) != fleet.Precondition {
			t.Errorf("version 1 is not in force any more: %v", err)
		}
		if err := declare(fleet.AnyVersion, 6); err != nil {
			t.Error(err)
		}
		if v := b.view(t, "web"); v.ConfigVersion != 3 || v.Config.FailureThreshold != 6 {
			t.Errorf("version %d, threshold %d", v.ConfigVersion, v.Config.FailureThreshold)
		}
	})
}
