package alertmanager_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/alert/alertmanager"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/alertmanagertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firing is an alert of db's incident that began some minutes ago.
func firing(id, service string) fleet.Alert {
	began := time.Now().Add(-3 * time.Minute).Truncate(time.Millisecond).UTC()
	return fleet.Alert{
		ID: id, Incident: "01a", Kind: fleet.AlertCircuitStateChange, Service: service, Severity: fleet.SeverityCritical,
		Summary: service + " is open", StartsAt: began, UpdatedAt: began, Root: "db", Affects: []string{"api", "web"},
	}
}

func over(a fleet.Alert) fleet.Alert {
	a.EndsAt = time.Now().Add(-time.Second).UTC()
	a.Summary = a.Service + " is closed again"
	return a
}

func mirror(t *testing.T, o alertmanager.Options) *alertmanager.Mirror {
	t.Helper()
	if o.Client == nil {
		o.Client = alert.NewClient(nil)
	}
	t.Cleanup(o.Client.CloseIdleConnections)
	m, err := alertmanager.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sync(t *testing.T, m *alertmanager.Mirror, firing, ended []fleet.Alert) {
	t.Helper()
	if err := m.Sync(t.Context(), firing, ended); err != nil {
		t.Fatal(err)
	}
}

// names are the services of alerts and the roots of their incidents.
func names(all []alertmanagertest.Alert) (names []string) {
	for _, a := range all {
		names = append(names, a.Labels["service"]+" of "+a.Labels["root"])
	}
	return names
}

func TestMirror_ARealAlertmanagerShowsEachAlertOnceUntilItEnds(t *testing.T) {
	t.Parallel()
	am := alertmanagertest.Start(t, "127.0.0.1:0")
	m := mirror(t, alertmanager.Options{URL: am.URL + "/", Link: "https://board.example.com", Layer: func(service string) string {
		return map[string]string{"db": "data"}[service]
	}})
	db, web := firing("01a", "db"), firing("01b", "web")
	db.AcknowledgedBy = "alice"
	for range 3 {
		sync(t, m, []fleet.Alert{db, web}, nil)
	}
	got := am.Alerts(t)
	if diff := cmp.Diff([]string{"db of db", "web of db"}, names(got)); diff != "" {
		t.Fatalf("shown (-want +got):\n%s", diff)
	}
	want := alertmanagertest.Alert{
		Labels: map[string]string{
			"alertname": "circuit_state_change", "service": "db", "severity": "critical", "incident": "01a", "root": "db", "layer": "data",
		},
		Annotations:  map[string]string{"summary": "db is open", "affects": "api, web", "acknowledged_by": "alice"},
		StartsAt:     db.StartsAt,
		EndsAt:       got[0].EndsAt,
		GeneratorURL: alert.Wire(&db, "https://board.example.com").URL,
		Status:       got[0].Status,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	if lease := time.Until(got[0].EndsAt); lease > alertmanager.Lease || lease < alertmanager.Lease-time.Minute {
		t.Errorf("it stands for another %v, want %v", lease, alertmanager.Lease)
	}

	sync(t, m, []fleet.Alert{web}, []fleet.Alert{over(db)})
	if diff := cmp.Diff([]string{"web of db"}, names(am.Alerts(t))); diff != "" {
		t.Errorf("shown when db is well (-want +got):\n%s", diff)
	}
	again := firing("01c", "db") // in the same incident
	again.StartsAt = time.Now().UTC()
	sync(t, m, []fleet.Alert{web, again}, []fleet.Alert{over(db)})
	if diff := cmp.Diff([]string{"db of db", "web of db"}, names(am.Alerts(t))); diff != "" {
		t.Errorf("shown when db fails again (-want +got):\n%s", diff)
	}
	sync(t, m, nil, []fleet.Alert{over(web), over(db), over(again)})
	if got := names(am.Alerts(t)); got != nil {
		t.Errorf("shown when all is well: %v", got)
	}
}

func TestMirror_ARealAlertmanagerShowsNoAlertTwiceWhenItsLabelsChange(t *testing.T) {
	t.Parallel()
	am := alertmanagertest.Start(t, "127.0.0.1:0")
	m := mirror(t, alertmanager.Options{URL: am.URL})
	web := firing("01b", "web")
	web.Root = "web"
	sync(t, m, []fleet.Alert{web}, nil)
	web.Root = "db"
	sync(t, m, []fleet.Alert{web, firing("01a", "db")}, nil)
	if diff := cmp.Diff([]string{"db of db", "web of db"}, names(am.Alerts(t))); diff != "" {
		t.Errorf("shown when the root is found (-want +got):\n%s", diff)
	}
	sync(t, m, nil, nil) // as when its routes change
	if got := names(am.Alerts(t)); got != nil {
		t.Errorf("shown when nothing is to be shown: %v", got)
	}
}

func TestMirror_ARealAlertmanagerThatWasStartedAnewShowsThemAgain(t *testing.T) {
	t.Parallel()
	am := alertmanagertest.Start(t, "127.0.0.1:0")
	m := mirror(t, alertmanager.Options{URL: am.URL})
	sync(t, m, []fleet.Alert{firing("01a", "db")}, nil)
	am.Stop()
	if err := m.Sync(t.Context(), []fleet.Alert{firing("01a", "db")}, nil); err == nil {
		t.Error("no error while it is gone")
	}
	am = alertmanagertest.Start(t, am.Address)
	if got := names(am.Alerts(t)); got != nil {
		t.Fatalf("shown after its start: %v", got)
	}
	sync(t, m, []fleet.Alert{firing("01a", "db")}, nil)
	if diff := cmp.Diff([]string{"db of db"}, names(am.Alerts(t))); diff != "" {
		t.Errorf("shown after the next sync (-want +got):\n%s", diff)
	}
}

// posted is what a server of the test's was sent.
type posted struct {
	path   string
	alerts []alertmanagertest.Alert
}

// taking is a server that answers with the statuses in turn, the last for ever.
func taking(t *testing.T, statuses ...int) (url string, got chan posted) {
	t.Helper()
	got = make(chan posted, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := posted{path: r.Method + " " + r.URL.Path}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &p.alerts)
		}
		if err != nil || p.alerts == nil {
			t.Errorf("%s: %v", body, err)
		}
		got <- p
		w.WriteHeader(statuses[0])
		statuses = statuses[min(1, len(statuses)-1):]
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestMirror_AsksEvenWhereThereIsNothingToTell(t *testing.T) {
	t.Parallel()
	url, got := taking(t, 200, 500, 400)
	m := mirror(t, alertmanager.Options{URL: url + "/prefix/"})
	sync(t, m, nil, nil)
	if p := <-got; p.path != "POST /prefix/api/v2/alerts" || len(p.alerts) != 0 {
		t.Errorf("got %v", p)
	}
	for _, want := range []string{"answered with 500 Internal Server Error", "answered with 400 Bad Request"} {
		if err := m.Sync(t.Context(), nil, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMirror_WhatAnErrorLeftUndoneIsDoneLater(t *testing.T) {
	t.Parallel()
	url, got := taking(t, 200, 500, 500, 200)
	m := mirror(t, alertmanager.Options{URL: url})
	web := firing("01b", "web")
	for i, root := range []string{"a", "b", "c", "d"} {
		web.Root = root
		if err := m.Sync(t.Context(), []fleet.Alert{web}, nil); (err == nil) != (i == 0 || i == 3) {
			t.Errorf("sync %d: %v", i, err)
		}
	}
	var last posted
	for range 4 {
		last = <-got
	}
	fires := make(map[string]bool)
	for _, a := range last.alerts {
		fires[a.Labels["root"]] = a.EndsAt.After(time.Now())
	}
	if diff := cmp.Diff(map[string]bool{"a": false, "b": false, "c": false, "d": true}, fires); diff != "" {
		t.Errorf("what fires (-want +got):\n%s", diff)
	}
	sync(t, m, []fleet.Alert{web}, nil)
	if p := <-got; len(p.alerts) != 1 {
		t.Errorf("%d alerts are sent after that, want 1", len(p.alerts))
	}
}

func TestMirror_SendsManyInPieces(t *testing.T) {
	t.Parallel()
	url, got := taking(t, 200)
	m := mirror(t, alertmanager.Options{URL: url})
	affected := make([]string, 250)
	for i := range affected {
		affected[i] = fmt.Sprintf("s%03d", i)
	}
	all := make([]fleet.Alert, 1200)
	for i := range all {
		all[i] = firing(fmt.Sprintf("%04d", i), fmt.Sprintf("s%04d", i))
		all[i].Affects = affected
		all[i].StartsAt = time.Now().Add(time.Hour) // of a clock that was set back
		if i >= 600 {
			all[i] = over(all[i])
		}
	}
	sync(t, m, all[:600], all[600:])
	seen := make(map[string]bool)
	for _, n := range []int{500, 500, 200} {
		p := <-got
		if len(p.alerts) != n {
			t.Errorf("%d in a piece, want %d", len(p.alerts), n)
		}
		for _, a := range p.alerts {
			seen[a.Labels["service"]] = true
			if text := a.Annotations["affects"]; !strings.HasSuffix(text, ", s099 and 150 more") {
				t.Errorf("got %s", text)
			}
			if a.EndsAt.Before(a.StartsAt) || a.StartsAt.After(time.Now()) {
				t.Errorf("from %v to %v", a.StartsAt, a.EndsAt)
			}
		}
	}
	if len(seen) != 1200 {
		t.Errorf("%d services, want 1200", len(seen))
	}
}

func TestNew_RefusesWhatIsNoAddressAndDoesNotShowIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "hidden", "ftp://hidden", "http://", "http://h?hidden", "http://h?", "http://h#hidden", "http://%zz@hidden"} {
		if _, err := alertmanager.New(alertmanager.Options{URL: url}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
