package switchgear_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
)

// A Service with a health check recovers by it: nobody's operation is the
// guinea pig.
func ExampleService() {
	var well atomic.Bool
	tokens, err := switchgear.NewService("token_sync", switchgear.ServiceConfig{
		Config: switchgear.Config{FailureThreshold: 1, MinHealthyPeriod: -1},
		Check: func(context.Context) error {
			if !well.Load() {
				return errors.New("upstream answers 502")
			}
			return nil
		},
		CheckTimeout: 2 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := make(chan switchgear.Transition, 3)
	tokens.Breaker().Observe(func(t switchgear.Transition) { seen <- t })
	tokens.Start()
	defer func() {
		if err := tokens.Stop(context.Background()); err != nil {
			fmt.Println(err)
		}
	}()

	health, err := tokens.CheckHealth(context.Background())
	fmt.Println(health.Healthy, health.Err, err)
	err = tokens.Do(context.Background(), func(context.Context) error { return errors.New("502") })
	fmt.Println(err)

	well.Store(true)
	if err := tokens.Breaker().Reset(switchgear.HalfOpen, switchgear.Order{Actor: "ada", Reason: "upstream is back"}); err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		t := <-seen
		fmt.Println(t.To, "by", t.Evidence.Rule)
	}
	// Output:
	// false upstream answers 502 <nil>
	// 502
	// open by failure_threshold
	// half_open by reset
	// closed by min_healthy_period
}
