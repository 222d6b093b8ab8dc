package switchgear_test

import (
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Observe tells every transition, in order, with its number and its evidence.
// The observer runs in a goroutine of its own and may call any method.
func ExampleBreaker_Observe() {
	search, err := switchgear.New("search", switchgear.Config{FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := make(chan switchgear.Transition)
	stop := search.Observe(func(t switchgear.Transition) { seen <- t })
	defer stop()

	search.RecordSuccess(0)
	search.HandleError(errors.New("shard 3 is down"), 0)
	search.HandleError(errors.New("shard 4 is down"), 0)

	t := <-seen
	fmt.Printf("#%d %v to %v by %s\n", t.Number, t.From, t.To, t.Evidence.Rule)
	fmt.Printf("%d failures, %d success, the last: %s\n", t.Evidence.Failures, t.Evidence.Successes, t.Evidence.LastError)
	// Output:
	// #1 closed to open by failure_threshold
	// 2 failures, 1 success, the last: shard 4 is down
}
