package sqlbreaker_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// resetting is a driver whose connections have worked, and whose resets are as
// reset says.
func resetting(t *testing.T, b *switchgear.Breaker, reset func(context.Context) error) (*sql.DB, func() switchgear.Operations) {
	t.Helper()
	f := modern(nil)
	f.pings = func(ctx context.Context, _ int) error { return reset(ctx) }
	db := open(t, f, b, sqlbreaker.Options{})
	db.SetMaxOpenConns(1)
	mustExec(t, db, "e")
	since := counted(b)
	since()
	return db, since
}

// takes is a reset that takes d, unless its context ends before.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return driver.ErrBadConn
		}
	}
}

func TestReset_IsAPartOfTheOperationThatTheConnectionIsTakenFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{SlowCallDuration: time.Second, SlowCallRateThreshold: 1, MinimumOperations: 100})
		db, since := resetting(t, b, takes(2*time.Second))
		mustExec(t, db, "e")
		want(t, "a reset and a statement", since(), switchgear.Operations{Successful: 1})
		if got := b.Snapshot(); got.Performance.Last < 2*time.Second || got.Slow != 1 {
			t.Errorf("it took %v, and %d are slow; want 2 s, and one", got.Performance.Last, got.Slow)
		}
	})
}

func TestReset_ThatHangsOpensTheCircuitWhileItHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{SlowCallDuration: time.Second, SlowCallRateThreshold: 0.3, MinimumOperations: 2})
		db, since := resetting(t, b, takes(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := db.ExecContext(ctx, "e")
			done <- err
		}()
		time.Sleep(2 * time.Second)
		if got := b.State(); got != switchgear.Open {
			t.Errorf("state = %v after 2 s of a reset that hangs, want open", got)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		want(t, "a caller that has gone", since(), switchgear.Operations{Ignored: 1})
	})
}

func TestReset_ThatFailsIsTheOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{})
		db, since := resetting(t, b, takes(time.Hour))
		if _, err := db.ExecContext(within(t, time.Second), "e"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		want(t, "a deadline", since(), switchgear.Operations{Failed: 1})
	})
}

// Whoever takes a connection and asks nothing has not asked for anything.
func TestReset_ThatNothingFollowsIsIgnored(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]func(*testing.T, *sql.Conn){
		"given back": func(t *testing.T, c *sql.Conn) {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		},
		"kept": func(*testing.T, *sql.Conn) { time.Sleep(time.Second) },
		"raw": func(t *testing.T, c *sql.Conn) {
			if err := c.Raw(func(driverConn any) error { sqlbreaker.Unwrap(driverConn); return nil }); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db, since := resetting(t, newBreaker(t, switchgear.Config{}), takes(0))
				c := conn(t, db)
				defer func() { _ = c.Close() }()
				want(t, "while something may follow", since(), switchgear.Operations{})
				keep(t, c)
				want(t, "nothing", since(), switchgear.Operations{Ignored: 1})
			})
		})
	}
}

func TestUnwrap_HandsOutAConnectionThatWasReset(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(*testing.T, *switchgear.Breaker){
		"closed": func(*testing.T, *switchgear.Breaker) {},
		"open":   trip,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			resets := 0
			db, _ := resetting(t, b, func(ctx context.Context) error {
				resets++
				if ctx.Err() != nil {
					return driver.ErrBadConn
				}
				return nil
			})
			state(t, b)
			ctx, cancel := context.WithCancel(t.Context())
			c, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			cancel()
			for range 2 {
				err := c.Raw(func(driverConn any) error {
					if _, ok := sqlbreaker.Unwrap(driverConn).(newConn); !ok || resets != 1 {
						t.Errorf("it was reset %d times, want once", resets)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			_ = c.Close()
			if got := db.Stats().Idle; got != 1 {
				t.Errorf("%d connections went back to the pool, want the one", got)
			}
		})
	}
}

func TestUnwrap_OfAConnectionThatTurnsOutToBeBadKeepsItFromThePool(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	db, _ := resetting(t, b, func(context.Context) error { return driver.ErrBadConn })
	trip(t, b)
	since := counted(b)
	since()
	c := conn(t, db)
	if err := c.Raw(func(driverConn any) error { sqlbreaker.Unwrap(driverConn); return nil }); !errors.Is(err, driver.ErrBadConn) && err != nil {
		t.Error(err)
	}
	_ = c.Close()
	if got := db.Stats().OpenConnections; got != 0 {
		t.Errorf("%d connections in the pool, want none", got)
	}
	want(t, "a connection that died idle", since(), switchgear.Operations{})
}

func TestConn_IsResetUnderTheOperationWhereNotEverythingIsLetIn(t *testing.T) {
	t.Parallel()
	f := modern(nil)
	asked := make(chan struct{}, 16)
	f.pings = func(context.Context, int) error { asked <- struct{}{}; return nil }
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour, MaxResetTimeout: time.Hour, MinHealthyPeriod: -1})
	db := open(t, f, b, sqlbreaker.Options{})
	mustExec(t, db, "e")
	mustExec(t, db, "e")
	if len(asked) != 1 {
		t.Fatalf("while closed the connection was reset %d times, want once", len(asked))
	}
	<-asked
	trip(t, b)
	if _, err := db.ExecContext(t.Context(), "e"); !errors.Is(err, switchgear.ErrOpen) {
		t.Fatalf("err = %v, want a rejection", err)
	}
	if len(asked) != 0 {
		t.Error("an open circuit asked the database to reset a connection")
	}
	if err := b.Reset(switchgear.HalfOpen, switchgear.Order{Actor: "ada", Reason: "it is back"}); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "e")
	if len(asked) != 1 {
		t.Errorf("the probe reset its connection %d times, want once", len(asked))
	}
	if got := b.State(); got != switchgear.Closed {
		t.Errorf("state = %v, want closed", got)
	}
}

func TestConn_AResetThatFindsItBadEndsTheOperationAndFreesTheProbe(t *testing.T) {
	t.Parallel()
	f := modern(nil)
	f.pings = func(context.Context, int) error { return driver.ErrBadConn }
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Millisecond, ProbeTimeout: time.Hour, MinHealthyPeriod: -1})
	db := open(t, f, b, sqlbreaker.Options{})
	mustExec(t, db, "e")
	become := states(t, b)
	trip(t, b)
	become(switchgear.Open, switchgear.HalfOpen)
	mustExec(t, db, "e") // bad, so a new connection, which is the probe
	become(switchgear.Closed)
	want(t, "connect and a statement, the trip, a reset, connect with a statement", b.Operations(),
		switchgear.Operations{Successful: 3, Failed: 1, Ignored: 1})
}

func TestDriver_APanicWhileResettingFreesTheProbe(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Millisecond, ProbeTimeout: time.Hour, BackoffMultiplier: 1})
	f := modern(nil)
	f.pings = func(context.Context, int) error { panic("driver") }
	db := open(t, f, b, sqlbreaker.Options{})
	mustExec(t, db, "e")
	become := states(t, b)
	trip(t, b)
	become(switchgear.Open, switchgear.HalfOpen)
	func() {
		defer func() {
			if v := recover(); v != "driver" {
				t.Errorf("recovered %v, want the driver's panic", v)
			}
		}()
		_, _ = db.ExecContext(t.Context(), "e")
	}()
	become(switchgear.Open) // it was the probe, and failed
}
