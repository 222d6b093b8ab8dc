package sqlbreaker

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/degenduel/switchgear"
)

// Result codes of SQLite (https://sqlite.org/rescode.html) that speak of the
// database and not of the statement.
var sqliteFailures = map[int]bool{
	2:  true, // INTERNAL
	3:  true, // PERM
	5:  true, // BUSY
	7:  true, // NOMEM
	9:  true, // INTERRUPT
	10: true, // IOERR
	11: true, // CORRUPT
	13: true, // FULL
	14: true, // CANTOPEN
	15: true, // PROTOCOL
	22: true, // NOLFS
	26: true, // NOTADB
}

// sqliteBusySnapshot is the BUSY that asks to repeat the transaction.
const sqliteBusySnapshot = 517

// Classify is what an error of a driver means.
//
// An error with a method SQLState() string, as those of pgx and pq, is a failure
// in the classes 08 (connection), 53 (out of resources), 57 (shut down, or
// stopped by a timeout), 58 (system) and XX (internal), and as 40003, where
// nobody knows what became of the statement. Others, such as violated
// constraints, wrong SQL, deadlocks and serialization failures, are answers of a
// database that works, and successes.
//
// An error with a method Code() int is taken for SQLite's, by its primary result
// code: INTERNAL, PERM, BUSY (but not BUSY_SNAPSHOT), NOMEM, INTERRUPT, IOERR,
// CORRUPT, FULL, CANTOPEN, PROTOCOL, NOLFS and NOTADB are failures.
//
// Every other error is a failure: of a network, a deadline, or a driver that
// says nothing more.
func Classify(err error) switchgear.Outcome {
	var state interface{ SQLState() string }
	var code interface{ Code() int }
	failed := true
	switch {
	case err == nil:
		return switchgear.Success
	case errors.As(err, &state):
		failed = stateFailed(state.SQLState())
	case errors.As(err, &code):
		failed = code.Code() != sqliteBusySnapshot && sqliteFailures[code.Code()&0xff]
	}
	if failed {
		return switchgear.Failure
	}
	return switchgear.Success
}

func stateFailed(state string) bool {
	if len(state) != 5 {
		return true // no SQLSTATE
	}
	switch state[:2] {
	case "08", "53", "57", "58", "XX":
		return true
	}
	return state == "40003"
}

// judge says what an error of a statement means, and what the breaker is to hear
// of it. proven says that the connection has worked before and that
// database/sql may try another.
func (o *Options) judge(ctx context.Context, err error, proven bool) (switchgear.Outcome, error) {
	if err == nil {
		return switchgear.Success, nil
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return switchgear.Ignored, err
	}
	bad := errors.Is(err, driver.ErrBadConn)
	outcome := switchgear.Failure
	if !bad {
		outcome = o.classify(err)
	}
	if outcome != switchgear.Failure {
		return outcome, err
	}
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.Canceled):
		return switchgear.Ignored, err
	case ended != nil && bad:
		return switchgear.Failure, ended
	case bad && proven:
		return switchgear.Ignored, err
	}
	return switchgear.Failure, err
}

// judgeConnect is judge for an error of connecting.
func (o *Options) judgeConnect(ctx context.Context, err error) (switchgear.Outcome, error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return switchgear.Ignored, err
	}
	if o.Classify == nil || errors.Is(err, driver.ErrBadConn) {
		return switchgear.Failure, err
	}
	return o.Classify(err), err
}

func (o *Options) classify(err error) switchgear.Outcome {
	if o.Classify != nil {
		return o.Classify(err)
	}
	return Classify(err)
}
