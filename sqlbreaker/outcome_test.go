package sqlbreaker_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// modern is a driver whose calls end as ends says.
func modern(ends func(call string) error) *fake {
	return &fake{wrap: func(c *fakeConn) driver.Conn { return newConn{execOnlyConn{c}, queryOnlyConn{c}} }, ends: ends}
}

func open(t *testing.T, f *fake, b *switchgear.Breaker, o sqlbreaker.Options) *sql.DB {
	t.Helper()
	return closing(t, sql.OpenDB(sqlbreaker.New(f, b, o)))
}

func TestErrBadConn_OfAConnectionThatDiedIdleIsNotAFailure(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	dead := map[*fakeConn]bool{}
	f := &fake{}
	var conns []*fakeConn
	f.wrap = func(c *fakeConn) driver.Conn {
		conns = append(conns, c)
		return mortalConn{c, func() bool { mu.Lock(); defer mu.Unlock(); return dead[c] }}
	}
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := open(t, f, b, sqlbreaker.Options{})
	db.SetMaxIdleConns(2)
	var held []*sql.Conn
	for range 2 {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecContext(t.Context(), "e"); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for _, c := range held {
		_ = c.Close()
	}
	since := counted(b)
	since()
	mu.Lock()
	dead[conns[0]], dead[conns[1]] = true, true
	mu.Unlock()
	mustExec(t, db, "e") // database/sql tries both and then a new one
	want(t, "two dead connections and a new one", since(), switchgear.Operations{Successful: 2, Ignored: 2})
}

// mortalConn is bad when it is dead.
type mortalConn struct {
	*fakeConn

	dead func() bool
}

func (c mortalConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	if c.dead() {
		return nil, driver.ErrBadConn
	}
	return driver.RowsAffected(1), nil
}

func TestErrBadConn_IsAFailureWhereNothingElseExplainsIt(t *testing.T) {
	t.Parallel()
	bad := func(of string) *fake {
		return modern(func(call string) error {
			if strings.HasPrefix(call, of) {
				return fmt.Errorf("wrapped: %w", driver.ErrBadConn)
			}
			return nil
		})
	}
	t.Run("on new connections", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, switchgear.Config{})
		_, err := open(t, bad("exec"), b, sqlbreaker.Options{}).ExecContext(t.Context(), "e")
		if !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("err = %v, want the driver's own", err)
		}
		want(t, "three tries", b.Operations(), switchgear.Operations{Successful: 3, Failed: 3})
	})
	t.Run("in a transaction", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, switchgear.Config{})
		tx, err := open(t, bad("exec"), b, sqlbreaker.Options{}).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "e"); !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("err = %v, want the driver's own", err)
		}
		_ = tx.Rollback()
		want(t, "connect, begin and a statement", b.Operations(), switchgear.Operations{Successful: 2, Failed: 1})
	})
	t.Run("when the deadline has passed", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, switchgear.Config{})
		f := modern(nil)
		f.pings = func(ctx context.Context, _ int) error { <-ctx.Done(); return driver.ErrBadConn }
		db := open(t, f, b, sqlbreaker.Options{})
		mustExec(t, db, "e")
		if _, err := db.ExecContext(within(t, 10*time.Millisecond), "e"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		want(t, "connect, a statement and a reset that hangs", b.Operations(), switchgear.Operations{Successful: 2, Failed: 1})
	})
}

func TestTx_IsNeverRejectedHalfWay(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db := open(t, modern(nil), b, sqlbreaker.Options{})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	trip(t, b)
	since := counted(b)
	since()
	if _, err := tx.ExecContext(t.Context(), "e"); err != nil {
		t.Errorf("a statement of a transaction: %v", err)
	}
	s, err := tx.PrepareContext(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.ExecContext(t.Context()); err != nil {
		t.Errorf("a prepared statement of a transaction: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Errorf("the commit: %v", err)
	}
	want(t, "statement, prepare, execute, commit", since(), switchgear.Operations{Successful: 4})
	if _, err := db.BeginTx(t.Context(), nil); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("the next transaction: %v, want a rejection", err)
	}
	if _, err := db.ExecContext(t.Context(), "e"); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("the connection after the transaction: %v, want a rejection", err)
	}
}

func TestDriver_APanicIsAFailureWhereverItHappens(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"connect", "ping", "exec", "query", "prepare", "begin"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour, MaxResetTimeout: time.Hour})
			db := open(t, doing(call, func() { panic("driver") }), b, sqlbreaker.Options{})
			func() {
				defer func() {
					if v := recover(); v != "driver" {
						t.Errorf("recovered %v, want the driver's panic", v)
					}
				}()
				use(t.Context(), db, call)
			}()
			if got := b.Operations(); got.Failed != 1 || got.Ignored != 0 {
				t.Errorf("counted %+v, want one failure", got)
			}
		})
	}
}

func TestDriver_AGoexitIsIgnoredWhereverItHappens(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"connect", "ping", "exec", "query", "next", "prepare", "begin", "reset"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			f := doing(call, runtime.Goexit)
			db := open(t, f, b, sqlbreaker.Options{})
			if call == "reset" {
				mustExec(t, db, "e")
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				use(context.Background(), db, call)
				t.Error("the goroutine went on")
			}()
			<-ended
			if got := b.Operations(); got.Failed != 0 || got.Ignored != 1 {
				t.Errorf("counted %+v, want one ignored", got)
			}
		})
	}
}

// doing is a driver that does something instead of the call.
func doing(call string, something func()) *fake {
	f := modern(func(c string) error {
		if strings.HasPrefix(c, call) {
			something()
		}
		return nil
	})
	f.connect = func() error { return f.end("connect") }
	switch call {
	case "next":
		f.sets = func(r *fakeRows) driver.Rows { return doingRows{r, something} }
	case "reset":
		f.pings = func(context.Context, int) error { something(); return nil }
	}
	return f
}

type doingRows struct {
	*fakeRows

	next func()
}

func (r doingRows) Next([]driver.Value) error { r.next(); return nil }

// use makes one call of the driver.
func use(ctx context.Context, db *sql.DB, call string) {
	switch call {
	case "connect", "ping":
		_ = db.PingContext(ctx)
	case "exec", "reset":
		_, _ = db.ExecContext(ctx, "e")
	case "query", "next":
		rows, err := db.QueryContext(ctx, "q")
		if err == nil {
			defer func() { _ = rows.Close() }()
			rows.Next()
			_ = rows.Err()
		}
	case "prepare":
		if s, err := db.PrepareContext(ctx, "p"); err == nil {
			defer func() { _ = s.Close() }()
		}
	case "begin":
		if tx, err := db.BeginTx(ctx, nil); err == nil {
			_ = tx.Rollback()
		}
	}
}

func TestDB_EveryAdmissionIsSettledOnceAmongManyCallers(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{Disabled: true})
	db := open(t, modern(func(call string) error {
		if strings.HasPrefix(call, "exec bad") {
			return errBoom
		}
		return nil
	}), b, sqlbreaker.Options{})
	db.SetMaxOpenConns(4)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 50 {
				switch i % 5 {
				case 0:
					_, _ = db.ExecContext(t.Context(), "e")
				case 1:
					_, _ = db.ExecContext(t.Context(), "bad")
				default:
					use(t.Context(), db, []string{"query", "prepare", "begin"}[i%5-2])
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	got := b.Operations()
	connects := got.Successful - 16*10*4
	if got.Failed != 16*10 || got.Ignored != 0 || connects == 0 || connects > 16*50 {
		t.Errorf("counted %+v, want 160 failures and 640 successes beside those of connecting", got)
	}
}

func TestStatement_WhoseCallerHasGoneIsIgnoredWhateverTheDriverSays(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	var cancel context.CancelFunc
	db := open(t, modern(func(call string) error {
		if !strings.HasPrefix(call, "exec") {
			return nil
		}
		cancel()
		return errBoom // as of a connection that the driver closed in the caller's wake
	}), b, sqlbreaker.Options{})
	ctx, cancelled := context.WithCancel(t.Context())
	cancel = cancelled
	if _, err := db.ExecContext(ctx, "e"); !errors.Is(err, errBoom) {
		t.Errorf("err = %v, want the driver's own", err)
	}
	want(t, "connect and the statement", b.Operations(), switchgear.Operations{Successful: 1, Ignored: 1})
}

func TestTx_EndsForAConnectionThatIsKept(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*sql.Tx) error{"commit": (*sql.Tx).Commit, "rollback": (*sql.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			c, err := open(t, modern(nil), b, sqlbreaker.Options{}).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			tx, err := c.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := end(tx); err != nil {
				t.Fatal(err)
			}
			trip(t, b)
			if _, err := c.ExecContext(t.Context(), "e"); !errors.Is(err, switchgear.ErrOpen) {
				t.Errorf("err = %v, want a rejection", err)
			}
		})
	}
}
