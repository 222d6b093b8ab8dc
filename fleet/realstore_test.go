package fleet_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// realStore is an empty SQLite store.
func realStore(t *testing.T) fleet.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
