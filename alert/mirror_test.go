package alert_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
)

// wall is a mirror that keeps what it was shown last.
type wall struct {
	mu            sync.Mutex
	firing, ended []string
	syncs         int
	err           error
}

func (w *wall) Sync(_ context.Context, firing, ended []fleet.Alert) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.syncs++
	if w.err != nil {
		return w.err
	}
	w.firing, w.ended = nil, nil
	for _, a := range firing {
		w.firing = append(w.firing, a.Service+"/"+string(a.Kind))
	}
	for _, a := range ended {
		if a.EndsAt.IsZero() || a.EndsAt.After(time.Now()) {
			w.ended = append(w.ended, "not ended")
		}
		w.ended = append(w.ended, a.Service+"/"+string(a.Kind))
	}
	return nil
}

func (w *wall) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *wall) want(t *testing.T, firing, ended []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.firing, firing) || !slices.Equal(w.ended, ended) {
		t.Fatalf("%v: shown %v and ended %v, want %v and %v", time.Now(), w.firing, w.ended, firing, ended)
	}
}

func (w *wall) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.syncs
}

func mirrored(t *testing.T, f func(t *testing.T, r *rig, w *wall)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		w := &wall{}
		r.configure(func(cfg *rigConfig) {
			cfg.Receivers = []alert.Target{{Name: "am", Kind: "alertmanager", Mirror: w, Routes: routes("kind", "=", "circuit_state_change")}}
		})
		f(t, r, w)
	})
}

var shown = []string{"db/circuit_state_change"}

func TestMirror_IsAsTheAlertsAre(t *testing.T) {
	mirrored(t, func(t *testing.T, r *rig, w *wall) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		w.want(t, shown, nil)
		before := w.count()
		time.Sleep(10 * time.Minute)
		if n := w.count() - before; n < 19 || n > 21 {
			t.Errorf("%d times in ten minutes, want each 30 s", n)
		}
		r.heal("db")
		time.Sleep(32 * time.Second)
		w.want(t, nil, shown)
		r.kill()
		time.Sleep(10 * time.Minute)
		w.want(t, nil, shown)
		time.Sleep(6 * time.Minute)
		w.want(t, nil, nil)
	})
}

func TestMirror_ShowsNothingThatIsSilenced(t *testing.T) {
	mirrored(t, func(t *testing.T, r *rig, w *wall) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		s := r.silence(routes("service", "=", "db"), 0, time.Hour)
		time.Sleep(time.Second)
		w.want(t, nil, shown)
		time.Sleep(time.Until(s.EndsAt) + time.Second)
		w.want(t, shown, nil)
	})
}

func TestMirror_ThatFailsIsShownAllWhenItIsBack(t *testing.T) {
	mirrored(t, func(t *testing.T, r *rig, w *wall) {
		r.declare("db")
		time.Sleep(time.Second)
		w.fail(errDown)
		r.fail("db", 5)
		time.Sleep(20 * time.Minute)
		if got := r.receiver(); got.LastError == nil || got.Waiting != 1 || got.Failed < 60 || got.Failed > 90 {
			t.Errorf("the receiver is %+v", got)
		}
		w.fail(nil)
		time.Sleep(70 * time.Second)
		w.want(t, shown, nil)
		if got := r.receiver(); got.LastError != nil || got.Waiting != 0 || got.Kind != "alertmanager" {
			t.Errorf("the receiver is %+v", got)
		}
	})
}

func TestMirror_CountsWhatChangedAndNotWhatItIsToldAgain(t *testing.T) {
	mirrored(t, func(t *testing.T, r *rig, w *wall) {
		delivered := func(want uint64) {
			t.Helper()
			if got := r.receiver(); got.Delivered != want || got.LastSuccessAt.Before(time.Now().Add(-31*time.Second)) {
				t.Errorf("%v: %d messages, want %d; the last success was at %v", time.Now(), got.Delivered, want, got.LastSuccessAt)
			}
		}
		r.declare("db")
		time.Sleep(time.Hour)
		delivered(0)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		delivered(1)
		time.Sleep(10 * time.Minute)
		delivered(1)
		if err := r.TestReceiver(t.Context(), "am", alice); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		delivered(1)
		w.fail(errDown)
		r.heal("db")
		time.Sleep(time.Hour)
		w.fail(nil)
		time.Sleep(10 * time.Minute)
		delivered(2)
	})
}

func TestTestReceiver_ShowsAMirrorAnAlertForAMinute(t *testing.T) {
	mirrored(t, func(t *testing.T, r *rig, w *wall) {
		if err := r.TestReceiver(t.Context(), "am", alice); err != nil {
			t.Fatal(err)
		}
		w.want(t, []string{"switchgear/test"}, nil)
		time.Sleep(50 * time.Second)
		w.want(t, []string{"switchgear/test"}, nil)
		time.Sleep(50 * time.Second)
		w.want(t, nil, []string{"switchgear/test"})
		time.Sleep(20 * time.Minute)
		w.want(t, nil, nil)
		w.fail(errDown)
		if err := r.TestReceiver(t.Context(), "am", alice); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("of one that is down: %v", err)
		}
	})
}
