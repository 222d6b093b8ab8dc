package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/postgres"
)

// hasty waits for nobody.
var hasty = postgres.Options{Timeout: time.Minute, Wait: -1}

func TestOpen_RefusesASecondManager(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	first := open(t, url)
	for range 2 { // being refused leaves the other's hold alone
		_, err := postgres.Open(t.Context(), url, hasty)
		if !errors.Is(err, postgres.ErrInUse) || !strings.Contains(err.Error(), "connected from") {
			t.Errorf("Open beside another = %v", err)
		}
	}
	write(t, first, 1)
	// Another schema is another database.
	run(t, foreign(t, url), "CREATE SCHEMA other")
	write(t, open(t, url+"&search_path=other"), 1)
	shut(t, first)
	second, err := postgres.Open(t.Context(), url, hasty)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, second)
	if got, err := second.Load(t.Context()); err != nil || got.Seq != 1 {
		t.Errorf("Load = %+v, %v", got, err)
	}
}

func TestOpen_WaitsForOneThatEnds(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	first := open(t, url)
	opened := make(chan error, 1)
	go func() {
		second, err := postgres.Open(t.Context(), url, postgres.Options{Wait: time.Minute})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	other := foreign(t, url)
	awaitLine(t, other, "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", some)
	shut(t, first)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// keepers are the sessions that have an advisory lock: the one that keeps the
// database.
const keepers = ` FROM pg_locks WHERE locktype = 'advisory' AND granted
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

func TestStore_TakesItsLockAgainWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	other := foreign(t, url)
	before := line(t, other, "SELECT pid"+keepers)
	run(t, other, "SELECT pg_terminate_backend("+before+")")
	write(t, s, 1) // nothing waits for the lock
	awaitLine(t, other, "SELECT COALESCE(MAX(pid), 0)"+keepers, func(now string) bool { return now != before && now != "0" })
	if _, err := postgres.Open(t.Context(), url, hasty); !errors.Is(err, postgres.ErrInUse) {
		t.Errorf("Open = %v", err)
	}
	write(t, s, 2)
	if s.Failure() != nil {
		t.Error(s.Failure())
	}
}

func TestStore_WritesNothingOnceAnotherManagerHasTheDatabase(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	p := newCut(t, url)
	old, err := postgres.Open(t.Context(), p.url, patient)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, old)
	write(t, old, 1)
	p.shut() // it is cut off: the server sees its sessions end
	p.cut()
	next := open(t, url)
	write(t, next, 2)
	p.open()
	for name, call := range map[string]func() error{
		"Commit": func() error {
			b := batch(3)
			return old.Commit(t.Context(), &b)
		},
		"Ping": func() error { return old.Ping(t.Context()) },
		"PutSeries": func() error {
			return old.PutSeries(t.Context(), []fleet.SeriesChunk{{Step: time.Second, Start: time.Unix(1, 0), End: time.Unix(2, 0)}})
		},
		"TrimAlerts": func() error {
			_, err := old.TrimAlerts(t.Context(), time.Now(), 10)
			return err
		},
		"SettleDeliveries": func() error { return old.SettleDeliveries(t.Context(), []string{"1"}, nil) },
	} {
		if err := call(); err == nil {
			t.Errorf("%s of the one before: no error", name)
		}
	}
	awaitFailure(t, old) // at the latest when it looks by itself
	if err := old.Failure(); !strings.Contains(err.Error(), "another manager") {
		t.Errorf("Failure = %v", err)
	}
	b := batch(3)
	wantUnavailable(t, "Commit", old.Commit(t.Context(), &b), "another manager")
	write(t, next, 3)
	got, err := next.Events(t.Context(), fleet.EventQuery{Limit: 10})
	if err != nil || len(got) != 3 {
		t.Errorf("Events = %+v, %v", got, err)
	}
}

func TestStore_FailsWithoutAWriteOnceAnotherManagerHasTheDatabase(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	run(t, foreign(t, url), "UPDATE leases SET holder = 'somebody'")
	awaitFailure(t, s)
}

func TestStore_HoldsItsTransactionAgainstATakeover(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	other := foreign(t, url)
	run(t, other, "BEGIN")
	run(t, other, "UPDATE leases SET holder = 'somebody'") // which is not there before it is committed
	written := make(chan error, 1)
	go func() {
		b := batch(1)
		written <- s.Commit(t.Context(), &b)
	}()
	second := foreign(t, url)
	awaitLine(t, second, `SELECT COUNT(*) FROM pg_locks w JOIN pg_stat_activity a USING (pid)
		WHERE NOT granted AND locktype = 'transactionid' AND a.datname = current_database()`, some)
	run(t, other, "COMMIT")
	if err := <-written; err == nil {
		t.Error("it wrote over a takeover")
	}
	if got := line(t, second, "SELECT COUNT(*) FROM service_events"); got != "0" {
		t.Errorf("%s events are there", got)
	}
}
