package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
)

// incidents are the roots of what fires, by incident.
func (r *rig) incidents() map[string]string {
	out := make(map[string]string)
	for _, a := range r.Active() {
		out[a.Incident] = a.Root
	}
	return out
}

// outage is a root with those that depend on it, in some order.
type outage struct {
	Above []int // of each dependant, what it depends on: an earlier one, or the root (0)
	Order []int // in which they open; 0 is the root
	Gaps  []int // ms between that
	Heal  []int
	Kill  []int // after how many openings and closings the process is killed
}

var someOutage = rapid.Custom(func(r *rapid.T) outage {
	n := rapid.IntRange(1, 14).Draw(r, "dependants")
	o := outage{}
	all := []int{0}
	for i := range n {
		o.Above = append(o.Above, rapid.IntRange(0, i).Draw(r, "above"))
		all = append(all, i+1)
	}
	o.Order, o.Heal = rapid.Permutation(all).Draw(r, "order"), rapid.Permutation(all).Draw(r, "heal")
	for range all {
		o.Gaps = append(o.Gaps, rapid.IntRange(0, 300).Draw(r, "gap"))
	}
	o.Kill = rapid.SliceOfN(rapid.IntRange(0, 2*n), 0, 2).Draw(r, "kill")
	return o
})

func nameOf(i int) string {
	if i == 0 {
		return "root"
	}
	return fmt.Sprintf("user-%02d", i)
}

func (o *outage) run(r *rig) error {
	r.declare("root")
	for i, above := range o.Above {
		r.declare(nameOf(i+1), nameOf(above))
	}
	time.Sleep(time.Second)
	done := 0
	step := func() {
		if slices.Contains(o.Kill, done) {
			time.Sleep(time.Second) // a breaker that opened is remembered
			r.kill()
		}
		done++
	}
	for i, who := range o.Order {
		r.fail(nameOf(who), 5)
		time.Sleep(time.Duration(o.Gaps[i]) * time.Millisecond)
		step()
	}
	time.Sleep(15 * time.Second)
	if got := r.inbox.reasons(); got != "firing" {
		return fmt.Errorf("told %q of an outage that began, want one message", got)
	}
	first := r.inbox.messages()[0]
	if got := r.incidents(); len(got) != 1 || got[first.Incident] != "root" || first.Root != "root" {
		return fmt.Errorf("incidents %v, told of %s with the root %s; want one, of root", got, first.Incident, first.Root)
	}
	for _, who := range o.Heal {
		r.heal(nameOf(who))
		step()
	}
	time.Sleep(time.Minute)
	if got := r.inbox.reasons(); got != "firing,resolved" {
		return fmt.Errorf("told %q of an outage that is over, want two messages", got)
	}
	time.Sleep(2 * time.Minute)
	if got := r.inbox.reasons(); got != "firing,resolved" || len(r.active()) > 0 {
		return fmt.Errorf("told %q later; %v fire", got, r.active())
	}
	return nil
}

func TestIncident_ARootWithItsDependantsInAnyOrderIsOneMessage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		o := someOutage.Draw(rt, "outage")
		var err error
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer func() { r.stop() }()
			err = o.run(r)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func TestIncident_LateDependantsJoinSilently(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("api", "db")
		r.declare("web", "api")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Minute)
		r.fail("api", 5)
		time.Sleep(10 * time.Minute)
		r.fail("web", 5)
		time.Sleep(10 * time.Minute)
		wantReasons(t, r, "firing")
		if got := r.incidents(); len(got) != 1 {
			t.Errorf("incidents %v, want one", got)
		}
		r.heal("db")
		time.Sleep(10 * time.Minute)
		r.fail("web", 5)
		r.declare("late", "db")
		r.fail("late", 5)
		time.Sleep(10 * time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestIncident_ARootFoundLateTakesOverWhatWasTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		for _, u := range []string{"a", "b", "c"} {
			r.declare(u, "db")
			r.fail(u, 5)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,firing,firing")
		r.fail("db", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,firing,firing,escalated")
		m := r.inbox.messages()[3]
		if m.Root != "db" || m.Incident != r.inbox.messages()[0].Incident {
			t.Errorf("the message is of %s with the root %s, want the first incident, with the root db", m.Incident, m.Root)
		}
		services := make(map[string]bool)
		for _, a := range m.Alerts {
			services[a.Service] = true
		}
		if diff := cmp.Diff(map[string]bool{"a": true, "b": true, "c": true, "db": true}, services); diff != "" {
			t.Error("services (-want +got):", diff)
		}
		for _, s := range []string{"a", "b", "c", "db"} {
			r.heal(s)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,firing,firing,escalated,resolved")
	})
}

func TestIncident_ARootThatIsSlowToFailIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		for _, u := range []string{"a", "b", "c"} {
			r.declare(u, "db")
			r.fail(u, 5)
		}
		time.Sleep(9 * time.Second)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestIncident_AMergedOneIsToldToAllWhoWereTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		team := &inbox{}
		r.configure(func(cfg *rigConfig) {
			cfg.Receivers = append(cfg.Receivers, alert.Target{Name: "team", Kind: "webhook", Receiver: team, SendResolved: true, Routes: routes("service", "=", "c")})
		})
		r.declare("db")
		for _, u := range []string{"a", "b", "c"} {
			r.declare(u, "db")
			r.fail(u, 5)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		for _, u := range []string{"a", "b", "c", "db"} {
			r.heal(u)
		}
		time.Sleep(time.Minute)
		if got := team.reasons(); got != "firing,escalated,resolved" {
			t.Errorf("the team was told %q", got)
		}
	})
}

func TestIncident_WhatFailsAndHasNoAlertYetIsTheRoot(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		def := reported()
		def.Alerts = config.AlertRules{"circuit_state_change": {For: new(time.Minute)}, "consecutive_failures": {Threshold: 1000}}
		r.declareAs("db", def)
		r.declare("a", "db")
		r.declare("b", "db")
		time.Sleep(time.Second)
		r.fail("a", 5)
		time.Sleep(2 * time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		r.fail("b", 5)
		time.Sleep(20 * time.Second)
		wantReasons(t, r, "firing")
		if got := r.inbox.messages()[0].Root; got != "db" {
			t.Errorf("root %s, want db", got)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
		if got := r.incidents(); len(got) != 1 {
			t.Errorf("incidents %v, want one", got)
		}
	})
}

func TestIncident_ServicesThatDoNotDependOnEachOtherAreTwo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("mail")
		r.declare("a", "db")
		r.declare("both", "mail", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		r.fail("mail", 5)
		time.Sleep(time.Second)
		r.fail("both", 5)
		r.fail("a", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,firing")
		if got := r.incidents(); len(got) != 2 {
			t.Errorf("incidents %v, want two", got)
		}
	})
}

func TestEngine_RoutesDecideWhoIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		page, team := &inbox{}, &inbox{}
		r.configure(func(cfg *rigConfig) {
			cfg.Receivers = append(cfg.Receivers,
				alert.Target{Name: "page", Kind: "webhook", Receiver: page, SendResolved: true, Routes: routes("severity", "=", "critical")},
				alert.Target{Name: "team", Kind: "webhook", Receiver: team, Routes: routes("layer", "=~", "pay.*")},
			)
		})
		def := reported()
		def.Layer = "payments"
		r.declareAs("db", def)
		r.declare("web")
		time.Sleep(time.Second)
		r.fail("db", 3)
		r.fail("web", 3)
		time.Sleep(10 * time.Second)
		wantReasons(t, r, "firing,firing")
		if got := page.reasons() + "/" + team.reasons(); got != "/firing" {
			t.Errorf("told page/team %q, want the team only", got)
		}
		r.fail("db", 2)
		time.Sleep(time.Second)
		r.kill()
		time.Sleep(10 * time.Second)
		r.heal("db")
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,firing,escalated,resolved")
		if got := page.reasons() + "/" + team.reasons(); got != "firing,resolved/firing,escalated" {
			t.Errorf("told page/team %q", got)
		}
	})
}

func TestEngine_TellsANewReceiverWhatGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.Receivers = nil })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Hour)
		if a := r.Active(); len(a) != 2 || !a[0].ToldAt.IsZero() {
			t.Errorf("active %+v, want two that were told to nobody", a)
		}
		r.configure(func(cfg *rigConfig) { *cfg = usual(r.inbox) })
		time.Sleep(time.Second)
		wantReasons(t, r, "firing")
	})
}
