package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

// losing is a manager over a store that loses the answer to the next commit.
func losing(t *testing.T) (*bench, *hooked, func()) {
	t.Helper()
	inner := newHooked()
	var lose bool
	store := faulty.New(inner, faulty.Options{Hook: func(c faulty.Call) faulty.Fault {
		if c.Op == faulty.Commit && lose {
			lose = false
			return faulty.Lose
		}
		return faulty.None
	}})
	return start(t, store, &upstream{}), inner, func() { lose = true }
}

func TestManager_ALostAnswerTellsNoAlertTwice(t *testing.T) {
	bubble(t, "of alerts alone", func(t *testing.T) {
		b, store, lose := losing(t)
		lose()
		var told answers
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		synctest.Wait()
		told.want(t, false)
		// It is delivered before anybody knows that the store has it.
		if err := store.SettleDeliveries(t.Context(), []string{"1begins"}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		b.TellAlerts(alertsOf("2", "begins"), told.then)
		synctest.Wait()
		told.want(t, false, true)
		b.wantTold(t, "1 begins", "2 begins")
		if err := store.SettleDeliveries(t.Context(), []string{"1begins"}, nil); err != nil { // now it is for good
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wantStored(t, store, 1, "1 begins", "2 begins")
	})
	bubble(t, "of alerts and an event", func(t *testing.T) {
		b, store, lose := losing(t)
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		hold := make(chan struct{})
		store.beforeCommit(func(batch *fleet.Batch) error {
			if len(batch.Alerts.Alerts) == 1 && batch.Alerts.Alerts[0].ID == "0" {
				<-hold
			}
			return nil
		})
		var told answers
		b.TellAlerts(alertsOf("0", "holds the store"), told.then)
		synctest.Wait()
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		go func() { _, _ = b.Report(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}}) }()
		synctest.Wait()
		lose()
		close(hold)
		synctest.Wait()
		told.want(t, true, false)
		wantStored(t, store, 2, "0 holds the store", "1 begins")
		if err := store.SettleDeliveries(t.Context(), []string{"1begins"}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // what is found to be stored is not stored again
		b.wantTold(t, "0 holds the store", "1 begins")
		wantStored(t, store, 1, "0 holds the store", "1 begins")
	})
	bubble(t, "of an order, which comes into force once", func(t *testing.T) {
		b, store, lose := losing(t)
		b.TellAlerts(alertsOf("1", "begins"), nil)
		synctest.Wait()
		lose()
		if err := b.OrderAlerts(t.Context(), acknowledgement(operator, store, "1")); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		b.wantTold(t, "1 begins")
		time.Sleep(time.Minute)
		b.wantTold(t, "1 begins", "1 seen by alice")
		wantAcknowledged(t, store, "1", "begins")
		if got := len(store.AuditLog()); got != 1 {
			t.Errorf("%d audit entries", got)
		}
	})
}

func TestManager_CountsTheAlertsThatTheStoreNeverTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		store.beforeCommit(func(b *fleet.Batch) error {
			if slices.ContainsFunc(b.Alerts.Alerts, func(a fleet.Alert) bool { return a.ID == "bad" }) {
				return errConstraint
			}
			return nil
		})
		var told answers
		b.TellAlerts(alertsOf("1", "begins"), told.then)
		b.TellAlerts(alertsOf("bad", "begins"), told.then)
		b.TellAlerts(alertsOf("2", "begins"), told.then)
		time.Sleep(10 * time.Second)
		b.wantTold(t, "1 begins", "bad begins", "2 begins")
		wantStored(t, store, 2, "1 begins", "2 begins")
		b.TellAlerts(alertsOf("3", "begins"), told.then)
		synctest.Wait()
		told.mu.Lock()
		defer told.mu.Unlock()
		if len(told.all) != 4 || told.all[1] || !told.all[3] {
			t.Errorf("told %v", told.all)
		}
		if m := b.Measure(); m.AlertsDropped != 2 || m.ChangesAbandoned != 1 || m.EventsDropped != 0 { // the alert, and its message
			t.Errorf("%+v", m)
		}
	})
}

// alerting tells of one alert on and on, acknowledges it now and then, and
// delivers what there is to deliver.
type alerting struct {
	*bench

	id    string
	inner *memory.Store
	r     *rand.Rand
	told  answers

	sent    int             // calls of TellAlerts
	orders  int             // that were sent
	done    map[string]bool // those that were answered
	settled []string        // messages
}

func (a *alerting) step(n int) {
	do := a.r.IntN(4)
	if n == 0 {
		do = 3 // it begins
	}
	switch do {
	case 0:
		key := fmt.Sprintf("%s-%d", a.id, n)
		a.orders++
		order := acknowledgement(operator, &hooked{Store: a.inner}, a.id)
		order.Subject = key
		if err := a.OrderAlerts(context.Background(), order); err == nil {
			a.done[key] = true
		}
	case 1:
		_, _ = a.Report(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}})
		_, _ = a.Reset(context.Background(), "web", switchgear.Closed, operator)
	default:
		b := alertsOf(a.id, fmt.Sprintf("v%03d", n))
		a.sent++
		a.TellAlerts(b, a.told.then)
		if a.r.IntN(2) == 0 {
			a.settled = append(a.settled, b.Deliveries[0].ID)
		}
	}
	time.Sleep(time.Duration(a.r.IntN(1500)) * time.Millisecond)
}

func TestManager_AlertsOverAFaultyStore(t *testing.T) {
	for seed := range uint64(8) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			inner := memory.New()
			store := faulty.New(inner, faulty.Options{
				Seed: seed, Refuse: 0.15, Lose: 0.15, MaxDelay: 20 * time.Millisecond,
				Ops: []faulty.Op{faulty.Commit, faulty.Ping, faulty.Events, faulty.Audit, faulty.Request},
			})
			b := start(t, store, &upstream{})
			for _, err := b.Service("web"); err != nil; _, err = b.Service("web") {
				_, _, _ = b.Declare(t.Context(), "web", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}}, operator)
				time.Sleep(time.Second)
			}
			var all sync.WaitGroup
			workers := make([]*alerting, 4)
			for w := range workers {
				a := &alerting{bench: b, id: fmt.Sprint("a", w), inner: inner, r: rand.New(rand.NewPCG(seed, uint64(w))), done: make(map[string]bool)}
				workers[w] = a
				all.Go(func() {
					for n := range 100 {
						a.step(n)
					}
				})
			}
			all.Wait()
			store.Heal()
			time.Sleep(10 * time.Second)
			told := b.alerts(t)
			for _, a := range workers {
				a.verify(t, told)
			}
		})
	}
}

// verify compares what was told of its alert with what the store has.
func (a *alerting) verify(t *testing.T, told []string) {
	t.Helper()
	var versions []string
	seen := 0
	for _, one := range told {
		var id, summary string
		if _, err := fmt.Sscan(one, &id, &summary); err != nil || id != a.id {
			continue
		}
		if summary == "seen" {
			seen++
		} else {
			versions = append(versions, summary)
		}
	}
	a.told.mu.Lock()
	defer a.told.mu.Unlock()
	if len(versions) != a.sent || !slices.IsSorted(versions) || len(slices.Compact(slices.Clone(versions))) != a.sent || len(a.told.all) != a.sent {
		t.Errorf("%s: of %d there were told %q, and %d ends", a.id, a.sent, versions, len(a.told.all))
	}
	is, err := a.inner.Alert(t.Context(), a.id)
	if err != nil || is.Summary != versions[len(versions)-1] || (is.AcknowledgedBy == "") == (len(a.done) > 0) {
		t.Errorf("%s: %v, the store has %+v, told was %s; %d acknowledgements", a.id, err, is, versions[len(versions)-1], len(a.done))
	}
	stored := 0
	for _, e := range a.inner.AuditLog() {
		var result, key string
		if _, err := fmt.Sscan(e.Result, &result, &key); err == nil && e.Action == "acknowledge" && key[:len(a.id)] == a.id {
			stored++
			delete(a.done, key)
		}
	}
	if len(a.done) > 0 || stored != seen || stored > a.orders {
		t.Errorf("%s: %d orders are stored and %d told; of those answered there are missing: %v", a.id, stored, seen, a.done)
	}
	// What was delivered is settled once all is stored, and is gone for good.
	errs := a.inner.SettleDeliveries(t.Context(), a.settled, nil)
	waiting, err := a.inner.Deliveries(t.Context(), 10_000)
	mine := 0
	for _, d := range waiting {
		if d.Incident == a.id {
			mine++
		}
	}
	if err := errors.Join(errs, err); err != nil || mine != a.sent-len(a.settled) {
		t.Errorf("%s: %v, %d messages wait, want %d", a.id, err, mine, a.sent-len(a.settled))
	}
}
