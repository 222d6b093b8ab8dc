package alert_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

var bob = fleet.Actor{Name: "bob", Address: "192.0.2.2"}

// seen are the alerts that fire, each with who has seen it, as
// service/severity=name.
func (r *rig) seen() string {
	var out []string
	for _, a := range r.Active() {
		out = append(out, a.Service+"/"+string(a.Severity)+"="+a.AcknowledgedBy)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func wantSeen(t *testing.T, r *rig, want string) {
	t.Helper()
	if got := r.seen(); got != want {
		t.Fatalf("%v: seen %q, want %q", time.Now(), got, want)
	}
}

func (r *rig) acknowledge(by fleet.Actor) int {
	r.t.Helper()
	_, newly, err := r.Acknowledge(r.ctx(), r.Active()[0].ID, by)
	if err != nil {
		r.t.Fatal(err)
	}
	return newly
}

func TestAcknowledge_IsOfWhatFiredThen(t *testing.T) {
	for name, again := range map[string]func(*rig){"": func(*rig) {}, "and the process is killed": (*rig).kill} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.declare("db")
				r.declare("a", "db")
				r.declare("b", "db")
				time.Sleep(time.Second)
				r.fail("db", 5)
				time.Sleep(time.Minute)
				if n := r.acknowledge(alice); n != 2 {
					t.Errorf("%d are newly seen, want 2", n)
				}
				r.fail("a", 3) // a warning, under a root that is known
				time.Sleep(time.Minute)
				wantSeen(t, r, "a/warning=alice db/critical=alice db/warning=alice")
				wantReasons(t, r, "firing")
				r.fail("a", 2)
				time.Sleep(3 * time.Second)
				r.fail("b", 5)
				again(r)
				time.Sleep(time.Minute)
				wantReasons(t, r, "firing,escalated")
				wantSeen(t, r, "a/critical= a/warning=alice b/critical= b/warning= db/critical=alice db/warning=alice")
				if m := r.inbox.messages()[1]; len(m.Alerts) != 6 || m.Alerts[0].Service != "db" {
					t.Errorf("told %+v, want the six of the incident", m.Alerts)
				}
				again(r)
				time.Sleep(5 * time.Hour)
				wantReasons(t, r, "firing,escalated,repeat")
				if n := r.acknowledge(bob); n != 3 {
					t.Errorf("%d are newly seen, want 3", n)
				}
				again(r)
				time.Sleep(10 * time.Hour)
				wantReasons(t, r, "firing,escalated,repeat")
				wantSeen(t, r, "a/critical=bob a/warning=alice b/critical=bob b/warning=bob db/critical=alice db/warning=alice")
				if n := r.acknowledge(alice); n != 0 {
					t.Errorf("%d are newly seen, want none", n)
				}
			})
		})
	}
}

func TestAcknowledge_WhatJoinsLongAfterIsToldToAllAtOnceAndNotAsARepeat(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		team := &inbox{}
		r.configure(func(cfg *rigConfig) {
			cfg.Receivers = append(cfg.Receivers, alert.Target{Name: "team", Kind: "webhook", Receiver: team, Routes: routes("service", "=", "a")})
		})
		r.declare("db")
		r.declare("a", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		r.acknowledge(alice)
		time.Sleep(10 * time.Hour)
		r.fail("a", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,escalated")
		if got := team.reasons(); got != "firing" {
			t.Errorf("the team was told %q, want what is its own", got)
		}
	})
}

func TestAcknowledge_WhatJoinsAndIsOverSoonIsNeverTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.ResolveAfter = time.Second })
		r.declare("db")
		r.declare("a", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		r.acknowledge(alice)
		r.fail("a", 5)
		time.Sleep(time.Second)
		r.heal("a")
		time.Sleep(10 * time.Hour)
		wantReasons(t, r, "firing")
	})
}

func TestAcknowledge_AlertsOfAServiceOfWhichTheWorstWasSeenAreQuiet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		def := reported()
		def.Alerts = config.AlertRules{"recovery_failure": {Threshold: 2}}
		r.declareAs("db", def)
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		r.acknowledge(alice)
		for range 3 {
			time.Sleep(61 * time.Second)
			r.fail("db", 1)
		}
		time.Sleep(5 * time.Hour)
		wantSeen(t, r, strings.Repeat("db/critical=alice ", 2)+"db/warning=alice")
		wantReasons(t, r, "firing")
	})
}

func TestUnacknowledge_HasItRepeatedAgain(t *testing.T) {
	for name, again := range map[string]func(*rig){"": func(*rig) {}, "and the process is killed": (*rig).kill} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.declare("db")
				time.Sleep(time.Second)
				r.fail("db", 5)
				time.Sleep(time.Hour)
				r.acknowledge(alice)
				time.Sleep(time.Minute)
				a, err := r.Unacknowledge(t.Context(), r.Active()[0].ID, bob)
				if err != nil || a.AcknowledgedBy != "" || !a.AcknowledgedAt.IsZero() {
					t.Fatalf("taken back: %+v, %v", a, err)
				}
				again(r)
				time.Sleep(time.Hour)
				wantSeen(t, r, "db/critical= db/warning=")
				wantReasons(t, r, "firing")
				time.Sleep(2 * time.Hour)
				wantReasons(t, r, "firing,repeat")
				r.acknowledge(alice)
				time.Sleep(9 * time.Hour)
				if _, err := r.Unacknowledge(t.Context(), r.Active()[0].ID, bob); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // it is long due
				wantReasons(t, r, "firing,repeat,repeat")
				if _, err := r.Unacknowledge(t.Context(), r.Active()[0].ID, bob); err != nil {
					t.Errorf("taken back again: %v", err)
				}
				last := r.store.AuditLog()[len(r.store.AuditLog())-1]
				if last.Action != "end acknowledgement" || last.Actor != "bob" || last.Service != "db" {
					t.Errorf("the audit log says %+v", last)
				}
				r.heal("db")
				id := r.Active()[0].ID
				time.Sleep(time.Minute)
				if _, err := r.Unacknowledge(t.Context(), id, bob); fleet.KindOf(err) != fleet.Conflict {
					t.Errorf("of what is over: %v, want a conflict", err)
				}
				if _, err := r.Unacknowledge(t.Context(), "none", bob); fleet.KindOf(err) != fleet.NotFound {
					t.Errorf("of what is not there: %v", err)
				}
			})
		})
	}
}
