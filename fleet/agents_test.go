package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

var errNotMine = errors.New("the threshold is none of mine")

func TestAgents_OneInstanceIsLikeABreakerOfTheManager(t *testing.T) {
	bubble(t, "opens, recovers and closes", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		p := joined(t, b, "one", "web")
		b.wantState(t, switchgear.Closed, fleet.StatusUnknown, fleet.Instances{Total: 1})
		p.breakers["web"].RecordSuccess(time.Millisecond)
		p.live(2 * time.Second)
		b.wantState(t, switchgear.Closed, fleet.StatusHealthy, fleet.Instances{Total: 1})
		p.fail("web")
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
		v := b.view(t, "web")
		if v.TripEventID == 0 || v.Breaker.Trip == nil || v.Breaker.Trip.LastError != errDown.Error() || v.Breaker.Operations.Failed != 2 {
			t.Errorf("the entry is %+v", v)
		}
		p.live(63 * time.Second)
		b.wantState(t, switchgear.HalfOpen, fleet.StatusDegraded, fleet.Instances{Total: 1})
		p.breakers["web"].RecordSuccess(time.Millisecond)
		p.live(64 * time.Second)
		b.wantState(t, switchgear.Closed, fleet.StatusHealthy, fleet.Instances{Total: 1})
		b.wantEvents(t, "registered", "transition closed-open", "transition open-half_open", "transition half_open-closed")
	})
}

func TestAgents_ManyAreOpenWhereAllAre(t *testing.T) {
	bubble(t, "two", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one, two := joined(t, b, "one", "web"), joined(t, b, "two", "web")
		one.fail("web")
		b.wantState(t, switchgear.Closed, fleet.StatusDegraded, fleet.Instances{Total: 2, Open: 1})
		two.fail("web")
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 2, Open: 2})
		b.wantEvents(t, "registered", "instance_transition", "instance_transition", "transition closed-open")
		v := b.view(t, "web")
		if v.Breaker.Failures != 4 || v.Breaker.Operations.Failed != 4 || v.TripEventID == 0 || v.Breaker.Outage == nil {
			t.Errorf("%d failures, trip %d, outage %+v", v.Breaker.Failures, v.TripEventID, v.Breaker.Outage)
		}
		events, err := b.Events(t.Context(), fleet.EventQuery{Service: "web", Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 1})
		if err != nil || len(events) != 1 || !strings.Contains(string(events[0].Evidence), `"all_instances"`) || events[0].ID != v.TripEventID {
			t.Errorf("the event is %+v, %v", events, err)
		}
		// Then the first is silent, and the second closes: it is the whole.
		_ = two.session.Leave(t.Context(), []string{"web"})
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
		if got := b.view(t, "web").Breaker.Operations.Failed; got != 4 {
			t.Errorf("%d failed, want 4: what the one that left has counted stays", got)
		}
	})
}

func TestAgents_WhatWasMissedIsToldOnceAndInOrder(t *testing.T) {
	bubble(t, "a connection lost, and the manager killed", func(t *testing.T) {
		store := realStore(t)
		b := start(t, store, &upstream{})
		p := joined(t, b, "one", "web")
		p.session.Close(false)
		p.breakers["web"].HandleError(errDown, 0)
		p.breakers["web"].HandleError(errDown, 0)
		time.Sleep(61 * time.Second) // it is half-open by now
		b.wantState(t, switchgear.Closed, fleet.StatusUnknown, fleet.Instances{Total: 1, Stale: 1})
		p.connect()
		p.join(false)
		b.wantEvents(t, "registered", "transition closed-open", "transition open-half_open")
		if err := p.send("web", 0); err != nil { // again
			t.Error(err)
		}
		b.wantEvents(t, "registered", "transition closed-open", "transition open-half_open")
		// The manager's successor knows what was acknowledged.
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		p.b = b
		b.wantState(t, switchgear.HalfOpen, fleet.StatusDegraded, fleet.Instances{Total: 1})
		p.connect()
		p.join(false)
		if err := p.send("web", 0); err != nil {
			t.Error(err)
		}
		b.wantEvents(t)
		b.wantState(t, switchgear.HalfOpen, fleet.StatusDegraded, fleet.Instances{Total: 1})
		time.Sleep(16 * time.Second)
		b.wantState(t, switchgear.HalfOpen, fleet.StatusUnknown, fleet.Instances{Total: 1, Stale: 1})
		p.session.Heard()
		b.wantState(t, switchgear.HalfOpen, fleet.StatusDegraded, fleet.Instances{Total: 1})
	})
}

func TestAgents_ASecondHolderIsRefusedAndTheSameProcessTakesOver(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		p := joined(t, b, "one", "web")
		thief := newProgram(t, b, "one", "web")
		thief.info.Boot = "another secret altogether"
		if _, err := b.Attach(t.Context(), thief.info, nil, thief); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("a second holder: %v", err)
		}
		first := p.session
		p.connect()
		if !slices.Equal(p.closed, []int{4009}) {
			t.Errorf("closed with %v", p.closed)
		}
		if err := first.Leave(t.Context(), []string{"web"}); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("the session that was taken over: %v", err)
		}
		first.Close(true)
		b.wantState(t, switchgear.Closed, fleet.StatusUnknown, fleet.Instances{Total: 1})
		if m := b.Measure(); m.Agents != 1 || m.AgentsRefused["held"] != 1 {
			t.Errorf("%d agents, refused %v", m.Agents, m.AgentsRefused)
		}
		time.Sleep(16 * time.Second)
		thief.connect() // nobody was heard of
		if m := b.Measure(); m.Agents != 1 {
			t.Errorf("%d agents", m.Agents)
		}
	})
}

func TestAgents_AProgramThatStartsAnewGoesOnWhereTheWholeIs(t *testing.T) {
	bubble(t, "open", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		p := joined(t, b, "one", "web")
		p.fail("web")
		next := b.view(t, "web").Breaker.NextAttemptAt
		p.session.Close(true)
		time.Sleep(2 * time.Second)
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{})
		p = joined(t, b, "two", "web")
		if got := p.breakers["web"].Snapshot(); got.State != switchgear.Open || got.Operations.Failed != 0 || !got.NextAttemptAt.Equal(next) {
			t.Errorf("the new process's is %v until %v, with %+v; want open until %v", got.State, got.NextAttemptAt, got.Operations, next)
		}
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
		if got := b.view(t, "web").Breaker.Operations.Failed; got != 2 {
			t.Errorf("%d have failed, want 2", got)
		}
		b.wantEvents(t, "registered", "transition closed-open")
	})
}

func TestAgents_TotalsNeverFall(t *testing.T) {
	bubble(t, "whoever comes and goes", func(t *testing.T) {
		store := realStore(t)
		b := start(t, store, &upstream{})
		var last uint64
		look := func(when string, want uint64) {
			t.Helper()
			got := b.view(t, "web").Breaker.Operations.Successful
			if got < last || got != want {
				t.Errorf("%s: %d, want %d; before it was %d", when, got, want, last)
			}
			last = got
		}
		work := func(p *program, n int) {
			for range n {
				p.breakers["web"].RecordSuccess(0)
			}
			p.report("web")
		}
		one, two := joined(t, b, "one", "web"), joined(t, b, "two", "web")
		work(one, 3)
		work(two, 4)
		look("both", 7)
		one.session.Close(false)
		time.Sleep(10 * time.Second)
		for range 400 { // the first is forgotten by now
			two.session.Heard()
			time.Sleep(10 * time.Second)
		}
		if in, _ := b.Instances("web"); len(in) != 1 {
			t.Errorf("%d instances, want 1", len(in))
		}
		look("the first forgotten", 7)
		one.connect()
		one.join(false)
		look("and back", 7)
		work(one, 2)
		look("and at work", 9)
		one.session.Report([]fleet.InstanceState{{Service: "web"}}) // older than all
		look("after an old report", 9)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		look("the manager anew", 9)
		one.b = b
		one.connect()
		one.join(false)
		work(one, 1)
		look("and at work", 10)
		one.session.Close(true)
		time.Sleep(2 * time.Second)
		look("it has left", 10)
	})
}

func TestAgents_ManyOfOneServiceOpenInFewTransactions(t *testing.T) {
	bubble(t, "a thousand", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		const n = 1000
		all := make([]*program, n)
		for i := range all {
			all[i] = joined(t, b, fmt.Sprintf("p%04d", i), "web")
		}
		commits := 0
		store.beforeCommit(func(*fleet.Batch) error { commits++; time.Sleep(5 * time.Millisecond); return nil })
		var failing sync.WaitGroup
		for _, p := range all {
			for range 2 {
				p.breakers["web"].HandleError(errDown, 0)
			}
		}
		synctest.Wait()
		began := time.Now()
		for _, p := range all {
			failing.Go(func() {
				if err := p.send("web", 0); err != nil {
					t.Error(err)
				}
			})
		}
		failing.Wait()
		if took := time.Since(began); commits > 10 || took > time.Second {
			t.Errorf("%d commits in %v", commits, took)
		}
		store.beforeCommit(nil)
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: n, Open: n})
		if told := b.told("web"); len(told) != 1+n+1 || told[n+1] != "transition closed-open" {
			t.Errorf("%d events were told, the last %q", len(told), told[len(told)-1])
		}
	})
}
