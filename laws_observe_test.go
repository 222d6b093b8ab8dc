package switchgear

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLaw16_Transitions(t *testing.T) {
	t.Parallel()
	t.Run("are numbered and carry the evidence of before", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 3, RecoverySteps: []float64{}, Version: 4, Jitter: -1})
		log := watch(b)
		start := time.Now().UTC()
		for range 2 {
			succeed(b)
			fail(b)
		}
		fail(b)
		wait(time.Minute)
		succeed(b)
		if _, err := b.Allow(t.Context()); err != nil { // and is in flight
			t.Fatal(err)
		}
		do(b, waitError{time.Second})
		wait(2 * time.Minute)
		succeed(b)
		wait(2 * time.Minute)
		order := Order{Actor: "somebody", Reason: "to try"}
		if err := b.Reset(HalfOpen, order); err != nil {
			t.Fatal(err)
		}
		wait(0)
		told := log.all()
		at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
		want := []Transition{
			{Number: 1, From: Closed, To: Open, At: start, Evidence: Evidence{
				Rule: RuleFailureThreshold, Failures: 3, Successes: 2, ConsecutiveFailures: 2, LastError: "boom",
				OpenTime: time.Minute, InFlight: -1,
			}},
			{Number: 2, From: Open, To: HalfOpen, At: at(1), Evidence: Evidence{
				Rule: RuleResetTimeout, Failures: 3, Successes: 2, ConsecutiveFailures: 2, LastError: "boom",
				RecoveryAttempt: 1, InFlight: -1,
			}},
			{Number: 3, From: HalfOpen, To: Open, At: at(1), Evidence: Evidence{
				Rule: RuleRecoveryFailure, Failures: 1, Successes: 1, ConsecutiveFailures: 2, LastError: "come back later",
				RecoveryAttempt: 1, OpenTime: 2 * time.Minute, InFlight: 1,
			}},
			{Number: 4, From: Open, To: HalfOpen, At: at(3), Evidence: Evidence{
				Rule: RuleResetTimeout, Failures: 3, Successes: 2, ConsecutiveFailures: 2, LastError: "come back later",
				RecoveryAttempt: 2, InFlight: -1,
			}},
			{Number: 5, From: HalfOpen, To: Closed, At: at(5), Evidence: Evidence{
				Rule: RuleMinHealthyPeriod, Successes: 1, ConsecutiveFailures: 2, LastError: "come back later", RecoveryAttempt: 2,
			}},
			{Number: 6, From: Closed, To: HalfOpen, At: at(5), Actor: order.Actor, Reason: order.Reason, Evidence: Evidence{
				Rule: RuleReset, LastError: "come back later", RecoveryAttempt: 1, InFlight: -1,
			}},
		}
		for i := range want {
			want[i].Service, want[i].Evidence.ConfigVersion = "a_service", 4
		}
		for i, openings := range []int{1, 1, 2, 2, 2, 0} { // the last was not open before
			if openings > 0 {
				want[i].Outage = &Outage{BeganAt: start, Cause: want[0].Evidence, Openings: openings}
			}
		}
		if diff := cmp.Diff(want, told, cmpopts.IgnoreFields(Transition{}, "After")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, tr := range told {
			if tr.After == nil || tr.After.State != tr.To || tr.After.Transitions != tr.Number {
				t.Errorf("after transition %d: %+v", tr.Number, tr.After)
			}
		}
	}))
	t.Run("reach an observer outside every lock, which may call any method", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1})
		calls := 0 // by one goroutine at a time
		var stop func()
		stop = b.Observe(func(Transition) {
			if !b.mu.TryLock() {
				t.Error("the mutex is held")
				return
			}
			b.mu.Unlock()
			calls++
			s := b.Snapshot()
			b.State()
			b.Mode()
			b.Operations()
			b.Counts()
			b.Advise()
			do(b, errBoom)
			b.RecordSuccess(0)
			b.HandleError(errBoom, 0)
			later := b.Observe(func(Transition) {})
			later()
			for _, err := range []error{
				b.Configure(b.Config()), b.Override(untilTomorrow(ForcedClosed)), b.EndOverride(Order{}),
				b.Reset(HalfOpen, Order{}), b.Restore(s),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			if calls == 20 {
				stop()
			}
		})
		fail(b)
		wait(time.Second)
		if calls != 20 {
			t.Errorf("%d calls, want 20 before it stopped itself", calls)
		}
	}))
	t.Run("reach every observer, whatever others do", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1})
		more := new(record[uint64])
		b.Observe(func(tr Transition) {
			switch tr.Number % 3 {
			case 1:
				panic("an observer")
			case 2:
				runtime.Goexit()
			}
			more.add(tr.Number)
		})
		numbers := new(record[uint64])
		b.Observe(func(tr Transition) { numbers.add(tr.Number) })
		flip(t, b, 9)
		if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(numbers.all(), want) {
			t.Errorf("told %v, want %v", numbers.all(), want)
		}
		if want := []uint64{3, 6, 9}; !slices.Equal(more.all(), want) {
			t.Errorf("after its accidents the other was told %v, want %v", more.all(), want)
		}
	}))
	t.Run("wait for a slow observer, 1024 of them, and show the hole", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1})
		log := new(record[uint64])
		gate := make(chan struct{})
		b.Observe(func(tr Transition) {
			log.add(tr.Number)
			<-gate
		})
		was := time.Now()
		flip(t, b, 1)
		flip(t, b, 1999)
		if time.Since(was) != 0 || b.Operations().Failed == 0 {
			t.Error("operations waited for it")
		}
		close(gate)
		wait(0)
		numbers := log.all()
		// The first had been handed over; then came the newest 1024.
		if len(numbers) != 1025 || numbers[0] != 1 || numbers[1] != 2000-1023 || numbers[1024] != 2000 {
			t.Errorf("told %d: %v … %v", len(numbers), numbers[:2], numbers[len(numbers)-1])
		}
		for i := range 1023 {
			if numbers[i+2] != numbers[i+1]+1 {
				t.Fatalf("%d comes after %d", numbers[i+2], numbers[i+1])
			}
		}
	}))
	t.Run("do not reach one that has stopped", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1})
		log := new(record[Transition])
		stop := b.Observe(log.add)
		flip(t, b, 2)
		stop()
		stop()
		flip(t, b, 2)
		if n := len(log.all()); n != 2 {
			t.Errorf("told %d times, want 2", n)
		}
	}))
}

// flip makes n transitions, to open and back, and lets them be told.
func flip(t *testing.T, b *Breaker, n int) {
	t.Helper()
	for range n {
		if b.State() == Open {
			if err := b.Reset(Closed, Order{}); err != nil {
				t.Fatal(err)
			}
		} else {
			fail(b)
		}
	}
	wait(0)
}
