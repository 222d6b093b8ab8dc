package failsafebreaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/failsafebreaker"
)

func TestPolicy_IgnoresTheLosersOfAnOuterHedgeWhateverTheySay(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(error) error{
		"its context's error": func(err error) error { return err },
		"a gRPC status":       func(err error) error { return status.FromContextError(err).Err() },
		"an error":            func(error) error { return errBoom },
	} {
		for judged, o := range map[string]failsafebreaker.Options[string]{
			"by the breaker": {},
			"by the options": {Classify: func(_ string, err error) switchgear.Outcome {
				if err != nil {
					return switchgear.Failure
				}
				return switchgear.Success
			}},
		} {
			t.Run(name+", judged "+judged, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBreaker(t, prompt)
					p := failsafebreaker.NewWithOptions(b, o)
					got, err := pipeline(hedgepolicy.NewWithDelay[string](time.Second), p).GetWithExecution(func(e failsafe.Execution[string]) (string, error) {
						if !e.IsHedge() {
							<-e.Context().Done()
							return "", says(e.Context().Err())
						}
						return "done", nil
					})
					if got != "done" || err != nil {
						t.Errorf("got %q, %v", got, err)
					}
					synctest.Wait()
					counted(t, b, switchgear.Operations{Successful: 1, Ignored: 1})
				})
			})
		}
	}
}

// A deadline that passes is not a cancellation.
func TestPolicy_CountsADeadlineAsAFailureWhateverTheErrorSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, prompt)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = pipeline(policyOf(b)).WithContext(ctx).GetWithExecution(func(e failsafe.Execution[string]) (string, error) {
			<-e.Context().Done()
			return "", status.FromContextError(e.Context().Err()).Err()
		})
		counted(t, b, switchgear.Operations{Failed: 1})
	})
}

func TestTimeout_InsideOfAFuncThatIgnoresItsContextEndsWithTheFunc(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := recovering(t)
		execution := pipeline(policyOf(b), timeout.New[string](time.Second)).GetAsync(func() (string, error) {
			time.Sleep(10 * time.Second)
			return "done", nil
		})
		time.Sleep(5 * time.Second)
		if _, err := pipeline(policyOf(b)).Get(fails); !errors.Is(err, switchgear.ErrOpen) {
			t.Errorf("err = %v, want a rejection: the place of the probe is taken", err)
		}
		if _, err := execution.Get(); !errors.Is(err, timeout.ErrExceeded) {
			t.Errorf("err = %v, want the timeout's", err)
		}
		synctest.Wait()
		if got, want := b.Operations().Failed, uint64(prompt.FailureThreshold+1); got != want {
			t.Errorf("%d failures, want %d", got, want)
		}
		inState(t, b, switchgear.Open)
	})
}
