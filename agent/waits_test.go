package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
)

func TestWaits_GrowWithFullJitterUpToHalfAMinute(t *testing.T) {
	t.Parallel()
	w := waits{nodes: 2, next: firstWait, longest: longWait}
	failed := errors.New("connection refused")
	for round, bound := 0, firstWait; round < 12; round++ {
		if got := w.wait(0, false, failed); got >= firstWait {
			t.Errorf("within round %d it waits %v", round, got)
		}
		if got := w.wait(0, false, failed); got >= bound {
			t.Errorf("after round %d it waits %v, which is not below %v", round, got, bound)
		}
		bound = min(2*bound, longWait)
	}
	long := 0
	for range 100 {
		if w.wait(0, false, failed); w.wait(0, false, failed) > longWait/2 {
			long++
		}
	}
	if long < 20 || long > 80 {
		t.Errorf("%d of 100 waits are in the upper half", long)
	}
	if got := w.wait(0, true, failed); got < longWait || got > longWait+longWait/5 {
		t.Errorf("refused, it waits %v", got)
	}
	w = waits{nodes: 1, next: longWait, longest: longWait}
	if got := w.wait(time.Minute, false, failed); got > firstWait {
		t.Errorf("after a connection that lasted it waits %v", got)
	}
	if got := w.wait(0, false, &client.Error{Kind: client.Exhausted, RetryAfter: 3 * time.Second}); got < 3*time.Second {
		t.Errorf("asked for 3 s it waits %v", got)
	}
	w = waits{nodes: 1, next: longWait, longest: leastWait} // the manager has said so meanwhile
	if got := w.wait(0, false, failed); got >= leastWait {
		t.Errorf("told to wait a second at most, it waits %v", got)
	}
}
