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
func database(tb testing.TB) (url string, ok bool) {
	tb.Helper()
	server, ok := testpg.Shared(tb, "fsync=on", "max_connections=400")
	if !ok {
		return "", false
	}
	return server.Database(tb), true
}

// open opens a store that the test's end closes.
func open(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), url, patient)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { shut(tb, s) })
	return s
}

func shut(tb testing.TB, s *postgres.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

// foreign is another program's connection.
func foreign(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(tb testing.TB, conn *pgx.Conn, statement string) {
	tb.Helper()
	if _, err := conn.Exec(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// line is the one row of a query of texts, its columns joined by |.
func line(tb testing.TB, conn *pgx.Conn, query string) string {
	tb.Helper()
	rows, err := conn.Query(tb.Context(), query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
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
		tb.Fatalf("%s: %v", query, err)
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

func write(tb testing.TB, s fleet.Store, seq uint64) {
	tb.Helper()
	b := batch(seq)
	if err := s.Commit(tb.Context(), &b); err != nil {
		tb.Fatal(err)
	}
}

func wantUnavailable(tb testing.TB, what string, err error, words string) {
	tb.Helper()
	if err == nil || fleet.KindOf(err) != fleet.Unavailable || !strings.Contains(err.Error(), words) {
		tb.Errorf("%s: the error is %v, of kind %v; want one that is unavailable and says %q", what, err, fleet.KindOf(err), words)
	}
}

// awaitLine asks until the answer is as wanted, for a minute at most.
func awaitLine(tb testing.TB, conn *pgx.Conn, query string, wanted func(answer string) bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		answer := line(tb, conn, query)
		if wanted(answer) {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: it stays %s", query, answer)
		}
	}
}

// some is an answer that is a number above 0.
func some(answer string) bool { return answer != "0" }

// awaitFailure waits until the store has failed for good.
func awaitFailure(tb testing.TB, s *postgres.Store) {
	tb.Helper()
	select {
	case <-s.Failed():
	case <-time.After(time.Minute):
		tb.Fatal("it does not fail")
	}
}
