package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Allow and Done are Do in two steps, for work that does not begin and end in
// one function. Every permit is settled by Done.
func ExampleBreaker_Allow() {
	queue, err := switchgear.New("queue", switchgear.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}

	permit, err := queue.Allow(context.Background())
	if err != nil {
		fmt.Println("rejected:", err)
		return
	}
	err = errors.New("broker went away") // what came of the work
	permit.Done(err)
	permit.Done(nil) // settled already: does nothing

	fmt.Printf("%+v\n", queue.Operations())
	// Output: {Successful:0 Failed:1 Rejected:0 Ignored:0}
}
