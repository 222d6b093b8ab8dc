package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// alertTrial is a test, and the store that is tried in it.
type alertTrial struct {
	trial

	alerts fleet.AlertStore
}

// RunAlerts tests the laws of [fleet.AlertStore] on stores that are also that.
// open is as that of [Run].
func RunAlerts(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	for _, l := range alertLaws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.hold(alertTrialOf(t, open(t)))
		})
	}
}

// RunDurableAlerts tests the laws of alerts that outlive the store's process.
// place is as that of [RunDurable].
func RunDurableAlerts(t *testing.T, place func(t *testing.T) (open func(t *testing.T) fleet.Store)) {
	t.Helper()
	open := place(t)
	x := alertTrialOf(t, open(t))
	x.write(fleet.AlertBatch{
		Alerts: []fleet.Alert{alert("1", "a"), resolved("2", "b", 5)}, Silences: []fleet.Silence{silence("3", 60)},
		Deliveries:   []fleet.Delivery{delivery("4"), delivery("5"), delivery("6")},
		Acknowledged: []fleet.Acknowledgement{{Alerts: []string{"1"}, By: "ada", At: after(9)}},
	})
	tried := delivery("5")
	tried.Attempts, tried.LastError = 3, "HTTP 503"
	x.settle([]string{"4"}, tried)
	want := x.everyAlert()
	for range 2 {
		x = alertTrialOf(t, open(t))
		wantAlerts(x, "what is there again", x.everyAlert(), want)
	}
}

func alertTrialOf(t *testing.T, store fleet.Store) alertTrial {
	t.Helper()
	alerts, ok := store.(fleet.AlertStore)
	if !ok {
		t.Fatalf("a %T keeps no alerts", store)
	}
	return alertTrial{trial{t, store}, alerts}
}

func alert(id, service string) fleet.Alert {
	return fleet.Alert{
		ID: id, Incident: "1", Kind: fleet.AlertCircuitStateChange, Service: service, Severity: fleet.SeverityCritical,
		Summary: `the circuit of "` + service + `" is open — 東京`, StartsAt: base, UpdatedAt: after(1), Root: "db",
		Affects: []string{"api", "web"}, Evidence: json.RawMessage(`{"failures":5}`), SilencedBy: []string{"s1", "s2"}, ToldAt: after(2),
	}
}

// resolved is an alert that ended so many seconds after base.
func resolved(id, service string, end int) fleet.Alert {
	a := alert(id, service)
	a.EndsAt = after(end)
	return a
}

// silence is one that ends so many seconds after base.
func silence(id string, end int) fleet.Silence {
	return fleet.Silence{
		ID: id, Matchers: []fleet.Matcher{{Field: "service", Op: "=~", Value: `mar"ket_.*`}, {Field: "severity", Op: "!=", Value: "critical"}},
		Reason: "maintenance", Author: "ada", StartsAt: base, EndsAt: after(end), CreatedAt: after(-1),
	}
}

func delivery(id string) fleet.Delivery {
	return fleet.Delivery{
		ID: id, Receiver: "ops", Incident: "1", Kind: "firing", Alerts: json.RawMessage(`[{"id":"1"}]`), CreatedAt: base, NextAt: after(1),
	}
}

// write commits what is said of alerts, and nothing else.
func (x alertTrial) write(b fleet.AlertBatch) {
	x.Helper()
	x.commit(fleet.Batch{Alerts: b})
}

func (x alertTrial) settle(done []string, tried ...fleet.Delivery) {
	x.Helper()
	if err := x.alerts.SettleDeliveries(x.Context(), done, tried); err != nil {
		x.Fatalf("SettleDeliveries: %v", err)
	}
}

func (x alertTrial) query(q fleet.AlertQuery) []fleet.Alert {
	x.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := x.alerts.Alerts(x.Context(), q)
	if err != nil {
		x.Fatalf("Alerts(%+v): %v", q, err)
	}
	return found
}

func (x alertTrial) alert(id string) fleet.Alert {
	x.Helper()
	found, err := x.alerts.Alert(x.Context(), id)
	if err != nil {
		x.Fatalf("Alert(%q): %v", id, err)
	}
	return found
}

func (x alertTrial) silences(after time.Time) []fleet.Silence {
	x.Helper()
	found, err := x.alerts.Silences(x.Context(), after)
	if err != nil {
		x.Fatalf("Silences: %v", err)
	}
	return found
}

func (x alertTrial) deliveries(limit int) []fleet.Delivery {
	x.Helper()
	found, err := x.alerts.Deliveries(x.Context(), limit)
	if err != nil {
		x.Fatalf("Deliveries: %v", err)
	}
	return found
}

// everyAlert is all that a store shows of alerts. Acknowledged is empty: that is
// in the alerts.
func (x alertTrial) everyAlert() fleet.AlertBatch {
	x.Helper()
	return fleet.AlertBatch{Alerts: x.query(fleet.AlertQuery{}), Silences: x.silences(time.Time{}), Deliveries: x.deliveries(1000)}
}

func (x alertTrial) wantIDs(q fleet.AlertQuery, ids ...string) {
	x.Helper()
	got := make([]string, 0, len(ids))
	for _, a := range x.query(q) {
		got = append(got, a.ID)
	}
	if !slices.Equal(got, ids) {
		x.Errorf("of %+v there are %q, want %q", q, got, ids)
	}
}

// sameAlerts are the ways in which what comes back may differ.
var sameAlerts = cmp.Options{
	same,
	cmp.FilterValues(func(a, b []fleet.Alert) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.Silence) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.Delivery) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.Matcher) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
}

func wantAlerts[T any](x alertTrial, what string, got, want T) {
	x.Helper()
	if diff := cmp.Diff(want, got, sameAlerts); diff != "" {
		x.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// alertCalls are all methods, by name.
func alertCalls(ctx context.Context, s fleet.AlertStore) map[string]func() error {
	return map[string]func() error{
		"Alerts":           func() error { _, err := s.Alerts(ctx, fleet.AlertQuery{Limit: 1}); return err },
		"Alert":            func() error { _, err := s.Alert(ctx, "1"); return err },
		"Silences":         func() error { _, err := s.Silences(ctx, base); return err },
		"Deliveries":       func() error { _, err := s.Deliveries(ctx, 1); return err },
		"SettleDeliveries": func() error { return s.SettleDeliveries(ctx, []string{"1"}, nil) },
		"TrimAlerts":       func() error { _, err := s.TrimAlerts(ctx, after(1000), 1); return err },
	}
}

func heedAnEndedContext(x alertTrial) {
	x.write(fleet.AlertBatch{Alerts: []fleet.Alert{resolved("1", "a", 5)}, Deliveries: []fleet.Delivery{delivery("1")}})
	canceled, cancel := context.WithCancel(x.Context())
	cancel()
	for name, call := range alertCalls(canceled, x.alerts) {
		err := call()
		if x.wantKind(err, fleet.Unavailable); !errors.Is(err, context.Canceled) {
			x.Errorf("%s: the error is %v", name, err)
		}
	}
	if len(x.query(fleet.AlertQuery{})) != 1 || len(x.deliveries(9)) != 1 {
		x.Error("a call that was given up before it began has written")
	}
}

// alertReadersSeeWholeBatches reads while alerts and what they come with are
// written.
func alertReadersSeeWholeBatches(x alertTrial) {
	const batches, size = 15, 20 // more than one statement
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			found, err := x.alerts.Alerts(x.Context(), fleet.AlertQuery{Limit: 1000})
			if err != nil || len(found)%size != 0 {
				x.Errorf("half a batch: %d alerts, %v", len(found), err)
				return
			}
		}
	})
	for n := range batches {
		var b fleet.AlertBatch
		for i := range size {
			b.Alerts = append(b.Alerts, alert(fmt.Sprintf("%03d", n*size+i), "a"))
		}
		if err := x.Commit(x.Context(), &fleet.Batch{Alerts: b}); err != nil {
			x.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
