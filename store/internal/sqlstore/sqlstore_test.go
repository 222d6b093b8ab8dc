package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tables = `-- +goose Up
CREATE TABLE system_settings (key TEXT PRIMARY KEY, value TEXT, description TEXT, updated_at TEXT, updated_by TEXT);
CREATE TABLE service_events (id INTEGER PRIMARY KEY, seq INTEGER, service TEXT, kind TEXT, from_state TEXT, to_state TEXT, at TEXT, actor TEXT, reason TEXT, evidence TEXT);
CREATE TABLE service_configs (service TEXT, version INTEGER, config TEXT NOT NULL, at TEXT, actor TEXT, reason TEXT, PRIMARY KEY (service, version));
CREATE TABLE audit_log (id INTEGER PRIMARY KEY, at TEXT, actor TEXT, address TEXT, action TEXT, service TEXT, reason TEXT, result TEXT);
CREATE TABLE api_tokens (id TEXT PRIMARY KEY, name TEXT, role TEXT, hash TEXT UNIQUE, created_at TEXT, expires_at TEXT);
`

// open is a store over an engine whose errors mean what fault says.
func open(t *testing.T, fault func(error) sqlstore.Fault) *sqlstore.Store {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/x.db")
	if err != nil {
		t.Fatal(err)
	}
	migrations := fstest.MapFS{"00001_x.sql": {Data: []byte(tables)}}
	for range 2 { // the second time there is nothing to do
		if err := sqlstore.Migrate(t.Context(), db, goose.DialectSQLite3, migrations); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlstore.New(t.Context(), sqlstore.Config{
		Write: db, Read: db, Timeout: 10 * time.Second,
		Dialect: sqlstore.Dialect{
			Time:  func(at time.Time) any { return at.Format(time.RFC3339Nano) },
			Probe: "SELECT nonsense",
			Fault: fault,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(func(*sql.DB) error { return nil }); err != nil {
			t.Error(err)
		}
	})
	return s
}

func wantError(t *testing.T, err error, kind fleet.Kind, words string) {
	t.Helper()
	if err == nil || fleet.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("the error is %v, of kind %v; want one of kind %v that says %q", err, fleet.KindOf(err), kind, words)
	}
}

func TestStore_WritesNothingAfterALastingFault(t *testing.T) {
	t.Parallel()
	s := open(t, func(err error) sqlstore.Fault {
		return sqlstore.Fault{Reason: "the disk is gone", Lasting: strings.Contains(err.Error(), "nonsense")}
	})
	if err := s.Commit(t.Context(), &fleet.Batch{Audit: []fleet.AuditEntry{{Action: "look"}}}); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Ping(t.Context()), fleet.Unavailable, "the disk is gone")
	for range 2 {
		wantError(t, s.Commit(t.Context(), &fleet.Batch{}), fleet.Unavailable, "nothing is written until the store is opened anew: the disk is gone")
		wantError(t, s.AddToken(t.Context(), fleet.Token{ID: "1"}), fleet.Unavailable, "opened anew")
	}
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("it is still read: %v", err)
	}
}

func TestStore_WritesOnAfterAFaultThatPasses(t *testing.T) {
	t.Parallel()
	s := open(t, func(error) sqlstore.Fault { return sqlstore.Fault{Reason: "the disk is full"} })
	wantError(t, s.Ping(t.Context()), fleet.Unavailable, "the disk is full")
	if err := s.Commit(t.Context(), &fleet.Batch{}); err != nil {
		t.Errorf("Commit = %v", err)
	}
}

func TestStore_CallsItsOwnMistakesInternal(t *testing.T) {
	t.Parallel()
	s := open(t, func(error) sqlstore.Fault { return sqlstore.Fault{} })
	err := s.Commit(t.Context(), &fleet.Batch{Configs: []fleet.ConfigVersion{{Service: "a", Version: 1}}})
	wantError(t, err, fleet.Internal, "commit: ")
	_, err = s.Events(t.Context(), fleet.EventQuery{Limit: 1001})
	wantError(t, err, fleet.Invalid, "a limit of 1001 is not in 1 to 1000")
	_, err = s.Events(t.Context(), fleet.EventQuery{})
	wantError(t, err, fleet.Invalid, "a limit of 0 is not in 1 to 1000")
}

func TestNew_NeedsTheTables(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/x.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := sqlstore.New(t.Context(), sqlstore.Config{Write: db, Read: db}); err == nil || !strings.Contains(err.Error(), "system_settings") {
		t.Errorf("New = %v", err)
	}
}

func TestMigrate_LeavesNewerTablesAlone(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/x.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	both := fstest.MapFS{
		"00001_x.sql": {Data: []byte(tables)},
		"00002_y.sql": {Data: []byte("-- +goose Up\nCREATE TABLE later (n INTEGER);\n")},
	}
	if err := sqlstore.Migrate(t.Context(), db, goose.DialectSQLite3, both); err != nil {
		t.Fatal(err)
	}
	delete(both, "00002_y.sql")
	if err := sqlstore.Migrate(t.Context(), db, goose.DialectSQLite3, both); !errors.Is(err, sqlstore.ErrNewer) {
		t.Errorf("Migrate = %v", err)
	}
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "INSERT INTO later VALUES (1)"); err != nil {
		t.Error(err)
	}
}
