package sqlbreaker_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// fake is a driver that no database is behind, for what real ones do not do at
// will. It writes down how database/sql calls it.
type fake struct {
	mu    sync.Mutex
	trace []string

	wrap    func(*fakeConn) driver.Conn            // gives a connection its optional interfaces
	connect func() error                           // what connecting ends in
	ends    func(call string) error                // what a call ends in
	rows    func(ctx context.Context) *fakeRows    // of a query
	stmt    func(*fakeStmt) driver.Stmt            // gives a statement its optional interfaces
	check   func(value any) (driver.Value, error)  // converts arguments
	sets    func(r *fakeRows) driver.Rows          // gives rows their optional interfaces
	pings   func(ctx context.Context, n int) error // the n-th reset of the driver's
	resets  int
}

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	if f.connect != nil {
		if err := f.connect(); err != nil {
			return nil, err
		}
	}
	f.note("connect")
	return f.wrap(&fakeConn{f}), nil
}

func (f *fake) Driver() driver.Driver { return nil }

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = append(f.trace, fmt.Sprintf(format, args...))
}

func (f *fake) end(call string) error {
	f.note("%s", call)
	if f.ends == nil {
		return nil
	}
	return f.ends(call)
}

// fakeConn has what every connection must have.
type fakeConn struct{ f *fake }

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) {
	if err := c.f.end("prepare " + query); err != nil {
		return nil, err
	}
	s := &fakeStmt{c.f, query}
	if c.f.stmt != nil {
		return c.f.stmt(s), nil
	}
	return s, nil
}

func (c *fakeConn) Begin() (driver.Tx, error) { return fakeTx{c.f}, c.f.end("begin") }
func (c *fakeConn) Close() error              { return c.f.end("close") }

type fakeTx struct{ f *fake }

func (t fakeTx) Commit() error   { return t.f.end("commit") }
func (t fakeTx) Rollback() error { return t.f.end("rollback") }

type fakeStmt struct {
	f     *fake
	query string
}

func (s *fakeStmt) Close() error  { return s.f.end("close stmt") }
func (s *fakeStmt) NumInput() int { return -1 }

func (s *fakeStmt) Exec(args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.f.end(fmt.Sprint("stmt exec ", args))
}

func (s *fakeStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.f.open(context.Background(), fmt.Sprint("stmt query ", args))
}

func (f *fake) open(ctx context.Context, call string) (driver.Rows, error) {
	if err := f.end(call); err != nil {
		return nil, err
	}
	r := &fakeRows{f: f, left: 1}
	if f.rows != nil {
		r = f.rows(ctx)
		r.f = f
	}
	if f.sets != nil {
		return f.sets(r), nil
	}
	return r, nil
}

// fakeRows have one column.
type fakeRows struct {
	f      *fake
	left   int
	err    error // after the last row; nil: io.EOF
	closes error
}

func (r *fakeRows) Columns() []string { return []string{"n"} }
func (r *fakeRows) Close() error      { r.f.note("close rows"); return r.closes }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		if r.err != nil {
			return r.err
		}
		return io.EOF
	}
	r.left--
	dest[0] = int64(r.left)
	return nil
}

// The optional interfaces, old and new.

type oldConn struct{ *fakeConn }

func (c oldConn) Exec(query string, args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.end(fmt.Sprint("old exec ", query, args))
}

func (c oldConn) Query(query string, args []driver.Value) (driver.Rows, error) {
	return c.f.open(context.Background(), fmt.Sprint("old query ", query, args))
}

type execOnlyConn struct{ *fakeConn }

func (c execOnlyConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.end(fmt.Sprint("exec ", query, args))
}

type queryOnlyConn struct{ *fakeConn }

func (c queryOnlyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.f.open(ctx, fmt.Sprint("query ", query, args))
}

type newConn struct {
	execOnlyConn

	queries queryOnlyConn
}

func (c newConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.queries.QueryContext(ctx, query, args)
}

func (c newConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	c.f.note("with context:")
	return c.Prepare(query)
}

func (c newConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	return fakeTx{c.f}, c.f.end(fmt.Sprint("begin ", o))
}

func (c newConn) Ping(context.Context) error { return c.f.end("ping") }
func (c newConn) IsValid() bool              { c.f.note("is valid"); return true }

func (c newConn) ResetSession(ctx context.Context) error {
	c.f.note("reset")
	if c.f.pings != nil {
		c.f.resets++
		return c.f.pings(ctx, c.f.resets)
	}
	return nil
}

func (c newConn) CheckNamedValue(v *driver.NamedValue) (err error) {
	c.f.note("check %v", v.Value)
	if c.f.check == nil {
		return driver.ErrSkip
	}
	v.Value, err = c.f.check(v.Value)
	return err
}

type newStmt struct{ *fakeStmt }

func (s newStmt) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.f.end(fmt.Sprint("stmt exec with context ", args))
}

func (s newStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.f.open(ctx, fmt.Sprint("stmt query with context ", args))
}

func (s newStmt) CheckNamedValue(v *driver.NamedValue) error {
	s.f.note("stmt check %v", v.Value)
	return driver.ErrSkip
}

type convertingStmt struct{ *fakeStmt }

func (s convertingStmt) NumInput() int { return 1 }

func (s convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	s.f.note("converter %d", i)
	return driver.String
}

type richRows struct{ *fakeRows }

func (r richRows) HasNextResultSet() bool { return r.left == 0 && r.err == nil }

func (r richRows) NextResultSet() error { r.f.note("next set"); r.left, r.err = 1, io.EOF; return nil }

func (r richRows) ColumnTypeScanType(int) reflect.Type               { return reflect.TypeFor[int64]() }
func (r richRows) ColumnTypeDatabaseTypeName(int) string             { return "BIGINT" }
func (r richRows) ColumnTypeLength(int) (int64, bool)                { return 8, true }
func (r richRows) ColumnTypeNullable(int) (bool, bool)               { return true, true }
func (r richRows) ColumnTypePrecisionScale(int) (int64, int64, bool) { return 19, 0, true }
