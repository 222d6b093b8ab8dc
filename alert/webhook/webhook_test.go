package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/alert/webhook"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of more than 16 bytes"

var began = time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)

// message is one of an incident with a dependant.
func message() alert.Message {
	return alert.Message{
		ID: "01d", Reason: alert.Firing, Incident: "01a", Root: "db", Link: "https://board.example.com",
		Alerts: []fleet.Alert{
			{
				ID: "01a", Incident: "01a", Kind: fleet.AlertCircuitStateChange, Service: "db", Severity: fleet.SeverityCritical,
				Summary: "db is open", StartsAt: began, UpdatedAt: began, Root: "db", Affects: []string{"api", "web"},
				Evidence: json.RawMessage(`{ "failures": 5 }`),
			},
			{
				ID: "01b", Incident: "01a", Kind: fleet.AlertConsecutiveFailures, Service: "web", Severity: fleet.SeverityWarning,
				Summary: "web fails", StartsAt: began, UpdatedAt: began, Root: "db", Affects: []string{"api", "web"},
			},
		},
	}
}

// request is what a receiver got.
type request struct {
	header http.Header
	body   string
}

// receiver is a server that keeps what it gets and answers in turn with the
// statuses, the last one for ever.
func receiver(t *testing.T, statuses ...int) (url string, got chan request) {
	t.Helper()
	got = make(chan request, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("got %s (%v)", r.Method, err)
		}
		got <- request{r.Header, string(body)}
		if len(statuses) > 0 {
			w.WriteHeader(statuses[0])
			statuses = statuses[min(1, len(statuses)-1):]
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// sender is a receiver whose connections end with the test.
func sender(t *testing.T, o webhook.Options) *webhook.Receiver {
	t.Helper()
	if o.Client == nil {
		o.Client = alert.NewClient(nil)
	}
	t.Cleanup(o.Client.CloseIdleConnections)
	r, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiver_GetsTheAlertsAsJSONSigned(t *testing.T) {
	t.Parallel()
	url, got := receiver(t)
	before := time.Now()
	if err := sender(t, webhook.Options{URL: url, Secret: secret}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	r := <-got
	const times = `"starts_at":"2026-03-01T02:03:04.000Z","ends_at":null,"updated_at":"2026-03-01T02:03:04.000Z"`
	const rest = `"root":"db","affects":["api","web"]`
	const none = `"silenced_by":[],"acknowledged_by":null,"acknowledged_at":null`
	const page = `https://board.example.com/service/db?at=2026-03-01T02%3A03%3A04.000Z`
	want := `{"alerts":[` +
		`{"id":"01a","incident":"01a","kind":"circuit_state_change","service":"db","status":"firing","severity":"critical",` +
		`"summary":"db is open",` + times + `,` + rest + `,"evidence":{"failures":5},` + none + `,"url":"` + page + `"},` +
		`{"id":"01b","incident":"01a","kind":"consecutive_failures","service":"web","status":"firing","severity":"warning",` +
		`"summary":"web fails",` + times + `,` + rest + `,"evidence":null,` + none + `,"url":"` + strings.Replace(page, "db", "web", 1) + `"}],` +
		`"reason":"firing","incident":"01a",` + rest + `,"link":"` + page + `","delivery":"01d"}`
	if diff := cmp.Diff(want, r.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if err := webhook.Verify(secret, r.header.Get(webhook.SignatureHeader), []byte(r.body), time.Now(), time.Since(before)+time.Second); err != nil {
		t.Error(err)
	}
	if r.header.Get("Switchgear-Delivery") != "01d" || r.header.Get("Content-Type") != "application/json" || r.header.Get("User-Agent") != "switchgear" {
		t.Errorf("got headers %v", r.header)
	}
}

func TestReceiver_WithoutASecretNothingIsSigned(t *testing.T) {
	t.Parallel()
	url, got := receiver(t)
	if err := sender(t, webhook.Options{URL: url}).Send(t.Context(), alert.Message{ID: "x", Reason: alert.Test}); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if _, ok := r.header["Switchgear-Signature"]; ok {
		t.Error("there is a signature")
	}
	if want := `{"alerts":[],"reason":"test","incident":"","root":null,"affects":[],"link":"","delivery":"x"}`; r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
}

func TestReceiver_EveryTryIsTheSame(t *testing.T) {
	t.Parallel()
	url, got := receiver(t, 500, 503, 404, 200)
	r := sender(t, webhook.Options{URL: url, Secret: secret})
	for i, want := range []string{"answered with 500 Internal Server Error", "answered with 503 Service Unavailable", "answered with 404 Not Found", ""} {
		text := ""
		err := r.Send(t.Context(), message())
		if err != nil {
			text = err.Error()
		}
		if _, refused := errors.AsType[*alert.RefusedError](err); text != want || refused != (i == 2) {
			t.Errorf("try %d: got %v, a refusal: %v", i, err, refused)
		}
	}
	first := <-got
	for range 3 {
		again := <-got
		if again.body != first.body || again.header.Get(webhook.DeliveryHeader) != first.header.Get(webhook.DeliveryHeader) {
			t.Errorf("got %v, and then %v", first, again)
		}
	}
}

func TestReceiver_ASlowOneHasItsTime(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	err := sender(t, webhook.Options{URL: s.URL, Timeout: 50 * time.Millisecond}).Send(t.Context(), message())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	if err := sender(t, webhook.Options{URL: s.URL}).Send(stopped, message()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestReceiver_AnAddressThatIsNotAllowedIsToldByName(t *testing.T) {
	t.Parallel()
	file, err := probe.NewTargets(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	api, err := probe.NewTargets(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	url, got := receiver(t)
	withPath := strings.Replace(url, "http://", "http://user:pa55word@", 1) + "/hidden?key=hidden"
	if err := sender(t, webhook.Options{URL: withPath, Client: alert.NewClient(file.Control)}).Send(t.Context(), message()); err != nil {
		t.Errorf("the config file's receiver on this machine: %v", err)
	}
	if u, p, ok := (&http.Request{Header: (<-got).header}).BasicAuth(); !ok || u != "user" || p != "pa55word" {
		t.Error("the user of the URL was not sent")
	}
	for _, tc := range []struct {
		url     string
		targets probe.Targets
		want    string
	}{
		{withPath, api, "127.0.0.1 is a loopback address"},
		{"http://169.254.169.254/hidden?key=hidden", file, "169.254.169.254 is link-local"},
		{"http://100.100.100.200/hidden", file, "100.100.100.200 is cloud metadata"},
		{"http://[fe80::1]/hidden", file, "fe80::1 is link-local"},
	} {
		err := sender(t, webhook.Options{URL: tc.url, Client: alert.NewClient(tc.targets.Control)}).Send(t.Context(), message())
		if _, ok := errors.AsType[*probe.RefusedError](err); !ok || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		} else if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "pa55word") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
	if len(got) > 0 {
		t.Error("it came there all the same")
	}
}

func TestNew_RefusesWhatIsNoAddressAndDoesNotShowIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "hidden", "ftp://hidden", "http://", "http://%zz@hidden", "mailto:hidden", "https:///hidden", "http://:80"} {
		if _, err := webhook.New(webhook.Options{URL: url}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v", url, err)
		}
	}
	if _, err := webhook.New(webhook.Options{URL: "http://h", Timeout: -1}); err == nil {
		t.Error("a negative timeout is taken")
	}
}

func TestReceiver_WhatCannotBeWrittenIsARefusal(t *testing.T) {
	t.Parallel()
	m := message()
	m.Alerts[0].Evidence = json.RawMessage("{")
	err := sender(t, webhook.Options{URL: "http://127.0.0.1:1"}).Send(t.Context(), m)
	if _, ok := errors.AsType[*alert.RefusedError](err); !ok {
		t.Errorf("got %v, want a refusal", err)
	}
}
