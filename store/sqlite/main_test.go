package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// childEnv names what a process that a test starts does instead of the tests:
// one of children.
const childEnv = "SWITCHGEAR_SQLITE_TEST_CHILD"

// children are what processes do to the data directory until they are killed.
// They say what they did, line by line, on their standard output.
var children = map[string]func(ctx context.Context, dir string) error{
	"hold":    hold,
	"commit":  commitOnAndOn,
	"migrate": dieInMigration,
	"backup":  backupOnAndOn,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](context.Background(), os.Getenv(childEnv+"_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Each of rapid's checks has a database of its own, which takes some
	// time under the race detector. The command line has the last word.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// child is another process.
type child struct {
	*exec.Cmd

	lines *bufio.Scanner
}

// start starts a child on the directory. It is killed when the test ends.
func start(t *testing.T, name, dir string, env ...string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name, childEnv+"_DIR="+dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.kill(t)
		}
	})
	return c
}

// line waits for the next line that the child says; ok is false at the end.
func (c *child) line() (text string, ok bool) {
	ok = c.lines.Scan()
	return c.lines.Text(), ok
}

// kill kills the child with SIGKILL, and returns what it had said and nobody
// had read.
func (c *child) kill(t *testing.T) (rest []string) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	for text, ok := c.line(); ok; text, ok = c.line() {
		rest = append(rest, text)
	}
	if err := c.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return rest
}

// patient are options for a machine that has much else to do.
var patient = sqlite.Options{Timeout: time.Minute}

// open opens a store that is closed when the test ends.
func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, patient)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// batch is a small batch whose one event has the seq.
func batch(seq uint64) fleet.Batch {
	return fleet.Batch{Events: []fleet.Event{{Seq: seq, Service: "a", Kind: fleet.EventTransition, From: "closed", To: "open", At: time.Now()}}}
}

func write(t *testing.T, s *sqlite.Store, seq uint64) {
	t.Helper()
	b := batch(seq)
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// foreign is one connection to the database file as another program has it.
func foreign(tb testing.TB, dir string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: filepath.ToSlash(filepath.Join(dir, "switchgear.db"))}).EscapedPath())
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := db.Conn(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := conn.Close(); err != nil {
			tb.Error(err)
		}
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return conn
}

func run(tb testing.TB, conn *sql.Conn, statement string) {
	tb.Helper()
	if _, err := conn.ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// line is the one row of a query, its columns joined by |.
func line(tb testing.TB, conn *sql.Conn, query string) string {
	tb.Helper()
	rows, err := conn.QueryContext(tb.Context(), query)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() //nolint:errcheck // Err has it
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	values := make([]sql.NullString, len(columns))
	dest := make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			tb.Fatal(err)
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = v.String
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func wantUnavailable(t *testing.T, what string, err error, words string) {
	t.Helper()
	if fleet.KindOf(err) != fleet.Unavailable || !strings.Contains(fmt.Sprint(err), words) {
		t.Errorf("%s: the error is %v, of kind %v; want one that is unavailable and says %q", what, err, fleet.KindOf(err), words)
	}
}
