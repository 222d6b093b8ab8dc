package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestFile_LintWarnsOfAlertsThatCannotBe(t *testing.T) {
	t.Parallel()
	const service = "services:\n  web:\n    layer: edge\n    healthCheck: { tcp: { address: '127.0.0.1:1' }, timeoutMs: 1000 }\n"
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"what works", service + "    alerts: { performance_degradation: { p95Ms: 1000 }, flapping: { openings: 2, withinMs: 180000 } }\n" +
			"alerts: { receivers: { a: { webhook: { url: 'http://10.0.0.1', secret: 0123456789abcdef-- }, routes: [ { field: layer, op: '=', value: edge }, { field: root, op: '=', value: db } ] } } }", nil},
		{"a percentile that no check reaches", service + "    alerts:\n      performance_degradation:\n        p95Ms: 1001\n", []string{
			"f:7: services.web.alerts.performance_degradation.p95Ms: a health check ends after 1s, so only operations that others report can take 1.001s",
		}},
		{"more openings than there can be", service + "    alerts: { flapping: { openings: 4 } }\n    config: { resetTimeoutMs: 60000, minHealthyPeriodMs: 150000 }\n", []string{
			"f:5: services.web.alerts.flapping: never fires: from opening to opening resetTimeoutMs and minHealthyPeriodMs pass, so that it takes 10m30s at least, and withinMs is 10m0s",
		}},
		{"a time of the file's", service + "    alerts: { flapping: { openings: 4 } }\nalerts: { rules: { flapping: { withinMs: 900000 } } }", nil},
		{"a secret to guess", "alerts:\n  receivers:\n    a:\n      webhook: { url: 'http://h', secret: short }\n", []string{
			"f:4: alerts.receivers.a.webhook.secret: is so short that it can be guessed: take 16 bytes or more",
		}},
		{"addresses that are never reached", "alerts:\n  receivers:\n    a: { webhook: { url: 'http://169.254.169.254/x' } }\n    b: { alertmanager: { url: 'http://[ff02::1]:9093' } }\n", []string{
			"f:3: alerts.receivers.a.webhook.url: is link-local: it is never connected to",
			"f:4: alerts.receivers.b.alertmanager.url: is multicast: it is never connected to",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			lintIs(t, tc.in, tc.want)
		})
	}
}

func TestFile_LintWarnsOfRoutesToWhichNothingComes(t *testing.T) {
	t.Parallel()
	const nothing = "f:3: alerts.receivers.a.routes: match no alert that a service of this file can have: nothing is sent there"
	const services = "services:\n  web: { layer: edge }\n  db: { layer: data, alerts: { flapping: { severity: info } } }\n"
	for _, tc := range []struct {
		services, routes string
		want             []string
	}{
		{services, "{ field: service, op: '=', value: wbe }", []string{nothing}},
		{services, "{ field: service, op: '=', value: web }", nil},
		{services, "{ field: service, op: '=~', value: 'we' }", []string{nothing}},
		{services, "{ field: service, op: '!~', value: '.*' }", []string{nothing}},
		{services, "{ field: service, op: '!=', value: web }, { field: layer, op: '=', value: edge }", []string{nothing}},
		{services, "{ field: kind, op: '=', value: recovery }", []string{nothing}},
		{services, "{ field: kind, op: '=~', value: 'recovery.*' }", nil},
		{services, "{ field: severity, op: '=', value: info }", nil},
		{services, "{ field: severity, op: '=', value: info }, { field: service, op: '=', value: web }", []string{nothing}},
		{services, "{ field: incident, op: '=', value: x }, { field: root, op: '=', value: y }", nil},
		{"services: { web: { alerts: { flapping: { enabled: false } } } }\n", "{ field: kind, op: '=', value: flapping }", []string{nothing}},
		{"", "{ field: service, op: '=', value: by_api }", nil},
		{"", "{ field: severity, op: '=', value: info }", []string{nothing}},
	} {
		lintIs(t, "alerts:\n  receivers:\n    a: { notify: { url: 'ntfy://h/t' }, routes: ["+tc.routes+"] }\n"+tc.services, tc.want)
	}
}

// lintIs holds the warnings that are about alerts against those that are wanted.
func lintIs(t *testing.T, in string, want []string) {
	t.Helper()
	f, err := config.Parse("f", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Lint() {
		if strings.Contains(w.Field, "alerts") {
			got = append(got, w.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\nwarnings (-want +got):\n%s", in, diff)
	}
}
