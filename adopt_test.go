package switchgear_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
)

// tripped is a breaker that one failure has opened for a minute.
func tripped(t *testing.T) *switchgear.Breaker {
	t.Helper()
	b := fresh(t)
	b.HandleError(errors.New("it is down"), 0)
	return b
}

func fresh(t *testing.T) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 1, MinHealthyPeriod: -1, Jitter: -1})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAdopt_BeginsWhereTheOtherWasAndKeepsItsOwnCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other, b := tripped(t), fresh(t)
		b.RecordSuccess(0)
		time.Sleep(20 * time.Second)
		running, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Adopt(other.Snapshot()); err != nil {
			t.Fatal(err)
		}
		running.Done(errors.New("of before"))
		got := b.Snapshot()
		if left := time.Until(got.NextAttemptAt); got.State != switchgear.Open || left != 40*time.Second {
			t.Errorf("it is %v with %v left", got.State, left)
		}
		if got.Transitions != 0 || got.Operations != (switchgear.Operations{Successful: 1, Failed: 1}) {
			t.Errorf("it has %d transitions and %+v", got.Transitions, got.Operations)
		}
		if got.Trip == nil || got.Outage == nil || got.LastError == "" {
			t.Errorf("why it is open is not told: %+v", got)
		}
		time.Sleep(40 * time.Second)
		if b.State() != switchgear.HalfOpen {
			t.Errorf("after the open time it is %v", b.State())
		}
		b.RecordSuccess(0)
		if b.State() != switchgear.Closed || b.Snapshot().Transitions != 2 {
			t.Errorf("in the end it is %v after %d transitions", b.State(), b.Snapshot().Transitions)
		}
	})
}

func TestAdopt_BeginsTheRecoveryThatIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other := tripped(t)
		atOpen := other.Snapshot()
		time.Sleep(2 * time.Minute)
		for name, s := range map[string]switchgear.Snapshot{"its open time has passed": atOpen, "it was in a recovery": other.Snapshot()} {
			b := fresh(t)
			if err := b.Adopt(s); err != nil {
				t.Fatal(err)
			}
			if got := b.Snapshot(); got.State != switchgear.HalfOpen || got.RecoveryAttempts != 1 {
				t.Errorf("%s: it is %v at attempt %d", name, got.State, got.RecoveryAttempts)
			}
		}
	})
}

func TestAdopt_LeavesABreakerThatHasMovedAlone(t *testing.T) {
	t.Parallel()
	open := tripped(t).Snapshot()
	moved := fresh(t)
	moved.HandleError(errors.New("down"), 0)
	if err := moved.Reset(switchgear.Closed, switchgear.Order{}); err != nil {
		t.Fatal(err)
	}
	forced := fresh(t)
	if err := forced.Override(switchgear.Override{Mode: switchgear.ForcedClosed, Reason: "r", Actor: "a", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*switchgear.Breaker{moved, forced} {
		if err := b.Adopt(open); !errors.Is(err, switchgear.ErrMoved) {
			t.Errorf("the answer is %v", err)
		}
		if b.State() != switchgear.Closed {
			t.Errorf("it is %v", b.State())
		}
	}
	other, err := switchgear.New("quotes", switchgear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Adopt(open); err == nil {
		t.Error("it takes another service's state")
	}
	b := fresh(t)
	if err := b.Adopt(b.Snapshot()); err != nil || b.State() != switchgear.Closed {
		t.Errorf("of a closed one: %v, %v", err, b.State())
	}
	if _, err := switchgear.Do(t.Context(), b, func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Error(err)
	}
}
