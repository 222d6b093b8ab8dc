package sqlite_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_HoldsTheLawsOfSeries(t *testing.T) {
	t.Parallel()
	storetest.RunSeries(t, func(t *testing.T) fleet.Store {
		t.Helper()
		return open(t, t.TempDir())
	})
}

func TestStore_AgreesWithTheModelOfSeries(t *testing.T) {
	t.Parallel()
	storetest.RunSeriesModel(t,
		func(t *testing.T) fleet.Store {
			t.Helper()
			return open(t, t.TempDir())
		},
		func(*testing.T) fleet.Store { return memory.New() })
}
