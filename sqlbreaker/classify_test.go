package sqlbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// stateError has an SQLSTATE, and codeError a code, as real drivers' errors have.
type (
	stateError string
	codeError  int
)

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }
func (e codeError) Error() string     { return fmt.Sprintf("code %d", int(e)) }
func (e codeError) Code() int         { return int(e) }

// Errors that have fields and no methods, as those of mattn/go-sqlite3,
// go-sql-driver/mysql and pq before 1.10 have.
type (
	resultCode   int
	sqlite3Error struct{ Code, ExtendedCode resultCode }
	mysqlError   struct {
		Number   uint16
		SQLState [5]byte
	}
	oldMySQLError struct{ Number uint16 }
	pqError       struct{ Code string }
	fieldError    struct{ SQLState string }
	otherError    struct{ Number int32 }
)

func (e sqlite3Error) Error() string   { return fmt.Sprintf("code %d", e.ExtendedCode) }
func (e *mysqlError) Error() string    { return fmt.Sprintf("Error %d (%s)", e.Number, e.SQLState) }
func (e *oldMySQLError) Error() string { return fmt.Sprintf("Error %d", e.Number) }
func (e *pqError) Error() string       { return "pq: " + e.Code }
func (e fieldError) Error() string     { return e.SQLState }
func (e otherError) Error() string     { return "mssql: no" }

func mysqlState(number uint16, state string) error {
	return &mysqlError{number, [5]byte([]byte(state))}
}

func TestClassify_TellsTheDatabaseFromTheStatement(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		stateError("08006"), stateError("53300"), stateError("57014"), stateError("57P01"), stateError("58030"),
		stateError("XX001"), stateError("40003"), stateError("?"),
		codeError(5), codeError(10 | 2<<8), codeError(11), codeError(14), codeError(26), codeError(9),
		errBoom, context.DeadlineExceeded, fmt.Errorf("x: %w", stateError("08001")),
		sqlite3Error{5, 5},
		sqlite3Error{10, 10 | 2<<8},
		fmt.Errorf("x: %w", sqlite3Error{14, 14}), errors.Join(errBoom, sqlite3Error{11, 11}),
		mysqlState(1040, "08004"), mysqlState(1053, "08S01"), mysqlState(1317, "70100"), mysqlState(3024, "HY000"), mysqlState(1203, "42000"),
		&oldMySQLError{1021}, &pqError{"57014"},
		fieldError{"53300"},
		otherError{2627},
		(*mysqlError)(nil),
	} {
		if got := sqlbreaker.Classify(err); got != switchgear.Failure {
			t.Errorf("%T %+[1]v is %v, want failure", err, got)
		}
	}
	for _, err := range []error{
		nil, stateError("23505"), stateError("42601"), stateError("22012"), stateError("40001"), stateError("40P01"),
		stateError("55P03"), stateError("25P02"), stateError("P0001"),
		codeError(1), codeError(19), codeError(19 | 8<<8), codeError(20), codeError(517), codeError(8),
		fmt.Errorf("x: %w", stateError("23503")),
		sqlite3Error{19, 2067},
		sqlite3Error{5, 517},
		fmt.Errorf("x: %w", sqlite3Error{1, 1}), errors.Join(errBoom, sqlite3Error{19, 19}),
		mysqlState(1062, "23000"), mysqlState(1366, "HY000"), mysqlState(1205, "HY000"), mysqlState(1213, "40001"), &mysqlError{Number: 1062},
		&oldMySQLError{1062}, &pqError{"23505"},
		fieldError{"23505"},
	} {
		if got := sqlbreaker.Classify(err); got != switchgear.Success {
			t.Errorf("%T %+[1]v is %v, want success", err, got)
		}
	}
}

// What real drivers say is tested with pgx and modernc.org/sqlite. These are the
// texts of others.
func TestClassify_IgnoresWhatADriverHasNotSent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]switchgear.Outcome{
		"not enough args to execute query: want 2 got 1":                                          switchgear.Ignored,
		"argument count mismatch (got: 1; has: 2)":                                                switchgear.Ignored,
		"packet for query is too large. Try adjusting the `Config.MaxAllowedPacket`":              switchgear.Ignored,
		"mysql: unsupported isolation level: 6":                                                   switchgear.Ignored,
		"pq: got 1 parameters but the statement requires 2":                                       switchgear.Ignored,
		"pq: encode: unknown type for struct {}":                                                  switchgear.Ignored,
		"pq: could not complete operation in a failed transaction":                                switchgear.Success,
		"expected a packet of another kind":                                                       switchgear.Failure,
		"pq: got something else":                                                                  switchgear.Failure,
		"dial tcp 127.0.0.1:5432: connect: connection refused: expected 1 arguments, got 2 at it": switchgear.Failure,
	} {
		if got := sqlbreaker.Classify(errors.New(text)); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestClassify_OfTheOptionsIsAskedForConnectingToo(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	f := modern(nil)
	f.connect = func() error { return stateError("28P01") }
	o := sqlbreaker.Options{Classify: func(error) switchgear.Outcome { return switchgear.Ignored }}
	_ = open(t, f, b, o).PingContext(t.Context())
	_ = open(t, f, b, sqlbreaker.Options{}).PingContext(t.Context())
	want(t, "a wrong password, twice", b.Operations(), switchgear.Operations{Ignored: 1, Failed: 1})
}
