package switchgear

import (
	"testing"
	"testing/synctest"
	"time"
)

// A timer that has fired cannot be called back: what it begins has to look
// whether it was set anew meanwhile.
func TestSchedule_IsNotReadyForATimerThatWasSetAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fired := 0
		p := schedule{begin: func() { fired++ }}
		p.plan(10 * time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		if fired != 1 || !p.ready(10*time.Second) {
			t.Fatalf("fired %d times, ready: %v", fired, p.ready(10*time.Second))
		}
		p.started = time.Now()
		p.plan(10 * time.Second)
		if p.ready(10 * time.Second) {
			t.Error("ready before it is due")
		}
		if p.ready(5 * time.Second); p.interval != 5*time.Second {
			t.Error("another interval was not taken up")
		}
		if p.ready(0) {
			t.Error("ready though it is never due")
		}
		time.Sleep(time.Minute)
		if fired != 1 {
			t.Errorf("fired %d times", fired)
		}
	})
}
