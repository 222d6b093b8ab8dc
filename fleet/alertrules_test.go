package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/store/memory"
)

// newestRules are the rules of alerts that watchers were told last.
func (b *bench) newestRules(service string) (rules config.AlertRules) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.changes {
		if c.View != nil && c.Service == service {
			rules = c.View.Alerts
		}
	}
	return rules
}

func TestManager_RulesOfAlertsOfAServiceAreToldAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Alerts: config.AlertRules{"flapping": {Openings: 4}}})
		rules := config.AlertRules{
			"flapping":        {Openings: 5, Within: time.Minute},
			"service_unknown": {Enabled: new(false), Severity: "info", For: new(time.Duration(0))},
		}
		b.declare(t, "web", config.Service{Alerts: rules})
		synctest.Wait()
		if v := b.view(t, "web"); v.ConfigVersion != 1 || !v.Alerts.Equal(rules) {
			t.Errorf("got config version %d and %v, want the rules changed and nothing else", v.ConfigVersion, v.Alerts)
		}
		if diff := cmp.Diff(rules, b.newestRules("web")); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		if diff := cmp.Diff(rules, b.view(t, "web").Alerts); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		b.declare(t, "web", config.Service{})
		if v := b.view(t, "web"); v.Alerts != nil {
			t.Errorf("got %v, want none left", v.Alerts)
		}
	})
}

func TestManager_RulesOfAlertsInTheFileArePutInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		file := func(rules config.AlertRules) {
			t.Helper()
			if err := b.ApplyFile(t.Context(), map[string]config.Service{"web": {Alerts: rules}}); err != nil {
				t.Fatal(err)
			}
		}
		file(nil)
		four := config.AlertRules{"flapping": {Openings: 4}}
		file(four)
		if v := b.view(t, "web"); !v.Alerts.Equal(four) || v.DiffersFromFile {
			t.Errorf("got %v, differs from the file: %v", v.Alerts, v.DiffersFromFile)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		file(four)
		if v := b.view(t, "web"); !v.Alerts.Equal(four) || v.DiffersFromFile {
			t.Errorf("after a restart: got %v, differs from the file: %v", v.Alerts, v.DiffersFromFile)
		}
	})
}
