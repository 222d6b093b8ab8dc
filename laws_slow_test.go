package switchgear

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// slowRule opens when half of at least so many operations take a second.
func slowRule(least int) Config {
	return Config{
		FailureThreshold: 1000, SlowCallDuration: time.Second, SlowCallRateThreshold: 0.5, MinimumOperations: least,
		MonitoringWindow: 100 * time.Second, ResetTimeout: time.Hour, Jitter: -1,
	}
}

// letIn lets n operations in, and gives back what ends them.
func letIn(t *testing.T, b *Breaker, n int) (end func(error)) {
	t.Helper()
	permits := make([]Permit, n)
	for i := range permits {
		p, err := b.Allow(context.Background())
		mustNot(t, err)
		permits[i] = p
	}
	return func(err error) {
		for i := range permits {
			permits[i].Done(err)
		}
	}
}

// TestLaw04_SlowBeforeTheyEnd holds the slow-call rule against operations that
// have not ended.
func TestLaw04_SlowBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	const second = time.Second
	wantSlow := func(t *testing.T, b *Breaker, want uint64) {
		t.Helper()
		if got := b.Snapshot().Slow; got != want {
			t.Fatalf("%d operations are slow, want %d", got, want)
		}
	}
	t.Run("they open the circuit while they run", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(4))
		told := watch(b)
		succeed(b)
		succeed(b)
		wait(300 * time.Millisecond)
		end := letIn(t, b, 2)
		wait(second - 1)
		wantState(t, b, Closed)
		wait(second/8 + 1)
		wantState(t, b, Open)
		ev := told.all()[0].Evidence
		if ev.Rule != RuleSlowCalls || ev.Slow != 2 || ev.Successes != 2 || ev.InFlight != 2 {
			t.Errorf("it opened by %+v", ev)
		}
		end(nil)
		if s := b.Snapshot(); s.Operations.Successful != 4 || s.Transitions != 1 {
			t.Errorf("%d successes and %d transitions", s.Operations.Successful, s.Transitions)
		}
	}))
	t.Run("each is counted once", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(100))
		end := letIn(t, b, 3)
		wantSlow(t, b, 0)
		wait(2 * second)
		wantSlow(t, b, 3)
		end(nil)
		wantSlow(t, b, 3)
		if s := b.Snapshot(); s.Successes != 3 || s.Operations.Successful != 3 {
			t.Errorf("%d successes in the window, %d in all", s.Successes, s.Operations.Successful)
		}
		wait(101 * second)
		wantSlow(t, b, 0)
	}))
	t.Run("what is ignored in the end is no operation", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(100))
		end := letIn(t, b, 3)
		wait(2 * second)
		wantSlow(t, b, 3)
		end(Ignore(errBoom))
		wantSlow(t, b, 0)
	}))
	t.Run("one that is lost leaves with the window", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(100))
		letIn(t, b, 3)
		wait(2 * second)
		wantSlow(t, b, 3)
		wait(100 * second)
		wantSlow(t, b, 0)
	}))
	t.Run("the fast ones beside it count", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(4))
		for range 5 {
			succeed(b)
		}
		letIn(t, b, 4)
		wait(2 * second)
		wantState(t, b, Closed)
		letIn(t, b, 1)
		wait(2 * second)
		wantState(t, b, Open)
	}))
	t.Run("of an older generation they count for nothing", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(1))
		end := letIn(t, b, 3)
		mustNot(t, b.Reset(Closed, Order{}))
		wait(2 * second)
		wantSlow(t, b, 0)
		end(nil)
		wantSlow(t, b, 0)
		wantState(t, b, Closed)
	}))
	t.Run("a new rule does not open for those that it finds", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{Jitter: -1})
		end := letIn(t, b, 3)
		wait(2 * second)
		mustNot(t, b.Configure(slowRule(1)))
		wait(2 * second)
		wantState(t, b, Closed)
		end(nil)
		wantState(t, b, Open)
	}))
	t.Run("a window of another length holds them", bubble(func(t *testing.T) {
		b := newBreaker(t, slowRule(100))
		end := letIn(t, b, 3)
		wait(2 * second)
		cfg := slowRule(100)
		cfg.MonitoringWindow = 30 * second
		mustNot(t, b.Configure(cfg))
		wantSlow(t, b, 3)
		end(nil)
		wantSlow(t, b, 3)
	}))
	t.Run("windows of other lengths count none of them twice", bubble(func(t *testing.T) {
		for _, spans := range [][]int{{200}, {100}, {200, 1000, 300}, {2000, 700, 5000, 150}} {
			cfg := slowRule(1000)
			cfg.MonitoringWindow = 1000 * second
			b := newBreaker(t, cfg)
			slot := int64(100 * second)
			wait(time.Duration(slot - b.now()%slot)) // to the beginning of a tenth
			const n = 45
			var ends []func(error)
			for range n {
				ends = append(ends, letIn(t, b, 1))
				wait(2 * second)
			}
			wait(2 * second)
			wantSlow(t, b, n)
			for _, span := range spans {
				cfg.MonitoringWindow = time.Duration(span) * time.Second
				mustNot(t, b.Configure(cfg))
				if got := b.Snapshot().Slow; got > n {
					t.Fatalf("after a window of %d s %d operations of %d are slow", span, got, n)
				}
			}
			for _, end := range ends {
				end(nil)
			}
			if s := b.Snapshot(); s.Slow != n || s.Successes != n {
				t.Errorf("after windows of %d: all %d have ended, and %d of %d are slow", spans, n, s.Slow, s.Successes)
			}
		}
	}))
	t.Run("without the rule nothing is watched", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		letIn(t, b, 3)
		if b.watcher.Load() != nil {
			t.Error("there is a watcher")
		}
	}))
}

// TestLaw04_SlowOfAThousand lets a thousand goroutines run into the rule's
// duration, and one by one out of it: each is counted once at every moment.
func TestLaw04_SlowOfAThousand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := slowRule(1_000_000)
		cfg.SlowCallDuration = 100 * time.Millisecond
		b := newBreaker(t, cfg)
		together(func(i int) {
			for n := range 5 {
				p, err := b.Allow(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration((i*7+n*13)%200) * time.Millisecond)
				p.Done(nil)
			}
		})
		want := uint64(0)
		for i := range thousand {
			for n := range 5 {
				if (i*7+n*13)%200 >= 100 {
					want++
				}
			}
		}
		if s := b.Snapshot(); s.Slow != want || s.Successes != 5*thousand {
			t.Errorf("%d of %d are slow, want %d of %d", s.Slow, s.Successes, want, 5*thousand)
		}
		if n := b.watcher.Load().inFlight(&b.stats().window); n != 0 {
			t.Errorf("%d are in flight", n)
		}
	})
}
