package agents

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/store/sqlite"
	"github.com/degenduel/switchgear/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var secrets = map[string]string{
	"admin": strings.Repeat("a", 40), "viewer": strings.Repeat("v", 40),
	"agent": strings.Repeat("g", 40), "limited": strings.Repeat("l", 40),
}

func tokens(names ...string) []fleet.Token {
	var list []fleet.Token
	for _, name := range names {
		t := fleet.Token{ID: name, Name: "the " + name, Role: name, Hash: auth.Hash(secrets[name])}
		if name == "limited" {
			t.Role, t.Services = "agent", []string{"market_*"}
		}
		list = append(list, t)
	}
	return list
}

// fixture is a server of agents over a real manager, a real store and real
// sockets.
type fixture struct {
	*Server

	fleet *fleet.Manager
	auth  *auth.Authenticator
	url   string
	stop  func() // ends Run, and waits for it
}

func start(tb testing.TB, cfg Config) *fixture {
	tb.Helper()
	store, err := sqlite.Open(tb.Context(), tb.TempDir(), sqlite.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	manager, err := fleet.New(tb.Context(), fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	managing, stopManaging := context.WithCancel(context.WithoutCancel(tb.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = manager.Run(managing) })
	tb.Cleanup(func() {
		stopManaging()
		parts.Wait()
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	f := serve(tb, Of(manager), cfg)
	f.fleet = manager
	return f
}

// serve is a server of agents over any manager.
func serve(tb testing.TB, m Manager, cfg Config) *fixture {
	tb.Helper()
	f := &fixture{}
	var err error
	if f.auth, err = auth.New(tokens("admin", "viewer", "agent", "limited")); err != nil {
		tb.Fatal(err)
	}
	if f.Server, err = New(Deps{Manager: m, Auth: f.auth, Logger: slog.New(slog.DiscardHandler)}, cfg); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			tb.Errorf("Run = %v", err)
		}
	})
	f.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	server := httptest.NewServer(f.Server)
	f.url = server.URL
	tb.Cleanup(func() {
		f.stop()
		server.Close()
	})
	return f
}

// msg is any message of the manager.
type msg struct {
	Type          string
	ID            uint64
	Code          int
	Message       string
	RequestID     json.RawMessage `json:"request_id"`
	RetryAfterMs  int64           `json:"retry_after_ms"`
	HeartbeatMs   int64           `json:"heartbeat_ms"`
	ReportMs      int64           `json:"report_ms"`
	MaxServices   int             `json:"max_services"`
	ReconnectMs   int             `json:"reconnect_ms"`
	Services      []wire.JoinedService
	Order         uint64
	Kind, Service string
	Config        json.RawMessage
	ConfigVersion int `json:"config_version"`
	Override      *wire.Override
	Timestamp     string

	raw string
}

// peer is an agent of the tests, which writes its messages by itself.
type peer struct {
	testing.TB

	conn *websocket.Conn
	id   uint64
}

func (f *fixture) connect(tb testing.TB, token string) (*peer, int, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, f.url+"/api/v2/ws/agent", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	status := 0
	if response != nil {
		status = response.StatusCode
		if response.Body != nil {
			_ = response.Body.Close()
		}
	}
	if err != nil {
		return nil, status, err
	}
	conn.SetReadLimit(-1)
	tb.Cleanup(func() { _ = conn.CloseNow() })
	return &peer{TB: tb, conn: conn}, status, nil
}

func (f *fixture) dial(tb testing.TB, role string) *peer {
	tb.Helper()
	p, _, err := f.connect(tb, secrets[role])
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// hello is the first message of a process of that name.
func hello(name string) string {
	return `{"type":"agent:hello","instance":"instance_of_` + name + `____","boot":"secret_of_` + name + `________","name":"` + name +
		`","program":"shop v1","library":"test","started_at":"2026-11-23T08:00:00Z"}`
}

// attached is a process that was welcomed.
func (f *fixture) attached(tb testing.TB, role, name string) *peer {
	tb.Helper()
	p := f.dial(tb, role)
	p.send(hello(name))
	p.want(wire.TypeAgentWelcome)
	return p
}

func (p *peer) send(text string) {
	p.Helper()
	if err := p.conn.Write(context.WithoutCancel(p.Context()), websocket.MessageText, []byte(text)); err != nil {
		p.Fatal(err)
	}
}

// tell sends a message with the next ID in the place of #, and returns the ID.
func (p *peer) tell(text string) uint64 {
	p.Helper()
	p.id++
	id, _ := json.Marshal(p.id) // a number always is JSON
	p.send(strings.Replace(text, "#", string(id), 1))
	return p.id
}

func (p *peer) read() (msg, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Context()), patience)
	defer cancel()
	_, data, err := p.conn.Read(ctx)
	if err != nil {
		return msg{}, err
	}
	m := msg{raw: string(data)}
	return m, json.Unmarshal(data, &m)
}

func (p *peer) next() msg {
	p.Helper()
	m, err := p.read()
	if err != nil {
		p.Fatal(err)
	}
	if m.Timestamp == "" {
		p.Errorf("%s has no timestamp", m.raw)
	}
	return m
}

// want is the next message, which must be of the type.
func (p *peer) want(kind string) msg {
	p.Helper()
	m := p.next()
	if m.Type != kind {
		p.Fatalf("got %s, want a %s", m.raw, kind)
	}
	return m
}

// refusal is the next error; what is well-formed of a report is acknowledged
// beside it.
func (p *peer) refusal() msg {
	p.Helper()
	for {
		if m := p.next(); m.Type != wire.TypeAgentAck {
			if m.Type != wire.TypeError {
				p.Errorf("got %s, want an error", m.raw)
			}
			return m
		}
	}
}

// acked reads until all up to the ID is acknowledged; an error is a failure.
func (p *peer) acked(id uint64) {
	p.Helper()
	for {
		if m := p.want(wire.TypeAgentAck); m.ID >= id {
			if m.ID > id {
				p.Errorf("%d is acknowledged, the last was %d", m.ID, id)
			}
			return
		}
	}
}

// ended skips to the end and returns its code.
func (p *peer) ended() int {
	p.Helper()
	for {
		if _, err := p.read(); err != nil {
			return int(websocket.CloseStatus(err))
		}
	}
}

// state is a breaker's.
func state(service, circuit, transitions, successes, failures string) string {
	more := ""
	if circuit == "open" {
		more = `"retry_after_ms":30000,"open_ms":30000,`
	}
	return `{"service":"` + service + `",` + more + `"running":true,"circuit_breaker":{"state":"` + circuit + `","mode":"auto","transitions":` + transitions +
		`,"admitted_share":1},"operations":{"total":0,"successful":` + successes + `,"failed":` + failures + `}}`
}

// join is a message that brings a service in.
func join(services ...string) string {
	var list []string
	for _, s := range services {
		list = append(list, `{"service":"`+s+`","layer":"data","config":{"failureThreshold":2},"fresh":true,"state":`+state(s, "closed", "0", "0", "0")+`}`)
	}
	return `{"type":"agent:join","id":#,"services":[` + strings.Join(list, ",") + `]}`
}

// opens is the first transition of a service.
func opens(service string) string {
	return `{"type":"agent:transitions","id":#,"service":"` + service + `","transitions":[{"number":1,"from":"closed","to":"open","at":"2026-11-23T08:00:01Z",` +
		`"evidence":{"rule":"failure_threshold","failures":2,"successes":7,"last_error":"down","in_flight":3}}],"state":` + state(service, "open", "1", "7", "2") + `}`
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
