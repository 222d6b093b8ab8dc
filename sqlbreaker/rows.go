package sqlbreaker

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
)

// runQuery runs f as an operation that its rows are to end.
func runQuery(ctx context.Context, c *conn, f func() (driver.Rows, error)) (driver.Rows, error) {
	op, err := c.start(ctx)
	if err != nil {
		return nil, err
	}
	defer op.lost()
	inner, err := f()
	switch {
	case errors.Is(err, driver.ErrSkip):
		c.held.put(op)
		return nil, err
	case err != nil:
		c.end(ctx, op, err)
		return nil, err
	}
	op.kept = true
	return wrapRows(&rows{inner, c, op, ctx}), nil
}

// rows end their query's operation. Where the driver's rows lack an optional
// interface, they answer what database/sql assumes then.
type rows struct {
	inner driver.Rows
	c     *conn
	op    *operation
	ctx   context.Context //nolint:containedctx // the query's: what ends the rows is judged by it
}

func (r *rows) Columns() []string { return r.inner.Columns() }

func (r *rows) Next(dest []driver.Value) error {
	return r.next(func() error { return r.inner.Next(dest) })
}

// next goes on to the next row by the driver's own means.
func (r *rows) next(advance func() error) error {
	err := r.guard(advance)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		r.c.end(r.ctx, r.op, err)
	case !r.HasNextResultSet():
		r.c.end(r.ctx, r.op, nil)
	}
	return err
}

// Close ends what was not read to its end: well, unless the context had ended it.
func (r *rows) Close() error {
	err := r.guard(r.inner.Close)
	if err != nil {
		r.c.end(r.ctx, r.op, err)
	} else {
		r.c.end(r.ctx, r.op, r.ctx.Err())
	}
	return err
}

// guard ends the operation if the driver does not return.
func (r *rows) guard(f func() error) error {
	returned := false
	defer func() {
		if !returned {
			r.op.abandon()
		}
	}()
	err := f()
	returned = true
	return err
}

func (r *rows) HasNextResultSet() bool {
	more, ok := r.inner.(driver.RowsNextResultSet)
	return ok && more.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	more, ok := r.inner.(driver.RowsNextResultSet)
	if !ok {
		return io.EOF
	}
	err := r.guard(more.NextResultSet)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		r.c.end(r.ctx, r.op, nil)
	default:
		r.c.end(r.ctx, r.op, err)
	}
	return err
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.inner.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	if t, is := r.inner.(driver.RowsColumnTypeLength); is {
		return t.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if t, is := r.inner.(driver.RowsColumnTypeNullable); is {
		return t.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if t, is := r.inner.(driver.RowsColumnTypePrecisionScale); is {
		return t.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
