package switchgear

import (
	"testing"
	"time"
)

func TestAdvise_DrawsAsAdmissionsAreDrawn(t *testing.T) {
	t.Parallel()
	yes := func(t *testing.T, b *Breaker, want bool) {
		t.Helper()
		admit, retryAfter := b.Advise()
		if admit != want || admit != (retryAfter == 0) {
			t.Errorf("it says %v and to wait %v, want %v", admit, retryAfter, want)
		}
	}
	t.Run("closed, open and overridden", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		yes(t, b, true)
		b = opened(t, Config{})
		wait(20 * time.Second)
		yes(t, b, false)
		if _, got := b.Advise(); got != 40*time.Second {
			t.Errorf("open it says to wait %v", got)
		}
		for mode, want := range map[Mode]bool{ForcedClosed: true, ForcedOpen: false} {
			mustNot(t, b.Override(untilTomorrow(mode)))
			yes(t, b, want)
		}
	}))
	t.Run("once a second before the first success, and holds no place", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		for range 100 {
			yes(t, b, true)
			yes(t, b, false)
			wait(time.Second)
		}
		wantState(t, b, HalfOpen) // no deadline has run
		if !do(b, Ignore(errBoom)) {
			t.Error("the probe's place is taken")
		}
	}))
	t.Run("not beside a probe, nor before the health check", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		hang(b)
		yes(t, b, false)
		b = recovering(t, Config{})
		b.recovery.Load().awaitsCheck.Store(true)
		yes(t, b, false)
	}))
	t.Run("by the share, and one a second, after it", bubble(func(t *testing.T) {
		b := recovering(t, Config{RecoverySteps: []float64{0.25}})
		b.RecordSuccess(0)
		n := 0
		for range 40 {
			for range 100 {
				if admit, _ := b.Advise(); admit {
					n++
				}
			}
			wait(time.Second)
		}
		if n < 950 || n > 1110 { // a quarter of 4000, and of the rest one in a hundred, by lot
			t.Errorf("%d of 4000 are advised to run", n)
		}
	}))
}
