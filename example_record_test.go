package switchgear_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// RecordSuccess and HandleError count work that ran elsewhere, for which
// nobody asked the breaker before.
func ExampleBreaker_HandleError() {
	uploads, err := switchgear.New("uploads", switchgear.Config{FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	uploads.RecordSuccess(120 * time.Millisecond)
	uploads.HandleError(errors.New("disk full"), 3*time.Millisecond)
	uploads.HandleError(errors.New("disk full"), 3*time.Millisecond)

	fmt.Println(uploads.State(), "after", uploads.Operations().Total(), "operations")
	// Output: open after 3 operations
}
