package alert_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/store/sqlite"
)

func TestEngine_GoesOnFromADatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // the test is over
		r := &rig{t: t, over: s, inbox: &inbox{}}
		r.cfg = usual(r.inbox)
		r.start()
		defer func() { r.stop() }()
		r.declare("db")
		r.declare("web", "db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		r.fail("web", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
		before := r.Active()
		r.restart()
		time.Sleep(time.Minute)
		after := r.Active()
		for i := range before {
			if a, b := &before[i], &after[i]; a.ID != b.ID || a.Summary != b.Summary || string(a.Evidence) != string(b.Evidence) || !a.StartsAt.Equal(b.StartsAt) || !a.ToldAt.Equal(b.ToldAt) {
				t.Errorf("after a restart %+v, want %+v", b, a)
			}
		}
		if _, _, err := r.Acknowledge(context.Background(), before[0].ID, alice); err != nil {
			t.Fatal(err)
		}
		silence := r.silence(routes("service", "=", "web"), time.Hour, time.Hour)
		r.inbox.answers(func(m messageOf) error { return errDown })
		r.heal("db")
		r.heal("web")
		time.Sleep(40 * time.Second)
		r.restart() // with a message that waits
		r.inbox.answers(nil)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,resolved")
		if got, err := r.Silences(context.Background()); err != nil || len(got) != 1 || got[0].ID != silence.ID || !got[0].EndsAt.Equal(silence.EndsAt) {
			t.Errorf("silences %+v, %v, want %+v", got, err, silence)
		}
		r.restart()
		time.Sleep(5 * time.Hour)
		wantReasons(t, r, "firing,resolved")
	})
}
