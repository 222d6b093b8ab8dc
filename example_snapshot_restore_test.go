package switchgear_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// A snapshot carries a breaker over a restart: an open circuit stays open for
// the time it had left.
func ExampleBreaker_Restore() {
	before, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	before.RecordSuccess(0)
	before.HandleError(errors.New("deadlock"), 0)
	kept, err := json.Marshal(before.Snapshot())
	if err != nil {
		fmt.Println(err)
		return
	}

	after, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var snapshot switchgear.Snapshot
	if err := json.Unmarshal(kept, &snapshot); err != nil {
		fmt.Println(err)
		return
	}
	if err := after.Restore(snapshot); err != nil {
		fmt.Println(err)
		return
	}
	s := after.Snapshot()
	fmt.Println(s.State, s.Operations.Total(), s.LastError)
	fmt.Println(s.NextAttemptAt.Sub(before.Snapshot().NextAttemptAt).Abs().Seconds() < 1)
	// Output:
	// open 2 deadlock
	// true
}
