package postgres_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/postgres"
	"github.com/degenduel/switchgear/store/storetest"
)

// anew opens a store in a database of its own.
func anew(t *testing.T) fleet.Store {
	t.Helper()
	url, _ := database(t)
	return open(t, url)
}

func model(*testing.T) fleet.Store { return memory.New() }

// reopened opens the store in one database again and again.
func reopened(t *testing.T) func(t *testing.T) fleet.Store {
	t.Helper()
	url, _ := database(t)
	var last *postgres.Store
	return func(t *testing.T) fleet.Store {
		t.Helper()
		if last != nil {
			shut(t, last)
		}
		last = open(t, url)
		return last
	}
}

func TestStore_HoldsTheLaws(t *testing.T) {
	t.Parallel()
	if _, ok := database(t); !ok {
		return
	}
	for name, run := range map[string]func(t *testing.T){
		"Store":  func(t *testing.T) { storetest.Run(t, anew) },
		"Series": func(t *testing.T) { storetest.RunSeries(t, anew) },
		"Alerts": func(t *testing.T) { storetest.RunAlerts(t, anew) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t)
		})
	}
}

func TestStore_HoldsTheLawsOfDurability(t *testing.T) {
	t.Parallel()
	if _, ok := database(t); !ok {
		return
	}
	t.Run("Store", func(t *testing.T) {
		t.Parallel()
		storetest.RunDurable(t, reopened)
	})
	t.Run("Alerts", func(t *testing.T) {
		t.Parallel()
		storetest.RunDurableAlerts(t, reopened)
	})
}

func TestStore_AgreesWithTheModel(t *testing.T) {
	t.Parallel()
	if _, ok := database(t); !ok {
		return
	}
	for name, run := range map[string]func(t *testing.T, open, model func(t *testing.T) fleet.Store){
		"Store":  storetest.RunModel,
		"Series": storetest.RunSeriesModel,
		"Alerts": storetest.RunAlertsModel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, anew, model)
		})
	}
}
