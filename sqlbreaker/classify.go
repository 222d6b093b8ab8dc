package sqlbreaker

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/degenduel/switchgear"
)

// Classify is what an error of a driver means.
//
// Where it has an SQLSTATE, as those of pgx, pq and go-sql-driver/mysql do, it is
// a failure in the classes 08 (connection), 53 (out of resources), 57 (shut down,
// or stopped by a timeout), 58 (system) and XX (internal), and as 40003, where
// nobody knows what became of the statement. Others, such as violated
// constraints, wrong SQL, deadlocks and serialization failures, are answers of a
// database that works, and successes. Where MySQL's number says more than its
// SQLSTATE, the number counts: that the server, the network or the disk is at
// fault, that it is out of memory or of connections, that a table is broken, that
// the query was stopped or took too long.
//
// Of SQLite, as of modernc.org/sqlite and mattn/go-sqlite3, the primary result
// code counts: INTERNAL, PERM, BUSY (but not BUSY_SNAPSHOT), NOMEM, INTERRUPT,
// IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOLFS and NOTADB are failures.
//
// What a driver has not sent, for there are too many or too few arguments or it
// cannot encode one, is ignored. Drivers have no types for that, so it is known
// by the texts of pgx, pq, go-sql-driver/mysql and the two of SQLite. A
// transaction that is rolled back because one of its statements had failed is
// a success.
//
// Every other error is a failure: of a network, a deadline, or a driver that
// says nothing more.
func Classify(err error) switchgear.Outcome {
	if err == nil {
		return switchgear.Success
	}
	if failed, ok := failedByCode(err); ok {
		if failed {
			return switchgear.Failure
		}
		return switchgear.Success
	}
	return outcomeByText(err)
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
