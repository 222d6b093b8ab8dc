package fleet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// flapping is a service that opens at each failure, for ten seconds.
var flapping = config.Service{Config: switchgear.Config{
	FailureThreshold: 1, ResetTimeout: 10 * time.Second, MinHealthyPeriod: 10 * time.Second, Jitter: -1, BackoffMultiplier: 1,
}}

func (b *bench) fails(t *testing.T, why string) {
	t.Helper()
	if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure, Error: why}}); err != nil {
		t.Fatal(err)
	}
}

// transitions are those of the service that the store has, the oldest first.
func transitions(t *testing.T, store fleet.Store) []fleet.Event {
	t.Helper()
	events, err := store.Events(t.Context(), fleet.EventQuery{Service: "web", Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var oldest []fleet.Event
	for i := range events {
		oldest = append(oldest, events[len(events)-1-i])
	}
	return oldest
}

func TestManager_TheOutageIsTheFirstOpeningOverEveryRestart(t *testing.T) {
	for name, again := range map[string]func(*testing.T, *bench, fleet.Store) *bench{
		"stopped": func(t *testing.T, b *bench, store fleet.Store) *bench {
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			return start(t, store, &upstream{})
		},
		"killed": func(t *testing.T, _ *bench, store fleet.Store) *bench { return start(t, store, &upstream{}) },
	} {
		for openings := 1; openings <= 3; openings++ {
			bubble(t, fmt.Sprintf("%s after %d openings", name, openings), func(t *testing.T) {
				store := memory.New()
				b := start(t, store, &upstream{})
				b.declare(t, "web", flapping)
				b.fails(t, "an error of before")
				time.Sleep(20 * time.Second)
				if _, err := b.Report(t.Context(), "web", ok(1)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Second) // it is closed: another outage begins
				began := time.Now().UTC()
				b.fails(t, "the first")
				for n := range openings - 1 {
					time.Sleep(15 * time.Second)
					b.fails(t, fmt.Sprintf("again %d", n))
				}
				first := transitions(t, store)[3]
				check := func(when string, b *bench, openings int) {
					t.Helper()
					v := b.view(t, "web")
					o := v.Breaker.Outage
					if o == nil || !o.BeganAt.Equal(began) || o.Cause.LastError != "the first" || o.Openings != openings || v.OutageEventID != first.ID {
						t.Errorf("%s: %+v of event %d, want the one of event %d at %v, opened %d times", when, o, v.OutageEventID, first.ID, began, openings)
					}
				}
				check("before", b, openings)
				b = again(t, b, store)
				check("after", b, openings)
				time.Sleep(15 * time.Second)
				b.fails(t, "later")
				check("after another failed recovery", b, openings+1)
			})
		}
	}
}

func TestManager_TransitionsTellTheOutageUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", flapping)
		if _, err := b.Reset(t.Context(), "web", switchgear.HalfOpen, operator); err != nil {
			t.Fatal(err)
		}
		if v := b.view(t, "web"); v.Breaker.Outage != nil || v.OutageEventID != 0 {
			t.Errorf("it has not opened, and is in %+v of event %d", v.Breaker.Outage, v.OutageEventID)
		}
		began := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		b.fails(t, "down")
		time.Sleep(15 * time.Second)
		b.fails(t, "still down")
		if details := b.view(t, "web"); !strings.HasSuffix(details.Details(), "; opened 2 times since "+
			details.Breaker.Outage.BeganAt.Format(time.RFC3339)+", first by an operation of the recovery failed") {
			t.Errorf("details: %s", details.Details())
		}
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); err != nil {
			t.Fatal(err)
		}
		if v := b.view(t, "web"); v.Breaker.Outage != nil || v.OutageEventID != 0 {
			t.Errorf("it is closed, and in %+v of event %d", v.Breaker.Outage, v.OutageEventID)
		}
		var got []any
		for _, e := range transitions(t, store) {
			var evidence map[string]any
			if err := json.Unmarshal(e.Evidence, &evidence); err != nil {
				t.Fatal(err)
			}
			got = append(got, evidence["outage"])
		}
		outage := func(openings float64) any {
			return map[string]any{
				"began_at": began, "rule": "recovery_failure", "failures": 1.0, "successes": 0.0, "last_error": "down", "openings": openings,
			}
		}
		// half_open, open, half_open, open, closed
		want := []any{nil, outage(1), outage(1), outage(2), outage(2)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestManager_ARowOfBeforeBeginsNoOutageAnew restores rows that a release wrote
// which knew no outages.
func TestManager_ARowOfBeforeBeginsNoOutageAnew(t *testing.T) {
	for openings := 1; openings <= 2; openings++ {
		bubble(t, fmt.Sprintf("%d openings", openings), func(t *testing.T) {
			store := memory.New()
			b := start(t, store, &upstream{})
			b.declare(t, "web", flapping)
			b.fails(t, "the first")
			if openings == 2 {
				time.Sleep(15 * time.Second)
				b.fails(t, "again")
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			editRows(t, store, func(doc map[string]any) {
				delete(doc, "outageEvent")
				delete(doc["snapshot"].(map[string]any), "outage")
			})
			b = start(t, store, &upstream{})
			time.Sleep(15 * time.Second)
			b.fails(t, "later")
			v, first := b.view(t, "web"), transitions(t, store)[0]
			switch o := v.Breaker.Outage; {
			case openings == 2 && (o != nil || v.OutageEventID != 0):
				t.Errorf("nobody can know when it began, and it says %+v of event %d", o, v.OutageEventID)
			case openings == 1 && (o == nil || o.Cause.LastError != "the first" || o.Openings != 2 || v.OutageEventID != first.ID):
				t.Errorf("%+v of event %d, want that of event %d", o, v.OutageEventID, first.ID)
			}
		})
	}
}

// TestManager_ThePastKnowsOutagesThatNobodyTold asks for states whose events a
// release wrote which told no outages, and for one that an override stood above.
func TestManager_ThePastKnowsOutagesThatNobodyTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		at := time.Now()
		moved := func(id int64, from, to, evidence string) fleet.Event {
			return fleet.Event{
				ID: id, Service: "web", Kind: fleet.EventTransition, From: from, To: to, At: at.Add(time.Duration(id) * time.Second),
				Evidence: json.RawMessage(evidence),
			}
		}
		born := fleet.Event{ID: 1, Service: "web", Kind: fleet.EventRegistered, At: at}
		forced := fleet.Event{
			ID: 9, Service: "web", Kind: fleet.EventOverride, From: "auto", To: "forced_open", At: at,
			Evidence: json.RawMessage(`{"expires_at":"2000-01-01T00:00:01Z"}`),
		}
		told := `{"rule":"recovery_failure","outage":{"began_at":"1999-12-31T23:00:00.000Z","rule":"slow_calls","openings":4}}`
		for name, c := range map[string]struct {
			events []fleet.Event
			event  int64 // of the outage; -1: there is none
			rule   string
		}{
			"open":       {[]fleet.Event{moved(2, "closed", "open", `{"rule":"failure_rate"}`)}, 2, "failure_rate"},
			"half-open":  {[]fleet.Event{moved(2, "closed", "open", `{"rule":"failure_rate"}`), moved(3, "open", "half_open", `{}`)}, 2, "failure_rate"},
			"open again": {[]fleet.Event{moved(4, "half_open", "open", `{}`)}, -1, ""},
			"told":       {[]fleet.Event{moved(4, "half_open", "open", told)}, 0, "slow_calls"},
			"forced":     {[]fleet.Event{moved(4, "half_open", "open", told), forced}, 0, "slow_calls"},
		} {
			views := b.Past(at.Add(time.Minute), []fleet.StateAt{{Service: "web", Events: append(c.events, born)}}, nil)
			v := &views[0]
			switch o := v.Breaker.Outage; {
			case c.event < 0 && o != nil:
				t.Errorf("%s: %+v", name, o)
			case c.event >= 0 && (o == nil || o.Cause.Rule != c.rule || v.OutageEventID != c.event):
				t.Errorf("%s: %+v of event %d, want one by %s of event %d", name, o, v.OutageEventID, c.rule, c.event)
			}
		}
	})
}

func TestManager_AKillBetweenAResetAndItsTransitionKeepsTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", flapping)
		b.fails(t, "down")
		var row fleet.ServiceRow
		store.afterCommit(func(batch *fleet.Batch) {
			if len(batch.Events) > 0 && batch.Events[0].Kind == fleet.EventReset {
				row = batch.Services[0]
			}
		})
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); err != nil {
			t.Fatal(err)
		}
		after := memory.New() // that had got no further
		if err := after.Commit(t.Context(), &fleet.Batch{Services: []fleet.ServiceRow{row}}); err != nil {
			t.Fatal(err)
		}
		v, err := afterKill(t, after)
		if err != nil || v.Breaker.State != switchgear.Closed || v.Breaker.Outage != nil || v.Breaker.LastReset.IsZero() {
			t.Errorf("%v: %v, reset %v, in %+v", err, v.Breaker.State, v.Breaker.LastReset, v.Breaker.Outage)
		}
	})
}

func TestManager_AnotherHealthCheckDoesNotForgetWhichEventBeganTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", flapping)
		b.fails(t, "the first")
		time.Sleep(15 * time.Second)
		b.fails(t, "again")
		def := flapping
		def.HealthCheck = probed(1).HealthCheck
		b.declare(t, "web", def)
		v := b.view(t, "web")
		if o := v.Breaker.Outage; o == nil || o.Openings != 2 || o.Cause.LastError != "the first" || v.OutageEventID != transitions(t, store)[0].ID {
			t.Errorf("%+v of event %d", o, v.OutageEventID)
		}
	})
}
