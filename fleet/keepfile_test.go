package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_KeepFile(t *testing.T) {
	bubble(t, "leaves the services of the last file as they are", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		file := map[string]config.Service{"db": probed(5), "web": probed(3, "db")}
		if err := b.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, up)
		kept, err := b.KeepFile(t.Context())
		if err != nil || !slices.Equal(kept, []string{"db", "web"}) {
			t.Fatalf("kept %v, %v", kept, err)
		}
		v := b.view(t, "web")
		if v.Breaker.Mode != switchgear.ForcedOpen || v.Source != fleet.SourceFile || v.ConfigVersion != 1 || v.DiffersFromFile {
			t.Errorf("%v, by %v, version %d, differs %v", v.Breaker.Mode, v.Source, v.ConfigVersion, v.DiffersFromFile)
		}
		if told := b.told("web"); len(told) != 0 {
			t.Errorf("told %v", told)
		}
	})
	bubble(t, "brings nothing where there was no file", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		if kept, err := b.KeepFile(t.Context()); len(kept) != 0 || err != nil {
			t.Errorf("kept %v, %v", kept, err)
		}
	})
}

func TestManager_AnOverrideCanBeEndedWhileTheStoreIsAway(t *testing.T) {
	bubble(t, "and is stored when it is back", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", probed(3))
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		store.Fail(errors.New("the disk is gone"))
		v, err := b.EndOverride(t.Context(), "web", operator)
		if err != nil || v.Breaker.Mode != switchgear.Auto || v.Breaker.State != switchgear.HalfOpen {
			t.Fatalf("%v %v, %v", v.Breaker.Mode, v.Breaker.State, err)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		audit, err := b.Audit(t.Context(), fleet.AuditQuery{Action: "end override", Limit: 1})
		if err != nil || len(audit) != 1 {
			t.Errorf("audit %v, %v", audit, err)
		}
		events, err := b.Events(t.Context(), fleet.EventQuery{Service: "web", Kinds: []fleet.EventKind{fleet.EventOverride}, Limit: 1})
		if err != nil || len(events) != 1 || events[0].To != switchgear.Auto.String() {
			t.Errorf("events %v, %v", events, err)
		}
	})
}
