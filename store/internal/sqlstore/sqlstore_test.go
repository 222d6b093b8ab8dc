package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
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
CREATE TABLE system_settings (key TEXT PRIMARY KEY, value TEXT, description TEXT, updated_at TEXT, updated_by TEXT, revision INTEGER NOT NULL DEFAULT 0);
CREATE TABLE service_events (id INTEGER PRIMARY KEY, seq INTEGER, service TEXT, kind TEXT, from_state TEXT, to_state TEXT, at TEXT, actor TEXT, reason TEXT, evidence TEXT);
CREATE TABLE service_configs (service TEXT, version INTEGER, config TEXT NOT NULL, at TEXT, actor TEXT, reason TEXT, PRIMARY KEY (service, version));
CREATE TABLE audit_log (id INTEGER PRIMARY KEY, at TEXT, actor TEXT, address TEXT, action TEXT, service TEXT, reason TEXT, result TEXT, details TEXT);
CREATE TABLE api_tokens (id TEXT PRIMARY KEY, name TEXT, role TEXT, hash TEXT UNIQUE, services TEXT, created_at TEXT, created_by TEXT, expires_at TEXT, parent TEXT);
CREATE TABLE service_series (service TEXT, step INTEGER, started INTEGER, ended INTEGER, points BLOB, PRIMARY KEY (service, step, started));
CREATE TABLE service_instances (service TEXT, instance TEXT, value TEXT, updated_at TEXT, PRIMARY KEY (service, instance));
CREATE TABLE idempotent_requests (key TEXT PRIMARY KEY, fingerprint TEXT, at TEXT, subject TEXT);
CREATE TABLE alerts (id TEXT PRIMARY KEY, incident TEXT, kind TEXT, service TEXT, severity TEXT, summary TEXT, starts_at TEXT, ends_at TEXT, updated_at TEXT, root TEXT, affects TEXT, evidence TEXT, silenced_by TEXT, told_at TEXT, acknowledged_by TEXT, acknowledged_at TEXT, revision INTEGER NOT NULL DEFAULT 0);
CREATE TABLE alert_silences (id TEXT PRIMARY KEY, matchers TEXT, reason TEXT, author TEXT, starts_at TEXT, ends_at TEXT, created_at TEXT);
CREATE TABLE alert_deliveries (id TEXT PRIMARY KEY, receiver TEXT, incident TEXT, kind TEXT, alerts TEXT, created_at TEXT, attempts INTEGER, next_at TEXT, last_error TEXT);
`

// open is a store over an engine whose errors mean what fault says.
func open(t *testing.T, fault func(error) sqlstore.Fault) *sqlstore.Store {
	t.Helper()
	return openWith(t, fault, sqlstore.Config{})
}

// openWith is open with what a config may have beside the rest.
func openWith(t *testing.T, fault func(error) sqlstore.Fault, cfg sqlstore.Config) *sqlstore.Store {
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
	cfg.Write, cfg.Read, cfg.Timeout = db, db, 10*time.Second
	cfg.Dialect = sqlstore.Dialect{
		Time:  func(at time.Time) any { return at.Format(time.RFC3339Nano) },
		Probe: "SELECT nonsense",
		Fault: fault,
	}
	s, err := sqlstore.New(t.Context(), cfg)
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
		wantError(t, s.Commit(t.Context(), &fleet.Batch{Tokens: []fleet.Token{{ID: "1"}}}), fleet.Unavailable, "opened anew")
	}
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("it is still read: %v", err)
	}
}

// lasting are the faults of errors that say so.
func lasting(err error) sqlstore.Fault {
	return sqlstore.Fault{Reason: "the disk is gone", Lasting: strings.Contains(err.Error(), "for good")}
}

func TestStore_SaysThatItHasFailedForGood(t *testing.T) {
	t.Parallel()
	s := open(t, func(error) sqlstore.Fault { return sqlstore.Fault{Reason: "the disk is gone", Lasting: true} })
	select {
	case <-s.Failed():
		t.Error("it has failed before anything happened")
	default:
	}
	if s.Failure() != nil {
		t.Errorf("Failure = %v", s.Failure())
	}
	for range 2 { // the first reason stands
		if err := s.Ping(t.Context()); err == nil {
			t.Error("the probe is nonsense")
		}
		<-s.Failed()
		if err := s.Failure(); err == nil || !strings.HasPrefix(err.Error(), "the disk is gone: ") {
			t.Errorf("Failure = %v", err)
		}
	}
}

func TestStore_AcknowledgesOnlyWhatIsConfirmed(t *testing.T) {
	t.Parallel()
	passing, forGood := errors.New("once"), errors.New("for good")
	answers := []error{nil, passing, nil, forGood, nil}
	var ids []int64
	s := openWith(t, lasting, sqlstore.Config{Confirm: func(b *fleet.Batch) error {
		ids = append(ids, b.Audit[0].ID)
		answer := answers[0]
		answers = answers[1:]
		return answer
	}})
	for i, want := range []error{nil, passing, nil, forGood, forGood} {
		err := s.Commit(t.Context(), &fleet.Batch{Audit: []fleet.AuditEntry{{Action: "look"}}})
		if !errors.Is(err, want) {
			t.Errorf("commit %d: %v, want %v", i, err, want)
		}
	}
	if len(answers) != 1 || !slices.Equal(ids, []int64{1, 2, 3, 4}) {
		t.Errorf("confirmed: %v", ids)
	}
}

func TestStore_IsCheckedUntilItFailsOrCloses(t *testing.T) {
	t.Parallel()
	checks, checking := make(chan error), make(chan struct{})
	s := openWith(t, lasting, sqlstore.Config{CheckInterval: time.Millisecond, Check: func(ctx context.Context) error {
		select {
		case err := <-checks:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	for _, finding := range []error{nil, errors.New("nothing that lasts"), errors.New("for good")} {
		if s.Failure() != nil {
			t.Fatal(s.Failure())
		}
		checks <- finding
	}
	<-s.Failed()
	wantError(t, s.Commit(t.Context(), &fleet.Batch{}), fleet.Unavailable, "for good")
	// A store that is closed in the middle of a check has not failed by that.
	other := openWith(t, func(error) sqlstore.Fault { return sqlstore.Fault{Lasting: true} }, sqlstore.Config{
		CheckInterval: time.Millisecond, Check: func(ctx context.Context) error {
			checking <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		},
	})
	<-checking
	if err := other.Close(func(*sql.DB) error { return nil }); err != nil || other.Failure() != nil {
		t.Errorf("Close = %v, Failure = %v", err, other.Failure())
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
