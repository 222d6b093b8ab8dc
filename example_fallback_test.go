package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// A fallback stands in for an operation that failed or was not let in, and is
// counted apart: what it does says nothing about the service.
func ExampleService_Do() {
	rates, err := switchgear.NewService("rates", switchgear.ServiceConfig{
		Config: switchgear.Config{FailureThreshold: 1},
		Fallback: func(_ context.Context, cause error) error {
			if errors.Is(cause, switchgear.ErrOpen) {
				fmt.Println("yesterday's rates: not asked")
			} else {
				fmt.Println("yesterday's rates:", cause)
			}
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		err := rates.Do(context.Background(), func(context.Context) error { return errors.New("gateway timeout") })
		fmt.Println("error:", err)
	}
	fmt.Printf("%+v\n", rates.Stats())
	// Output:
	// yesterday's rates: gateway timeout
	// error: <nil>
	// yesterday's rates: not asked
	// error: <nil>
	// {Operations:{Successful:0 Failed:1 Rejected:1 Ignored:0} FallbackSuccesses:2 FallbackFailures:0}
}
