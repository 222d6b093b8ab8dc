package sqlbreaker_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

// recovering is a breaker that admits one operation, or the share if there is
// one, for an hour. It is for bubbles.
func recovering(t *testing.T, share float64) *switchgear.Breaker {
	t.Helper()
	cfg := switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Second, Jitter: -1, MinHealthyPeriod: -1, ProbeTimeout: time.Hour}
	if share > 0 {
		cfg.MinHealthyPeriod, cfg.RecoverySteps = time.Hour, []float64{share}
	}
	b := newBreaker(t, cfg)
	trip(t, b)
	time.Sleep(time.Second)
	synctest.Wait()
	if got := b.State(); got != switchgear.HalfOpen {
		t.Fatalf("state = %v, want half_open", got)
	}
	return b
}

func TestRecovery_CarriesOutTheShareOfTheStatementsHoweverManyCallsOneTakes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"that knows everything", "that skips", "that knows only what it must", "of before contexts"} {
		for pool, idle := range map[string]int{"a pool": 2, "no pool": -1} {
			t.Run("a driver "+name+" and "+pool, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := recovering(t, 0.2)
					db := open(t, drivers[name](), b, sqlbreaker.Options{})
					db.SetMaxIdleConns(idle)
					done := uint64(0)
					const statements = 3000
					for range statements {
						if _, err := db.ExecContext(t.Context(), "e", 1); err == nil {
							done++
						}
						time.Sleep(10 * time.Millisecond)
					}
					if share := float64(done) / statements; share < 0.17 || share > 0.26 { // one a second besides
						t.Errorf("of the statements %.1f %% were carried out, want 20 and one a second", 100*share)
					}
					want(t, "each statement once, and the trip", b.Operations(),
						switchgear.Operations{Successful: done, Failed: 1, Rejected: statements - done})
				})
			})
		}
	}
}

func TestRecovery_IsNotClosedByWhatAStatementBeginsWith(t *testing.T) {
	t.Parallel()
	for name, begins := range map[string]func(*sql.DB){
		"connecting": func(db *sql.DB) { _ = db.PingContext(context.Background()) },
		"preparing":  func(db *sql.DB) { _, _ = db.ExecContext(context.Background(), "e") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := modern(func(call string) error {
					switch {
					case call == "ping", strings.HasPrefix(call, "stmt exec"):
						return errBoom // it takes connections and statements, and does no work
					case strings.HasPrefix(call, "exec"):
						return driver.ErrSkip
					}
					return nil
				})
				b := recovering(t, 0)
				become := states(t, b)
				begins(open(t, f, b, sqlbreaker.Options{}))
				become(switchgear.Open)
				want(t, "the trip and the probe", b.Operations(), switchgear.Operations{Failed: 2})
			})
		})
	}
}

// Where nothing follows, what has worked is a success by itself.
func TestRecovery_GoesOnByWhatNothingFollows(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, db *sql.DB, b *switchgear.Breaker){
		"a connection that is kept": func(t *testing.T, db *sql.DB, b *switchgear.Breaker) {
			c := conn(t, db)
			defer func() { _ = c.Close() }()
			want(t, "while a statement may follow", b.Operations(), switchgear.Operations{Failed: 1})
			time.Sleep(time.Second)
		},
		"a connection that goes back": func(t *testing.T, db *sql.DB, _ *switchgear.Breaker) {
			if err := conn(t, db).Close(); err != nil {
				t.Error(err)
			}
		},
		"a connection that is closed": func(t *testing.T, _ *sql.DB, b *switchgear.Breaker) {
			c, err := sqlbreaker.New(modern(nil), b, sqlbreaker.Options{}).Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		},
		"a statement for later": func(t *testing.T, db *sql.DB, _ *switchgear.Breaker) {
			s, err := db.PrepareContext(t.Context(), "p")
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close() //nolint:sqlclosecheck // there is no later
		},
		"a connection that is asked for something else": func(t *testing.T, db *sql.DB, b *switchgear.Breaker) {
			ctx, cancel := context.WithCancel(t.Context())
			c, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			cancel() // which ends the probe
			synctest.Wait()
			if _, err := c.ExecContext(t.Context(), "e"); err != nil {
				t.Errorf("a statement of another context: %v", err)
			}
			want(t, "the trip, a probe whose caller has gone, and the next", b.Operations(), switchgear.Operations{Successful: 1, Failed: 1, Ignored: 1})
		},
	}
	for name, take := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := recovering(t, 0)
				take(t, open(t, modern(nil), b, sqlbreaker.Options{}), b)
				if got := b.State(); got != switchgear.Closed {
					t.Errorf("state = %v, want closed", got)
				}
				if got := b.Operations(); got.Successful != 1 || got.Failed != 1 {
					t.Errorf("counted %+v, want one success", got)
				}
			})
		})
	}
}

func conn(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
