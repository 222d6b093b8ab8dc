//go:build unix

package sqlbreaker_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// What the caller has done wrong is not the database's failure.

func unsent(t *testing.T, server *testpg.Server) {
	t.Parallel()
	url := server.Database(t)
	for name, tt := range map[string]struct {
		mode string // of pgx's protocol
		ask  func(*sql.DB) error
	}{
		"an argument out of range": {"cache_statement", asks("SELECT $1::int4", int64(1)<<40)},
		"too few arguments":        {"cache_statement", asks("SELECT $1::int4")},
		"too many arguments":       {"cache_statement", asks("SELECT $1::int4", 1, 2)},
		"of no type it knows":      {"cache_statement", asks("SELECT $1::int4", struct{ a chan int }{})},
		"too many to execute":      {"cache_statement", executes("SELECT $1::int4", 1, 2)},
		"described each time":      {"describe_exec", executes("SELECT $1::int4", int64(1)<<40)},
		"too few of text":          {"simple_protocol", asks("SELECT $1::int4 + $2", 1)},
		"too many of text":         {"simple_protocol", asks("SELECT $1::int4", 1, 2)},
		"counted from 0":           {"simple_protocol", asks("SELECT $0::int4", 1)},
		"an isolation it lacks":    {"cache_statement", begins(sql.LevelLinearizable)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			db, err := sqlbreaker.Open("pgx", url+mark(url)+"default_query_exec_mode="+tt.mode, b, sqlbreaker.Options{})
			if err != nil {
				t.Fatal(err)
			}
			closing(t, db)
			if err := db.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			since := counted(b)
			since()
			if err = tt.ask(db); err == nil {
				t.Error("no error")
			}
			if got := since(); got != (switchgear.Operations{Ignored: 1}) {
				t.Errorf("%v: counted %+v, want it ignored", err, got)
			}
		})
	}
}

// mark is what comes before another parameter of the URL.
func mark(url string) string {
	if strings.Contains(url, "?") {
		return "&"
	}
	return "?"
}

func asks(query string, args ...any) func(*sql.DB) error {
	return func(db *sql.DB) error {
		var n int
		return db.QueryRow(query, args...).Scan(&n)
	}
}

func executes(query string, args ...any) func(*sql.DB) error {
	return func(db *sql.DB) error {
		_, err := db.Exec(query, args...)
		return err
	}
}

func begins(level sql.IsolationLevel) func(*sql.DB) error {
	return func(db *sql.DB) error {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: level})
		if err == nil {
			_ = tx.Rollback()
		}
		return err
	}
}

func commitOfAFailure(t *testing.T, server *testpg.Server) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := openPostgres(t, server.Database(t), b)
	mustExec(t, db, "CREATE TABLE accounts (id int PRIMARY KEY)")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO accounts VALUES (1), (1)"); err == nil {
		t.Error("two accounts have one id")
	}
	since := counted(b)
	since()
	if err := tx.Commit(); !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("err = %v", err)
	}
	want(t, "the commit", since(), switchgear.Operations{Successful: 1})
}
