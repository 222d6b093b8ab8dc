package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Policies compose as functions. A retry outside the breaker asks the breaker
// for each attempt, and stops when the circuit is open; a retry inside it would
// be one operation, whatever it tried.
func ExampleDo_retry() {
	quotes, err := switchgear.New("quotes", switchgear.Config{FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	attempt := 0
	quote := func(ctx context.Context) (int, error) {
		return switchgear.Do(ctx, quotes, func(context.Context) (int, error) {
			attempt++
			return 0, errors.New("reset by peer")
		})
	}
	retry := func(ctx context.Context, most int, fn func(context.Context) (int, error)) (v int, err error) {
		for range most {
			if v, err = fn(ctx); err == nil || errors.Is(err, switchgear.ErrOpen) {
				break
			}
		}
		return v, err
	}

	_, err = retry(context.Background(), 10, quote)
	fmt.Println(attempt, "attempts, then open:", errors.Is(err, switchgear.ErrOpen))
	// Output: 2 attempts, then open: true
}
