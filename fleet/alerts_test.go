package fleet_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func anAlert(id, summary string) fleet.Alert {
	return fleet.Alert{ID: id, Incident: id, Kind: fleet.AlertCircuitStateChange, Service: "web", Severity: fleet.SeverityCritical, Summary: summary, StartsAt: time.Now(), UpdatedAt: time.Now()}
}

// alertsOf is a batch of one alert, with a message about it.
func alertsOf(id, summary string) fleet.AlertBatch {
	return fleet.AlertBatch{
		Alerts:     []fleet.Alert{anAlert(id, summary)},
		Deliveries: []fleet.Delivery{{ID: id + summary, Receiver: "ops", Incident: id, Kind: "firing", CreatedAt: time.Now()}},
	}
}

// answers are what then of TellAlerts was called with.
type answers struct {
	mu  sync.Mutex
	all []bool
}

func (a *answers) then(durable bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, durable)
}

func (a *answers) want(t *testing.T, want ...bool) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.all, want) {
		t.Errorf("told %v, want %v", a.all, want)
	}
}

// alerts are the IDs and summaries that were told so far. The seqs of all that
// was told must rise.
func (b *bench) alerts(t *testing.T) (told []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var last uint64
	for _, c := range b.changes {
		if c.Seq <= last {
			t.Errorf("seq %d after %d", c.Seq, last)
		}
		last = c.Seq
		if c.Alert != nil {
			told = append(told, c.Alert.ID+" "+c.Alert.Summary)
			if c.Service != c.Alert.Service || c.Event != nil || c.View != nil || c.Removed {
				t.Errorf("told %+v", c)
			}
		}
	}
	return told
}

func (b *bench) wantTold(t *testing.T, want ...string) {
	t.Helper()
	if got := b.alerts(t); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// wantStored wants the alerts in the store, the oldest first, and so many messages.
func wantStored(t *testing.T, store fleet.AlertStore, deliveries int, want ...string) {
	t.Helper()
	found, err := store.Alerts(t.Context(), fleet.AlertQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range slices.Backward(found) {
		got = append(got, a.ID+" "+a.Summary)
	}
	waiting, err := store.Deliveries(t.Context(), 1000)
	if !slices.Equal(got, want) || err != nil || len(waiting) != deliveries {
		t.Errorf("stored %q with %d messages, %v; want %q with %d", got, len(waiting), err, want, deliveries)
	}
}

func acknowledgement(by fleet.Actor, store *hooked, ids ...string) fleet.AlertOrder {
	return fleet.AlertOrder{
		Action: "acknowledge", Service: "web", By: by,
		Plan: func() (fleet.AlertBatch, error) {
			return fleet.AlertBatch{Acknowledged: []fleet.Acknowledgement{{Alerts: ids, By: by.Name, At: time.Now()}}}, nil
		},
		Apply: func() (all []fleet.Alert) {
			for _, id := range ids {
				a, err := store.Alert(context.Background(), id)
				if err == nil {
					a.Summary = "seen by " + a.AcknowledgedBy
					all = append(all, a)
				}
			}
			return all
		},
	}
}

func TestManager_AlertsAreStoredBeforeTheyAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &gated{Store: memory.New()}
		b := start(t, store, &upstream{})
		var told answers
		open := store.shut()
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		synctest.Wait()
		b.wantTold(t)
		told.want(t)
		wantStored(t, store, 0)
		open()
		synctest.Wait()
		b.wantTold(t, "1 begins")
		told.want(t, true)
		wantStored(t, store, 1, "1 begins")
	})
}

func TestManager_AlertsComeInOneOrderWithEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &gated{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		b.declare(t, "other", config.Service{})
		var told answers
		open := store.shut() // so that what follows the first shares a batch
		var running sync.WaitGroup
		running.Go(func() { _, _ = b.Reset(context.Background(), "other", switchgear.Closed, operator) })
		synctest.Wait()
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		running.Go(func() {
			_, _ = b.Report(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}})
		})
		synctest.Wait()
		b.TellAlerts(alertsOf("1", "changes"), told.then)
		b.TellAlerts(alertsOf("2", "begins"), told.then)
		b.TellAlerts(fleet.AlertBatch{}, told.then)
		open()
		running.Wait()
		synctest.Wait()
		b.wantTold(t, "1 begins", "1 changes", "2 begins")
		if got := b.told("web"); !slices.Contains(got, "transition closed-open") {
			t.Errorf("told %q", got)
		}
		told.want(t, true, true, true, true)
		wantStored(t, store, 3, "1 changes", "2 begins")
		seq, _, stop := b.Watch(func(fleet.Change) {})
		stop()
		if last := b.changes[len(b.changes)-1].Seq; seq != last {
			t.Errorf("the stream is at %d, and told %d last", seq, last)
		}
	})
}

func TestManager_AlertsAreToldThoughTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		var told answers
		store.Fail(errDown)
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		b.TellAlerts(alertsOf("2", "begins"), told.then)
		b.TellAlerts(alertsOf("1", "ends"), told.then)
		synctest.Wait()
		b.wantTold(t, "1 begins", "2 begins", "1 ends")
		b.TellAlerts(fleet.AlertBatch{}, told.then) // something waits still
		synctest.Wait()
		told.want(t, false, false, false, false)
		if got := b.Condition(); got.Waiting == 0 || got.StoreAvailable {
			t.Errorf("condition %+v", got)
		}
		store.Fail(nil)
		time.Sleep(2 * time.Second)
		wantStored(t, store, 3, "1 ends", "2 begins")
		b.TellAlerts(fleet.AlertBatch{}, told.then)
		synctest.Wait()
		told.want(t, false, false, false, false, true)
		b.wantTold(t, "1 begins", "2 begins", "1 ends") // once
		if got := b.Measure(); got.AlertsDropped != 0 {
			t.Errorf("%d are dropped", got.AlertsDropped)
		}
	})
}

func TestManager_OrdersAboutAlertsAreOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.TellAlerts(fleet.AlertBatch{Alerts: []fleet.Alert{anAlert("1", "begins")}}, nil)
		synctest.Wait()
		var commits []fleet.Batch
		store.beforeCommit(func(b *fleet.Batch) error {
			commits = append(commits, *b)
			return nil
		})
		by := operator
		by.Request = fleet.Request{Key: "k", Fingerprint: "f"}
		if err := b.OrderAlerts(t.Context(), acknowledgement(by, store, "1")); err != nil {
			t.Fatal(err)
		}
		b.wantTold(t, "1 begins", "1 seen by alice")
		if len(commits) != 1 || len(commits[0].Alerts.Acknowledged) != 1 || len(commits[0].Audit) != 1 || len(commits[0].Requests) != 1 || commits[0].Requests[0].Key != "k" {
			t.Errorf("commits %+v", commits)
		}
		if a := commits[0].Audit[0]; a.Action != "acknowledge" || a.Service != "web" || a.Actor != "alice" || a.Result != "ok" {
			t.Errorf("audit entry %+v", a)
		}
		// Sent once more it does nothing.
		if err := b.OrderAlerts(t.Context(), acknowledgement(by, store, "1")); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("error %v, want a conflict", err)
		}
		refusal := errors.New("there is no such alert")
		err := b.OrderAlerts(t.Context(), fleet.AlertOrder{
			Action: "acknowledge", By: operator, Plan: func() (fleet.AlertBatch, error) { return fleet.AlertBatch{}, refusal },
			Apply: func() []fleet.Alert { t.Error("it came into force"); return nil },
		})
		if !errors.Is(err, refusal) || len(store.AuditLog()) != 1 {
			t.Errorf("error %v, audit log %+v", err, store.AuditLog())
		}
		silence := fleet.Silence{ID: "s1", Matchers: []fleet.Matcher{{Field: "service", Op: "=", Value: "web"}}, EndsAt: time.Now().Add(time.Hour)}
		err = b.OrderAlerts(t.Context(), fleet.AlertOrder{Action: "silence", Subject: "s1", By: operator, Plan: func() (fleet.AlertBatch, error) {
			return fleet.AlertBatch{Silences: []fleet.Silence{silence}}, nil
		}})
		stored, err2 := store.Silences(t.Context(), time.Now())
		if err := errors.Join(err, err2); err != nil || len(stored) != 1 || results(store.Store, "silence")["alice: ok: s1"] != 1 {
			t.Errorf("%v, silences %+v, audit log %+v", err, stored, store.AuditLog())
		}
	})
}

func TestManager_OrdersAboutAlertsAreRefusedWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.TellAlerts(fleet.AlertBatch{Alerts: []fleet.Alert{anAlert("1", "begins")}}, nil)
		synctest.Wait()
		store.Fail(errDown)
		for range 2 {
			if err := b.OrderAlerts(t.Context(), acknowledgement(operator, store, "1")); fleet.KindOf(err) != fleet.Unavailable {
				t.Errorf("error %v, want unavailable", err)
			}
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		b.wantTold(t, "1 begins")
		if a, err := store.Alert(t.Context(), "1"); err != nil || a.AcknowledgedBy != "" || len(store.AuditLog()) != 0 {
			t.Errorf("%v, %+v, audit log %+v", err, a, store.AuditLog())
		}
		if err := b.OrderAlerts(t.Context(), acknowledgement(operator, store, "1")); err != nil {
			t.Error(err)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if err := b.OrderAlerts(t.Context(), acknowledgement(operator, store, "1")); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("of a manager that has stopped: %v", err)
		}
	})
}

func TestManager_AnAcknowledgementIsNeverLost(t *testing.T) {
	for _, first := range []string{"the alert", "the acknowledgement"} {
		bubble(t, "in a batch with a writing of the alert: first "+first, func(t *testing.T) {
			store := newHooked()
			b := start(t, store, &upstream{})
			b.TellAlerts(alertsOf("1", "begins"), nil)
			synctest.Wait()
			gate := make(chan struct{})
			commits := 0
			store.beforeCommit(func(*fleet.Batch) error {
				if commits++; commits == 1 {
					<-gate
				}
				return nil
			})
			b.TellAlerts(alertsOf("0", "holds the store"), nil)
			synctest.Wait()
			var running sync.WaitGroup
			order := func() {
				running.Go(func() {
					if err := b.OrderAlerts(context.Background(), acknowledgement(operator, store, "1")); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			tell := func() { b.TellAlerts(alertsOf("1", "changes"), nil) } // it knows of no acknowledgement
			if first == "the alert" {
				tell()
				order()
			} else {
				order()
				tell()
			}
			close(gate)
			running.Wait()
			synctest.Wait()
			if commits != 2 {
				t.Fatalf("%d commits: they did not share one", commits)
			}
			wantAcknowledged(t, store, "1", "changes")
		})
	}
	bubble(t, "of an alert that the store was away for", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		store.Fail(errDown)
		b.TellAlerts(alertsOf("1", "begins"), nil)
		b.TellAlerts(alertsOf("1", "changes"), nil)
		synctest.Wait()
		store.Fail(nil)
		time.Sleep(time.Second) // the store may be asked again
		if err := b.OrderAlerts(t.Context(), acknowledgement(operator, store, "1")); err != nil {
			t.Fatal(err)
		}
		wantAcknowledged(t, store, "1", "changes")
	})
}

func wantAcknowledged(t *testing.T, store fleet.AlertStore, id, summary string) {
	t.Helper()
	a, err := store.Alert(t.Context(), id)
	if err != nil || a.AcknowledgedBy != "alice" || a.AcknowledgedAt.IsZero() || a.Summary != summary {
		t.Errorf("%v, %+v, want it acknowledged and %q", err, a, summary)
	}
}

func TestManager_DependantsAreAllThatDependOnAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		for _, name := range []string{"db", "cache", "api", "web", "job", "alone"} {
			on := map[string][]string{"cache": {"db"}, "api": {"db", "cache"}, "web": {"api"}, "job": {"cache"}}
			b.declare(t, name, config.Service{Dependencies: on[name]})
		}
		want := map[string][]string{
			"db": {"api", "cache", "job", "web"}, "cache": {"api", "job", "web"}, "api": {"web"}, "web": {}, "alone": {}, "nobody": {},
		}
		got := make(map[string][]string)
		for name := range want {
			got[name] = b.Dependants(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if err := b.Remove(t.Context(), "web", operator); err != nil {
			t.Fatal(err)
		}
		if got := b.Dependants("db"); !slices.Equal(got, []string{"api", "cache", "job"}) {
			t.Errorf("after a removal: %v", got)
		}
	})
}
