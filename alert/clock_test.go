package alert_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/store/memory"
)

// TestIDs_StayNewWhereTheClockIsSetBack lives two times on one store: the second
// bubble begins when the first did.
func TestIDs_StayNewWhereTheClockIsSetBack(t *testing.T) {
	store := memory.New()
	seen := make(map[string]bool)
	var newest string
	for life := range 3 {
		synctest.Test(t, func(t *testing.T) {
			r := &rig{t: t, store: store, over: store, inbox: &inbox{}}
			r.cfg = usual(r.inbox)
			r.cfg.GroupWait, r.cfg.RepeatInterval = 0, time.Minute
			r.start()
			defer r.stop()
			if life == 0 {
				r.declare("db")
				time.Sleep(time.Duration(1) * time.Hour)
				r.fail("db", 5)
			}
			time.Sleep(5*time.Minute + time.Second)
			all := r.inbox.messages()
			if len(all) < 4 {
				t.Errorf("life %d: told %q, want some repeats", life, r.inbox.reasons())
			}
			for _, m := range all {
				if seen[m.ID] || m.ID <= newest {
					t.Errorf("life %d: the message %s is not above %s", life, m.ID, newest)
				}
				seen[m.ID], newest = true, m.ID
			}
		})
	}
}
