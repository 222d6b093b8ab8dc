package failsafebreaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/failsafebreaker"
)

// Fallback, retry, breaker and timeout, from the outside in: each attempt asks
// and counts, a timeout is a failure, and an open circuit ends the retries.
func ExampleNew() {
	prices, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	quotes := failsafe.With[string](
		fallback.NewWithFunc(func(e failsafe.Execution[string]) (string, error) {
			return fmt.Sprintf("yesterday's (%v)", errors.Is(e.LastError(), switchgear.ErrOpen)), nil
		}),
		retrypolicy.NewBuilder[string]().WithMaxRetries(4).AbortOnErrors(switchgear.ErrOpen).Build(),
		failsafebreaker.New[string](prices),
		timeout.New[string](10*time.Millisecond),
	)
	asked := 0
	for range 2 {
		quote, err := quotes.WithContext(context.Background()).GetWithExecution(func(e failsafe.Execution[string]) (string, error) {
			asked++
			<-e.Context().Done() // the exchange hangs
			return "", e.Context().Err()
		})
		fmt.Println(quote, err)
	}
	fmt.Println("asked", asked, "times, the circuit is", prices.State())
	// Output:
	// yesterday's (true) <nil>
	// yesterday's (true) <nil>
	// asked 2 times, the circuit is open
}

// A retry policy that would rather wait than give up waits as long as the
// rejection says.
func ExampleRetryDelay() {
	prices, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 1, ResetTimeout: 20 * time.Millisecond, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	patient := retrypolicy.NewBuilder[string]().
		WithMaxRetries(10).
		WithDelay(time.Millisecond).
		WithDelayFunc(failsafebreaker.RetryDelay[string]).
		WithMaxDuration(10 * time.Second).
		Build()
	attempts := 0
	quote, err := failsafe.With[string](patient, failsafebreaker.New[string](prices)).Get(func() (string, error) {
		if attempts++; attempts == 1 {
			return "", errors.New("502 bad gateway")
		}
		return "170.25", nil
	})
	fmt.Println(quote, err, "after", attempts, "attempts")
	// Output: 170.25 <nil> after 2 attempts
}
