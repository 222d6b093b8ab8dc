package sqlbreaker_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// patience bounds every wait of the tests that nothing should reach.
const patience = 30 * time.Second

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("ledger", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// states tells the breaker's states as they come.
func states(t *testing.T, b *switchgear.Breaker) func(want ...switchgear.State) {
	t.Helper()
	seen := make(chan switchgear.State, 256)
	t.Cleanup(b.Observe(func(tr switchgear.Transition) { seen <- tr.To }))
	return func(want ...switchgear.State) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-seen:
				if got != w {
					t.Fatalf("the breaker became %v, want %v", got, w)
				}
			case <-time.After(patience):
				t.Fatalf("the breaker is %v, and never became %v", b.State(), w)
			}
		}
	}
}

// counted is what the breaker has counted since it was last asked.
func counted(b *switchgear.Breaker) func() switchgear.Operations {
	var before switchgear.Operations
	return func() switchgear.Operations {
		now := b.Operations()
		d := switchgear.Operations{
			Successful: now.Successful - before.Successful, Failed: now.Failed - before.Failed,
			Rejected: now.Rejected - before.Rejected, Ignored: now.Ignored - before.Ignored,
		}
		before = now
		return d
	}
}

func want(t *testing.T, what string, got, want switchgear.Operations) {
	t.Helper()
	if got != want {
		t.Errorf("%s: counted %+v, want %+v", what, got, want)
	}
}

// trip opens the circuit, which must open at its first failure.
func trip(t *testing.T, b *switchgear.Breaker) {
	t.Helper()
	b.HandleError(errBoom, 0)
	if got := b.State(); got == switchgear.Closed {
		t.Fatal("the circuit did not open")
	}
}

// within is a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func closing(t *testing.T, db *sql.DB) *sql.DB {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
