package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func letter(i int, kind Reason, size int) fleet.Delivery {
	return fleet.Delivery{
		ID: fmt.Sprintf("%06d", i), Receiver: "ops", Incident: fmt.Sprint("i-", i%7), Kind: string(kind), CreatedAt: time.Now(),
		Alerts: json.RawMessage(`"` + strings.Repeat("x", size) + `"`),
	}
}

func TestOutbox_LetsGoOfRepeatsFirstAndThenOfWhatIsOver(t *testing.T) {
	o := newOutbox(memory.New(), slog.New(slog.DiscardHandler))
	o.configure([]*target{{Target: Target{Name: "ops", Receiver: nil, Mirror: nil}}}, "")
	n := 0
	add := func(kind Reason, times int) {
		for range times {
			n++
			o.add([]fleet.Delivery{letter(n, kind, 1)}, true)
		}
	}
	add(Firing, maxWaiting-600)
	add(Resolved, 300)
	add(Repeat, 300)
	count := func() map[string]int {
		kinds := make(map[string]int)
		for _, p := range o.lines["ops"].queue {
			kinds[p.Kind]++
		}
		return kinds
	}
	add(Firing, 300)
	if got := count(); got["firing"] != maxWaiting-300 || got["resolved"] != 300 || got["repeat"] != 0 {
		t.Errorf("%v wait, want no repeats", got)
	}
	add(Firing, 350)
	if got := count(); got["firing"] != maxWaiting || got["resolved"] != 0 {
		t.Errorf("%v wait, want 10 000 that fire", got)
	}
	if first := o.lines["ops"].queue[0].ID; first != fmt.Sprintf("%06d", 51) {
		t.Errorf("the oldest is %s, want 000051", first)
	}
	if got := o.lines["ops"].stats; got.Dropped != 650 || got.Waiting != maxWaiting {
		t.Errorf("stats %+v, want 650 dropped", got)
	}
	if len(o.done) != 650 {
		t.Errorf("the store is to hear of %d, want 650", len(o.done))
	}
}

func TestOutbox_HasABoundInBytes(t *testing.T) {
	o := newOutbox(memory.New(), slog.New(slog.DiscardHandler))
	for i := range 100 {
		o.add([]fleet.Delivery{letter(i, Firing, 1<<20)}, true)
	}
	if n := o.lines["ops"].stats.Waiting; n != 63 || o.bytes > maxWaitingBytes {
		t.Errorf("%d wait with %d bytes, want 63", n, o.bytes)
	}
}

func TestOutbox_TellsTheStoreAllThatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		o := newOutbox(s, slog.New(slog.DiscardHandler))
		var all []fleet.Delivery
		for i := range 1300 {
			all = append(all, letter(i, Firing, 1))
		}
		if err := s.Commit(t.Context(), &fleet.Batch{Alerts: fleet.AlertBatch{Deliveries: all}}); err != nil {
			t.Fatal(err)
		}
		o.add(all, true)
		s.Fail(errors.New("away"))
		o.start(t.Context())
		o.mu.Lock()
		for len(o.lines["ops"].queue) > 0 {
			o.remove(o.lines["ops"], o.lines["ops"].queue[0])
		}
		o.mu.Unlock()
		time.Sleep(time.Minute)
		s.Fail(nil)
		time.Sleep(10 * time.Second)
		if left, err := s.Deliveries(t.Context(), 10_000); err != nil || len(left) > 0 {
			t.Errorf("%d are left in the store, %v", len(left), err)
		}
		synctest.Wait()
		if len(o.done) > 0 {
			t.Errorf("%d are still to be told", len(o.done))
		}
	})
}

func TestOutbox_TrimsEachHourWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		o := newOutbox(s, slog.New(slog.DiscardHandler))
		var b fleet.AlertBatch
		for i := range 1000 {
			a := fleet.Alert{ID: fmt.Sprintf("%06d", i), StartsAt: time.Now(), UpdatedAt: time.Now(), EndsAt: time.Now()}
			if i >= 750 {
				a.EndsAt = time.Now().Add(30 * 24 * time.Hour)
			}
			b.Alerts = append(b.Alerts, a)
		}
		b.Alerts = append(b.Alerts, fleet.Alert{ID: "fires", StartsAt: time.Now(), UpdatedAt: time.Now()})
		if err := s.Commit(t.Context(), &fleet.Batch{Alerts: b}); err != nil {
			t.Fatal(err)
		}
		left := func() (n int) {
			for _, status := range []fleet.AlertStatus{fleet.FiringAlerts, fleet.ResolvedAlerts} {
				for q := (fleet.AlertQuery{Status: status, Limit: 1000}); ; {
					some, err := s.Alerts(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if n += len(some); len(some) < 1000 {
						break
					}
					q.Before = some[999].ID
				}
			}
			return n
		}
		o.start(t.Context())
		time.Sleep(89 * 24 * time.Hour)
		if n := left(); n != 1001 {
			t.Errorf("after 89 days %d are left", n)
		}
		time.Sleep(36 * time.Hour)
		if n := left(); n != 251 {
			t.Errorf("after 90 days %d are left, want 251", n)
		}
		time.Sleep(60 * 24 * time.Hour)
		if n := left(); n != 1 {
			t.Errorf("at last %d are left, want the one that fires", n)
		}
	})
}

func TestIDs_LaterOnesAreHigher(t *testing.T) {
	t.Parallel()
	var i ids
	now := time.Now()
	last := i.next(now)
	if len(last) != idDigits {
		t.Errorf("%q has %d digits, want %d", last, len(last), idDigits)
	}
	for _, d := range []time.Duration{0, -time.Hour, time.Millisecond, -time.Second, time.Hour} {
		if next := i.next(now.Add(d)); next <= last {
			t.Errorf("%s is not above %s", next, last)
		} else {
			last = next
		}
	}
	var after ids
	after.above(last)
	after.above("no ID of ours")
	if next := after.next(now.Add(-24 * time.Hour)); next <= last {
		t.Errorf("after a restart %s is not above %s", next, last)
	}
}

func FuzzMatcher(f *testing.F) {
	f.Add("=~", "a|b", "a")
	f.Add("!~", "a)|(b", "ab")
	f.Add("=", "", "")
	f.Fuzz(func(t *testing.T, op, value, service string) {
		all, err := compile([]fleet.Matcher{{Field: "service", Op: op, Value: value}})
		if err != nil {
			if fleet.KindOf(err) != fleet.Invalid || len(fleet.FieldsOf(err)) == 0 {
				t.Fatalf("%v names no field", err)
			}
			return
		}
		m := &all[0]
		matches := m.matches(&fleet.Alert{Service: service}, "")
		switch op {
		case "=":
			if matches != (value == service) {
				t.Errorf("%q = %q is %v", service, value, matches)
			}
		case "=~", "!~":
			at := m.expression.FindStringIndex(service)
			whole := at != nil && at[0] == 0 && at[1] == len(service)
			if matches != (whole == (op == "=~")) {
				t.Errorf("%q %s %q is %v, it matches at %v", service, op, value, matches, at)
			}
		}
	})
}
