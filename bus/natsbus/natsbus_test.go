package natsbus_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/bus/bustest"
	"github.com/degenduel/switchgear/bus/natsbus"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/faultproxy"
	"github.com/degenduel/switchgear/internal/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// joins are nodes of a subject of the test's own.
func joins(t *testing.T, addr, prefix string) bustest.Join {
	t.Helper()
	return func() fleet.Bus { return open(t, natsbus.Config{URL: "nats://" + addr, Prefix: prefix}) }
}

func open(t *testing.T, c natsbus.Config) fleet.Bus {
	t.Helper()
	b, err := natsbus.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBus_Laws(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, "")
	if !ok {
		return
	}
	bustest.Run(t, func(t *testing.T) bustest.Join {
		t.Helper()
		return joins(t, s.Addr(), rand.Text())
	})
}

func TestBus_LawsOfANetworkThatFails(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, "")
	if !ok {
		return
	}
	for name, mode := range map[string]faultproxy.Mode{
		"Reset": faultproxy.Reset, "Close": faultproxy.Close, "Blackhole": faultproxy.Blackhole,
		"BlackholeUp": faultproxy.BlackholeUp, "BlackholeDown": faultproxy.BlackholeDown,
	} {
		through := func(t *testing.T) (join, direct bustest.Join, f bustest.Fault) {
			t.Helper()
			p, err := faultproxy.New(s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			prefix := rand.Text()
			fault := bustest.Fault{Break: func() { p.Set(mode) }, Heal: func() { p.Set(faultproxy.Forward) }}
			return joins(t, p.Addr(), prefix), joins(t, s.Addr(), prefix), fault
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

func TestBus_LawsOfAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, "")
	if !ok {
		return
	}
	bustest.RunFault(t, func(t *testing.T) (bustest.Join, bustest.Fault) {
		t.Helper()
		return joins(t, s.Addr(), rand.Text()), bustest.Fault{Break: s.Kill, Heal: s.Restart}
	})
}

func TestBus_LawsOfAServerThatIsFrozen(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, "")
	if !ok {
		return
	}
	bustest.RunFault(t, func(t *testing.T) (bustest.Join, bustest.Fault) {
		t.Helper()
		return joins(t, s.Addr(), rand.Text()), bustest.Fault{Break: s.Freeze, Heal: s.Thaw}
	})
}

// syncBuffer is what a logger may write to while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// until looks until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not yet: %s", what)
		}
	}
}

func TestBus_ShowsNoPasswordAndComesInOnceItIsRight(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, `authorization { user: ada, password: "other-pass" }`)
	if !ok {
		return
	}
	var logged syncBuffer
	b := open(t, natsbus.Config{
		URL:    "nats://ada:hush-hush@" + s.Addr(),
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	defer func() { _ = b.Close() }()
	until(t, "refused", func() bool { return b.State().LastError != "" })
	until(t, "logged", func() bool { return logged.String() != "" })
	if all := b.State().LastError + logged.String(); strings.Contains(all, "hush-hush") || !strings.Contains(all, "Authorization") {
		t.Errorf("told was %s", all)
	}
	s.Configure(`authorization { user: ada, password: "hush-hush" }`)
	s.Restart()
	until(t, "connected", func() bool { return b.State().Connected })
	if strings.Contains(logged.String(), "hush-hush") {
		t.Errorf("logged was %s", logged.String())
	}
}

func TestBus_TakesATokenFromTheURL(t *testing.T) {
	t.Parallel()
	s, ok := natstest.Start(t, `authorization { token: "some-token" }`)
	if !ok {
		return
	}
	b := open(t, natsbus.Config{URL: "nats://some-token@" + s.Addr()})
	defer func() { _ = b.Close() }()
	until(t, "connected", func() bool { return b.State().Connected })
}

func TestBus_SaysThatItMayNotListenOrTell(t *testing.T) {
	t.Parallel()
	for name, may := range map[string]string{
		"Listen": `publish: ">", subscribe: { deny: "switchgear.>" }`,
		"Tell":   `publish: { deny: "switchgear.>" }, subscribe: ">"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ok := natstest.Start(t, `authorization { users: [ { user: a, password: b, permissions: { `+may+` } } ] }`)
			if !ok {
				return
			}
			b := open(t, natsbus.Config{URL: "nats://a:b@" + s.Addr()})
			defer func() { _ = b.Close() }()
			if err := b.Publish(fleet.Hint{Kind: "x"}); err != nil {
				t.Fatal(err)
			}
			until(t, "it says so", func() bool { return strings.Contains(strings.ToLower(b.State().LastError), "permissions violation") })
			if n := b.State().Published; n != 0 {
				t.Errorf("%d were published", n)
			}
		})
	}
}

func TestOpen_RefusesWhatCannotBeWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]natsbus.Config{
		"no URL":           {},
		"scheme":           {URL: "http://ada:hush-hush@host:4222"},
		"one of several":   {URL: "nats://host:4222,ada:hush-hush@host"},
		"port":             {URL: "nats://ada:hush-hush@host:99999999x"},
		"prefix":           {URL: "nats://host", Prefix: "a.*"},
		"empty word":       {URL: "nats://host", Prefix: "a..b"},
		"key alone":        {URL: "nats://host", Key: "key.pem"},
		"prefix too long":  {URL: "nats://host", Prefix: strings.Repeat("a", 129)},
		"prefix of spaces": {URL: "nats://host", Prefix: "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := natsbus.Open(c)
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
