package switchgear_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// A rejection says why the circuit opened and how long it makes sense to wait.
func ExampleOpenError_RetryAfter() {
	mail, err := switchgear.New("mail", switchgear.Config{FailureThreshold: 1, ResetTimeout: 10 * time.Minute, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	mail.HandleError(errors.New("421 try again later"), time.Second)

	_, err = mail.Allow(context.Background())
	if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
		fmt.Println(open.Service, "is", open.State)
		fmt.Println("because of", open.Cause.Rule+":", open.Cause.LastError)
		fmt.Println("come back in", open.RetryAfter().Round(time.Minute))
	}
	// Output:
	// mail is open
	// because of failure_threshold: 421 try again later
	// come back in 10m0s
}
