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

	held hold // begun, and to be gone on with

	proven    bool            // it has worked
	bad       bool            // it is not to be used again
	resetDue  bool            // the next operation is to reset it
	takenWith context.Context //nolint:containedctx // what it was last taken from the pool with, for a reset that is due
	inTx      bool
}

// wrapConn gives the connection just those of QueryerContext and ExecerContext
// that the driver's has: where they are missing, database/sql treats the
// arguments differently. The other optional interfaces can be had by doing what
// database/sql does without them.
func wrapConn(inner driver.Conn, b *switchgear.Breaker, o Options) (driver.Conn, *conn) {
	c := &conn{inner: inner, breaker: b, options: o, record: b.HandleError}
	e, q := execer{c, execOf(inner)}, queryer{c, queryOf(inner)}
	switch {
	case e.exec != nil && q.query != nil:
		return struct {
			*conn
			execer
			queryer
		}{c, e, q}, c
	case e.exec != nil:
		return struct {
			*conn
			execer
		}{c, e}, c
	case q.query != nil:
		return struct {
			*conn
			queryer
		}{c, q}, c
	}
	return c, c
}

// start begins an operation on the connection, or goes on with the one that is
// held. Its error is a rejection, or driver.ErrBadConn of a reset that was due.
func (c *conn) start(ctx context.Context) (*operation, error) {
	op := c.held.take()
	if op != nil && (op.apart != c.inTx || op.expired()) {
		op.endUnused()
		op = nil
	}
	if op == nil && c.inTx {
		return apart(c.record), nil
	}
	if op == nil {
		var err error
		if op, err = admit(ctx, c.breaker); err != nil {
			return nil, err
		}
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
		c.held.put(op)
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

// followed ends an operation that has worked, unless what follows is to be a
// part of it.
func (c *conn) followed(op *operation) {
	op.worked = true
	if op.merges {
		c.held.put(op)
		return
	}
	op.end(switchgear.Success, nil)
}

// Prepare is PrepareContext without a context.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext is an operation, or a part of one.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	op, err := c.start(ctx)
	if err != nil {
		return nil, err
	}
	defer op.lost()
	s, err := prepare(ctx, c.inner, query)
	if err != nil {
		c.end(ctx, op, err)
		return nil, err
	}
	c.proven = true
	c.followed(op)
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

// CheckNamedValue lets the driver convert an argument, where it can.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// IsValid is asked when the connection goes back to the pool.
func (c *conn) IsValid() bool {
	c.held.drop()
	v, ok := c.inner.(driver.Validator)
	return !c.bad && (!ok || v.IsValid())
}

// Close closes the connection. It is no operation.
func (c *conn) Close() error {
	c.held.drop()
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
