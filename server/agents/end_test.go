package agents

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/wire"
)

func TestSecondHolder_IsRefusedLoudly(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	p := f.attached(t, "agent", "web")
	second := f.dial(t, "agent")
	second.send(strings.Replace(hello("web"), "secret_of_web", "another_boot", 1))
	if e := second.want(wire.TypeError); e.Code != 4090 {
		t.Errorf("it was told %s", e.raw)
	}
	if code := second.ended(); code != 4090 {
		t.Errorf("closed with %d", code)
	}
	p.send(`{"type":"agent:heartbeat"}`) // and the first goes on
	p.want(wire.TypeAgentHeartbeat)
}

func TestSameProcess_TakesItsConnectionOver(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	p := f.attached(t, "agent", "web")
	p.tell(join("prices"))
	p.want(wire.TypeAgentJoined)
	p.acked(p.tell(opens("prices")))
	again := f.attached(t, "agent", "web")
	if code := p.ended(); code != wire.CodeTakenOver {
		t.Errorf("the old one is closed with %d", code)
	}
	again.tell(strings.ReplaceAll(join("prices"), `"fresh":true`, `"fresh":false`))
	if j := again.want(wire.TypeAgentJoined); j.Services[0].Error != nil || j.Services[0].Known != 1 {
		t.Errorf("joined: %s", j.raw)
	}
	again.acked(again.tell(opens("prices"))) // once more: it is known
	events, err := f.fleet.Events(t.Context(), fleet.EventQuery{Service: "prices", Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 10})
	if err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestToken_ThatEndsClosesItsSocketsWithinASecond(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	p := f.attached(t, "agent", "web")
	other := f.attached(t, "admin", "cron")
	began := time.Now()
	if err := f.auth.Set(tokens("admin")); err != nil {
		t.Fatal(err)
	}
	if code, took := p.ended(), time.Since(began); code != 4001 || took > time.Second {
		t.Errorf("closed with %d after %v", code, took)
	}
	other.send(`{"type":"agent:heartbeat"}`)
	other.want(wire.TypeAgentHeartbeat)
}

func TestShutdown_LetsAllGo(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	var all []*peer
	for i := range 20 {
		all = append(all, f.attached(t, "agent", "web"+number(uint64(i))))
	}
	var stopping sync.WaitGroup
	stopping.Go(f.stop)
	for _, p := range all {
		if code := p.ended(); code != 1001 {
			t.Errorf("closed with %d", code)
		}
	}
	stopping.Wait()
	if _, status, _ := f.connect(t, secrets["agent"]); status != 503 {
		t.Errorf("one that comes afterwards: %d", status)
	}
}

// fake is a session that does what a test wants.
type fake struct {
	Session

	moves chan error // what becomes of transitions
}

func (*fake) Heard()                       {}
func (*fake) Close(bool)                   {}
func (*fake) Report([]fleet.InstanceState) {}

func (*fake) Join(_ context.Context, services []fleet.AgentService) ([]fleet.AgentJoined, error) {
	out := make([]fleet.AgentJoined, len(services))
	for i := range services {
		out[i] = fleet.AgentJoined{Service: services[i].Name, Version: 1}
	}
	return out, nil
}

func (s *fake) Transitions(ctx context.Context, _ string, _ []switchgear.Transition, _ fleet.InstanceState) error {
	select {
	case err := <-s.moves:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fakeManager gives every agent the same session.
type fakeManager struct{ session *fake }

func (fakeManager) Epoch() string            { return "epoch" }
func (fakeManager) Refused(fleet.AuditEntry) {}

func (m fakeManager) Attach(context.Context, fleet.AgentInfo, func(string) bool, fleet.AgentConn) (Session, error) {
	return m.session, nil
}

// piped is an agent over a pipe, of which the test has the other end.
func piped(t *testing.T, s *Server) (a *agent, far net.Conn, wait func()) {
	t.Helper()
	near, far := net.Pipe()
	a = newAgent(s, auth.Identity{Role: auth.Agent}, "")
	a.Take(near, bufio.NewReader(near))
	var serving sync.WaitGroup
	serving.Go(func() { a.run(t.Context()) })
	return a, far, serving.Wait
}

func bare(t *testing.T, m Manager, cfg Config) *Server {
	t.Helper()
	known, err := auth.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{Manager: m, Auth: known}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSilence_EndsASocket(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hello bool
		code  int
		after time.Duration
	}{
		"no hello":       {false, 1008, 10 * time.Second},
		"no word for 30": {true, 1001, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &fake{}
				a, far, wait := piped(t, bare(t, fakeManager{m}, Config{}))
				if tt.hello {
					a.session.Store(&attached{m})
				}
				began := time.Now()
				<-a.Closing()
				took := time.Since(began)
				code, _, _ := a.Why()
				if code != tt.code || took < tt.after || took > tt.after+lookInterval {
					t.Errorf("closed with %d after %v", code, took)
				}
				_ = far.Close() // a pipe has no error
				wait()
			})
		})
	}
}

// slow is a session whose transitions take as long as they take: they are in the
// store already, and nobody can call them back.
type slow struct {
	fake

	log chan string
}

func (s *slow) Transitions(_ context.Context, service string, _ []switchgear.Transition, _ fleet.InstanceState) error {
	err := <-s.moves
	s.log <- service + " is known"
	return err
}

func (s *slow) Close(bool) { s.log <- "the session ends" }

// taking is an agent two of whose messages are being taken in.
func taking(t *testing.T) (m *slow, a *agent, far net.Conn, wait func()) {
	t.Helper()
	m = &slow{fake{moves: make(chan error)}, make(chan string, 10)}
	a, far, wait = piped(t, bare(t, fakeManager{&m.fake}, Config{}))
	a.session.Store(&attached{m})
	for i, service := range []string{"prices", "quotes"} {
		a.services[service] = true
		message := strings.NewReplacer("#", number(uint64(i+1)), "2026-11-23", "1999-12-31").Replace(opens(service)) // a bubble's clock
		known, err := wire.DecodeAgentMessage([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.act(t.Context(), a.session.Load(), &known); !errors.Is(err, errAnswered) {
			t.Fatal(err)
		}
	}
	return m, a, far, wait
}

func TestEnd_WaitsForWhatIsBeingTakenIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _, far, wait := taking(t)
		_ = far.Close() // a pipe has no error
		synctest.Wait()
		if len(m.log) > 0 {
			t.Errorf("with two that are being taken in: %s", <-m.log)
		}
		m.moves <- nil
		m.moves <- nil
		wait()
		synctest.Wait()
		close(m.log)
		var got []string
		for did := range m.log {
			got = append(got, did)
		}
		if len(got) != 3 || got[2] != "the session ends" {
			t.Errorf("in this order: %q", got)
		}
	})
}

func TestBye_IsAnsweredWhenAllBeforeItIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, a, far, wait := taking(t)
		var saying sync.WaitGroup
		saying.Go(func() {
			_ = a.act(t.Context(), a.session.Load(), &wire.AgentMessage{Type: wire.TypeAgentBye, Body: &wire.AgentBye{}}) // it has no error
		})
		synctest.Wait()
		select {
		case <-a.Closing():
			t.Error("it is closed with two that are being taken in")
		default:
		}
		m.moves <- nil
		m.moves <- nil
		saying.Wait()
		if code, _, _ := a.Why(); code != 1000 {
			t.Errorf("it is closed with %d", code)
		}
		_ = far.Close() // a pipe has no error
		wait()
	})
}

func TestOrders_WaitForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, far, wait := piped(t, bare(t, fakeManager{}, Config{}))
		taken := 0
		var err error
		for err == nil && taken < 10*maxWaiting { // nobody reads them
			if err = a.Order(fleet.AgentOrder{ID: 1, Kind: fleet.AgentReset, Service: "prices"}); err == nil {
				taken++
			}
			if taken == 1 {
				synctest.Wait() // the writer has it
			}
		}
		if code, _, _ := a.Why(); code != 1013 || taken != maxWaiting+1 || err == nil {
			t.Errorf("after %d orders closed with %d: %v", taken, code, err)
		}
		_ = far.Close() // a pipe has no error
		wait()
	})
}

// TestAcknowledgement_WaitsForTheStore has transitions that are told and not
// stored, while those of another service are.
func TestAcknowledgement_WaitsForTheStore(t *testing.T) {
	t.Parallel()
	m := &fake{moves: make(chan error)}
	f := serve(t, fakeManager{m}, Config{})
	p := f.attached(t, "agent", "web")
	p.tell(join("prices", "quotes"))
	p.want(wire.TypeAgentJoined)
	first := p.tell(opens("prices"))
	m.moves <- errAway
	if e := p.want(wire.TypeError); e.Code != 5030 || string(e.RequestID) != number(first) || e.RetryAfterMs == 0 {
		t.Errorf("it was told %s", e.raw)
	}
	p.tell(opens("quotes"))
	m.moves <- nil
	p.tell(`{"type":"agent:report","id":#,"services":[]}`)
	p.send(`{"type":"agent:heartbeat"}`)
	p.want(wire.TypeAgentHeartbeat) // and no acknowledgement before it
	again := p.tell(opens("prices"))
	m.moves <- nil
	p.acked(again)
}

var errAway = &fleet.Error{Kind: fleet.Unavailable, Op: "transitions", Err: errors.New("the store is away")}
