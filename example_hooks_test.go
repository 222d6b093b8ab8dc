package switchgear_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// Hooks get the context of the operation that they are told of, and with it
// whatever the caller put there, such as its span. Package otelbreaker has those for
// OpenTelemetry.
func ExampleHooks() {
	type user struct{}
	hooks := &switchgear.Hooks{
		Opened: func(ctx context.Context, e *switchgear.OpenError) {
			fmt.Println("opened by", ctx.Value(user{}), "because of", e.Cause.Rule)
		},
		Rejected: func(ctx context.Context, e *switchgear.OpenError) {
			fmt.Println("rejected", ctx.Value(user{}), "by", e.Service)
		},
	}
	b, err := switchgear.New("payments", switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Minute, Hooks: hooks})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"ann", "bob"} {
		_, _ = switchgear.Do(context.WithValue(context.Background(), user{}, name), b, func(context.Context) (int, error) {
			return 0, errors.New("no answer")
		})
	}
	// Output:
	// opened by ann because of failure_threshold
	// rejected bob by payments
}
