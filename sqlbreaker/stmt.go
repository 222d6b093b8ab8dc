package sqlbreaker

import (
	"context"
	"database/sql/driver"
)

// stmt is a prepared statement.
type stmt struct {
	inner driver.Stmt
	c     *conn
}

// wrapStmt gives the statement a ColumnConverter just where the driver's has
// one: without it database/sql converts arguments in another way.
func wrapStmt(inner driver.Stmt, c *conn) driver.Stmt {
	s := &stmt{inner, c}
	if converter, ok := inner.(driver.ColumnConverter); ok { //nolint:staticcheck // what is deprecated is used all the same
		return convertingStmt{s, converter}
	}
	return s
}

type convertingStmt struct {
	*stmt

	converter driver.ColumnConverter //nolint:staticcheck // as above
}

func (s convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	return s.converter.ColumnConverter(i)
}

func (s *stmt) Close() error  { return s.inner.Close() }
func (s *stmt) NumInput() int { return s.inner.NumInput() }

// Exec is ExecContext without a context.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query is QueryContext without a context.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

// ExecContext is an operation.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return run(ctx, s.c, func() (driver.Result, error) { return stmtExec(ctx, s.inner, args) })
}

// QueryContext is an operation that lasts as long as its rows.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return runQuery(ctx, s.c, func() (driver.Rows, error) { return stmtQuery(ctx, s.inner, args) })
}

// CheckNamedValue is the statement's, or else the connection's.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := s.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return s.c.CheckNamedValue(v)
}

// tx is a transaction.
type tx struct {
	inner driver.Tx
	c     *conn
	ctx   context.Context //nolint:containedctx // BeginTx's, which rules the transaction
}

// Commit is counted and never refused.
func (t *tx) Commit() error {
	defer func() { t.c.inTx = false }()
	_, err := run(t.ctx, t.c, func() (struct{}, error) { return struct{}{}, t.inner.Commit() })
	return err
}

// Rollback goes by the breaker: it can only follow what has been counted.
func (t *tx) Rollback() error {
	t.c.inTx = false
	return t.inner.Rollback()
}
