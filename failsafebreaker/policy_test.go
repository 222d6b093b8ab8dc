package failsafebreaker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/failsafebreaker"
)

func TestPolicy_CountsAnExecutionOnceHoweverItEnds(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		run  func(failsafe.Executor[string])
		want switchgear.Operations
	}{
		"success": {
			func(e failsafe.Executor[string]) { _, _ = e.Get(func() (string, error) { return "x", nil }) },
			switchgear.Operations{Successful: 1},
		},
		"error": {
			func(e failsafe.Executor[string]) { _, _ = e.Get(fails) },
			switchgear.Operations{Failed: 1},
		},
		"ignored error": {
			func(e failsafe.Executor[string]) {
				_, _ = e.Get(func() (string, error) { return "", switchgear.Ignore(errBoom) })
			},
			switchgear.Operations{Ignored: 1},
		},
		"canceled by the caller": {
			func(e failsafe.Executor[string]) {
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(time.Second, cancel)
				_, _ = e.WithContext(ctx).GetWithExecution(hang)
			},
			switchgear.Operations{Ignored: 1},
		},
		"deadline of the caller": {
			func(e failsafe.Executor[string]) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_, _ = e.WithContext(ctx).GetWithExecution(hang)
			},
			switchgear.Operations{Failed: 1},
		},
		"asynchronous, and canceled": {
			func(e failsafe.Executor[string]) {
				r := e.GetAsyncWithExecution(hang)
				synctest.Wait()
				r.Cancel()
				<-r.Done()
			},
			switchgear.Operations{Ignored: 1},
		},
		"panic": {
			func(e failsafe.Executor[string]) {
				defer func() { _ = recover() }()
				_, _ = e.Get(func() (string, error) { panic("boom") })
			},
			switchgear.Operations{Failed: 1},
		},
		"goexit": {
			func(e failsafe.Executor[string]) {
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = e.Get(func() (string, error) { runtime.Goexit(); return "", nil }) })
				wg.Wait()
			},
			switchgear.Operations{Ignored: 1},
		},
	}
	for name, end := range ends {
		t.Run(name+" while closed", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, switchgear.Config{})
				end.run(pipeline(policyOf(b)))
				counted(t, b, end.want)
			})
		})
		t.Run(name+" of a probe", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := recovering(t)
				end.run(pipeline(policyOf(b)))
				want := end.want
				want.Failed += 2
				counted(t, b, want)
				if want.Failed > 2 {
					inState(t, b, switchgear.Open)
					return
				}
				_, err := pipeline(policyOf(b)).Get(func() (string, error) { return "", nil })
				if err != nil {
					t.Errorf("the place of the probe is not free: %v", err)
				}
				inState(t, b, switchgear.Closed)
			})
		})
	}
}

func TestPolicy_ARejectionIsTheBreakers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		var failures int
		e := pipeline(policyOf(b)).OnFailure(func(failsafe.ExecutionDoneEvent[string]) { failures++ })
		for range 2 {
			_, _ = e.Get(fails)
		}
		_, err := e.Get(func() (string, error) { t.Error("an open circuit let something in"); return "", nil })
		open, ok := errors.AsType[*switchgear.OpenError](err)
		if !ok || !errors.Is(err, switchgear.ErrOpen) || open.RetryAfter() != time.Minute {
			t.Errorf("err = %v", err)
		}
		if failures != 3 {
			t.Errorf("failsafe was told of %d failures, want 3", failures)
		}
		counted(t, b, switchgear.Operations{Failed: 2, Rejected: 1})
	})
}

func TestPolicy_ClassifyJudgesResults(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, prompt)
	var failed []string
	e := pipeline(failsafebreaker.NewWithOptions(b, failsafebreaker.Options[string]{
		Classify: func(result string, err error) switchgear.Outcome {
			switch {
			case result == "busy":
				return switchgear.Failure
			case result == "maintenance":
				return switchgear.Ignored
			case errors.Is(err, context.DeadlineExceeded):
				return switchgear.Failure
			}
			return switchgear.Success
		},
	})).OnFailure(func(d failsafe.ExecutionDoneEvent[string]) { failed = append(failed, d.Result) })
	for _, r := range []string{"fine", "busy", "maintenance"} {
		if got, err := e.Get(func() (string, error) { return r, nil }); got != r || err != nil {
			t.Errorf("%s became %q, %v", r, got, err)
		}
	}
	if _, err := e.Get(fails); !errors.Is(err, errBoom) {
		t.Errorf("err = %v, want the function's own", err)
	}
	counted(t, b, switchgear.Operations{Successful: 2, Failed: 1, Ignored: 1})
	if len(failed) != 2 {
		t.Errorf("failsafe was told of the failures %q, want those of busy and maintenance", failed)
	}
}

func TestPolicy_OfAnyResultComposesWithEveryPipeline(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, prompt)
	numbers := failsafe.With[int](retrypolicy.NewWithDefaults[int]()).ComposeAny(failsafebreaker.New[any](b))
	words := failsafe.WithAny[string](failsafebreaker.New[any](b))
	if got, err := numbers.Get(func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := words.Get(fails); !errors.Is(err, errBoom) {
		t.Errorf("err = %v", err)
	}
	if _, err := numbers.Get(func() (int, error) { return 0, errBoom }); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("err = %v, want a rejection: the pipelines share the breaker", err)
	}
	counted(t, b, switchgear.Operations{Successful: 1, Failed: 2, Rejected: 2})
}

func TestRetryDelay_WaitsAsLongAsTheRejectionSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		for range 2 {
			b.HandleError(errBoom, 0)
		}
		patient := retrypolicy.NewBuilder[string]().WithDelay(time.Millisecond).WithDelayFunc(failsafebreaker.RetryDelay[string]).Build()
		began := time.Now()
		attempts := 0
		got, err := pipeline(patient, policyOf(b)).Get(func() (string, error) {
			attempts++
			return "back", nil
		})
		if got != "back" || err != nil || attempts != 1 || time.Since(began) != time.Minute {
			t.Errorf("got %q, %v by %d attempts after %v, want one attempt after the minute that the circuit was open", got, err, attempts, time.Since(began))
		}
		began = time.Now()
		_, _ = pipeline(patient).Get(fails)
		if time.Since(began) != 2*time.Millisecond {
			t.Errorf("two retries of an error that asks for nothing took %v", time.Since(began))
		}
	})
}

func TestPolicy_EveryAdmissionIsSettledOnceAmongHedgesTimeoutsAndRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{Disabled: true})
		var mu sync.Mutex
		var ran uint64
		hedge := hedgepolicy.NewBuilderWithDelay[string](time.Millisecond).WithMaxHedges(2).Build()
		retry := retrypolicy.NewWithDefaults[string]()
		e := pipeline(retry, timeout.New[string](5*time.Millisecond), hedge, policyOf(b))
		var wg sync.WaitGroup
		for caller := range 32 {
			wg.Go(func() {
				for i := range 20 {
					_, _ = e.GetWithExecution(func(x failsafe.Execution[string]) (string, error) {
						mu.Lock()
						ran++
						mu.Unlock()
						if (caller+i)%3 == 0 {
							return "", errBoom
						}
						return takes(time.Duration((caller*7+i)%9) * time.Millisecond)(x)
					})
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		got := b.Operations()
		if total := got.Total() + got.Ignored; total != ran || got.Rejected != 0 || got.Successful == 0 || got.Failed == 0 || got.Ignored == 0 {
			t.Errorf("%d ran, and %+v were counted", ran, got)
		}
	})
}
