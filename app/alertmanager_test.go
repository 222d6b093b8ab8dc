package app_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/internal/alertmanagertest"
	"github.com/degenduel/switchgear/wire"
)

// TestAlerts_ARealAlertmanagerShowsThemOnceUntilTheyEnd kills the manager in
// between.
func TestAlerts_ARealAlertmanagerShowsThemOnceUntilTheyEnd(t *testing.T) {
	t.Parallel()
	am := alertmanagertest.Start(t, "127.0.0.1:0")
	data := alertPlace(t, quick(`page: { alertmanager: { url: "`+am.URL+`" } }`)+three)
	p := serve(t, data)
	// What depends on web begins first, under another root: that is one alert, too.
	p.fail(t, "job")
	shown(t, am, "job circuit_state_change of job", "job consecutive_failures of job")
	p.fail(t, "web")
	want := []string{
		"job circuit_state_change of web", "job consecutive_failures of web",
		"web circuit_state_change of web", "web consecutive_failures of web",
	}
	shown(t, am, want...)
	p.kill(t)

	p = serve(t, data)
	p.receiver(t, "page", func(r wire.Receiver) bool { return r.Delivered > 0 })
	shown(t, am, want...)
	p.heal(t, "web")
	shown(t, am, "job circuit_state_change of web", "job consecutive_failures of web")
	p.heal(t, "job")
	shown(t, am)
	p.alerts(t, client.AlertQuery{Status: "resolved"}, func(all []wire.Alert) bool { return len(all) == 4 })
}

// shown waits until an Alertmanager shows these alerts and no others.
func shown(t *testing.T, am *alertmanagertest.Server, want ...string) {
	t.Helper()
	until(t, "the Alertmanager shows what it should", func() bool {
		var got []string
		for _, a := range am.Alerts(t) {
			got = append(got, a.Labels["service"]+" "+a.Labels["alertname"]+" of "+a.Labels["root"])
		}
		return cmp.Equal(want, got)
	})
}
