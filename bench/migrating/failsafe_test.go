package migrating

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/failsafebreaker"
)

func failsafeAdmits(b circuitbreaker.CircuitBreaker[string], e *exchange) func() bool {
	return func() bool {
		_, err := failsafe.With[string](b).Get(func() (string, error) { return e.Quote(context.Background()) })
		return !errors.Is(err, circuitbreaker.ErrOpen)
	}
}

func TestFailsafe_FailuresInAPeriod(t *testing.T) {
	t.Parallel()
	inLockstep(t, []step{
		{times: 4, down: true},
		{times: 20},
		{times: 4, down: true, wait: 70 * time.Second}, // the four of before are old
		{times: 3, down: true},                         // the fifth opens
		{times: 1, wait: 29 * time.Second},
		{times: 6, wait: 2 * time.Second, down: true}, // five trials fail, and the sixth is rejected
		{times: 1, wait: 31 * time.Second},
		{times: 6, down: true},
	}, func(e *exchange) (old func() bool, ours *switchgear.Breaker) {
		// region failsafe_period_old
		was := circuitbreaker.NewBuilder[string]().
			WithFailureThresholdPeriod(5, time.Minute).
			WithDelay(30 * time.Second).
			Build()
		// end region

		// region failsafe_period
		is, err := switchgear.New("prices", switchgear.Config{
			FailureThreshold:         5,
			MonitoringWindow:         time.Minute,
			ResetTimeout:             30 * time.Second,
			MinHealthyPeriod:         -1, // the first success closes
			HalfOpenFailureThreshold: 5,  // without WithSuccessThreshold failsafe-go admits five trials
			BackoffMultiplier:        1,
			Jitter:                   -1,
		})
		// end region
		if err != nil {
			t.Fatal(err)
		}
		return failsafeAdmits(was, e), is
	})
}

func TestFailsafe_RateInAPeriod(t *testing.T) {
	t.Parallel()
	inLockstep(t, []step{
		{times: 10},
		{times: 9, down: true},
		{times: 10, wait: 70 * time.Second},
		{times: 9, down: true},
		{times: 3, down: true}, // 10 of 20 opens
		{times: 2, wait: 31 * time.Second, down: true},
		{times: 1, wait: 31 * time.Second},
		{times: 15},
		{times: 20, down: true},
	}, func(e *exchange) (old func() bool, ours *switchgear.Breaker) {
		// region failsafe_rate_old
		was := circuitbreaker.NewBuilder[string]().
			WithFailureRateThreshold(0.5, 20, time.Minute).
			WithSuccessThreshold(1).
			WithDelay(30 * time.Second).
			Build()
		// end region

		// region failsafe_rate
		is, err := switchgear.New("prices", switchgear.Config{
			FailureThreshold:     1, // the rate decides
			FailureRateThreshold: 0.5,
			MinimumOperations:    20,
			MonitoringWindow:     time.Minute,
			ResetTimeout:         30 * time.Second,
			MinHealthyPeriod:     -1,
			BackoffMultiplier:    1,
			Jitter:               -1,
		})
		// end region
		if err != nil {
			t.Fatal(err)
		}
		return failsafeAdmits(was, e), is
	})
}

func TestFailsafe_InAPipeline(t *testing.T) {
	t.Parallel()
	client := &exchange{down: true}
	oldBreaker := circuitbreaker.NewBuilder[string]().WithFailureThreshold(3).Build()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 3})
	ctx := t.Context()

	// region failsafe_pipeline_old
	was := failsafe.With[string](
		retrypolicy.NewBuilder[string]().WithMaxRetries(5).AbortOnErrors(circuitbreaker.ErrOpen).Build(),
		oldBreaker,
	)
	// end region

	// region failsafe_pipeline
	is := failsafe.With[string](
		retrypolicy.NewBuilder[string]().WithMaxRetries(5).AbortOnErrors(switchgear.ErrOpen).Build(),
		failsafebreaker.New[string](b),
	)
	// end region
	_, oldErr := was.Get(func() (string, error) { return client.Quote(ctx) })
	_, err := is.Get(func() (string, error) { return client.Quote(ctx) })
	if !errors.Is(oldErr, circuitbreaker.ErrOpen) || !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("the old ended in %v, ours in %v; want both to give up at the open circuit", oldErr, err)
	}
}

func TestFailsafe_WithoutAPipeline(t *testing.T) {
	t.Parallel()
	client := &exchange{down: true}
	was := circuitbreaker.NewBuilder[string]().WithFailureThreshold(1).Build()
	is := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	permitOld := func(ctx context.Context) error {
		// region failsafe_permit_old
		if !was.TryAcquirePermit() {
			return circuitbreaker.ErrOpen
		}
		_, err := client.Quote(ctx)
		was.RecordError(err)
		return err
		// end region
	}
	permit := func(ctx context.Context) error {
		// region failsafe_permit
		permit, err := is.Allow(ctx)
		if err != nil {
			return err
		}
		_, err = client.Quote(ctx)
		permit.Done(err)
		return err
		// end region
	}
	for name, f := range map[string]func(context.Context) error{"old": permitOld, "ours": permit} {
		if err := f(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("%s: the first call: %v", name, err)
		}
		if err := f(t.Context()); err == nil || errors.Is(err, errDown) {
			t.Errorf("%s: the second call: %v, want a rejection", name, err)
		}
	}
}
