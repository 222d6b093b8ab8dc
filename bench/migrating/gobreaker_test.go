package migrating

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/degenduel/switchgear"
)

func TestGobreaker_DefaultSettings(t *testing.T) {
	t.Parallel()
	inLockstep(t, []step{
		{times: 5, down: true},
		{times: 1},
		{times: 5, down: true},
		{times: 1},
		{times: 7, down: true}, // the sixth in a row opens, the seventh is rejected
		{times: 1, wait: 59 * time.Second},
		{times: 2, wait: 2 * time.Second, down: true}, // a probe that fails, and a rejection
		{times: 1, wait: 61 * time.Second},            // a probe that succeeds
		{times: 8, down: true},
	}, func(e *exchange) (old func() bool, ours *switchgear.Breaker) {
		// region gobreaker_default_old
		was := gobreaker.NewCircuitBreaker[string](gobreaker.Settings{Name: "prices"})
		// end region

		// region gobreaker_default
		is, err := switchgear.New("prices", switchgear.Config{
			FailureThreshold:            1_000_000, // only the run of failures counts …
			ConsecutiveFailureThreshold: 6,         // … when it is "more than 5"
			ResetTimeout:                60 * time.Second,
			MinHealthyPeriod:            -1, // the first success closes
			BackoffMultiplier:           1,  // every open time is as long …
			Jitter:                      -1, // … as the first
		})
		// end region
		if err != nil {
			t.Fatal(err)
		}
		return gobreakerAdmits(was, e), is
	})
}

func gobreakerAdmits(b *gobreaker.CircuitBreaker[string], e *exchange) func() bool {
	return func() bool {
		_, err := b.Execute(func() (string, error) { return e.Quote(context.Background()) })
		return !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, gobreaker.ErrTooManyRequests)
	}
}

func TestGobreaker_RatioInARollingWindow(t *testing.T) {
	t.Parallel()
	inLockstep(t, []step{
		{times: 10},
		{times: 9, down: true}, // 19 requests: too few
		{times: 10, wait: 12 * time.Second},
		{times: 9, down: true},
		{times: 3, down: true}, // 10 of 20 opens
		{times: 1, wait: 31 * time.Second},
		{times: 15},
		{times: 20, down: true},
	}, func(e *exchange) (old func() bool, ours *switchgear.Breaker) {
		// region gobreaker_ratio_old
		was := gobreaker.NewCircuitBreaker[string](gobreaker.Settings{
			Name:         "prices",
			Interval:     10 * time.Second,
			BucketPeriod: time.Second,
			Timeout:      30 * time.Second,
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return c.Requests >= 20 && float64(c.TotalFailures)/float64(c.Requests) >= 0.5
			},
		})
		// end region

		// region gobreaker_ratio
		is, err := switchgear.New("prices", switchgear.Config{
			FailureThreshold:     1, // the rate decides
			FailureRateThreshold: 0.5,
			MinimumOperations:    20,
			MonitoringWindow:     10 * time.Second,
			ResetTimeout:         30 * time.Second,
			MinHealthyPeriod:     -1,
			BackoffMultiplier:    1,
			Jitter:               -1,
		})
		// end region
		if err != nil {
			t.Fatal(err)
		}
		return gobreakerAdmits(was, e), is
	})
}

func TestGobreaker_Calls(t *testing.T) {
	t.Parallel()
	client, cached := &exchange{down: true}, "yesterday's"
	was := gobreaker.NewCircuitBreaker[string](gobreaker.Settings{ReadyToTrip: func(gobreaker.Counts) bool { return true }})
	is := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	for call, want := range []string{"", cached} {
		ctx := t.Context()
		// region gobreaker_call_old
		quote, err := was.Execute(func() (string, error) { return client.Quote(ctx) })
		if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
			quote, err = cached, nil
		}
		// end region
		if quote != want || (err != nil) != (want == "") {
			t.Errorf("call %d of the old: %q, %v; want %q", call, quote, err, want)
		}
		quote, err = newCall(ctx, is, client, cached)
		if quote != want || (err != nil) != (want == "") {
			t.Errorf("call %d of ours: %q, %v; want %q", call, quote, err, want)
		}
	}
}

func newCall(ctx context.Context, is *switchgear.Breaker, client *exchange, cached string) (string, error) {
	// region gobreaker_call
	quote, err := switchgear.Do(ctx, is, client.Quote)
	if errors.Is(err, switchgear.ErrOpen) {
		quote, err = cached, nil
	}
	// end region
	return quote, err
}

func TestGobreaker_TwoSteps(t *testing.T) {
	t.Parallel()
	client := &exchange{down: true}
	was := gobreaker.NewTwoStepCircuitBreaker[string](gobreaker.Settings{ReadyToTrip: func(gobreaker.Counts) bool { return true }})
	is := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	twoStepsOld := func(ctx context.Context) error {
		// region gobreaker_twostep_old
		done, err := was.Allow()
		if err != nil {
			return err
		}
		_, err = client.Quote(ctx)
		done(err)
		return err
		// end region
	}
	twoSteps := func(ctx context.Context) error {
		// region gobreaker_twostep
		permit, err := is.Allow(ctx)
		if err != nil {
			return err
		}
		_, err = client.Quote(ctx)
		permit.Done(err)
		return err
		// end region
	}
	for name, f := range map[string]func(context.Context) error{"old": twoStepsOld, "ours": twoSteps} {
		if err := f(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("%s: the first call: %v", name, err)
		}
		if err := f(t.Context()); err == nil || errors.Is(err, errDown) {
			t.Errorf("%s: the second call: %v, want a rejection", name, err)
		}
	}
}

var errNoSuchPair = errors.New("no such pair")

func TestGobreaker_WhatCounts(t *testing.T) {
	t.Parallel()
	// region gobreaker_counts_old
	was := gobreaker.Settings{
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, errNoSuchPair) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.TotalFailures >= 3 },
	}
	// end region

	// region gobreaker_counts
	is := switchgear.Config{
		FailureThreshold: 3,
		Classify: func(err error) switchgear.Outcome {
			if errors.Is(err, errNoSuchPair) {
				return switchgear.Success
			}
			return switchgear.Failure // the caller's own cancel is not asked about: it is ignored
		},
	}
	// end region
	old, ours := gobreaker.NewCircuitBreaker[string](was), newBreaker(t, is)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, outcome := range []error{errNoSuchPair, nil, gone.Err(), errNoSuchPair, gone.Err(), gone.Err(), errDown, errDown} {
		_, _ = old.Execute(func() (string, error) { return "", outcome })
		_, _ = switchgear.Do(gone, ours, func(context.Context) (string, error) { return "", outcome })
	}
	c, o := old.Counts(), ours.Operations()
	if uint64(c.TotalFailures) != o.Failed || uint64(c.TotalSuccesses) != o.Successful || o.Ignored != 3 {
		t.Errorf("the old counted %+v, ours %+v", c, o)
	}
}

func TestGobreaker_Watching(t *testing.T) {
	t.Parallel()
	told := make(chan string, 2)
	tell := func(what string) { told <- what }
	// region gobreaker_watch_old
	was := gobreaker.NewCircuitBreaker[string](gobreaker.Settings{
		OnStateChange: func(name string, _, to gobreaker.State) { tell(name + " is " + to.String()) },
		ReadyToTrip:   func(gobreaker.Counts) bool { return true },
		Name:          "prices",
	})
	// end region
	is := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	// region gobreaker_watch
	stop := is.Observe(func(tr switchgear.Transition) {
		tell(tr.Service + " is " + tr.To.String()) // tr.Evidence says why
	})
	// end region
	defer stop()
	_, _ = was.Execute(func() (string, error) { return "", errDown })
	_, _ = switchgear.Do(t.Context(), is, func(context.Context) (string, error) { return "", errDown })
	for range 2 {
		if got := <-told; got != "prices is open" {
			t.Errorf("told %q", got)
		}
	}
}
