package fleet_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// editRows changes what the store has of each service.
func editRows(t *testing.T, store fleet.Store, edit func(doc map[string]any)) {
	t.Helper()
	stored, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range stored.Services {
		var doc map[string]any
		if err := json.Unmarshal(row.Value, &doc); err != nil {
			t.Fatal(err)
		}
		edit(doc)
		if row.Value, err = json.MarshalIndent(doc, "", " "); err != nil { // its keys in another order
			t.Fatal(err)
		}
		if err := store.Commit(t.Context(), &fleet.Batch{Services: []fleet.ServiceRow{row}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManager_AStoredFileSectionIsComparedByWhatItMeans(t *testing.T) {
	file := map[string]config.Service{"web": probed(3), "db": {Description: "a database"}}
	for name, change := range map[string]func(doc map[string]any){
		"with keys in another order": func(map[string]any) {},
		"in the form of before": func(doc map[string]any) { // with the section in full, and without what a new release has added
			delete(doc, "likeFile")
			section := doc["definition"].(map[string]any)
			cfg := doc["config"].(map[string]any)
			delete(cfg, "slowCallRateThreshold")
			section["config"] = cfg
			doc["fileConfig"] = section
		},
	} {
		bubble(t, name, func(t *testing.T) {
			store := memory.New()
			b := start(t, store, &upstream{})
			if err := b.ApplyFile(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			editRows(t, store, change)
			b = start(t, store, &upstream{})
			if err := b.ApplyFile(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			for service := range file {
				if v := b.view(t, service); v.ConfigVersion != 1 || v.DiffersFromFile {
					t.Errorf("%s: version %d, differs %v", service, v.ConfigVersion, v.DiffersFromFile)
				}
			}
		})
	}
}

func TestManager_WritesNothingAtAStartThatChangedNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, up := newHooked(), &upstream{}
		b := start(t, store, up)
		file := map[string]config.Service{
			"web": {}, "db": {Description: "a database"},
			"job": {Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: 5 * time.Hour, Jitter: -1}, Dependencies: []string{"db"}},
		}
		if err := b.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		b.declare(t, "api", config.Service{})
		if _, err := b.Report(t.Context(), "api", []fleet.Outcome{
			{Outcome: switchgear.Success, Duration: 3 * time.Millisecond}, {Outcome: switchgear.Failure, Duration: time.Second},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Report(t.Context(), "job", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // no window has anything left
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		var written []string
		store.afterCommit(func(batch *fleet.Batch) {
			for _, row := range batch.Services {
				written = append(written, row.Service)
			}
		})
		b = start(t, store, up)
		if err := b.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if len(written) > 0 {
			t.Errorf("written: %s", strings.Join(written, " "))
		}
	})
}
