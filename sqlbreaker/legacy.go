package sqlbreaker

import (
	"context"
	"database/sql/driver"
)

// What database/sql does with drivers that do not know contexts, so that they
// work here as they do there.

type (
	execFunc  func(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error)
	queryFunc func(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error)
)

// execOf is how the connection executes without preparing; nil if it cannot.
func execOf(c driver.Conn) execFunc {
	switch e := c.(type) {
	case driver.ExecerContext:
		return e.ExecContext
	case driver.Execer: //nolint:staticcheck // what is deprecated is used all the same
		return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
			values, err := unnamed(ctx, args)
			if err != nil {
				return nil, err
			}
			return e.Exec(query, values)
		}
	}
	return nil
}

// queryOf is how the connection queries without preparing; nil if it cannot.
func queryOf(c driver.Conn) queryFunc {
	switch q := c.(type) {
	case driver.QueryerContext:
		return q.QueryContext
	case driver.Queryer: //nolint:staticcheck // as above
		return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
			values, err := unnamed(ctx, args)
			if err != nil {
				return nil, err
			}
			return q.Query(query, values)
		}
	}
	return nil
}

func stmtExec(ctx context.Context, s driver.Stmt, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := s.(driver.StmtExecContext); ok {
		return e.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.Exec(values) //nolint:staticcheck // as above
}

func stmtQuery(ctx context.Context, s driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := s.(driver.StmtQueryContext); ok {
		return q.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.Query(values) //nolint:staticcheck // as above
}

func prepare(ctx context.Context, c driver.Conn, query string) (driver.Stmt, error) {
	if p, ok := c.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close()
		return nil, ctx.Err()
	}
	return s, err
}

func begin(ctx context.Context, c driver.Conn, o driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, o)
	}
	switch {
	case o.Isolation != 0:
		return nil, usageError("sqlbreaker: the driver knows no isolation levels")
	case o.ReadOnly:
		return nil, usageError("sqlbreaker: the driver knows no read-only transactions")
	}
	t, err := c.Begin() //nolint:staticcheck // as above
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback()
		return nil, ctx.Err()
	}
	return t, err
}

// usageError is a fault of the program: nobody was asked.
type usageError string

func (e usageError) Error() string { return string(e) }

// unnamed is args for a driver that knows neither names nor contexts.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, usageError("sqlbreaker: the driver knows no named arguments")
		}
		values[i] = arg.Value
	}
	return values, ctx.Err()
}

func named(values []driver.Value) []driver.NamedValue {
	args := make([]driver.NamedValue, len(values))
	for i, v := range values {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return args
}
