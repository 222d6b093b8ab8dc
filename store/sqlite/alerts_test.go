package sqlite_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/sqlite"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_HoldsTheLawsOfAlerts(t *testing.T) {
	t.Parallel()
	storetest.RunAlerts(t, func(t *testing.T) fleet.Store {
		t.Helper()
		return open(t, t.TempDir())
	})
}

func TestStore_HoldsTheLawsOfDurableAlerts(t *testing.T) {
	t.Parallel()
	storetest.RunDurableAlerts(t, func(t *testing.T) func(t *testing.T) fleet.Store {
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

func TestStore_AgreesWithTheModelOfAlerts(t *testing.T) {
	t.Parallel()
	storetest.RunAlertsModel(t,
		func(t *testing.T) fleet.Store {
			t.Helper()
			return open(t, t.TempDir())
		},
		func(*testing.T) fleet.Store { return memory.New() })
}
