package alert_test

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func TestSilence_WhatIsSilencedKeepsNothingElseFromBeingTold(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			again := func() {
				if restarts {
					r.kill()
				}
			}
			r.configure(func(cfg *rigConfig) { cfg.RepeatInterval = 0 })
			r.declare("db")
			r.declare("app", "db")
			s := r.silence(routes("service", "=", "app"), 0, 6*time.Hour)
			time.Sleep(time.Second)
			r.fail("db", 5)
			r.fail("app", 5)
			time.Sleep(time.Minute)
			wantReasons(t, r, "firing")
			again()
			r.heal("db")
			time.Sleep(time.Minute)
			wantReasons(t, r, "firing,resolved")
			again()
			time.Sleep(time.Minute)
			r.fail("db", 5)
			time.Sleep(time.Minute)
			wantReasons(t, r, "firing,resolved,firing")
			if last := r.inbox.messages()[2]; last.Root != "db" || len(last.Alerts) != 2 {
				t.Errorf("told %+v, want what is new", last)
			}
			again()
			r.heal("db")
			time.Sleep(time.Minute)
			wantReasons(t, r, "firing,resolved,firing,resolved")
			time.Sleep(time.Until(s.EndsAt) - time.Second)
			wantReasons(t, r, "firing,resolved,firing,resolved")
			time.Sleep(2 * time.Second)
			wantReasons(t, r, "firing,resolved,firing,resolved,firing")
			if last := r.inbox.messages()[4]; last.Root != "app" || last.Alerts[0].Service != "app" {
				t.Errorf("told %+v, want it to be of what fails still", last)
			}
			again()
			r.heal("app")
			time.Sleep(time.Minute)
			wantReasons(t, r, "firing,resolved,firing,resolved,firing,resolved")
			if all, err := r.Alerts(t.Context(), fleet.AlertQuery{Status: fleet.FiringAlerts, Limit: 10}); err != nil || len(all) > 0 {
				t.Errorf("%v fire, %v", all, err)
			}
		})
	}
}

func TestSilence_ThatEndsOverWhatWasNeverToldIsNoRepeat(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("web", "db")
		r.declare("app", "web")
		s := r.silence(routes("service", "=", "app"), 0, time.Hour)
		time.Sleep(time.Second)
		for _, name := range []string{"db", "web", "app"} {
			r.fail(name, 5)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
		r.heal("db")
		time.Sleep(time.Until(s.EndsAt) + time.Second)
		wantReasons(t, r, "firing,escalated")
		m := r.inbox.messages()[1]
		if name, since := m.Head(); name != "web" || !since.Equal(m.Alerts[0].StartsAt) || m.Alerts[0].Service != "web" {
			t.Errorf("told of %s since %v, want web: %+v", name, since, m.Alerts)
		}
		s = r.silence(routes("service", "=", "app"), 0, time.Hour)
		time.Sleep(time.Until(s.EndsAt) + time.Second)
		wantReasons(t, r, "firing,escalated,repeat")
	})
}

func TestMessage_NamesWhatFailsStill(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("api", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		began := time.Now()
		time.Sleep(time.Hour)
		r.fail("api", 5)
		joined := time.Now()
		check := func(what, want string, from time.Time) {
			t.Helper()
			all := r.inbox.messages()
			m := all[len(all)-1]
			name, since := m.Head()
			if name != want || since.Sub(from).Abs() > time.Second || m.Root != "db" || m.Alerts[0].Service != want {
				t.Errorf("%s: %s since %v first, want %s since %v: %+v", what, name, since, want, from, m)
			}
		}
		check("at first", "db", began)
		time.Sleep(4 * time.Hour)
		wantReasons(t, r, "firing,repeat")
		check("both fail", "db", began)
		r.heal("db")
		time.Sleep(4 * time.Hour)
		wantReasons(t, r, "firing,repeat,repeat")
		check("the root is well", "api", joined)
		r.heal("api")
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,repeat,repeat,resolved")
		check("at last", "db", began)
	})
}
