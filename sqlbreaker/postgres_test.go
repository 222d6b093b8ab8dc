//go:build unix

package sqlbreaker_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// quick recovers as soon as the tests can see.
var quick = switchgear.Config{
	FailureThreshold: 3, ResetTimeout: 100 * time.Millisecond, MinHealthyPeriod: 50 * time.Millisecond,
	ProbeTimeout: 10 * time.Second, BackoffMultiplier: 1,
}

func TestPostgres_ThatFails(t *testing.T) {
	server, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	// One after the other: each leaves a server that works.
	t.Run("killed, it opens the circuit; restarted, it closes it", func(t *testing.T) { killed(t, server) })
	t.Run("restarted between two queries, it opens nothing", func(t *testing.T) { restarted(t, server) })
	t.Run("hung, it opens the circuit, and nobody waits then", func(t *testing.T) { hung(t, server) })
	t.Run("hung, it is slow before anybody has given up", func(t *testing.T) { hungInFlight(t, server) })
}

func TestPostgres_ThatWorks(t *testing.T) {
	t.Parallel()
	server, ok := testpg.Start(t)
	if !ok {
		return
	}
	t.Run("its own trouble is told from the statement's", func(t *testing.T) { troubles(t, server) })
	t.Run("whatever keeps it from being connected to is a failure", func(t *testing.T) { refusal(t, server) })
	t.Run("what is not sent to it is ignored", func(t *testing.T) { unsent(t, server) })
	t.Run("a commit of what had failed is an answer", func(t *testing.T) { commitOfAFailure(t, server) })
	t.Run("prepared statements and transactions are as without us", func(t *testing.T) { statements(t, server) })
}

// openPostgres is a database through pgx, which asks the server whenever a
// pooled connection is taken, so that a hung one hangs there.
func openPostgres(t *testing.T, url string, b *switchgear.Breaker) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	always := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return true })
	return closing(t, sql.OpenDB(sqlbreaker.New(stdlib.GetConnector(*config, always), b, sqlbreaker.Options{})))
}

// warm fills the pool with n connections that have worked.
func warm(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	db.SetMaxIdleConns(n)
	held := make([]*sql.Conn, n)
	for i := range held {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		held[i] = c
	}
	for _, c := range held {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// one asks the database for 1.
func one(ctx context.Context, db *sql.DB) error {
	var n int
	return db.QueryRowContext(ctx, "SELECT $1::int", 1).Scan(&n)
}

// untilClosed asks until the circuit has closed and the database answers.
func untilClosed(t *testing.T, db *sql.DB, b *switchgear.Breaker) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := one(within(t, 5*time.Second), db)
		if err == nil && b.State() == switchgear.Closed {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the circuit is %v, and the last answer was %v", b.State(), err)
		}
	}
}

func killed(t *testing.T, server *testpg.Server) {
	b := newBreaker(t, quick)
	become := states(t, b)
	db := openPostgres(t, server.Database(t), b)
	warm(t, db, 2)

	began := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		tx, err := db.BeginTx(t.Context(), nil)
		began <- err
		if err != nil {
			return
		}
		if _, err = tx.ExecContext(t.Context(), "SELECT pg_sleep(60)"); err == nil {
			t.Error("a query outlived its server")
		}
		_ = tx.Rollback()
	})
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	server.Kill()
	wg.Wait()
	for b.State() == switchgear.Closed {
		if err := one(within(t, patience), db); err == nil {
			t.Fatal("a killed server answered")
		}
	}
	become(switchgear.Open)
	server.Restart()
	untilClosed(t, db, b)
	become(switchgear.HalfOpen)
}

func restarted(t *testing.T, server *testpg.Server) {
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := openPostgres(t, server.Database(t), b)
	warm(t, db, 5)
	server.Kill()
	server.Restart()
	if err := one(t.Context(), db); err != nil { // five dead connections, and one that is new
		t.Errorf("err = %v", err)
	}
	if got := b.Operations(); got.Failed != 0 || b.State() != switchgear.Closed {
		t.Errorf("counted %+v, the circuit is %v", got, b.State())
	}
}

func hung(t *testing.T, server *testpg.Server) {
	b := newBreaker(t, quick)
	become := states(t, b)
	db := openPostgres(t, server.Database(t), b)
	warm(t, db, 4)
	server.Freeze()
	for range quick.FailureThreshold {
		if err := one(within(t, 50*time.Millisecond), db); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a query of a hung server: %v", err)
		}
	}
	become(switchgear.Open)
	forced := switchgear.Override{Mode: switchgear.ForcedOpen, Actor: "ada", Reason: "to look", Until: time.Now().Add(time.Hour)}
	if err := b.Override(forced); err != nil {
		t.Fatal(err)
	}
	if err := one(t.Context(), db); !errors.Is(err, switchgear.ErrOpen) { // no deadline: it would hang
		t.Errorf("err = %v, want a rejection", err)
	}
	server.Thaw()
	if err := b.EndOverride(switchgear.Order{Actor: "ada", Reason: "seen"}); err != nil {
		t.Fatal(err)
	}
	untilClosed(t, db, b)
}

// The callers have no deadline, and hang where pgx looks after pooled
// connections that have been idle.
func hungInFlight(t *testing.T, server *testpg.Server) {
	b := newBreaker(t, switchgear.Config{SlowCallDuration: 400 * time.Millisecond, SlowCallRateThreshold: 0.3, MinimumOperations: 4})
	become := states(t, b)
	db := openPostgres(t, server.Database(t), b)
	warm(t, db, 4)
	before := b.Operations()
	server.Freeze()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := one(ctx, db); !errors.Is(err, context.Canceled) {
				t.Errorf("a query of a hung server: %v", err)
			}
		})
	}
	become(switchgear.Open)
	cancel()
	wg.Wait()
	server.Thaw()
	if got := b.Operations(); got.Ignored != before.Ignored+4 || got.Failed != 0 {
		t.Errorf("counted %+v after %+v, want four callers more that have gone", got, before)
	}
}

func troubles(t *testing.T, server *testpg.Server) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	url := server.Database(t)
	db := openPostgres(t, url, b)
	db.SetMaxOpenConns(1)
	mustExec(t, db, "CREATE TABLE accounts (id int PRIMARY KEY, name text NOT NULL)")
	mustExec(t, db, "INSERT INTO accounts VALUES ($1, $2)", 1, "ada")
	since := counted(b)
	since()
	for _, wrong := range []string{
		"INSERT INTO accounts VALUES (1, 'bob')", "INSERT INTO accounts (id) VALUES (2)", "SELEC 1", "SELECT * FROM nowhere", "SELECT 1/0",
	} {
		if _, err := db.ExecContext(t.Context(), wrong); err == nil {
			t.Errorf("%s: no error", wrong)
		}
		want(t, wrong, since(), switchgear.Operations{Successful: 1})
	}
	mustExec(t, db, "SET statement_timeout = 20")
	since()
	if _, err := db.ExecContext(t.Context(), "SELECT pg_sleep(60)"); err == nil {
		t.Error("a statement outlived its timeout")
	}
	want(t, "a statement that took too long", since(), switchgear.Operations{Failed: 1})
	mustExec(t, db, "SET statement_timeout = 0")
	since()

	rows, err := db.QueryContext(t.Context(), "SELECT 1/(3-i) FROM generate_series(1, 100) i")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		want(t, "while there are rows", since(), switchgear.Operations{})
	}
	if rows.Err() == nil {
		t.Error("divided by zero")
	}
	_ = rows.Close() //nolint:sqlclosecheck // what closing counts is the next line's to see
	want(t, "rows that divide by zero", since(), switchgear.Operations{Successful: 1})

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := db.ExecContext(ctx, "SELECT pg_sleep(60)"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	want(t, "a caller that has gone", since(), switchgear.Operations{Ignored: 1})

	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	since()
	if _, err := db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())"); err == nil {
		t.Error("a terminated connection answered")
	}
	want(t, "a connection that an administrator ended", since(), switchgear.Operations{Failed: 1})
}

func refusal(t *testing.T, server *testpg.Server) {
	t.Parallel()
	config, err := pgx.ParseConfig(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "nowhere"
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := closing(t, sql.OpenDB(sqlbreaker.New(stdlib.GetConnector(*config), b, sqlbreaker.Options{})))
	if err := db.PingContext(t.Context()); err == nil {
		t.Fatal("connected to a database that is not there")
	}
	want(t, "a database that is not there", b.Operations(), switchgear.Operations{Failed: 1})
}

func statements(t *testing.T, server *testpg.Server) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db, err := sqlbreaker.Open("pgx", server.Database(t), b, sqlbreaker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	mustExec(t, db, "CREATE TABLE t (n int, tags text[])")
	insert, err := db.PrepareContext(t.Context(), "INSERT INTO t VALUES ($1, $2)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = insert.Close() }()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	inTx := tx.StmtContext(t.Context(), insert)
	defer func() { _ = inTx.Close() }()
	for i := range 3 {
		if _, err := inTx.ExecContext(t.Context(), i, []string{"a", "b"}); err != nil { // a value of pgx's own kind
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t WHERE tags = $1", []string{"a", "b"}).Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows, %v; want 3", n, err)
	}
	if got := b.Operations(); got.Failed+got.Rejected+got.Ignored != 0 {
		t.Errorf("counted %+v, want successes only", got)
	}
}
