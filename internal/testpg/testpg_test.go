//go:build unix

package testpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear/internal/testpg"
)

func TestServer_CanBeFrozenKilledAndRestarted(t *testing.T) {
	t.Parallel()
	s, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	url := s.Database(t)
	ask := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close(ctx) }()
		return c.Ping(ctx)
	}
	if err := ask(time.Minute); err != nil {
		t.Fatal(err)
	}
	s.Freeze()
	if err := ask(100 * time.Millisecond); err == nil {
		t.Error("a frozen server answered")
	}
	s.Thaw()
	if err := ask(time.Minute); err != nil {
		t.Error(err)
	}
	s.Kill()
	if err := ask(time.Minute); err == nil {
		t.Error("a killed server answered")
	}
	s.Restart()
	if err := ask(time.Minute); err != nil {
		t.Error(err)
	}
}

func TestStart_DropsItsDatabasesOnASharedServer(t *testing.T) {
	own, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	t.Setenv("SWITCHGEAR_TEST_POSTGRES_URL", own.Database(t))
	count := func() (n int) {
		c, err := pgx.Connect(t.Context(), own.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(t.Context()) }()
		if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_database").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	t.Run("user", func(t *testing.T) {
		shared, _ := testpg.Start(t)
		if _, err := pgx.Connect(t.Context(), shared.Database(t)); err != nil {
			t.Error(err)
		}
	})
	if after := count(); after != before+1 { // count makes one itself
		t.Errorf("%d databases before, %d after", before, after)
	}
}
