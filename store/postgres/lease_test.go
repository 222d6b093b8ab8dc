package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/postgres"
	"github.com/degenduel/switchgear/store/storetest"
)

// alone has the database for itself, and waits for nobody; hasty only does not
// wait.
var (
	alone = postgres.Options{Timeout: time.Minute, Exclusive: true, Wait: -1}
	hasty = postgres.Options{Timeout: time.Minute}
)

func TestStore_HoldsTheLawsOfACluster(t *testing.T) {
	t.Parallel()
	if _, ok := database(t); !ok {
		return
	}
	storetest.RunCluster(t, func(t *testing.T) fleet.ClusterStore {
		t.Helper()
		url, _ := database(t)
		return open(t, url)
	})
}

func TestOpen_RefusesToHaveForItselfWhatAManagerLeads(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	leader := open(t, url)
	l, err := leader.TakeLease(t.Context(), "a", "http://a.test", time.Minute, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Open(t.Context(), url, alone); !errors.Is(err, postgres.ErrInUse) || !strings.Contains(err.Error(), "http://a.test") {
		t.Errorf("Open beside another = %v", err)
	}
	// Another schema is another database.
	run(t, foreign(t, url), "CREATE SCHEMA other")
	write(t, open(t, url+"&search_path=other"), 1)
	if err := leader.ReleaseLease(t.Context(), fleet.Fence{Holder: "a", Term: l.Term}); err != nil {
		t.Fatal(err)
	}
	own, err := postgres.Open(t.Context(), url, alone)
	if err != nil {
		t.Fatal(err)
	}
	write(t, own, 1)
	if _, err := leader.TakeLease(t.Context(), "a", "", time.Minute, 1000); fleet.KindOf(err) != fleet.Conflict {
		t.Errorf("TakeLease = %v", err)
	}
	b := batch(2)
	b.Fence = &fleet.Fence{Holder: "a", Term: l.Term}
	if err := leader.Commit(t.Context(), &b); fleet.KindOf(err) != fleet.Deposed {
		t.Errorf("Commit = %v", err)
	}
	shut(t, own)
	next, err := leader.TakeLease(t.Context(), "a", "", time.Minute, 1000)
	if err != nil || next.Through < 1000 || next.Epoch != l.Epoch {
		t.Errorf("TakeLease = %+v, %v; before %+v", next, err, l)
	}
}

func TestOpen_WaitsForOneThatEnds(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	first, err := postgres.Open(t.Context(), url, alone)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		second, err := postgres.Open(t.Context(), url, postgres.Options{Exclusive: true, Wait: time.Minute})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	awaitLine(t, foreign(t, url), "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT%FROM leases%'", some)
	shut(t, first)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestStore_WritesNothingOnceAnotherHasTheDatabase(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	p := newCut(t, url)
	old, err := postgres.Open(t.Context(), p.url, alone)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, old)
	write(t, old, 1)
	p.shut() // it is cut off
	p.cut()
	run(t, foreign(t, url), "UPDATE leases SET expires_at = clock_timestamp()") // time passes
	next := open(t, url)
	if _, err := next.TakeLease(t.Context(), "b", "", time.Minute, 1000); err != nil {
		t.Fatal(err)
	}
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
	awaitFailure(t, old)
	b := batch(3)
	wantUnavailable(t, "Commit", old.Commit(t.Context(), &b), "another process")
	write(t, next, 3)
	got, err := next.Events(t.Context(), fleet.EventQuery{Limit: 10})
	if err != nil || len(got) != 3 {
		t.Errorf("Events = %+v, %v", got, err)
	}
}

func TestStore_FailsWithoutAWriteOnceAnotherHasTheDatabase(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s, err := postgres.Open(t.Context(), url, alone)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	run(t, foreign(t, url), "UPDATE leases SET holder = 'somebody'")
	awaitFailure(t, s)
}

func TestCommit_OfALeaderWaitsForATakeoverAndIsRefused(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	l, err := s.TakeLease(t.Context(), "a", "", time.Minute, 1000)
	if err != nil {
		t.Fatal(err)
	}
	other := foreign(t, url)
	run(t, other, "BEGIN")
	run(t, other, "UPDATE leases SET holder = 'b', term = term + 1") // which is not there before it is committed
	written := make(chan error, 1)
	go func() {
		b := batch(1)
		b.Fence = &fleet.Fence{Holder: "a", Term: l.Term}
		written <- s.Commit(t.Context(), &b)
	}()
	second := foreign(t, url)
	awaitLine(t, second, waiting, some)
	run(t, other, "COMMIT")
	if err := <-written; fleet.KindOf(err) != fleet.Deposed {
		t.Errorf("it wrote over a takeover: %v", err)
	}
	if got := line(t, second, "SELECT COUNT(*) FROM service_events"); got != "0" {
		t.Errorf("%s events are there", got)
	}
}

// waiting are the transactions that wait for another.
const waiting = `SELECT COUNT(*) FROM pg_locks w JOIN pg_stat_activity a USING (pid)
	WHERE NOT granted AND locktype = 'transactionid' AND a.datname = current_database()`

// A leader whose lease has expired writes on until another has it; a takeover
// waits for the batch that is being written, and knows what was reserved in it.
func TestTakeLease_WaitsForTheBatchOfTheOneBefore(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	if _, err := s.TakeLease(t.Context(), "a", "", time.Millisecond, 1000); err != nil {
		t.Fatal(err)
	}
	other := foreign(t, url)
	run(t, other, "BEGIN") // as a batch of a does
	run(t, other, "UPDATE leases SET seq_reserved = 7000 WHERE holder = 'a' AND term = 1")
	run(t, other, "INSERT INTO service_events (seq, service, kind, at) VALUES (6999, 's', 'reset', now())")
	type took struct {
		l   fleet.Lease
		err error
	}
	done := make(chan took, 1)
	go func() {
		l, err := s.TakeLease(context.WithoutCancel(t.Context()), "b", "", time.Minute, 1000)
		done <- took{l, err}
	}()
	awaitLine(t, foreign(t, url), waiting, some)
	run(t, other, "COMMIT")
	got := <-done
	if got.err != nil || got.l.Through != 7000 || got.l.SeqReserved != 8000 || got.l.Term != 2 {
		t.Errorf("TakeLease = %+v, %v", got.l, got.err)
	}
	c, err := s.Changes(t.Context(), 0, 10)
	if err != nil || len(c.Events) != 1 || c.Seq != 7000 {
		t.Errorf("Changes = %+v, %v", c, err)
	}
}

// What was written by a manager that numbered without a lease is below what a
// leader gives out.
func TestTakeLease_GoesOnAboveWhatWasNumberedWithoutOne(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	write(t, s, 4711)
	l, err := s.TakeLease(t.Context(), "a", "", time.Minute, 1000)
	if err != nil || l.Through != 4711 || l.SeqReserved != 5711 {
		t.Errorf("TakeLease = %+v, %v", l, err)
	}
}

// A lease lasts no longer because the database's clock was set back, whether its
// holder lives or not.
func TestLease_OfAClockThatWasSetBackIsNobodys(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	if _, err := s.TakeLease(t.Context(), "a", "http://a.test", time.Minute, 1000); err != nil {
		t.Fatal(err)
	}
	other := foreign(t, url)
	for _, ahead := range []string{"119 seconds", "1 hour"} {
		run(t, other, "UPDATE leases SET expires_at = clock_timestamp() + INTERVAL '"+ahead+"'")
		l, err := s.Lease(t.Context())
		if err != nil || l.Holder != "a" || (l.Left > 0) != (ahead == "119 seconds") {
			t.Errorf("%s ahead the lease is %+v, %v", ahead, l, err)
		}
	}
	l, err := s.TakeLease(t.Context(), "b", "http://b.test", time.Minute, 1000)
	if err != nil || l.Holder != "b" || l.Term != 2 || l.Left > time.Minute {
		t.Errorf("TakeLease = %+v, %v", l, err)
	}
}
