package sqlbreaker_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

func openSQLite(t *testing.T, file string, b *switchgear.Breaker) *sql.DB {
	t.Helper()
	db, err := sqlbreaker.Open("sqlite", file, b, sqlbreaker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, db)
}

// forever is a query that ends only when it is interrupted.
const forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

func TestSQLite_AnswersThatBlameTheStatementAreSuccesses(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := openSQLite(t, filepath.Join(t.TempDir(), "a.db"), b)
	mustExec(t, db, "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
	mustExec(t, db, "INSERT INTO accounts VALUES (?, ?)", 1, "ada")
	for _, wrong := range []string{
		"INSERT INTO accounts VALUES (1, 'bob')", "INSERT INTO accounts (id) VALUES (2)", "SELEC 1", "SELECT * FROM nowhere",
	} {
		if _, err := db.ExecContext(t.Context(), wrong); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
	var name string
	if err := db.QueryRowContext(t.Context(), "SELECT name FROM accounts WHERE id = 2").Scan(&name); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("err = %v, want no rows", err)
	}
	if got := b.Operations(); got.Failed != 0 || got.Rejected != 0 {
		t.Errorf("counted %+v, want successes only", got)
	}
}

func TestSQLite_WhatIsNotSentIsIgnored(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := openSQLite(t, ":memory:", b)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := counted(b)
	since()
	for query, args := range map[string][]any{
		"SELECT ?": nil, "SELECT ?2": {1}, "SELECT :n": {sql.Named("m", 1)},
	} {
		var n int
		if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err == nil {
			t.Errorf("%s: no error", query)
		}
		want(t, query, since(), switchgear.Operations{Ignored: 1})
	}
}

func TestSQLite_ADatabaseThatCannotBeOpenedOpensTheCircuitUntilItCan(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "not", "mounted", "yet")
	b := newBreaker(t, switchgear.Config{
		FailureThreshold: 2, ResetTimeout: 20 * time.Millisecond, MinHealthyPeriod: 20 * time.Millisecond,
		ProbeTimeout: patience, BackoffMultiplier: 1, // the probe writes to a disk
	})
	become := states(t, b)
	db := openSQLite(t, filepath.Join(folder, "a.db"), b)
	for range 2 {
		if err := db.PingContext(t.Context()); err == nil {
			t.Fatal("a database in no folder was opened")
		}
	}
	become(switchgear.Open)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	become(switchgear.HalfOpen)
	mustExec(t, db, "CREATE TABLE t (n)")
	become(switchgear.Closed)
}

func TestSQLite_WhatADeadlineEndsIsAFailureAndWhatACallerEndsIsNot(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	db := openSQLite(t, ":memory:", b)
	db.SetMaxOpenConns(1)
	mustExec(t, db, "CREATE TABLE t (n)")
	since := counted(b)
	since()
	var n int
	if err := db.QueryRowContext(within(t, 20*time.Millisecond), forever).Scan(&n); err == nil {
		t.Fatal("a query without end has ended")
	}
	want(t, "a deadline", since(), switchgear.Operations{Failed: 1})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := db.QueryRowContext(ctx, forever).Scan(&n); err == nil {
		t.Fatal("a query without end has ended")
	}
	want(t, "a cancel", since(), switchgear.Operations{Ignored: 1})
}

func TestSQLite_ALockThatDoesNotComeIsAFailure(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.db")
	b := newBreaker(t, switchgear.Config{FailureThreshold: 2})
	db := openSQLite(t, file, b)
	mustExec(t, db, "CREATE TABLE t (n)")
	other, err := sql.Open("sqlite", file+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	closing(t, other)
	holder, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err == nil {
			t.Fatal("wrote through another's lock")
		}
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("err = %v, want a rejection", err)
	}
	if err := holder.Rollback(); err != nil {
		t.Error(err)
	}
}

func TestSQLite_ATransactionOutlivesTheCircuit(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour, MaxResetTimeout: time.Hour})
	db := openSQLite(t, filepath.Join(t.TempDir(), "a.db"), b)
	mustExec(t, db, "CREATE TABLE t (n)")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	trip(t, b)
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t VALUES (2)"); err != nil {
		t.Errorf("the second half was refused: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Errorf("the commit was refused: %v", err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); !errors.Is(err, switchgear.ErrOpen) {
		t.Fatalf("err = %v, want a rejection", err)
	}
	if err := b.Reset(switchgear.Closed, switchgear.Order{Actor: "ada", Reason: "to look"}); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want both", n, err)
	}
}
