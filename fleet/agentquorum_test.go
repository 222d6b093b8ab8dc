package fleet_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
)

func TestQuorum_OneAloneIsABadCallerAndStaysAlone(t *testing.T) {
	bubble(t, "one of four", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three", "four")
		c.all[0].fail("web")
		c.live(3 * time.Second)
		c.want("after one failed", "open/closed/closed/closed")
		c.wantState(t, switchgear.Closed, fleet.StatusDegraded, fleet.Instances{Total: 4, Open: 1, BadCallers: 1})
		views, err := c.Instances("web")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			if v.BadCaller != (v.Name == "one") {
				t.Errorf("%s: bad caller is %v", v.Name, v.BadCaller)
			}
		}
		if v := c.view(t, "web"); !strings.Contains(v.Details(), "1 open alone") {
			t.Error(v.Details())
		}
		c.SetQuorums(config.Quorums{})
		c.live(2 * time.Second)
		c.wantState(t, switchgear.Closed, fleet.StatusDegraded, fleet.Instances{Total: 4, Open: 1})
	})
}

func TestQuorum_WhoIsTheOnlyOneIsNoBadCaller(t *testing.T) {
	bubble(t, "one of one", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one")
		c.all[0].fail("web")
		c.live(2 * time.Second)
		c.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
	})
}

func TestQuorum_OpensForAllAndAllFollowTheOneThatTries(t *testing.T) {
	bubble(t, "an outage", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three", "four")
		c.outage()
		c.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 4, Open: 4})
		c.wantEvents(t, "registered", "instance_transition", "instance_transition", "transition closed-open", "instance_transition", "instance_transition")
		if got := c.rules(fleet.EventTransition); !slices.Equal(got, []string{"open by fleet_quorum"}) {
			t.Errorf("the whole went %q", got)
		}
		if got := c.rules(fleet.EventInstanceTransition); !slices.Equal(got, []string{"open by failure_threshold", "open by failure_threshold", "open by fleet_quorum", "open by fleet_quorum"}) {
			t.Errorf("the instances went %q", got)
		}
		if v := c.view(t, "web"); v.Breaker.Trip == nil || v.Breaker.Trip.LastError != errDown.Error() {
			t.Errorf("the trip is %+v", v.Breaker.Trip)
		}
		c.live(61 * time.Second)
		tries := c.recoverer()
		if n := strings.Count(c.states(), "half_open"); n != 1 {
			t.Errorf("%d try at a time: %s", n, c.states())
		}
		c.wantState(t, switchgear.HalfOpen, fleet.StatusDegraded, fleet.Instances{Total: 4, Open: 3})
		tries.breakers["web"].RecordSuccess(time.Millisecond)
		c.live(3 * time.Second)
		c.want("after its first success", "half_open/half_open/half_open/half_open")
		for _, p := range c.all {
			p.breakers["web"].RecordSuccess(time.Millisecond)
		}
		c.live(65 * time.Second)
		c.want("a healthy period later", "closed/closed/closed/closed")
		c.wantState(t, switchgear.Closed, fleet.StatusHealthy, fleet.Instances{Total: 4})
	})
}

func TestQuorum_WhatTheOneThatTriesMeetsIsForAll(t *testing.T) {
	bubble(t, "it fails", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		c.live(60 * time.Second)
		c.recoverer().breakers["web"].HandleError(errDown, 0)
		c.live(100 * time.Second)
		c.want("while its longer open time lasts", "open/open/open")
		c.live(25 * time.Second)
		c.recoverer()
	})
	bubble(t, "it dies", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		c.live(60 * time.Second)
		first := c.recoverer()
		first.lose()
		c.all = slices.DeleteFunc(c.all, func(p *program) bool { return p == first })
		c.live(3 * time.Second)
		next := c.recoverer()
		if got := c.states(); strings.Count(got, "open") != 2 || strings.Count(got, "half_open") != 1 {
			t.Errorf("then they are %s", got)
		}
		if s := next.breakers["web"].Snapshot(); s.FailedRecoveries != 0 {
			t.Errorf("it is %d failed recoveries of the next", s.FailedRecoveries)
		}
	})
	bubble(t, "it has nothing to try with", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		seen := make(map[string]bool)
		for range 3 {
			c.live(60 * time.Second)
			seen[c.recoverer().info.Name] = true
			if n := strings.Count(c.states(), "half_open"); n != 1 {
				t.Errorf("%d try at a time: %s", n, c.states())
			}
		}
		if len(seen) != 3 {
			t.Errorf("only %v had the lease", seen)
		}
	})
}

// TestQuorum_ThoseThatNeverSucceedDoNotShakeTheOthers has half of the instances
// fail whatever they do, and the others succeed: the open times of those that fail
// bound how often the others are opened with them.
func TestQuorum_ThoseThatNeverSucceedDoNotShakeTheOthers(t *testing.T) {
	bubble(t, "ten minutes", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three", "four")
		c.outage()
		for range 600 {
			for n, p := range c.all {
				if b := p.breakers["web"]; n < 2 {
					_, _ = switchgear.Do(t.Context(), b, func(context.Context) (int, error) { return 0, errDown })
				} else {
					_, _ = switchgear.Do(t.Context(), b, func(context.Context) (int, error) { return 1, nil })
				}
			}
			c.live(time.Second)
		}
		for _, p := range c.all {
			if n := p.breakers["web"].Snapshot().Transitions; n > 40 {
				t.Errorf("%s has moved %d times in ten minutes", p.info.Name, n)
			}
		}
		again := 0
		for _, moved := range c.rules(fleet.EventInstanceTransition) {
			if moved == "open by fleet_quorum" {
				again++
			}
		}
		if again < 2*2 { // two that are well, twice at least
			t.Errorf("they were opened with the others %d times", again)
		}
	})
}

func TestQuorum_TheStoreKeepsNobodyWaiting(t *testing.T) {
	bubble(t, "a slow one", func(t *testing.T) {
		var slow atomic.Bool
		store := faulty.New(realStore(t), faulty.Options{Hook: func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.Commit && slow.Load() {
				time.Sleep(time.Second)
			}
			return faulty.None
		}})
		c := newCrew(t, store, "one", "two", "three", "four")
		slow.Store(true)
		var failing sync.WaitGroup
		for _, p := range c.all[:2] {
			failing.Go(func() { p.fail("web") })
			time.Sleep(10 * time.Millisecond)
		}
		c.want("before the store has answered", "open/open/open/open")
		failing.Wait()
		slow.Store(false)
		c.live(3 * time.Second)
		if got := c.rules(fleet.EventTransition); !slices.Equal(got, []string{"open by fleet_quorum"}) {
			t.Errorf("the whole went %q", got)
		}
		for _, p := range c.all[2:] {
			if n := len(p.kinds()); n != 1 {
				t.Errorf("%s was told %d times", p.info.Name, n)
			}
		}
	})
}

func TestQuorum_WithoutTheManagerEachGoesByItsOwnRules(t *testing.T) {
	bubble(t, "lost", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		for _, p := range c.all {
			p.lose()
		}
		time.Sleep(time.Minute)
		c.want("after the open time", "half_open/half_open/half_open")
	})
	bubble(t, "lost, and come back to another manager", func(t *testing.T) {
		store := realStore(t)
		c := newCrew(t, store, "one", "two", "three")
		c.outage()
		for _, p := range c.all {
			p.lose()
		}
		c.all = c.all[1:] // without the first there would be no quorum any more
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		c.comeTo(start(t, store, &upstream{}))
		c.live(20 * time.Second)
		c.want("under another manager", "open/open")
		c.live(45 * time.Second)
		if c.recoverer(); strings.Count(c.states(), "half_open") != 1 {
			t.Errorf("after the open time they are %s", c.states())
		}
	})
}

func TestQuorum_AnAdministratorAndTheFileGoBeforeIt(t *testing.T) {
	by := fleet.Actor{Name: "ada", Reason: "it is well"}
	bubble(t, "a reset", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		for _, p := range c.all { // so that no later turn stores what the order has to
			p.answers(func(fleet.AgentOrder) (error, bool) { return nil, false })
		}
		kept := func() bool {
			stored, err := c.store.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(stored.Services, func(row fleet.ServiceRow) bool { return strings.Contains(string(row.Value), `"verdict"`) })
		}
		if !kept() {
			t.Error("the verdict was not stored")
		}
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = c.Reset(context.Background(), "web", switchgear.Closed, by) }) // nobody answers
		synctest.Wait()
		if kept() {
			t.Error("a kill now would bring the verdict back")
		}
		asking.Wait()
		for _, p := range c.all {
			p.answers(nil)
		}
		if _, err := c.Reset(context.Background(), "web", switchgear.Closed, by); err != nil {
			t.Fatal(err)
		}
		c.live(5 * time.Second)
		c.want("after a reset", "closed/closed/closed")
		c.wantState(t, switchgear.Closed, fleet.StatusHealthy, fleet.Instances{Total: 3})
	})
	bubble(t, "forced closed", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		if _, err := c.Override(context.Background(), "web", switchgear.ForcedClosed, time.Minute, by); err != nil {
			t.Fatal(err)
		}
		c.live(65 * time.Second)
		c.want("after the override", "closed/closed/closed")
	})
	bubble(t, "a rule that is off now", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		c.SetQuorums(config.Quorums{})
		c.live(65 * time.Second)
		c.want("after their own open times", "half_open/half_open/half_open")
	})
}

func TestQuorum_WhoRecoversOnItsOwnRecoversForAll(t *testing.T) {
	bubble(t, "cut off meanwhile", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		c.outage()
		away := c.all[2]
		away.lose()
		c.all = c.all[:2]
		c.live(61 * time.Second)
		away.breakers["web"].RecordSuccess(time.Millisecond)
		c.live(61 * time.Second)
		if got := away.breakers["web"].State(); got != switchgear.Closed {
			t.Fatalf("alone it is %v", got)
		}
		away.connect()
		away.join(false)
		c.all = append(c.all, away)
		c.live(2 * time.Second)
		c.want("when it is back", "half_open/half_open/closed")
	})
}

func TestQuorum_WhoComesDuringAnOutageWaitsWithTheOthers(t *testing.T) {
	bubble(t, "a newcomer, and one that was cut off", func(t *testing.T) {
		c := newCrew(t, realStore(t), "one", "two", "three")
		away := c.all[2]
		away.lose()
		c.all = c.all[:2]
		c.outage()
		c.want("while it is away", "open/open")
		away.connect()
		away.join(false)
		c.all = append(c.all, away, joined(t, c.bench, "four", "web"))
		c.live(2 * time.Second)
		c.want("when they are there", "open/open/open/open")
		c.live(60 * time.Second)
		if n := strings.Count(c.states(), "half_open"); n != 1 {
			t.Errorf("%d try at a time: %s", n, c.states())
		}
	})
}
