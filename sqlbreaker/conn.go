package sqlbreaker

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/degenduel/switchgear"
)

// conn is a connection of the driver's. database/sql uses it from one goroutine
// at a time.
type conn struct {
	inner   driver.Conn
	breaker *switchgear.Breaker
	options Options

	record func(error, time.Duration) // counts the outcome of what had not asked

	proven   bool // it has worked
	resetDue bool // the next operation is to reset it
	inTx     bool
	skipped  *operation // answered with ErrSkip, to go on with a Prepare
}

// wrapConn gives the connection just those of QueryerContext and ExecerContext
// that the driver's has: where they are missing, database/sql treats the
// arguments differently. The other optional interfaces can be had by doing what
// database/sql does without them.
func wrapConn(inner driver.Conn, b *switchgear.Breaker, o Options) driver.Conn {
	c := &conn{inner: inner, breaker: b, options: o, record: b.HandleError}
	e, q := execer{c, execOf(inner)}, queryer{c, queryOf(inner)}
	switch {
	case e.exec != nil && q.query != nil:
		return struct {
			*conn
			execer
			queryer
		}{c, e, q}
	case e.exec != nil:
		return struct {
			*conn
			execer
		}{c, e}
	case q.query != nil:
		return struct {
			*conn
			queryer
		}{c, q}
	}
	return c
}

func (c *conn) unwrap() driver.Conn { return c.inner }

// start begins an operation on the connection. Its error is a rejection, or
// driver.ErrBadConn of a reset that was due.
func (c *conn) start(ctx context.Context) (*operation, error) {
	c.dropSkipped()
	if c.inTx {
		return apart(c.record), nil
	}
	op, err := admit(ctx, c.breaker)
	if err != nil {
		return nil, err
	}
	if err := c.resetUnder(ctx, op); err != nil {
		return nil, err
	}
	return op, nil
}

// run runs f as one operation on the connection.
func run[T any](ctx context.Context, c *conn, f func() (T, error)) (T, error) {
	op, err := c.start(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return finish(ctx, c, op, f)
}

// finish runs f as what the operation is.
func finish[T any](ctx context.Context, c *conn, op *operation, f func() (T, error)) (T, error) {
	defer op.lost()
	v, err := f()
	if errors.Is(err, driver.ErrSkip) {
		c.skipped, op.kept = op, true
		return v, err
	}
	c.end(ctx, op, err)
	return v, err
}

// end ends an operation with the driver's error.
func (c *conn) end(ctx context.Context, op *operation, err error) {
	outcome, heard := c.options.judge(ctx, err, c.proven && !op.apart)
	if outcome == switchgear.Success {
		c.proven = true
	}
	op.end(outcome, heard)
}

// dropSkipped ends what was to go on with a Prepare and did not.
func (c *conn) dropSkipped() {
	if c.skipped != nil {
		c.skipped.drop()
		c.skipped = nil
	}
}

// Prepare is PrepareContext without a context.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext is an operation, or the rest of one that was skipped.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	op := c.skipped
	c.skipped = nil
	if op == nil {
		var err error
		if op, err = c.start(ctx); err != nil {
			return nil, err
		}
	} else {
		op.kept = false
	}
	s, err := finish(ctx, c, op, func() (driver.Stmt, error) { return prepare(ctx, c.inner, query) })
	if err != nil {
		return nil, err
	}
	return wrapStmt(s, c), nil
}

// Begin is BeginTx without options.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx is an operation.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	inner, err := run(ctx, c, func() (driver.Tx, error) { return begin(ctx, c.inner, o) })
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return &tx{inner, c, ctx}, nil
}

// Ping is an operation, of a driver that can.
func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.inner.(driver.Pinger)
	if !ok {
		return nil
	}
	_, err := run(ctx, c, func() (struct{}, error) { return struct{}{}, pinger.Ping(ctx) })
	return err
}

// ResetSession may ask the database, so it waits for an operation that is let in
// unless everything is.
func (c *conn) ResetSession(ctx context.Context) error {
	c.dropSkipped()
	c.inTx = false
	resetter, ok := c.inner.(driver.SessionResetter)
	if !ok {
		return nil
	}
	if !c.admitsAll() {
		c.resetDue = true
		return nil
	}
	c.resetDue = false
	began := time.Now()
	err := resetter.ResetSession(ctx)
	if errors.Is(err, driver.ErrBadConn) {
		// What is fine is counted with what it is done for.
		if outcome, heard := c.options.judge(ctx, err, true); outcome == switchgear.Failure {
			c.record(heard, time.Since(began))
		}
	}
	return err
}

// admitsAll reports whether the breaker lets everything in.
func (c *conn) admitsAll() bool {
	switch c.breaker.Mode() {
	case switchgear.ForcedClosed, switchgear.Disabled:
		return true
	case switchgear.Auto:
		return c.breaker.State() == switchgear.Closed
	case switchgear.ForcedOpen:
	}
	return false
}

// resetUnder resets the connection, if that is due, as a part of the operation,
// which ends if the connection turns out to be bad. As in database/sql other
// errors are passed over.
func (c *conn) resetUnder(ctx context.Context, op *operation) error {
	resetter, ok := c.inner.(driver.SessionResetter)
	if !c.resetDue || !ok {
		return nil
	}
	c.resetDue = false
	returned := false
	defer func() {
		if !returned {
			op.lost()
		}
	}()
	err := resetter.ResetSession(ctx)
	returned = true
	if errors.Is(err, driver.ErrBadConn) {
		c.end(ctx, op, err)
		return err
	}
	return nil
}

// IsValid is asked when the connection goes back to the pool.
func (c *conn) IsValid() bool {
	c.dropSkipped()
	v, ok := c.inner.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue lets the driver convert an argument, where it can.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Close closes the connection. It is no operation.
func (c *conn) Close() error {
	c.dropSkipped()
	return c.inner.Close()
}

// execer and queryer are the parts of a connection that a driver may lack.
type (
	execer struct {
		c    *conn
		exec execFunc
	}
	queryer struct {
		c     *conn
		query queryFunc
	}
)

// ExecContext is an operation.
func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return run(ctx, e.c, func() (driver.Result, error) { return e.exec(ctx, query, args) })
}

// QueryContext is an operation that lasts as long as its rows.
func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return runQuery(ctx, q.c, func() (driver.Rows, error) { return q.query(ctx, query, args) })
}
