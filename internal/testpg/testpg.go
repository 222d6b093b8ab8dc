//go:build unix

package testpg

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds what a server that works does at once.
const patience = time.Minute

// Server is a PostgreSQL server. Its methods are for the goroutine of the test.
type Server struct {
	tb      testing.TB
	url     string // of an administrator, to the database postgres
	cluster *cluster
}

// Start is a server for the test, shared with others if the environment names
// one. ok is false where there is none and none is required.
func Start(tb testing.TB) (s *Server, ok bool) {
	tb.Helper()
	return start(tb)
}

func start(tb testing.TB, settings ...string) (s *Server, ok bool) {
	tb.Helper()
	if given := os.Getenv("SWITCHGEAR_TEST_POSTGRES_URL"); given != "" {
		return &Server{tb: tb, url: given}, true
	}
	return StartOwn(tb, settings...)
}

// StartOwn is a server of the test's own, which ends with it. Settings of the
// server, such as fsync=on, go before those that make tests fast.
func StartOwn(tb testing.TB, settings ...string) (s *Server, ok bool) {
	tb.Helper()
	bin := programs()
	if bin == "" {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			tb.Fatal("PostgreSQL is not there: apt-get install postgresql, or set SWITCHGEAR_TEST_POSTGRES_URL")
		}
		tb.Log("PostgreSQL is not there: what needs it is not tested")
		return nil, false
	}
	c := newCluster(tb, bin)
	c.settings = settings
	s = &Server{tb: tb, cluster: c}
	s.Restart()
	tb.Cleanup(c.kill)
	return s, true
}

// programs is the folder of PostgreSQL's programs, of the newest version where
// Debian has several; empty where there is none.
func programs() string {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(real)
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return ""
	}
	newest := slices.MaxFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return filepath.Dir(newest)
}

// Database makes a database that is dropped after the test, and returns its URL.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := "switchgear_test_" + strings.ToLower(rand.Text())
	s.exec(tb, "CREATE DATABASE "+name)
	tb.Cleanup(func() {
		if s.cluster == nil { // one of our own goes as a whole
			s.exec(tb, "DROP DATABASE "+name+" WITH (FORCE)")
		}
	})
	u, err := url.Parse(s.url)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func (s *Server) exec(tb testing.TB, query string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also after the test has ended
	defer cancel()
	c, err := pgx.Connect(ctx, s.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, query); err != nil {
		tb.Fatal(err)
	}
}

// Kill ends a server of one's own as a crash does, with all its connections.
func (s *Server) Kill() { s.own().kill() }

// Freeze stops the server's processes where they are, until Thaw: connections
// stay, and nothing answers.
func (s *Server) Freeze() { s.own().signalAll(stopSignal) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.own().signalAll(continueSignal) }

// Restart starts a server that was killed, at the same address, and waits until
// it serves.
func (s *Server) Restart() {
	s.tb.Helper()
	s.url = s.own().start(s.tb)
}

func (s *Server) own() *cluster {
	s.tb.Helper()
	if s.cluster == nil {
		s.tb.Fatal("testpg: a shared server is nobody's to kill: use StartOwn")
	}
	return s.cluster
}
