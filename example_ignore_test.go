package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Ignore marks an error that says nothing about the service's health. The
// caller gets it; the breaker does not count it.
func ExampleIgnore() {
	users, err := switchgear.New("users", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	errNotFound := errors.New("no such user")

	_, err = switchgear.Do(context.Background(), users, func(context.Context) (string, error) {
		return "", switchgear.Ignore(errNotFound)
	})

	fmt.Println(errors.Is(err, errNotFound), users.State(), users.Operations().Ignored)
	// Output: true closed 1
}
