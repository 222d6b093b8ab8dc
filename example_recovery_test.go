package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// In half-open one operation at a time probes whether the service is back. The
// circuit gets there by the clock; Reset does it at once.
func ExampleBreaker_Reset() {
	geo, err := switchgear.New("geo", switchgear.Config{FailureThreshold: 1, MinHealthyPeriod: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	geo.HandleError(errors.New("no route to host"), 0)
	fmt.Println(geo.State())

	if err := geo.Reset(switchgear.HalfOpen, switchgear.Order{Actor: "ada", Reason: "the cable is back"}); err != nil {
		fmt.Println(err)
		return
	}
	probe, err := geo.Allow(context.Background())
	fmt.Println(geo.State(), err)
	_, err = geo.Allow(context.Background())
	fmt.Println("a second one:", errors.Is(err, switchgear.ErrOpen))

	probe.Done(nil) // without a healthy period the first success closes
	fmt.Println(geo.State())
	// Output:
	// open
	// half_open <nil>
	// a second one: true
	// closed
}
