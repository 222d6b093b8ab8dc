package switchgear

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestLaw12_NothingCanWedgeIt gives a breaker a random history, lost operations
// included, and then a healthy service: it must close in time.
func TestLaw12_NothingCanWedgeIt(t *testing.T) {
	t.Parallel()
	for name, checked := range map[string]bool{"by traffic": false, "by health checks": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				inBubble(t, r, checked, func(h *machine, draw *rapid.T) {
					draw.Repeat(h.actions())
					h.heal()
				})
			})
		})
	}
}

// heal ends what people and other instances ordered, makes the service well, and waits for the
// breaker to close.
func (h *machine) heal() {
	cfg := h.given
	cfg.Disabled = false
	h.configure(cfg)
	if h.m.override != nil {
		h.endOverride()
	}
	h.mu.Lock()
	h.health = well
	h.mu.Unlock()
	h.forgetAll()
	h.hold(0)
	bound := h.boundToClose()
	for began := h.now(); h.b.State() != Closed; h.compare() {
		if h.now()-began > bound {
			h.fail("it is %v still, %v after the service has become healthy: %+v", h.b.State(), bound, h.b.Snapshot())
		}
		h.sleep(max(bound/500, time.Millisecond))
		if h.service == nil {
			h.call(returns, 0)
		}
	}
}

// forgetAll loses every operation that has not ended.
func (h *machine) forgetAll() {
	for len(h.permits) > 0 {
		h.forget(0)
	}
}

// boundToClose is law 12's. What still hangs may open it once more, and is seen
// an eighth late at most; new operations take no time.
func (h *machine) boundToClose() time.Duration {
	cfg := h.m.cfg
	open := time.Duration(float64(cfg.MaxResetTimeout) * (1 + cfg.Jitter))
	if h.m.state == Open {
		open = max(open, h.m.until-h.now()) // for as long as an error asked
	}
	hangs := cfg.ProbeTimeout
	if r := h.m.recovery; r != nil {
		hangs = r.timeout
	}
	bound := hangs + hangs/8 + open + cfg.MinHealthyPeriod
	if h.service != nil {
		bound += cfg.ResetTimeout + late // until the next check, and for one that began before
	}
	return bound + bound/100 // the traffic of heal is not all the time
}

// TestLaw12_ACheckThatHangsWedgesNothing has a check that heeds nothing and
// outlives its timeout, which is longer than its interval.
func TestLaw12_ACheckThatHangsWedgesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		s, err := NewService("a_service", ServiceConfig{
			Config: Config{
				ResetTimeout: 10 * time.Second, HealthCheckInterval: 2 * time.Second, HalfOpenFailureThreshold: 3,
				MinHealthyPeriod: 20 * time.Second, Jitter: -1,
			},
			CheckTimeout: 5 * time.Second,
			Check:        func(context.Context) error { <-hung; return nil },
		})
		mustNot(t, err)
		b := s.Breaker()
		for b.State() == Closed {
			s.HandleError(errBoom, 0)
		}
		wait(10 * time.Second)
		wantState(t, b, HalfOpen)
		wait(5*time.Second - 1) // nobody knows yet
		wantState(t, b, HalfOpen)
		wait(5 * time.Second) // it has timed out, and was due twice more
		wantState(t, b, Open)
		if got := b.Snapshot().Trip.Rule; got != RuleHealthCheck {
			t.Errorf("it opened by %s", got)
		}
		close(hung)
		wait(20*time.Second + 20*time.Second)
		wantState(t, b, Closed)
		mustNot(t, s.Stop(t.Context()))
	})
}
