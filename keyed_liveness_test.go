package switchgear

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestKeyed_NothingWedgesTheParent lets keys and their parent go through random
// histories, and then be well: all close.
func TestKeyed_NothingWedgesTheParent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var wrong string
		var ended any
		synctest.Test(t, func(t *testing.T) {
			defer func() { ended = recover() }()
			wrong = playFamily(t, r)
		})
		if ended != nil {
			panic(ended)
		}
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

func playFamily(t *testing.T, r *rapid.T) string {
	t.Helper()
	cfg := drawConfig(r)
	cfg.Disabled = false
	cfg.ResetTimeout, cfg.MaxResetTimeout, cfg.MinHealthyPeriod = 10*time.Second, 20*time.Second, 30*time.Second
	cfg.ProbeTimeout = 5 * time.Second
	k := newKeyed(t, KeyedConfig{Config: cfg, OpenShare: sample(r, "open share", 0.3, 0.5, 0.9), MaxKeys: 5})
	k.Breaker("a").Observe(func(Transition) {})
	key := func() *Breaker { return k.Breaker(sample(r, "key", "a", "b", "c", "d", "e", "f")) }
	var permits []Permit
	ctx, cancel := context.WithCancel(context.Background())
	for range rapid.IntRange(1, 100).Draw(r, "steps") {
		switch sample(r, "step", "call", "fail", "fail", "begin", "end", "lose", "sleep", "reset", "configure") {
		case "call":
			how := sample(r, "how", waysOfDo...)
			apart(func() {
				_, _ = Do(ctx, key(), func(context.Context) (int, error) {
					if how == panics {
						panic(errBoom)
					}
					if how == goexits {
						runtime.Goexit()
					}
					err, _, _ := how.meaning(false)
					return 0, err
				})
			})
		case "fail":
			key().HandleError(errBoom, 0)
		case "begin", "lose":
			if p, err := key().Allow(ctx); err == nil && rapid.Bool().Draw(r, "keep") {
				permits = append(permits, p)
			}
		case "end":
			for i := range permits {
				permits[i].Done(sample(r, "error", nil, errBoom))
			}
			permits = nil
		case "sleep":
			wait(sample(r, "time", time.Second, 10*time.Second, 30*time.Second))
		case "reset":
			mustNot(t, k.Parent().Reset(sample(r, "to", Closed, HalfOpen), Order{}))
		case "configure":
			cfg.FailureThreshold = rapid.IntRange(1, 4).Draw(r, "failureThreshold")
			mustNot(t, k.Configure(cfg))
		}
	}
	cancel()
	// Both must recover, one after the other at worst, and each may have opened
	// with the longest time and the longest wait that an error asked for.
	const bound = 4 * (2*20*time.Second + waitAsked + 30*time.Second + 5*time.Second)
	for began := time.Now(); time.Since(began) < bound; wait(500 * time.Millisecond) {
		for _, b := range k.All() {
			succeed(b)
		}
	}
	open, _ := k.Lookup("a")
	for _, b := range k.All() {
		if b.State() != Closed {
			open = b
		}
	}
	if k.Parent().State() != Closed || open != nil && open.State() != Closed {
		return fmt.Sprintf("%v after it was well are the parent %+v\nand %+v", bound, k.Parent().Snapshot(), open.Snapshot())
	}
	if s := k.Snapshot(); s.Open != 0 || s.Keys != k.Len() || s.HalfOpen != 0 || s.Pinned != 0 {
		return fmt.Sprintf("all are closed, and counted are %+v", s)
	}
	return ""
}
