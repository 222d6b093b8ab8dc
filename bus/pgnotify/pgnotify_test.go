package pgnotify_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/bus/bustest"
	"github.com/degenduel/switchgear/bus/pgnotify"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/faultproxy"
	"github.com/degenduel/switchgear/internal/testpg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func channel() string { return "c" + strings.ToLower(rand.Text()) }

// joins are nodes on a channel.
func joins(t *testing.T, database, name string) bustest.Join {
	t.Helper()
	return func() fleet.Bus {
		b, err := pgnotify.Open(pgnotify.Config{URL: database, Channel: name})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestBus_Laws(t *testing.T) {
	t.Parallel()
	s, ok := testpg.Start(t)
	if !ok {
		return
	}
	database := s.Database(t)
	bustest.Run(t, func(t *testing.T) bustest.Join {
		t.Helper()
		return joins(t, database, channel())
	})
}

func TestBus_LawsOfANetworkThatFails(t *testing.T) {
	t.Parallel()
	s, ok := testpg.Start(t)
	if !ok {
		return
	}
	database := s.Database(t)
	for name, mode := range map[string]faultproxy.Mode{
		"Reset": faultproxy.Reset, "Close": faultproxy.Close, "Blackhole": faultproxy.Blackhole,
		"BlackholeUp": faultproxy.BlackholeUp, "BlackholeDown": faultproxy.BlackholeDown,
	} {
		through := func(t *testing.T) (join, direct bustest.Join, f bustest.Fault) {
			t.Helper()
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			p, err := faultproxy.New(u.Host)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			u.Host = p.Addr()
			name := channel()
			fault := bustest.Fault{Break: func() { p.Set(mode) }, Heal: func() { p.Set(faultproxy.Forward) }}
			return joins(t, u.String(), name), joins(t, database, name), fault
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bustest.RunPart(t, through)
			bustest.RunFault(t, func(t *testing.T) (bustest.Join, bustest.Fault) {
				t.Helper()
				t.Parallel()
				join, _, fault := through(t)
				return join, fault
			})
		})
	}
}

func TestBus_LawsOfAServerThatIsKilledAndFrozen(t *testing.T) {
	t.Parallel()
	s, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	database := s.Database(t)
	for name, fault := range map[string]bustest.Fault{
		"Killed": {Break: s.Kill, Heal: s.Restart},
		"Frozen": {Break: s.Freeze, Heal: s.Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			bustest.RunFault(t, func(t *testing.T) (bustest.Join, bustest.Fault) {
				t.Helper()
				return joins(t, database, channel()), fault
			})
		})
	}
}

// Whoever commits to the database can tell with it.
func TestEncode_IsForATransactionOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s, ok := testpg.Start(t)
	if !ok {
		return
	}
	database := s.Database(t)
	b, err := pgnotify.Open(pgnotify.Config{URL: database})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	came, gaps := make(chan fleet.Hint, 1000), make(chan struct{}, 10)
	stop, err := b.Subscribe(func(h fleet.Hint) { came <- h }, func() { gaps <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	<-gaps
	var want []fleet.Hint
	for n := range uint64(500) {
		want = append(want, fleet.Hint{Epoch: "e", Seq: n + 1, From: "node", Service: "payments", Kind: "service"})
	}
	commit(t, database, want[:400], pgx.Tx.Rollback)
	commit(t, database, want, pgx.Tx.Commit)
	var got []fleet.Hint
	for timeout := time.After(30 * time.Second); len(got) < len(want); {
		select {
		case h := <-came:
			got = append(got, h)
		case <-timeout:
			t.Fatalf("%d of %d came", len(got), len(want))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

func commit(t *testing.T, database string, hints []fleet.Hint, end func(pgx.Tx, context.Context) error) {
	t.Helper()
	payloads, err := pgnotify.Encode(hints...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads {
		if len(p) > 7999 {
			t.Errorf("a payload of %d bytes", len(p))
		}
		if _, err := tx.Exec(t.Context(), "SELECT pg_notify($1, $2)", pgnotify.DefaultChannel, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(tx, t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBus_PassesOverWhatIsNoHint(t *testing.T) {
	t.Parallel()
	s, ok := testpg.Start(t)
	if !ok {
		return
	}
	database := s.Database(t)
	b, err := pgnotify.Open(pgnotify.Config{URL: database})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	came, gaps := make(chan fleet.Hint, 10), make(chan struct{}, 10)
	stop, err := b.Subscribe(func(h fleet.Hint) { came <- h }, func() { gaps <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	<-gaps
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for _, payload := range []string{"", "hello", "[]", "{}", `[{"seq":-1}]`, `[{"from":"a\u0000"}]`, `[{"epoch":"e","seq":7,"from":"n","kind":"later","added":{"x":1}}]`} {
		if _, err := c.Exec(t.Context(), "SELECT pg_notify($1, $2)", pgnotify.DefaultChannel, payload); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case h := <-came:
		if want := (fleet.Hint{Epoch: "e", Seq: 7, From: "n", Kind: "later"}); h != want {
			t.Errorf("got %v, want %v", h, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the hint did not come")
	}
	if s := b.State(); s.Refused != 6 || s.Received != 1 {
		t.Errorf("state %+v, want 6 refused and 1 received", s)
	}
}

func TestOpen_RefusesWhatCannotBeWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]pgnotify.Config{
		"URL":              {URL: "postgres://ada:hush-hush@host:port/db"},
		"channel":          {URL: "postgres://ada:hush-hush@host/db", Channel: `a"; DROP TABLE x`},
		"channel too long": {URL: "postgres://host/db", Channel: strings.Repeat("a", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := pgnotify.Open(c)
			if err == nil {
				_ = b.Close()
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestBus_ShowsNoPasswordWhereNothingAnswers(t *testing.T) {
	t.Parallel()
	l, err := faultproxy.Listen()
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	b, err := pgnotify.Open(pgnotify.Config{URL: "postgres://ada:hush-hush@" + nobody + "/db"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); b.State().LastError == ""; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it says nothing")
		}
	}
	if s := b.State().LastError; strings.Contains(s, "hush") {
		t.Errorf("it shows the password: %s", s)
	}
}
