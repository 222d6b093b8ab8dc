package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// seenOutage is a db that fails, with a service that depends on it and does not
// yet, and that alice has acknowledged.
func (r *rig) seenOutage() {
	r.t.Helper()
	r.declare("db")
	r.declare("a", "db")
	time.Sleep(time.Second)
	r.fail("db", 5)
	time.Sleep(time.Minute)
	r.acknowledge(alice)
}

func TestAcknowledge_WhatJoinsIsToldWhateverBecomesOfTheRest(t *testing.T) {
	for name, join := range map[string]func(t *testing.T, r *rig){
		"what was seen is silenced": func(_ *testing.T, r *rig) {
			r.silence(routes("service", "=", "db"), 0, 4*time.Hour)
			time.Sleep(time.Minute)
			r.fail("a", 5)
		},
		"what was seen ends meanwhile": func(_ *testing.T, r *rig) {
			r.heal("db")
			time.Sleep(28 * time.Second)
			r.fail("a", 5)
		},
		"it is taken back meanwhile": func(t *testing.T, r *rig) {
			t.Helper()
			r.fail("a", 5)
			time.Sleep(2 * time.Second)
			if _, err := r.Unacknowledge(t.Context(), r.Active()[0].ID, bob); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.seenOutage()
				join(t, r)
				time.Sleep(time.Minute)
				wantReasons(t, r, "firing,escalated")
				time.Sleep(3 * time.Hour)
				wantReasons(t, r, "firing,escalated")
			})
		})
	}
}

func TestAcknowledge_WhatWasSilencedAndJoinsIsToldWhenThatEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.seenOutage()
		s := r.silence(routes("service", "=", "a"), 0, time.Hour)
		r.fail("a", 5)
		time.Sleep(time.Until(s.EndsAt) - time.Second)
		wantReasons(t, r, "firing")
		time.Sleep(2 * time.Second)
		wantReasons(t, r, "firing,escalated")
	})
}

func TestAcknowledge_WhatComesAndGoesIsToldOnce(t *testing.T) {
	for name, again := range map[string]func(*rig){"": func(*rig) {}, "and the process is killed": (*rig).kill} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.seenOutage()
				for range 5 {
					r.fail("a", 5)
					time.Sleep(time.Minute)
					r.heal("a")
					again(r)
					time.Sleep(9 * time.Minute)
				}
				wantReasons(t, r, "firing,escalated")
			})
		})
	}
}

func TestAcknowledge_WhatJoinsVeryManyIsNamedAndToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		users := make([]string, 120)
		for i := range users {
			users[i] = fmt.Sprintf("a%03d", i)
			r.declare(users[i], "db")
		}
		r.declare("z", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		for _, name := range users {
			r.fail(name, 5)
		}
		time.Sleep(time.Minute)
		r.acknowledge(alice)
		r.fail("z", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,escalated")
		m := r.inbox.messages()[1]
		if !slices.ContainsFunc(m.Alerts, func(a fleet.Alert) bool { return a.Service == "z" }) || m.Alerts[0].Service != "db" || len(m.Alerts) != 100 {
			t.Errorf("told of %d alerts, of %s first, want a hundred with z among them", len(m.Alerts), m.Alerts[0].Service)
		}
		for _, name := range users[:3] {
			r.heal(name)
			time.Sleep(time.Minute)
		}
		wantReasons(t, r, "firing,escalated")
	})
}
