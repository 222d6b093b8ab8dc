package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// refused holds what a receiver's test said against what it should say.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	var problem *client.Error
	if !errors.As(err, &problem) || problem.Status != http.StatusBadGateway || !strings.Contains(problem.Error(), want) {
		t.Errorf("got %v, want 502 and %q", err, want)
	}
}

func TestAlerts_DoNotFollowARedirect(t *testing.T) {
	t.Parallel()
	h, away := runningHook(t), runningHook(t)
	h.set(moves)
	h.away = away.url()
	data := alertPlace(t, quick(to("ops", h.url()))+three)
	p := serve(t, data)
	const told = "answered with the redirect 307 Temporary Redirect, which is not followed"
	refused(t, p.try(t, "ops"), told)
	p.fail(t, "db")
	r := p.receiver(t, "ops", func(r wire.Receiver) bool { return r.Failed > 0 })
	if r.Waiting != 1 || r.LastError == nil || *r.LastError != told {
		t.Errorf("it is shown as %+v", r)
	}
	// Who moved is told of anew, and gets what waited.
	writeConfig(t, data, quick(to("ops", away.url()))+three)
	p.hangUp(t)
	are(t, away.hears(1), "firing db")
}

func TestAlerts_GoToNoAddressThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	p := serve(t, alertPlace(t, quick(
		to("ops", "http://169.254.169.254/latest/meta-data"),
		`page: { alertmanager: { url: "http://[fe80::1]:9093" } }`,
		`chat: { notify: { url: "generic://169.254.169.254/?disabletls=yes" } }`,
	)+three))
	p.fail(t, "db")
	const told = "it is never connected to, whatever server.allowedTargets says"
	for _, name := range []string{"ops", "page", "chat"} {
		refused(t, p.try(t, name), told)
		r := p.receiver(t, name, func(r wire.Receiver) bool { return r.Failed > 0 })
		if r.Waiting != 1 || r.LastError == nil || !strings.Contains(*r.LastError, told) {
			t.Errorf("it is shown as %+v", r)
		}
	}
}

func TestAlerts_GoToTheReceiversOfTheFileAsItIsNow(t *testing.T) {
	t.Parallel()
	first, second := runningHook(t), runningHook(t)
	data := alertPlace(t, quick(to("first", first.url()))+three)
	p := serve(t, data)
	p.fail(t, "db")
	first.hears(1)

	routes := strings.TrimSuffix(to("second", second.url()), " }") + `, routes: [ { field: service, op: "=~", value: "w.b" } ] }`
	writeConfig(t, data, quick(routes)+three)
	p.hangUp(t)
	until(t, "the second is there", func() bool {
		all, err := p.Receivers(t.Context())
		return err == nil && len(all.Receivers) == 1 && all.Receivers[0].Name == "second"
	})
	p.heal(t, "db")
	p.alerts(t, client.AlertQuery{Status: "firing"}, func(all []wire.Alert) bool { return len(all) == 0 })
	p.fail(t, "web")
	are(t, second.hears(1), "firing web")
	are(t, first.hears(1), "firing db")
}

// TestAlerts_AFileThatIsRefusedChangesNothing has files with a receiver that
// cannot be, and files whose receivers are good and whose services are not.
func TestAlerts_AFileThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	h, away := runningHook(t), runningHook(t)
	good := quick(to("ops", h.url())) + three
	data := alertPlace(t, good)
	p := serve(t, data)
	if _, err := p.PutService(t.Context(), "api", config.Service{Dependencies: []string{"job"}}, ""); err != nil {
		t.Fatal(err)
	}
	moved := quick(to("other", away.url()))
	for _, tc := range []struct{ file, told string }{
		{quick(to("ops", "ftp://example.com")) + three, "alerts.receivers.ops.webhook.url"},
		{quick(to("ops", h.url()), `chat: { notify: { url: "discord://hidden" } }`) + three, "alerts.receivers.chat"},
		{moved + "services: { db: {}, web: {} }", "job"},
	} {
		writeConfig(t, data, tc.file)
		p.hangUp(t)
		until(t, "the log names "+tc.told, func() bool { return logged(t, data, "the config file was not put in force", tc.told) })
		all, err := p.Receivers(t.Context())
		if err != nil || len(all.Receivers) != 1 || all.Receivers[0].Name != "ops" {
			t.Errorf("%s: the receivers are %+v, %v", tc.told, all, err)
		}
	}
	if logged(t, data, "hidden") {
		t.Error("the log has a secret in it")
	}
	p.fail(t, "db")
	are(t, h.hears(1), "firing db")
}

// logged reports whether a line of a process's log has all of the texts in it.
func logged(t *testing.T, data string, texts ...string) bool {
	t.Helper()
	log, err := os.ReadFile(data + ".log")
	if err != nil {
		t.Fatal(err)
	}
lines:
	for line := range strings.Lines(string(log)) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		return true
	}
	return false
}

// TestAlerts_AreOnTheStreamAndAcknowledgedOverAKill sees the alerts of an incident
// begin and end, as a client of the stream does.
func TestAlerts_AreOnTheStreamAndAcknowledgedOverAKill(t *testing.T) {
	t.Parallel()
	h := runningHook(t)
	data := alertPlace(t, quick(to("ops", h.url()))+three)
	p := serve(t, data)
	stream := p.watchAlerts(t)
	p.fail(t, "web")
	a := stream("alert:firing")
	if a.Service != "web" || a.Status != "firing" || *a.Root != "web" || !strings.HasPrefix(a.URL, "/service/web?at=") {
		t.Errorf("got %+v", a)
	}
	h.hears(1)
	if a, err := p.AcknowledgeAlert(t.Context(), a.ID, "on it"); err != nil || a.AcknowledgedBy == nil || *a.AcknowledgedBy != "admin" {
		t.Fatalf("%+v, %v", a, err)
	}
	p.kill(t)

	p = serve(t, data)
	alerts := p.alerts(t, client.AlertQuery{Status: "firing"}, func(all []wire.Alert) bool { return len(all) == 2 })
	for _, a := range alerts {
		if a.AcknowledgedBy == nil || *a.AcknowledgedBy != "admin" || a.AcknowledgedAt.IsZero() {
			t.Errorf("after the kill %s is acknowledged by %v at %v", a.Kind, a.AcknowledgedBy, a.AcknowledgedAt)
		}
	}
	stream = p.watchAlerts(t)
	p.fail(t, "job") // whose opening joins what somebody knows of, and nobody knows of yet
	for a = stream("alert:firing"); a.Service != "job"; a = stream("alert:firing") {
	}
	if a.Incident != alerts[0].Incident || a.AcknowledgedBy != nil {
		t.Errorf("what joins is %+v", a)
	}
	h.hears(2)
	p.heal(t, "job")
	p.heal(t, "web")
	for range 4 {
		if a := stream("alert:resolved"); a.Status != "resolved" || a.EndsAt.IsZero() {
			t.Errorf("got %+v", a)
		}
	}
	are(t, h.hears(3), "firing web", "escalated web", "resolved web")
}

// watchAlerts opens the stream; next is the next alert on it of that type.
func (p *process) watchAlerts(t *testing.T) (next func(kind string) wire.Alert) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), inTime)
	t.Cleanup(cancel)
	stream, err := p.Stream(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() })
	return func(kind string) wire.Alert {
		for {
			m, err := stream.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if m.Type != kind {
				continue
			}
			var of wire.AlertMessage
			if err := json.Unmarshal(m.Data, &of); err != nil {
				t.Fatal(err)
			}
			return of.Alert
		}
	}
}
