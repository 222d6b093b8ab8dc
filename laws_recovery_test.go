package switchgear

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"
)

func TestLaw07_HalfOpenComesByTheClock(t *testing.T) {
	t.Parallel()
	t.Run("without traffic", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1, Jitter: -1})
		told := watch(b)
		fail(b)
		wait(time.Minute - 1)
		if got := told.all(); len(got) != 1 {
			t.Fatalf("%v before the open time is over", got)
		}
		wait(1)
		got := told.all()
		if len(got) != 2 || got[1].To != HalfOpen || got[1].Evidence.Rule != RuleResetTimeout || !got[1].At.Equal(time.Now()) {
			t.Fatalf("%+v at the end of the open time", got)
		}
		s := b.Snapshot()
		if s.RecoveryAttempts != 1 || !s.LastRecoveryAttempt.Equal(time.Now()) {
			t.Errorf("attempt %d at %v", s.RecoveryAttempts, s.LastRecoveryAttempt)
		}
		wait(time.Hour)
		wantState(t, b, HalfOpen) // silence without a success proves nothing
	}))
	t.Run("each time anew", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		for attempt := 1; attempt < 5; attempt++ {
			if got := b.Snapshot().RecoveryAttempts; got != attempt {
				t.Errorf("attempt %d, want %d", got, attempt)
			}
			fail(b)
			wait(b.Snapshot().OpenTime)
			wantState(t, b, HalfOpen)
		}
	}))
}

// checkedService has a health check that answers what health holds, nil or an
// error, and tells when it began.
func checkedService(t *testing.T, cfg Config) (s *Service, health *atomic.Pointer[error], begun *record[time.Time]) {
	t.Helper()
	health, begun = new(atomic.Pointer[error]), new(record[time.Time])
	cfg.Jitter = -1
	s, err := NewService("a_service", ServiceConfig{Config: cfg, Check: func(context.Context) error {
		begun.add(time.Now())
		if err := health.Load(); err != nil {
			return *err
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, health, begun
}

func TestLaw08_RecoveryStartsWithTheHealthCheck(t *testing.T) {
	t.Parallel()
	open := func(s *Service) {
		for s.Breaker().State() == Closed {
			s.HandleError(errBoom, 0)
		}
	}
	t.Run("at once, at interval 0 too, and closes by it alone", bubble(func(t *testing.T) {
		s, _, begun := checkedService(t, Config{HealthCheckInterval: -1})
		b := s.Breaker()
		open(s)
		wait(time.Minute - 1)
		if got := begun.all(); len(got) != 0 {
			t.Fatalf("%d checks before the recovery", len(got))
		}
		wait(1)
		if got := begun.all(); len(got) != 1 || !got[0].Equal(time.Now()) {
			t.Fatalf("checks at %v, want one now", got)
		}
		wait(2*time.Minute - 1)
		wantState(t, b, HalfOpen)
		wait(1)
		wantState(t, b, Closed)
	}))
	t.Run("nothing is admitted until it has passed", bubble(func(t *testing.T) {
		s, health, begun := checkedService(t, Config{HealthCheckInterval: -1, HalfOpenFailureThreshold: 3})
		b := s.Breaker()
		health.Store(&errBoom)
		open(s)
		wait(time.Minute)
		for range 50 {
			if do(b, nil) || !b.Snapshot().AwaitsCheck {
				t.Fatal("an operation is admitted, or the details do not say what is awaited")
			}
			wait(time.Second)
		}
		health.Store(nil)
		wait(time.Minute) // at least once in resetTimeout
		if b.Snapshot().AwaitsCheck || !do(b, nil) {
			t.Error("the check has passed and nothing is admitted")
		}
		all := begun.all()
		for i := range len(all) - 1 {
			if apart := all[i+1].Sub(all[i]); apart > time.Minute {
				t.Errorf("checks are %v apart", apart)
			}
		}
	}))
	t.Run("a failed one opens it again", bubble(func(t *testing.T) {
		s, health, _ := checkedService(t, Config{})
		health.Store(&errBoom)
		open(s)
		wait(time.Minute)
		wantState(t, s.Breaker(), Open)
		if got := s.Breaker().Snapshot(); got.Trip.Rule != RuleHealthCheck || got.FailedRecoveries != 1 || got.OpenTime != 2*time.Minute {
			t.Errorf("opened by %+v for %v", got.Trip, got.OpenTime)
		}
	}))
	t.Run("one that began before the recovery does not count", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		b.awaitsCheck, b.wantsCheck = true, func() {}
		c := b.beginCheck(false)
		wait(time.Minute)
		b.endCheck(c, nil, 0)
		if s := b.Snapshot(); !s.AwaitsCheck || !s.ClosesAt.IsZero() {
			t.Errorf("it counted: %+v", s)
		}
	}))
	t.Run("where there is none one operation at a time is the probe", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		for range 5 {
			p, err := b.Allow(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if do(b, nil) {
					t.Fatal("a second operation is admitted beside the probe")
				}
			}
			p.Done(Ignore(errBoom)) // proves nothing, and frees the place
		}
	}))
}

func TestLaw09_RecoveryIsGradual(t *testing.T) {
	t.Parallel()
	// admitted is the share of so many operations a second, over a time.
	admitted := func(b *Breaker, perSecond int, over time.Duration) float64 {
		n, all := 0, perSecond*int(over/time.Second)
		for range all {
			if do(b, nil) {
				n++
			}
			time.Sleep(time.Second / time.Duration(perSecond))
		}
		return float64(n) / float64(all)
	}
	for _, rate := range []int{10, 200, 1000} {
		t.Run("the share follows the steps", bubble(func(t *testing.T) {
			b := recovering(t, Config{MinHealthyPeriod: 90 * time.Second, RecoverySteps: []float64{0.05, 0.2, 0.5}})
			succeed(b)
			for _, step := range []float64{0.05, 0.2, 0.5} {
				want := step + (1-step)/float64(rate) // one a second besides
				lot := 3 * math.Sqrt(step*(1-step)/float64(30*rate))
				if got := admitted(b, rate, 30*time.Second); math.Abs(got-want) > lot {
					t.Errorf("at step %v and %d a second %v is admitted, want %v", step, rate, got, want)
				}
			}
			wantState(t, b, Closed)
		}))
	}
	t.Run("one a second always is", bubble(func(t *testing.T) {
		b := recovering(t, Config{RecoverySteps: []float64{1e-12}})
		succeed(b)
		for i := range 119 {
			if !do(b, nil) || do(b, nil) {
				t.Fatalf("second %d: want one operation admitted and no more", i)
			}
			wait(time.Second)
		}
	}))
	t.Run("the steps are equal parts of minHealthyPeriod", bubble(func(t *testing.T) {
		b := recovering(t, Config{MinHealthyPeriod: 9 * time.Second, RecoverySteps: []float64{0.1, 0.2, 1}})
		if got := b.Snapshot().AdmittedShare; got != 0 {
			t.Errorf("before the first success the share is %v", got)
		}
		succeed(b)
		for _, want := range []float64{0.1, 0.2, 1} {
			if got := b.Snapshot().AdmittedShare; got != want {
				t.Errorf("the share is %v, want %v", got, want)
			}
			wait(3*time.Second - 1)
			if got := b.Snapshot().AdmittedShare; got != want {
				t.Errorf("at the end of its part the share is %v, want %v", got, want)
			}
			wait(1)
		}
		wantState(t, b, Closed)
	}))
	t.Run("without steps everything is, after the first success", bubble(func(t *testing.T) {
		b := recovering(t, Config{RecoverySteps: []float64{}})
		succeed(b)
		for range 100 {
			if !do(b, nil) {
				t.Fatal("an operation is rejected")
			}
		}
	}))
}

func TestLaw10_Closing(t *testing.T) {
	t.Parallel()
	t.Run("by the clock, in silence after a success", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		wait(17 * time.Second)
		succeed(b)
		wait(2*time.Minute - 1)
		wantState(t, b, HalfOpen)
		wait(1)
		s := b.Snapshot()
		if s.State != Closed || s.RecoveryAttempts != 0 || s.Failures != 0 || s.ConsecutiveFailures != 0 ||
			!s.LastReset.Equal(time.Now()) || !s.OpenedAt.IsZero() || s.Trip != nil {
			t.Errorf("closed as %+v", s)
		}
	}))
	t.Run("on the first success where the period is 0", bubble(func(t *testing.T) {
		b := recovering(t, Config{MinHealthyPeriod: -1})
		succeed(b)
		wantState(t, b, Closed)
	}))
	t.Run("a clean slate: it takes all the failures again", bubble(func(t *testing.T) {
		b := recovering(t, Config{FailureThreshold: 4, ConsecutiveFailureThreshold: 4, MinHealthyPeriod: -1})
		succeed(b)
		for range 3 {
			fail(b)
			wantState(t, b, Closed)
		}
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("not where an operation hangs", bubble(func(t *testing.T) {
		b := recovering(t, Config{ProbeTimeout: 40 * time.Second, RecoverySteps: []float64{}})
		succeed(b)
		wait(30 * time.Second)
		if _, err := b.Allow(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(40*time.Second - 1)
		wantState(t, b, HalfOpen)
		wait(5*time.Second + 1) // an eighth late at most
		wantState(t, b, Open)
		if got := b.Snapshot().Trip; got.Rule != RuleProbeTimeout || got.InFlight != 1 {
			t.Errorf("opened by %+v", got)
		}
	}))
	t.Run("on a success of work that ran elsewhere", bubble(func(t *testing.T) {
		b := recovering(t, Config{MinHealthyPeriod: -1})
		b.RecordIgnored()
		wantState(t, b, HalfOpen)
		b.RecordSuccess(time.Second)
		wantState(t, b, Closed)
	}))
}

func TestLaw11_Reopening(t *testing.T) {
	t.Parallel()
	t.Run("on so many failures", bubble(func(t *testing.T) {
		b := recovering(t, Config{HalfOpenFailureThreshold: 3, RecoverySteps: []float64{}})
		fail(b)
		succeed(b)
		fail(b)
		wantState(t, b, HalfOpen)
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("counted anew in each recovery", bubble(func(t *testing.T) {
		b := recovering(t, Config{HalfOpenFailureThreshold: 2})
		for range 3 {
			fail(b)
			wantState(t, b, HalfOpen)
			fail(b)
			wantState(t, b, Open)
			wait(b.Snapshot().OpenTime)
			wantState(t, b, HalfOpen)
		}
	}))
	t.Run("the deadline of a probe is one", bubble(func(t *testing.T) {
		b := recovering(t, Config{ProbeTimeout: 5 * time.Second})
		if _, err := b.Allow(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(5*time.Second - 1)
		wantState(t, b, HalfOpen)
		wait(1)
		wantState(t, b, Open)
		if got := b.Snapshot(); got.Trip.Rule != RuleProbeTimeout || got.LastError == "boom" {
			t.Errorf("opened by %+v", got.Trip)
		}
	}))
	t.Run("a slow operation is one", bubble(func(t *testing.T) {
		b := recovering(t, Config{SlowCallDuration: time.Second, SlowCallRateThreshold: 1})
		b.RecordSuccess(time.Second - 1)
		wantState(t, b, HalfOpen)
		b.RecordSuccess(time.Second)
		wantState(t, b, Open)
	}))
	t.Run("the wait that its error asks for counts", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		do(b, waitError{20 * time.Minute})
		if got := b.Snapshot().OpenTime; got != 20*time.Minute {
			t.Errorf("the open time is %v", got)
		}
	}))
	rate := Config{FailureThreshold: 2, FailureRateThreshold: 0.5, MinimumOperations: 4, RecoverySteps: []float64{}}
	t.Run("before the first success whatever the rate", bubble(func(t *testing.T) {
		b := recovering(t, rate)
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("after it only at the rate, of enough outcomes", bubble(func(t *testing.T) {
		b := recovering(t, rate)
		// Two of three are the rate, but too few; then it is two of four without a
		// failure that would be judged, two of five, and three of six.
		for _, step := range []func(*Breaker){succeed, fail, fail, succeed, succeed, fail} {
			wantState(t, b, HalfOpen)
			step(b)
		}
		wantState(t, b, Open)
	}))
	t.Run("ten outcomes are always enough", bubble(func(t *testing.T) {
		cfg := rate
		cfg.MinimumOperations = 1000
		b := recovering(t, Config{FailureThreshold: 2})
		if err := b.Configure(cfg); err != nil {
			t.Fatal(err)
		}
		succeed(b)
		for range 8 {
			fail(b)
			wantState(t, b, HalfOpen)
		}
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("of the last hundred outcomes", bubble(func(t *testing.T) {
		b := recovering(t, rate)
		for range 1000 {
			succeed(b)
		}
		for range 49 {
			fail(b)
			wantState(t, b, HalfOpen)
		}
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("a failed check whatever the rate", bubble(func(t *testing.T) {
		s, health, _ := checkedService(t, rate)
		b := s.Breaker()
		for b.State() == Closed {
			fail(b)
		}
		wait(time.Minute)
		for range 50 {
			succeed(b)
		}
		health.Store(&errBoom)
		wait(time.Minute)
		wantState(t, b, Open)
	}))
	t.Run("what hangs counts with the rate", bubble(func(t *testing.T) {
		cfg := rate
		cfg.ProbeTimeout = 8 * time.Second
		b := recovering(t, cfg)
		for range 5 {
			succeed(b)
		}
		for range 5 {
			if _, err := b.Allow(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wait(9 * time.Second)
		wantState(t, b, Open)
		if _, err := b.Allow(t.Context()); !errors.Is(err, ErrOpen) {
			t.Error(err)
		}
	}))
}
