package sqlbreaker_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// errQuota is what this program's own functions inside the database fail with:
// it says nothing about the database.
const errQuota = 0x517

// Where a driver's errors say more, Classify may ask them first.
func ExampleOptions() {
	ledger, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	connector, err := sqlite.NewConnector(":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sql.OpenDB(sqlbreaker.New(connector, ledger, sqlbreaker.Options{
		Classify: func(err error) switchgear.Outcome {
			if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == errQuota {
				return switchgear.Ignored
			}
			return sqlbreaker.Classify(err)
		},
	}))
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), "INSERT INTO nowhere VALUES (1)")
	fmt.Println(err)
	fmt.Println(ledger.State(), ledger.Operations().Failed)
	// Output:
	// SQL logic error: no such table: nowhere (1)
	// closed 0
}
