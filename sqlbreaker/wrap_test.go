package sqlbreaker_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// drivers are fakes with all manners of optional interfaces.
var drivers = map[string]func() *fake{
	"that knows only what it must": func() *fake {
		return &fake{wrap: func(c *fakeConn) driver.Conn { return c }}
	},
	"of before contexts": func() *fake {
		return &fake{wrap: func(c *fakeConn) driver.Conn { return oldConn{c} }}
	},
	"that knows everything": func() *fake {
		return &fake{
			wrap: func(c *fakeConn) driver.Conn { return newConn{execOnlyConn{c}, queryOnlyConn{c}} },
			stmt: func(s *fakeStmt) driver.Stmt { return newStmt{s} },
			sets: func(r *fakeRows) driver.Rows { return richRows{r} },
		}
	},
	"that converts arguments itself": func() *fake {
		return &fake{
			wrap:  func(c *fakeConn) driver.Conn { return newConn{execOnlyConn{c}, queryOnlyConn{c}} },
			check: func(v any) (driver.Value, error) { return fmt.Sprintf("<%v>", v), nil },
		}
	},
	"that skips": func() *fake {
		return &fake{
			wrap: func(c *fakeConn) driver.Conn { return newConn{execOnlyConn{c}, queryOnlyConn{c}} },
			ends: func(call string) error {
				if call[:4] == "exec" || call[:4] == "quer" {
					return driver.ErrSkip
				}
				return nil
			},
		}
	},
	"that executes but does not query": func() *fake {
		return &fake{wrap: func(c *fakeConn) driver.Conn { return execOnlyConn{c} }}
	},
	"that queries but does not execute": func() *fake {
		return &fake{wrap: func(c *fakeConn) driver.Conn { return queryOnlyConn{c} }}
	},
	"whose statements convert columns": func() *fake {
		return &fake{
			wrap: func(c *fakeConn) driver.Conn { return c },
			stmt: func(s *fakeStmt) driver.Stmt { return convertingStmt{s} },
		}
	},
}

// money is an argument that database/sql cannot convert by itself.
type money struct{ cents int }

func (m money) String() string { return strconv.Itoa(m.cents) }

// everything makes database/sql use a driver in every way, and tells what came
// of it.
func everything(ctx context.Context, db *sql.DB) (told []string) {
	db.SetMaxOpenConns(1)
	tell := func(what string, err error) {
		told = append(told, fmt.Sprintf("%s: failed %v", what, err != nil))
	}
	tell("ping", db.PingContext(ctx))
	for _, arg := range []any{7, "x", money{3}, sql.Named("n", 1)} {
		_, err := db.ExecContext(ctx, "e", arg)
		tell(fmt.Sprintf("exec %v", arg), err)
		told = append(told, read(ctx, db, "q", arg)...)
	}
	told = append(told, read(ctx, db, "q")...)
	s, err := db.PrepareContext(ctx, "p")
	tell("prepare", err)
	if err == nil {
		_, err = s.ExecContext(ctx, 1)
		tell("stmt exec", err)
		rows, err := s.QueryContext(ctx, 1) //nolint:rowserrcheck // closed at once
		tell("stmt query", err)
		if err == nil {
			tell("close rows", rows.Close()) //nolint:sqlclosecheck // what it ends in is told
		}
		tell("close", s.Close()) //nolint:sqlclosecheck // as above
	}
	for _, o := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable}} {
		tx, err := db.BeginTx(ctx, o)
		tell("begin", err)
		if err == nil {
			_, err = tx.ExecContext(ctx, "e")
			tell("tx exec", err)
			tell("commit", tx.Commit())
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	tell("begin", err)
	tell("rollback", tx.Rollback())
	return told
}

// read tells all that can be told of a query's rows.
func read(ctx context.Context, db *sql.DB, query string, args ...any) (told []string) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return []string{"query failed"}
	}
	defer func() { _ = rows.Close() }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return []string{"no column types"}
	}
	length, hasLength := types[0].Length()
	nullable, hasNullable := types[0].Nullable()
	precision, scale, hasScale := types[0].DecimalSize()
	told = append(told, fmt.Sprint(types[0].DatabaseTypeName(), types[0].ScanType(), length, hasLength, nullable, hasNullable, precision, scale, hasScale))
	for {
		for rows.Next() {
			var n int
			told = append(told, fmt.Sprint(rows.Scan(&n), n))
		}
		if !rows.NextResultSet() {
			return append(told, fmt.Sprint(rows.Err()))
		}
	}
}

func TestNew_ChangesNothingOfHowDatabaseSQLUsesADriver(t *testing.T) {
	t.Parallel()
	for name, make := range drivers {
		t.Run("a driver "+name, func(t *testing.T) {
			t.Parallel()
			plain, wrapped := make(), make()
			plainDB := closing(t, sql.OpenDB(plain))
			wantTold := everything(t.Context(), plainDB)
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			wrappedDB := closing(t, sql.OpenDB(sqlbreaker.New(wrapped, b, sqlbreaker.Options{})))
			told := everything(t.Context(), wrappedDB)
			if d := cmp.Diff(wantTold, told); d != "" {
				t.Errorf("what came of it (-plain +wrapped):\n%s", d)
			}
			if d := cmp.Diff(plain.trace, wrapped.trace); d != "" {
				t.Errorf("what the driver was asked (-plain +wrapped):\n%s", d)
			}
			if got := b.Operations(); got.Failed != 0 || got.Rejected != 0 || got.Successful == 0 {
				t.Errorf("counted %+v of a driver that works", got)
			}
		})
	}
}

func TestErrSkip_IsNotCounted(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	db := closing(t, sql.OpenDB(sqlbreaker.New(drivers["that skips"](), b, sqlbreaker.Options{})))
	since := counted(b)
	mustExec(t, db, "e", 1)
	want(t, "connect, prepare and execute", since(), switchgear.Operations{Successful: 3})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "e", 1); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	want(t, "begin, prepare, execute and commit", since(), switchgear.Operations{Successful: 4})
}

func TestErrSkip_HoldsTheProbeUntilWhatFollowsIt(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: 1e6, ProbeTimeout: 3.6e12, MinHealthyPeriod: -1})
	f := drivers["that skips"]()
	db := closing(t, sql.OpenDB(sqlbreaker.New(f, b, sqlbreaker.Options{})))
	mustExec(t, db, "e", 1)
	become := states(t, b)
	trip(t, b)
	become(switchgear.Open, switchgear.HalfOpen)
	mustExec(t, db, "e", 1) // skip, prepare and execute are one operation, and close it
	become(switchgear.Closed)
	want(t, "connect, prepare and execute, the trip, and the probe", b.Operations(), switchgear.Operations{Successful: 4, Failed: 1})
}

func TestUnwrap_IsTheDriversConnection(t *testing.T) {
	t.Parallel()
	db := closing(t, sql.OpenDB(sqlbreaker.New(drivers["of before contexts"](), newBreaker(t, switchgear.Config{}), sqlbreaker.Options{})))
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = c.Raw(func(driverConn any) error {
		if _, ok := sqlbreaker.Unwrap(driverConn).(oldConn); !ok {
			t.Errorf("Unwrap(%T) = %T", driverConn, sqlbreaker.Unwrap(driverConn))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := sqlbreaker.Unwrap(7); got != 7 {
		t.Errorf("Unwrap(7) = %v", got)
	}
}
