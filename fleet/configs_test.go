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
