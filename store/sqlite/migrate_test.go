package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	modernc "modernc.org/sqlite"

	"github.com/degenduel/switchgear/store/sqlite"
)

// deadlyEnv is set where die kills.
const deadlyEnv = "SWITCHGEAR_SQLITE_TEST_DEADLY"

func init() {
	// die() is 7, or the end of the process in the middle of a statement.
	modernc.MustRegisterScalarFunction("die", 0, func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
		if os.Getenv(deadlyEnv) == "" {
			return int64(7), nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err == nil {
			select {}
		}
		return nil, err
	})
}

// later are our migrations and two more, of which the first may be deadly.
func later() (fstest.MapFS, error) {
	const first = "00001_initial.sql"
	initial, err := os.ReadFile(filepath.Join("migrations", first))
	if err != nil {
		return nil, err
	}
	return fstest.MapFS{
		first: {Data: initial},
		"00002_deadly.sql": {Data: []byte(`-- +goose Up
			CREATE TABLE later (n INTEGER);
			INSERT INTO later VALUES (1), (2);
			UPDATE api_tokens SET name = 'half';
			ALTER TABLE audit_log ADD COLUMN more TEXT;
			INSERT INTO later SELECT die();
			DROP TABLE audit_log;
			`)},
		"00003_last.sql": {Data: []byte("-- +goose Up\nALTER TABLE later ADD COLUMN more TEXT;\n")},
	}, nil
}

func dieInMigration(ctx context.Context, dir string) error {
	migrations, err := later()
	if err == nil {
		_, err = sqlite.OpenWith(ctx, dir, sqlite.Options{}, migrations)
	}
	return errors.Join(errors.New("it lived"), err)
}

// dieMigrating is the end of a process in the middle of a migration.
func dieMigrating(t *testing.T, dir string) {
	t.Helper()
	c := start(t, "migrate", dir, deadlyEnv+"=1")
	if said, ok := c.line(); ok {
		t.Errorf("the child said %q", said)
	}
	if err := c.Wait(); err == nil || c.ProcessState.Exited() {
		t.Fatalf("the child was not killed: %v", err)
	}
}

func TestOpen_LeavesNoHalfDatabaseWhenKilledWhileMakingOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		dieMigrating(t, dir)
		if _, err := os.Stat(filepath.Join(dir, "switchgear.db")); err == nil {
			t.Fatal("there is a database")
		}
	}
	write(t, open(t, dir), 1)
}

func TestOpen_LeavesTheOldTablesWhenKilledWhileMigrating(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	shut(t, s)
	const schema = "SELECT name, sql FROM sqlite_schema ORDER BY name"
	before := line(t, foreign(t, dir), schema)
	for range 3 {
		dieMigrating(t, dir)
		if got := line(t, foreign(t, dir), schema); got != before {
			t.Fatalf("the tables are\n%s\nwant\n%s", got, before)
		}
		s := open(t, dir) // the old program can go on
		shut(t, s)
	}
	migrations, err := later()
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.OpenWith(t.Context(), dir, sqlite.Options{}, migrations)
	if err == nil || !strings.Contains(err.Error(), "audit_log") {
		t.Fatalf("Open = %v; it should miss the table that the migration took", err)
	}
	if got := line(t, foreign(t, dir), "SELECT COUNT(*), SUM(n), COUNT(more), (SELECT COUNT(*) FROM service_events) FROM later"); got != "3|10|0|1" {
		t.Errorf("after the migration: %s", got)
	}
	_, err = sqlite.Open(t.Context(), dir, sqlite.Options{})
	if !errors.Is(err, sqlite.ErrNewer) || !strings.Contains(fmt.Sprint(err), "version 3, and this one knows 1") {
		t.Errorf("Open of newer tables = %v", err)
	}
}
