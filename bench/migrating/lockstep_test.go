package migrating

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
)

var errDown = errors.New("the exchange is down")

// exchange is what the examples ask. Its zero is well.
type exchange struct{ down bool }

func (e *exchange) Quote(context.Context) (string, error) {
	if e.down {
		return "", errDown
	}
	return "170.25", nil
}

// step is one thing that happens to two breakers at once.
type step struct {
	times int // how often
	down  bool
	wait  time.Duration // before it; the calls are then none if times is 0
}

// inLockstep lets the same happen to the old breaker, given as what makes one
// call through it, and to ours, and fails at the first call on which they disagree
// about letting it in. The steps must end with ours open, or they prove little.
func inLockstep(t *testing.T, steps []step, make func(*exchange) (old func() (admitted bool), ours *switchgear.Breaker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{}
		old, b := make(e)
		ours := admits(b, e)
		for i, s := range steps {
			time.Sleep(s.wait)
			synctest.Wait()
			e.down = s.down
			for n := range s.times {
				if was, is := old(), ours(); was != is {
					t.Fatalf("step %d, call %d (%+v): the old one admits: %v, ours: %v", i, n, s, was, is)
				}
			}
		}
		wantOpen(t, b)
	})
}

// admits makes one call through a breaker of ours.
func admits(b *switchgear.Breaker, e *exchange) func() bool {
	return func() bool {
		_, err := switchgear.Do(context.Background(), b, e.Quote)
		return !errors.Is(err, switchgear.ErrOpen)
	}
}

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("prices", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantOpen(t *testing.T, b *switchgear.Breaker) {
	t.Helper()
	if got := b.State(); got != switchgear.Open {
		t.Errorf("state = %v, want open", got)
	}
}
