package sqlbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// A pool stays away from a database that cannot be reached.
func ExampleOpen() {
	ledger, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 3, ResetTimeout: time.Minute, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sqlbreaker.Open("sqlite", "/not/mounted/ledger.db", ledger, sqlbreaker.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()

	for range 4 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := db.PingContext(ctx)
		cancel()
		if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
			fmt.Println("not asked; come back in", open.RetryAfter().Round(time.Minute))
			continue
		}
		fmt.Println("failed:", err != nil)
	}
	// Output:
	// failed: true
	// failed: true
	// failed: true
	// not asked; come back in 1m0s
}
