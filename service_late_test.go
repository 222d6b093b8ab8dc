package switchgear_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
)

// TestHealth_SaysHowLateACheckBegan has a first check that takes longer than
// the time between two: the second waits for it.
func TestHealth_SaysHowLateACheckBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var began atomic.Int32
		s := newService(t, switchgear.ServiceConfig{
			Config: switchgear.Config{HealthCheckInterval: 4 * time.Second}, CheckTimeout: 10 * time.Second,
			Check: func(context.Context) error {
				if began.Add(1) == 1 {
					time.Sleep(5 * time.Second)
				}
				return nil
			},
		})
		var late []time.Duration
		s.ObserveHealth(func(h switchgear.Health) { late = append(late, h.Late) })
		s.Start()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(late) < 4 {
			t.Fatalf("%d checks have ended", len(late))
		}
		if late[1] < 800*time.Millisecond || late[1] > 1200*time.Millisecond {
			t.Errorf("the second began %v late, and waited a second or so", late[1])
		}
		late[1] = 0
		for i, d := range late {
			if d != 0 {
				t.Errorf("check %d began %v late, and nothing was in its way", i+1, d)
			}
		}
		if h, err := s.CheckHealth(t.Context()); err != nil || h.Late != 0 {
			t.Errorf("one that was asked for began %v late: %v", h.Late, err)
		}
	})
}
