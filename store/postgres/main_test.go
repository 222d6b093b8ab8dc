package postgres_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/store/postgres"
)

func TestMain(m *testing.M) {
	// Each of rapid's checks has a database of its own. The command line has
	// the last word.
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(testpg.Main{M: m})
}

// patient waits on a machine that is busy with other tests.
var patient = postgres.Options{Timeout: time.Minute, MaxConnections: 4}

// database is a new one on the server of all tests; ok is false where there is
// no PostgreSQL.
func database(t testing.TB) (url string, ok bool) {
	t.Helper()
	server, ok := testpg.Shared(t, "fsync=on", "max_connections=400")
	if !ok {
		return "", false
	}
	return server.Database(t), true
}

// open opens a store that the test's end closes.
func open(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, patient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *postgres.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// foreign is another program's connection.
func foreign(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// line is the one row of a query of texts, its columns joined by |.
func line(t testing.TB, conn *pgx.Conn, query string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var parts []string
		for _, raw := range rows.RawValues() {
			parts = append(parts, string(raw))
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(lines, "\n")
}

// batch is one event and the row that it changes.
func batch(seq uint64) fleet.Batch {
	return fleet.Batch{
		Services: []fleet.ServiceRow{{Service: "a", Value: json.RawMessage(fmt.Sprintf(`{"seq":%d}`, seq)), UpdatedAt: time.Now()}},
		Events:   []fleet.Event{{Seq: seq, Service: "a", Kind: fleet.EventTransition, From: "closed", To: "open", At: time.Now()}},
		Audit:    []fleet.AuditEntry{{At: time.Now(), Action: "count"}},
	}
}

func write(t testing.TB, s fleet.Store, seq uint64) {
	t.Helper()
	b := batch(seq)
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

func wantUnavailable(t testing.TB, what string, err error, words string) {
	t.Helper()
	if err == nil || fleet.KindOf(err) != fleet.Unavailable || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: the error is %v, of kind %v; want one that is unavailable and says %q", what, err, fleet.KindOf(err), words)
	}
}
