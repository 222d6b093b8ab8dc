package sqlite_test

import (
	"compress/gzip"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	modernc "modernc.org/sqlite"

	"github.com/degenduel/switchgear/fleet"
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
	all, err := ours()
	if err != nil {
		return nil, err
	}
	all["00098_deadly.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
			CREATE TABLE later (n INTEGER);
			INSERT INTO later VALUES (1), (2);
			UPDATE api_tokens SET name = 'half';
			ALTER TABLE audit_log ADD COLUMN more TEXT;
			INSERT INTO later SELECT die();
			DROP TABLE audit_log;
			`)}
	all["00099_last.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE later ADD COLUMN more TEXT;\n")}
	return all, nil
}

// ours are our migrations.
func ours() (fstest.MapFS, error) {
	files, err := filepath.Glob(filepath.Join("migrations", "*.sql"))
	if err != nil {
		return nil, err
	}
	all := make(fstest.MapFS)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all[filepath.Base(file)] = &fstest.MapFile{Data: content}
	}
	return all, nil
}

// dieInMigration opens the database with later, or with our own migrations, of
// which the second is deadly after so many of its statements.
func dieInMigration(ctx context.Context, dir string) error {
	migrations, err := later()
	if after, of := strings.CutPrefix(os.Getenv(deadlyEnv), "after "); of && err == nil {
		migrations, err = deadlyAfter(after)
	}
	if err == nil {
		_, err = sqlite.OpenWith(ctx, dir, sqlite.Options{}, migrations)
	}
	return errors.Join(errors.New("it lived"), err)
}

const second = "00002_access.sql"

func deadlyAfter(statements string) (fstest.MapFS, error) {
	all, err := ours()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(statements)
	if err != nil {
		return nil, err
	}
	parts := strings.SplitAfter(string(all[second].Data), ";\n")
	if n == 0 { // behind goose's own line
		parts[0] = strings.Replace(parts[0], "-- +goose Up\n", "-- +goose Up\nSELECT die();\n", 1)
	} else {
		parts[n-1] += "SELECT die();\n"
	}
	all[second].Data = []byte(strings.Join(parts, ""))
	return all, nil
}

// dieMigrating is the end of a process in the middle of a migration.
func dieMigrating(t *testing.T, dir, where string) {
	t.Helper()
	c := start(t, "migrate", dir, deadlyEnv+"="+where)
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
		dieMigrating(t, dir, "later")
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
		dieMigrating(t, dir, "later")
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
	if !errors.Is(err, sqlite.ErrNewer) || !strings.Contains(fmt.Sprint(err), "version 99, and this one knows "+newest) {
		t.Errorf("Open of newer tables = %v", err)
	}
}

// version1 puts a database that version 1 of the tables has, with some content,
// in a new directory. It was written by the program of that time.
func version1(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	packed, err := os.Open(filepath.Join("testdata", "version1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close() //nolint:errcheck // it was read only
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "switchgear.db"), content)
	return dir
}

func TestOpen_TakesOverADatabaseOfVersion1(t *testing.T) {
	t.Parallel()
	dir := version1(t)
	s := open(t, dir)
	wantVersion1(t, s)
	// What is new works beside what is old.
	b := fleet.Batch{
		Tokens: []fleet.Token{
			{ID: "3", Name: "third", Role: "agent", Hash: "cc", Services: []string{"market_*"}, CreatedBy: "ada"},
			{ID: "4", Name: "third", Role: "agent", Hash: "dd", Parent: "3"},
		},
		Revoked:  []string{"1"},
		Requests: []fleet.Request{{Key: "k", Fingerprint: "f", At: time.Now()}},
	}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	s = open(t, dir)
	if got, err := s.Tokens(t.Context()); err != nil || len(got) != 3 || got[0].ID != "3" || got[0].Services[0] != "market_*" ||
		got[0].Session() || got[1].Parent != "3" || got[2].ID != "2" || got[2].Session() {
		t.Errorf("Tokens = %+v, %v", got, err)
	}
	if got, err := s.Request(t.Context(), "k"); err != nil || got.Fingerprint != "f" {
		t.Errorf("Request = %+v, %v", got, err)
	}
}

// wantVersion1 wants what the database of version 1 had.
func wantVersion1(t *testing.T, s *sqlite.Store) {
	t.Helper()
	found, err := s.Load(t.Context())
	if err != nil || len(found.Services) != 2 || found.Versions["market_data_service"] != 3 || found.Seq != 3 {
		t.Errorf("Load = %+v, %v", found, err)
	}
	events, err := s.Events(t.Context(), fleet.EventQuery{Limit: 10})
	if err != nil || len(events) != 3 || string(events[0].Evidence) != `{"version":3}` {
		t.Errorf("Events = %+v, %v", events, err)
	}
	entries, err := s.Audit(t.Context(), fleet.AuditQuery{Limit: 10, Service: "market_data_service"})
	if err != nil || len(entries) != 3 || entries[0].Address != "192.0.2.1" || entries[0].Details != nil {
		t.Errorf("Audit = %+v, %v", entries, err)
	}
	tokens, err := s.Tokens(t.Context())
	if err != nil || len(tokens) != 2 || tokens[0].Name != "first" || tokens[0].Services != nil || tokens[1].ExpiresAt.IsZero() {
		t.Errorf("Tokens = %+v, %v", tokens, err)
	}
}

// newest is the version of the tables that this program makes.
const newest = "8"

// wantVersion wants the tables whole, of one of the versions.
func wantVersion(t *testing.T, dir string, versions ...string) {
	t.Helper()
	const query = `SELECT (SELECT MAX(version_id) FROM goose_db_version),
		(SELECT COUNT(*) FROM pragma_table_info('api_tokens') WHERE name IN ('services', 'created_by')),
		(SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('idempotent_requests', 'idempotent_requests_by_time', 'audit_log_by_service')),
		(SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('service_series', 'service_series_by_time', 'service_events_by_kind')),
		(SELECT COUNT(*) FROM pragma_table_info('api_tokens') WHERE name = 'parent'),
		(SELECT COUNT(*) FROM pragma_table_info('audit_log') WHERE name = 'details'),
		(SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('alerts', 'alerts_by_service', 'alerts_by_incident', 'alerts_by_end',
			'alert_silences', 'alert_silences_by_end', 'alert_deliveries')),
		(SELECT COUNT(*) FROM sqlite_schema WHERE name = 'service_instances'),
		(SELECT COUNT(*) FROM pragma_table_info('system_settings') WHERE name = 'revision') + (SELECT COUNT(*) FROM pragma_table_info('alerts') WHERE name = 'revision')`
	whole := map[string]string{
		"1": "1|0|0|0|0|0|0|0|0", "2": "2|2|3|0|0|0|0|0|0", "3": "3|2|3|3|0|0|0|0|0", "4": "4|2|3|3|1|0|0|0|0", "5": "5|2|3|3|1|1|0|0|0",
		"6": "6|2|3|3|1|1|7|0|0", "7": "7|2|3|3|1|1|7|1|0", "8": "8|2|3|3|1|1|7|1|2",
	}
	got := line(t, foreign(t, dir), query)
	for _, version := range versions {
		if got == whole[version] {
			return
		}
	}
	t.Errorf("version, new columns, new tables: %s, which is not one of version %v", got, versions)
}

func TestOpen_LeavesVersion1WhenKilledAnywhereInTheMigration(t *testing.T) {
	t.Parallel()
	migrations, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	statements := strings.Count(string(migrations[second].Data), ";\n")
	dir, kills := version1(t), 0
	for kills < 20 {
		for after := range statements + 1 {
			dieMigrating(t, dir, fmt.Sprintf("after %d", after))
			wantVersion(t, dir, "1")
			kills++
		}
	}
	s := open(t, dir)
	wantVersion1(t, s)
	wantVersion(t, dir, newest)
}
