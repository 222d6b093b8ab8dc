package sqlbreaker

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/degenduel/switchgear"
)

// rawReset is how long a reset may take that nobody waits for with a context.
const rawReset = 5 * time.Second

// ResetSession is asked when the connection is taken from the pool. A driver may
// ask the database then, so it is the beginning of the operation that the
// connection is taken for; where not everything is let in it waits for that one
// to be.
func (c *conn) ResetSession(ctx context.Context) error {
	c.held.drop()
	c.inTx = false
	if _, ok := c.inner.(driver.SessionResetter); !ok {
		return nil
	}
	c.resetDue, c.takenWith = true, ctx
	if !admitsAll(c.breaker) {
		return nil
	}
	op, err := admit(ctx, c.breaker)
	if err != nil { // it has opened just now: as above
		return nil //nolint:nilerr // the next operation is told
	}
	if err := c.resetUnder(ctx, op); err != nil {
		return err
	}
	c.held.put(op)
	return nil
}

// resetUnder resets the connection, if that is due, as a part of the operation,
// which ends if the connection turns out to be bad. As in database/sql other
// errors are passed over.
func (c *conn) resetUnder(ctx context.Context, op *operation) error {
	if !c.resetDue {
		return nil
	}
	returned := false
	defer func() {
		if !returned {
			op.abandon()
		}
	}()
	err := c.reset(ctx)
	returned = true
	if err != nil {
		op.end(c.options.judge(ctx, err, true)) // it has been in the pool: idle, as far as we know
	}
	return err
}

// reset does the reset that is due. Its error is that the connection is bad.
func (c *conn) reset(ctx context.Context) error {
	c.resetDue, c.takenWith = false, nil
	resetter, ok := c.inner.(driver.SessionResetter)
	if !ok {
		return nil
	}
	if err := resetter.ResetSession(ctx); errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return nil
}

// unwrap is the driver's connection, reset: who works on it may not be given
// what is left of its last user's session. There is nobody to tell of a
// connection that turns out to be bad, but its own calls will.
func (c *conn) unwrap() driver.Conn {
	c.held.drop()
	if !c.resetDue {
		return c.inner
	}
	ctx := c.takenWith
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // it was for the taking, not for what is done now
	}
	ctx, cancel := context.WithTimeout(ctx, rawReset)
	defer cancel()
	began := time.Now()
	if err := c.reset(ctx); err != nil {
		c.bad = true
		if outcome, heard := c.options.judge(ctx, err, true); outcome == switchgear.Failure {
			c.record(heard, time.Since(began))
		}
	}
	return c.inner
}
