package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Do runs a function if the breaker lets it in, and gives its result back.
func ExampleDo() {
	prices, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch := func(context.Context) (float64, error) { return 0, errors.New("connection refused") }

	for range 3 {
		_, err := switchgear.Do(context.Background(), prices, fetch)
		switch {
		case errors.Is(err, switchgear.ErrOpen):
			fmt.Println("not asked: the circuit is open")
		case err != nil:
			fmt.Println("asked:", err)
		}
	}
	// Output:
	// asked: connection refused
	// asked: connection refused
	// not asked: the circuit is open
}
