package switchgear_test

import (
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Configure changes the rules and keeps what was counted. The next failure is
// judged by the new rule.
func ExampleBreaker_Configure() {
	feed, err := switchgear.New("feed", switchgear.Config{FailureThreshold: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 4 {
		feed.HandleError(errors.New("timeout"), 0)
	}

	cfg := feed.Config()
	cfg.FailureThreshold = 3
	if err := feed.Configure(cfg); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(feed.State(), feed.Snapshot().Failures)
	feed.HandleError(errors.New("timeout"), 0)
	fmt.Println(feed.State(), feed.Snapshot().Failures)

	cfg.FailureThreshold, cfg.Jitter = -1, 3
	fmt.Println(feed.Configure(cfg))
	// Output:
	// closed 4
	// open 5
	// switchgear: bad config: failureThreshold: -1 is not in 1 … 1000000; jitter: 3 is not in 0 … 1
}
