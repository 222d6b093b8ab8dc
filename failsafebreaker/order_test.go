package failsafebreaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"github.com/degenduel/switchgear"
)

// Each of these shows the order that works beside the one that does not.

// inBoth runs the right order and the wrong one, each in a bubble of its own.
func inBoth(t *testing.T, right, wrong func(t *testing.T)) {
	t.Helper()
	t.Run("right", func(t *testing.T) { t.Parallel(); synctest.Test(t, right) })
	t.Run("wrong", func(t *testing.T) { t.Parallel(); synctest.Test(t, wrong) })
}

func TestOrder_RetryBelongsOutside(t *testing.T) {
	t.Parallel()
	retry := retrypolicy.NewBuilder[string]().WithMaxRetries(5).AbortOnErrors(switchgear.ErrOpen).Build()
	run := func(t *testing.T, compose func(p failsafe.Policy[string]) failsafe.Executor[string]) (*switchgear.Breaker, int, error) {
		t.Helper()
		b := newBreaker(t, prompt)
		calls := 0
		_, err := compose(policyOf(b)).Get(func() (string, error) { calls++; return fails() })
		return b, calls, err
	}
	inBoth(t, func(t *testing.T) {
		b, calls, err := run(t, func(p failsafe.Policy[string]) failsafe.Executor[string] { return pipeline(retry, p) })
		if calls != 2 || !errors.Is(err, switchgear.ErrOpen) {
			t.Errorf("%d calls, %v; want the second to open the circuit and the third attempt to give up", calls, err)
		}
		inState(t, b, switchgear.Open)
	}, func(t *testing.T) {
		b, calls, _ := run(t, func(p failsafe.Policy[string]) failsafe.Executor[string] { return pipeline(p, retry) })
		if calls != 6 {
			t.Errorf("%d calls, want all six", calls)
		}
		counted(t, b, switchgear.Operations{Failed: 1}) // of six that failed
		inState(t, b, switchgear.Closed)
	})
}

func TestOrder_FallbackBelongsOutside(t *testing.T) {
	t.Parallel()
	cached := fallback.NewWithResult("cached")
	run := func(t *testing.T, policies ...failsafe.Policy[string]) {
		t.Helper()
		for range 3 {
			if got, err := pipeline(policies...).Get(fails); got != "cached" || err != nil {
				t.Errorf("got %q, %v; want the fallback's", got, err)
			}
		}
	}
	inBoth(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		run(t, cached, policyOf(b))
		counted(t, b, switchgear.Operations{Failed: 2, Rejected: 1})
	}, func(t *testing.T) {
		b := newBreaker(t, prompt)
		run(t, policyOf(b), cached)
		counted(t, b, switchgear.Operations{Successful: 3}) // of a service that is down
	})
}

func TestOrder_TimeoutBelongsInside(t *testing.T) {
	t.Parallel()
	second := timeout.New[string](time.Second)
	run := func(t *testing.T, policies ...failsafe.Policy[string]) {
		t.Helper()
		for range 2 {
			if _, err := pipeline(policies...).GetWithExecution(hang); !errors.Is(err, timeout.ErrExceeded) {
				t.Errorf("err = %v, want a timeout", err)
			}
		}
	}
	inBoth(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		run(t, policyOf(b), second)
		inState(t, b, switchgear.Open)
	}, func(t *testing.T) {
		b := newBreaker(t, prompt)
		run(t, second, policyOf(b))
		counted(t, b, switchgear.Operations{Ignored: 2})
		inState(t, b, switchgear.Closed) // it would stay so for ever
	})
}

func TestOrder_BulkheadBelongsOutside(t *testing.T) {
	t.Parallel()
	// One long call holds the only place while three others come.
	crowd := func(t *testing.T, compose func(one failsafe.Policy[string]) failsafe.Executor[string]) {
		t.Helper()
		e := compose(bulkhead.New[string](1))
		long := e.GetAsyncWithExecution(takes(time.Second))
		synctest.Wait()
		for range 3 {
			if _, err := e.Get(func() (string, error) { return "", nil }); err == nil {
				t.Error("the bulkhead held nobody off")
			}
		}
		if _, err := long.Get(); err != nil {
			t.Error(err)
		}
	}
	inBoth(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		crowd(t, func(one failsafe.Policy[string]) failsafe.Executor[string] { return pipeline(one, policyOf(b)) })
		counted(t, b, switchgear.Operations{Successful: 1})
	}, func(t *testing.T) {
		b := newBreaker(t, prompt)
		crowd(t, func(one failsafe.Policy[string]) failsafe.Executor[string] { return pipeline(policyOf(b), one) })
		inState(t, b, switchgear.Open) // of a service that is well
	})
}

func TestOrder_HedgeBelongsInside(t *testing.T) {
	t.Parallel()
	hedge := hedgepolicy.NewWithDelay[string](time.Second)
	run := func(policies ...failsafe.Policy[string]) (string, error) {
		return pipeline(policies...).WithContext(context.Background()).GetWithExecution(takes(2 * time.Second))
	}
	inBoth(t, func(t *testing.T) {
		b := recovering(t)
		if got, err := run(policyOf(b), hedge); got != "done" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		inState(t, b, switchgear.Closed)
	}, func(t *testing.T) {
		b := recovering(t)
		if _, err := run(hedge, policyOf(b)); !errors.Is(err, switchgear.ErrOpen) {
			t.Errorf("err = %v, want the hedge's rejection", err)
		}
		synctest.Wait()
		counted(t, b, switchgear.Operations{Failed: 2, Rejected: 1, Ignored: 1})
		inState(t, b, switchgear.HalfOpen) // although the service is well
	})
	t.Run("outside, going on after errors", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := recovering(t)
			tolerant := hedgepolicy.NewBuilderWithDelay[string](time.Second).CancelIf(func(_ string, err error) bool { return err == nil }).Build()
			if got, err := run(tolerant, policyOf(b)); got != "done" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			inState(t, b, switchgear.Closed)
		})
	})
}

func TestOrder_AsDocumentedWorksAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		retry := retrypolicy.NewBuilder[string]().AbortOnErrors(switchgear.ErrOpen).Build()
		e := pipeline(fallback.NewWithResult("cached"), retry, bulkhead.New[string](4), policyOf(b),
			hedgepolicy.NewWithDelay[string](100*time.Millisecond), timeout.New[string](time.Second))
		if got, err := e.GetWithExecution(takes(50 * time.Millisecond)); got != "done" || err != nil {
			t.Errorf("well: %q, %v", got, err)
		}
		if got, err := e.GetWithExecution(hang); got != "cached" || err != nil {
			t.Errorf("hung: %q, %v", got, err)
		}
		inState(t, b, switchgear.Open)
		began := time.Now()
		if got, err := e.GetWithExecution(hang); got != "cached" || err != nil || time.Since(began) != 0 {
			t.Errorf("open: %q, %v after %v", got, err, time.Since(began))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, err := e.GetWithExecution(takes(50 * time.Millisecond)); got != "done" || err != nil {
			t.Errorf("well again: %q, %v", got, err)
		}
		inState(t, b, switchgear.Closed)
	})
}
