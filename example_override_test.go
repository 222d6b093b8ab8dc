package switchgear_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// An override stands above the state until its end, which it must have.
func ExampleBreaker_Override() {
	payments, err := switchgear.New("payments", switchgear.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	o := switchgear.Override{
		Mode: switchgear.ForcedOpen, Actor: "ada", Reason: "provider maintenance",
		Until: time.Now().Add(2 * time.Hour),
	}
	if err := payments.Override(o); err != nil {
		fmt.Println(err)
		return
	}
	_, err = payments.Allow(context.Background())
	fmt.Println(errors.Is(err, switchgear.ErrOpen), payments.Mode(), payments.State())

	// It ended early. What was forced open has to prove itself.
	if err := payments.EndOverride(switchgear.Order{Actor: "ada", Reason: "maintenance is over"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(payments.Mode(), payments.State())
	// Output:
	// true forced_open closed
	// auto half_open
}
