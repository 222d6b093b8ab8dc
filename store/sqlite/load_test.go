package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// fleetOf are statements that fill a database with so many services, versions of
// the config of each, and events of each.
func fleetOf(services, versions, events int) []string {
	const count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	state := `{"text":"` + strings.Repeat("x", 900) + `"}`
	return []string{
		fmt.Sprintf("INSERT INTO system_settings (key, value, updated_at) "+count+
			" SELECT printf('service:s%%05d', i), '%s', '2026-11-23T08:00:00.000000Z' FROM n", services, state),
		fmt.Sprintf("INSERT INTO service_configs (service, version, config, at) "+count+", "+
			"v(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM v WHERE j < %d)"+
			` SELECT printf('s%%05d', i), j, '{"failureThreshold":5}', '2026-11-23T08:00:00.000000Z' FROM v, n`, services, versions),
		fmt.Sprintf("INSERT INTO service_events (seq, service, kind, at) "+count+
			" SELECT i, printf('s%%05d', i %% %d), 'transition', '2026-11-23T08:00:00.000000Z' FROM n", services*events, services),
	}
}

func TestLoad_FindsTheNewestOfManyVersions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	other := foreign(t, dir)
	for _, statement := range fleetOf(200, 30, 2) {
		run(t, other, statement)
	}
	b := fleet.Batch{Configs: []fleet.ConfigVersion{{Service: "s00007", Version: 31, Config: []byte("{}")}}}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context())
	if err != nil || len(got.Services) != 200 || len(got.Versions) != 200 || got.Seq != 400 {
		t.Fatalf("Load = %d services, %d versions, seq %d, %v", len(got.Services), len(got.Versions), got.Seq, err)
	}
	if got.Versions["s00001"] != 30 || got.Versions["s00007"] != 31 || got.Versions["s00200"] != 30 {
		t.Errorf("versions: %v", got.Versions)
	}
}

// BenchmarkLoad is of 10 000 services with a million events and so many
// versions each, and of opening the store with them.
func BenchmarkLoad(b *testing.B) {
	for _, versions := range []int{1, 100} {
		dir := b.TempDir()
		s, err := sqlite.Open(b.Context(), dir, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		other := foreign(b, dir)
		for _, statement := range fleetOf(10_000, versions, 100) {
			run(b, other, statement)
		}
		b.Run(fmt.Sprintf("%d versions", versions), func(b *testing.B) {
			for b.Loop() {
				if got, err := s.Load(b.Context()); err != nil || len(got.Versions) != 10_000 {
					b.Fatal(len(got.Versions), err)
				}
			}
		})
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%d versions, open", versions), func(b *testing.B) {
			for b.Loop() {
				s, err := sqlite.Open(b.Context(), dir, sqlite.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
