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
