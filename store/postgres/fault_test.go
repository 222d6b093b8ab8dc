package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/store/postgres"
)

// own is a database on a server of the test's own.
func own(t *testing.T) (server *testpg.Server, url string, ok bool) {
	t.Helper()
	server, ok = testpg.StartOwn(t, "fsync=on")
	if !ok {
		return nil, "", false
	}
	return server, server.Database(t), true
}

// again calls until there is no error but one that is Unavailable.
func again(t *testing.T, call func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := call()
		if err == nil {
			return
		}
		if fleet.KindOf(err) != fleet.Unavailable || ctx.Err() != nil {
			t.Fatalf("it does not come back: %v", err)
		}
	}
}

func TestStore_KeepsWhatItAcknowledgedThroughKillsOfTheServer(t *testing.T) {
	t.Parallel()
	server, url, ok := own(t)
	if !ok {
		return
	}
	s, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	var acknowledged sync.Map // seq of an event: its ID
	var count atomic.Int64
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		enough := make(chan struct{})
		began := count.Load()
		for w := range 4 {
			writers.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					b := batch(uint64(w+1)*1_000_000_000 + uint64(time.Now().UnixNano()%1_000_000_000))
					if err := s.Commit(ctx, &b); err == nil {
						acknowledged.Store(b.Events[0].Seq, b.Events[0].ID)
						if count.Add(1) == began+50 {
							close(enough)
						}
					} else if kind := fleet.KindOf(err); kind != fleet.Unavailable {
						t.Errorf("the error is %v, of kind %v", err, kind)
					}
				}
			})
		}
		<-enough
		server.Kill()
		cancel()
		writers.Wait()
		server.Restart()
		again(t, func() error { return s.Ping(t.Context()) })
	}
	there := make(map[uint64]int64)
	q := fleet.EventQuery{Limit: 1000}
	for page, err := s.Events(t.Context(), q); len(page) > 0 || err != nil; page, err = s.Events(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			there[e.Seq] = e.ID
		}
		q.Before = page[len(page)-1].ID
	}
	acknowledged.Range(func(seq, id any) bool {
		if there[seq.(uint64)] != id.(int64) {
			t.Errorf("event %d, seq %d was acknowledged and is not there", id, seq)
		}
		return true
	})
	if got := line(t, foreign(t, url), "SELECT (SELECT COUNT(*) FROM service_events) = (SELECT COUNT(*) FROM audit_log)"); got != "t" {
		t.Error("half a batch is there")
	}
	if count.Load() < 200 || s.Failure() != nil {
		t.Errorf("%d commits, %v", count.Load(), s.Failure())
	}
}

func TestStore_EndsItsCallsOnAServerThatHangs(t *testing.T) {
	t.Parallel()
	server, url, ok := own(t)
	if !ok {
		return
	}
	s, err := postgres.Open(t.Context(), url, postgres.Options{Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	write(t, s, 1)
	server.Freeze()
	began := time.Now()
	for range 3 { // on the connection that was there, and on new ones
		b := batch(2)
		wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), "no answer in time")
		_, err := s.Load(t.Context())
		wantUnavailable(t, "Load", err, "no answer in time")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("six calls took %v", took)
	}
	server.Thaw()
	again(t, func() error { return s.Ping(t.Context()) })
	// Behind the Ping nothing is on its way any more.
	before := line(t, foreign(t, url), "SELECT COUNT(*) FROM service_events")
	write(t, s, 3)
	got, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1000})
	if err != nil || strconv.Itoa(len(got)-1) != before || got[0].Seq != 3 {
		t.Errorf("%d events after %s, %v", len(got), before, err)
	}
}

func TestStore_OutlivesConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	p := newCut(t, url)
	s, err := postgres.Open(t.Context(), p.url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	for seq := uint64(1); seq <= 40; seq++ {
		if seq%8 == 0 {
			p.cut()
		}
		again(t, func() error {
			b := batch(seq)
			return s.Commit(t.Context(), &b)
		})
	}
	p.shut() // nobody gets in
	p.cut()
	wantUnavailable(t, "Ping", s.Ping(t.Context()), "")
	wantUnavailable(t, "Ping", s.Ping(t.Context()), "cannot be reached")
	p.open()
	again(t, func() error { return s.Ping(t.Context()) })
	stored, err := s.Load(t.Context())
	if err != nil || stored.Seq != 40 || s.Failure() != nil {
		t.Errorf("Load = %+v, %v, %v", stored, err, s.Failure())
	}
}

func TestStore_IsUnavailableWhereTheServerRefuses(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	write(t, s, 1)
	other := foreign(t, url)
	name := line(t, other, "SELECT current_database()")
	run(t, other, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	run(t, other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	wantUnavailable(t, "after the end of its connection", s.Ping(t.Context()), "")
	wantUnavailable(t, "a database that is read-only", s.Ping(t.Context()), "cannot be reached")
	run(t, other, "SET default_transaction_read_only = off")
	run(t, other, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	again(t, func() error { return s.Ping(t.Context()) })
	run(t, other, "ALTER DATABASE "+name+" CONNECTION LIMIT 0")
	run(t, other, "CREATE ROLE limited_"+name+" LOGIN")
	_, err := postgres.Open(t.Context(), strings.Replace(url, "postgres@", "limited_"+name+"@", 1), patient)
	if err == nil || !strings.Contains(err.Error(), "too many connections") {
		t.Errorf("Open = %v", err)
	}
	run(t, other, "DROP ROLE limited_"+name)
	write(t, s, 2)
}

func TestStore_KeepsTextThatPostgreSQLCannotHold(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	s := open(t, url)
	b := batch(1)
	b.Services[0].Value = json.RawMessage(`{"text":"a\u0000b\ud800c","n":12345678901234567890,"big":1e300}`)
	b.Services[0].Description = "a\x00b"
	b.Events[0].Reason = "bad \xff\xfe text\x00"
	b.Events[0].Evidence = json.RawMessage(`{"a":"\u0000"}`)
	b.Tokens = []fleet.Token{{ID: "1", Name: "n\x00", Role: "viewer", Hash: "aa", CreatedAt: time.Now()}}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context())
	if err != nil || got.Services[0].Description != "a\uFFFDb" {
		t.Fatalf("Load = %+v, %v", got, err)
	}
	var value struct {
		Text string
		N    json.Number
	}
	if err := json.Unmarshal(got.Services[0].Value, &value); err != nil || value.Text != "a\uFFFDb\uFFFDc" || value.N != "12345678901234567890" {
		t.Errorf("%s became %+v, %v", got.Services[0].Value, value, err)
	}
	found, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1, Service: "a"})
	if err != nil || found[0].Reason != "bad \uFFFD text\uFFFD" || string(found[0].Evidence) != `{"a":"\u0000"}` {
		t.Errorf("Events = %+v, %v", found, err)
	}
	if found, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1, Service: "a\x00"}); err != nil || len(found) > 0 {
		t.Errorf("of a name that cannot be: %+v, %v", found, err)
	}
}

func TestOpen_NeverTellsThePassword(t *testing.T) {
	t.Parallel()
	server, url, ok := own(t)
	if !ok {
		return
	}
	const secret = "hunter%2Ftwo"
	with := strings.Replace(url, "postgres@", "postgres:"+secret+"@", 1)
	var log strings.Builder
	opts := postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s, err := postgres.Open(t.Context(), with, opts)
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	errs := []error{s.Ping(t.Context()), s.Ping(t.Context()), s.Close()}
	for _, bad := range []string{
		with, with + "&sslmode=nonsense", with + "&sslrootcert=/nowhere", strings.Replace(with, ":"+secret, ":"+secret+"%zz", 1),
		strings.Replace(with, "127.0.0.1", "256.0.0.1:bad", 1), strings.Replace(with, "postgres://", "mysql://", 1),
	} {
		_, err := postgres.Open(t.Context(), bad, opts)
		if err == nil {
			t.Fatal("it opened")
		}
		errs = append(errs, err)
	}
	said := errors.Join(errs...).Error() + log.String()
	if strings.Contains(said, secret) || strings.Contains(said, "hunter") {
		t.Errorf("the password is in\n%s", said)
	}
}
