package sqlbreaker_test

import (
	"context"
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

func TestClassify_TellsTheDatabaseFromTheStatement(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		stateError("08006"), stateError("53300"), stateError("57014"), stateError("57P01"), stateError("58030"),
		stateError("XX001"), stateError("40003"), stateError("?"),
		codeError(5), codeError(10 | 2<<8), codeError(11), codeError(14), codeError(26), codeError(9),
		errBoom, context.DeadlineExceeded, fmt.Errorf("x: %w", stateError("08001")),
	} {
		if got := sqlbreaker.Classify(err); got != switchgear.Failure {
			t.Errorf("%v is %v, want failure", err, got)
		}
	}
	for _, err := range []error{
		nil, stateError("23505"), stateError("42601"), stateError("22012"), stateError("40001"), stateError("40P01"),
		stateError("55P03"), stateError("25P02"), stateError("P0001"),
		codeError(1), codeError(19), codeError(19 | 8<<8), codeError(20), codeError(517), codeError(8),
		fmt.Errorf("x: %w", stateError("23503")),
	} {
		if got := sqlbreaker.Classify(err); got != switchgear.Success {
			t.Errorf("%v is %v, want success", err, got)
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
