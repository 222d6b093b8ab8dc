package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/sqlite"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_HoldsTheLaws(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) fleet.Store {
		t.Helper()
		return open(t, t.TempDir())
	})
}

func TestStore_HoldsTheLawsOfDurability(t *testing.T) {
	t.Parallel()
	storetest.RunDurable(t, func(t *testing.T) func(t *testing.T) fleet.Store {
		t.Helper()
		dir := t.TempDir()
		var last *sqlite.Store
		return func(t *testing.T) fleet.Store {
			t.Helper()
			if last != nil {
				shut(t, last)
			}
			last = open(t, dir)
			return last
		}
	})
}

func TestStore_AgreesWithTheModel(t *testing.T) {
	t.Parallel()
	storetest.RunModel(t,
		func(t *testing.T) fleet.Store {
			t.Helper()
			return open(t, t.TempDir())
		},
		func(*testing.T) fleet.Store { return memory.New() })
}

func TestStore_IsReadByOtherPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	at := time.Date(2026, 11, 23, 9, 0, 0, 120_000_999, time.FixedZone("CET", 3600))
	b := fleet.Batch{
		Services: []fleet.ServiceRow{{Service: "market_data_service", Value: json.RawMessage(`{"status":"healthy"}`), Description: "Prices", UpdatedAt: at, UpdatedBy: "ada"}},
		Events: []fleet.Event{{
			Seq: 7, Service: "market_data_service", Kind: fleet.EventTransition, From: "closed", To: "open", At: at,
			Actor: "switchgear", Reason: "3 failures", Evidence: json.RawMessage(`{"rule":"failures"}`),
		}},
		Configs: []fleet.ConfigVersion{{Service: "market_data_service", Version: 1, Config: json.RawMessage(`{"failureThreshold":3}`), At: at, Actor: "file", Reason: "initial"}},
		Audit:   []fleet.AuditEntry{{At: at, Actor: "ada", Address: "192.0.2.1", Action: "override", Service: "market_data_service", Reason: "why not", Result: "done"}},
	}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	other := foreign(t, dir)
	for query, want := range map[string]string{
		"SELECT key, typeof(value), value ->> 'status', description, updated_at, updated_by FROM system_settings":                           "service:market_data_service|text|healthy|Prices|2026-11-23T08:00:00.120000Z|ada",
		"SELECT id, seq, service, kind, from_state, to_state, at, actor, reason, evidence ->> 'rule', typeof(evidence) FROM service_events": "1|7|market_data_service|transition|closed|open|2026-11-23T08:00:00.120000Z|switchgear|3 failures|failures|text",
		"SELECT service, version, config ->> 'failureThreshold', at, actor, reason FROM service_configs":                                    "market_data_service|1|3|2026-11-23T08:00:00.120000Z|file|initial",
		"SELECT id, at, actor, address, action, service, reason, result FROM audit_log":                                                     "1|2026-11-23T08:00:00.120000Z|ada|192.0.2.1|override|market_data_service|why not|done",
		"PRAGMA journal_mode": "wal",
	} {
		if got := line(t, other, query); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestStore_LoadsOnlyServicesOfTheSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	other := foreign(t, dir)
	for _, key := range []string{"service", "services:a", "a", "z", "service;", "service9"} {
		run(t, other, "INSERT INTO system_settings (key, value, updated_at) VALUES ('"+key+"', '{}', '2026-11-23T08:00:00.000000Z')")
	}
	run(t, other, "INSERT INTO system_settings (key, value, updated_at) VALUES ('service:a', '{}', '2026-11-23T08:00:00Z')")
	got, err := s.Load(t.Context())
	if err != nil || len(got.Services) != 1 || got.Services[0].Service != "a" {
		t.Errorf("Load = %+v, %v", got.Services, err)
	}
}

func TestStore_SaysThatAnotherProgramWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	other := foreign(t, dir)
	run(t, other, "BEGIN IMMEDIATE")
	for name, err := range map[string]error{
		"Commit": s.Commit(t.Context(), &fleet.Batch{}),
		"Ping":   s.Ping(t.Context()),
	} {
		wantUnavailable(t, name, err, "another program is writing")
	}
	if got, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1}); err != nil || len(got) != 1 {
		t.Errorf("a reader gets %v, %v while another program writes", got, err)
	}
	run(t, other, "ROLLBACK")
	write(t, s, 2)
}

func TestStore_WritesWhileOthersRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	other := foreign(t, dir)
	run(t, other, "BEGIN")
	if got := line(t, other, "SELECT COUNT(*) FROM service_events"); got != "1" {
		t.Errorf("the reader sees %s events", got)
	}
	write(t, s, 2)
	if got := line(t, other, "SELECT COUNT(*) FROM service_events"); got != "1" {
		t.Errorf("the reader's moment moved: %s events", got)
	}
	shut(t, s) // it leaves the journal to the reader, and that is no error
	run(t, other, "COMMIT")
	s = open(t, dir)
	if got, err := s.Load(t.Context()); err != nil || got.Seq != 2 {
		t.Errorf("Load = %+v, %v", got, err)
	}
}

func TestStore_GivesUpAtItsDeadline(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Timeout: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	err = s.Commit(context.WithoutCancel(t.Context()), &fleet.Batch{})
	wantUnavailable(t, "Commit", err, "no answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Commit = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Commit(ctx, &fleet.Batch{}); err != nil {
		t.Errorf("with a deadline of the caller's: %v", err)
	}
}

func TestStore_IsUnavailableAfterClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	shut(t, s)
	for name, call := range map[string]func() error{
		"Commit": func() error { return s.Commit(t.Context(), &fleet.Batch{}) },
		"Ping":   func() error { return s.Ping(t.Context()) },
		"Load": func() error {
			_, err := s.Load(t.Context())
			return err
		},
		"Events": func() error {
			_, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1})
			return err
		},
	} {
		wantUnavailable(t, name, call(), "the store is closed")
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close = %v", err)
	}
}

func TestStore_LeavesOneWholeFileOnClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	shut(t, s)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"switchgear.db", "switchgear.lock", "switchgear.mark"}, e.Name()) {
			t.Errorf("%s is left", e.Name())
		}
	}
	// The file alone is a copy.
	moved := t.TempDir()
	content, err := os.ReadFile(filepath.Join(dir, "switchgear.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(moved, "switchgear.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, moved).Load(t.Context()); err != nil || got.Seq != 1 {
		t.Errorf("Load of the copy = %+v, %v", got, err)
	}
}

func TestStore_ClosesWhileCallsRun(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	errs := make(chan error)
	for i := range 4 {
		go func() {
			for n := 0; ; n++ {
				b := batch(uint64(i*1000 + n + 1))
				if err := s.Commit(t.Context(), &b); err != nil {
					errs <- err
					return
				}
				if n == 5 {
					errs <- nil
				}
			}
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	for range 4 {
		wantUnavailable(t, "Commit", <-errs, "the store is closed")
	}
}

func TestStore_LivesInABubble(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(24) {
			write(t, s, i+1)
			time.Sleep(time.Hour)
		}
		if got, err := s.Load(t.Context()); err != nil || got.Seq != 24 {
			t.Errorf("Load = %+v, %v", got, err)
		}
		shut(t, s)
	})
}
