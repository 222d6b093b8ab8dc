package socket

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestRing_CountsAnyMinute compares it with one that forgets nothing.
func TestRing_CountsAnyMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		var r Ring
		var all []time.Time
		for now := time.Unix(0, 0); len(all) < 200; {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 9 * time.Second, 10 * time.Second, time.Minute}).Draw(t, "pause"))
			all = append(all, now)
			within := len(all) - slices.IndexFunc(all, func(at time.Time) bool { return now.Sub(at) < time.Minute })
			if more := r.More(now, limit); more != (within > limit) {
				t.Fatalf("%d within a minute, limit %d: more %v", within, limit, more)
			}
		}
	})
}

// TestControlFrames_AreLimitedInAnyMinute sends as many as may be just before a
// minute is over, and one more just after it.
func TestControlFrames_AreLimitedInAnyMinute(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pause time.Duration // after the first
		more  int           // after that minute
		ended bool
	}{
		"across an edge":         {time.Minute - time.Second, 2, true},
		"as many as may be":      {time.Minute - time.Second, 1, false},
		"as many in each minute": {0, MaxControls, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := NewLink(Options{})
				took := 0
				count := func() bool {
					took++
					return l.countControl() == nil
				}
				sent := count()
				time.Sleep(tt.pause)
				for range MaxControls - 1 {
					sent = sent && count()
				}
				time.Sleep(time.Minute - tt.pause)
				if !sent {
					t.Fatalf("ended at frame %d", took)
				}
				for range tt.more {
					sent = sent && count()
				}
				if sent == tt.ended {
					t.Errorf("ended %v after %d", !sent, took)
				}
			})
		})
	}
}
