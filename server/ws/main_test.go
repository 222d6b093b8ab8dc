package ws

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var secrets = map[string]string{
	"admin": strings.Repeat("a", 40), "operator": strings.Repeat("o", 40),
	"viewer": strings.Repeat("v", 40), "agent": strings.Repeat("g", 40),
}

var alice = fleet.Actor{Name: "alice", Reason: "a test"}

// fixture is a server of the stream over a real manager and real sockets.
type fixture struct {
	*Server

	fleet *fleet.Manager
	store *memory.Store
	auth  *auth.Authenticator
	url   string
	probe *probe

	stop func() // ends Run, and waits for it
}

// probe is what the tests' health checks ask.
type probe struct {
	mu   sync.Mutex
	err  error
	hold chan struct{}
}

func (p *probe) Check(ctx context.Context) error {
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *probe) Close() error { return nil }

func tokens(t *testing.T, roles ...string) []fleet.Token {
	t.Helper()
	var list []fleet.Token
	for _, role := range roles {
		list = append(list, fleet.Token{ID: role, Name: "the " + role, Role: role, Hash: auth.Hash(secrets[role])})
	}
	return list
}

// tight makes the buffers of the connections it accepts small, so that a client
// that does not read is noticed soon.
type tight struct{ net.Listener }

const tightBuffer = 32 << 10

func (l tight) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(tightBuffer)
	}
	return c, err
}

func start(t *testing.T, cfg Config, services ...string) *fixture {
	t.Helper()
	f := &fixture{store: memory.New(), probe: &probe{}}
	var err error
	f.fleet, err = fleet.New(t.Context(), fleet.Deps{
		Store: f.store, NewProbe: func(config.HealthCheck) (fleet.Probe, error) { return f.probe, nil },
	}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	managing, stopManaging := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = f.fleet.Run(managing) })
	if f.auth, err = auth.New(tokens(t, "admin", "operator", "viewer", "agent")); err != nil {
		t.Fatal(err)
	}
	for _, name := range services {
		f.declare(t, name, "")
	}
	if f.Server, err = New(Deps{Manager: f.fleet, Auth: f.auth}, cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	f.stop = func() {
		cancel()
		running.Wait()
	}
	server := httptest.NewUnstartedServer(f.Server)
	server.Listener = tight{server.Listener}
	server.Start()
	f.url = server.URL
	t.Cleanup(func() {
		f.stop()
		server.Close()
		stopManaging()
		parts.Wait()
	})
	return f
}

// declare brings in a reported service that opens after two failures.
func (f *fixture) declare(t *testing.T, name, layer string) {
	t.Helper()
	if _, _, err := f.fleet.Declare(t.Context(), name, config.Service{
		Layer: layer, Config: switchgear.Config{FailureThreshold: 2, HealthCheckInterval: -1},
	}, alice); err != nil {
		t.Fatal(err)
	}
}

// open reports the two failures that open a circuit.
func (f *fixture) open(t *testing.T, name string) {
	t.Helper()
	failure := fleet.Outcome{Outcome: switchgear.Failure, Duration: time.Millisecond, Error: "down"}
	if _, err := f.fleet.Report(t.Context(), name, []fleet.Outcome{failure, failure}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) reset(t *testing.T, name string) {
	t.Helper()
	if _, err := f.fleet.Reset(t.Context(), name, switchgear.Closed, alice); err != nil {
		t.Fatal(err)
	}
}

// msg is any message of the server.
type msg struct {
	Type         string
	Timestamp    json.RawMessage
	Epoch        string
	Seq          uint64
	Status, Role string
	HeartbeatMs  int64 `json:"heartbeat_ms"`
	Page, Pages  int
	Services     json.RawMessage // entries, or names
	Layers       []string
	Service      string
	Event        *wire.Event
	Breaker      *wire.CircuitBreaker `json:"circuit_breaker"`
	Healthy      bool
	Success      bool
	Code         int
	Message      string
	RequestID    string `json:"request_id"`
	RetryAfterMs int64  `json:"retry_after_ms"`

	raw []byte
}

func (m msg) entries(t *testing.T) (list []wire.Entry) {
	t.Helper()
	if err := json.Unmarshal(m.Services, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// peer is a client of the tests.
type peer struct {
	*testing.T

	conn *websocket.Conn
}

// small is a client whose connections have small buffers.
func small() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if tcp, ok := c.(*net.TCPConn); ok {
				err = tcp.SetReadBuffer(tightBuffer)
			}
			return c, err
		},
	}}
}

func (f *fixture) connect(t *testing.T, role, query string) (*peer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, f.url+"/api/v2/ws/circuit-breaker"+query, &websocket.DialOptions{
		HTTPClient: small(), HTTPHeader: http.Header{"Authorization": {"Bearer " + secrets[role]}},
	})
	if err != nil {
		return nil, err
	}
	if response.Body != nil {
		_ = response.Body.Close()
	}
	conn.SetReadLimit(-1)
	p := &peer{t, conn}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return p, nil
}

func (f *fixture) dial(t *testing.T, role, query string) *peer {
	t.Helper()
	p, err := f.connect(t, role, query)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// join dials and reads the first two messages.
func (f *fixture) join(t *testing.T, role string) (p *peer, status, state msg) {
	t.Helper()
	p = f.dial(t, role, "")
	return p, p.want(wire.TypeConnectionStatus), p.want(wire.TypeServicesState)
}

func (p *peer) read() (msg, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Context()), patience)
	defer cancel()
	_, data, err := p.conn.Read(ctx)
	if err != nil {
		return msg{}, err
	}
	m := msg{raw: data}
	return m, json.Unmarshal(data, &m)
}

func (p *peer) next() msg {
	p.Helper()
	m, err := p.read()
	if err != nil {
		p.Fatal(err)
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

// find skips to a message of the type.
func (p *peer) find(kind string) msg {
	p.Helper()
	deadline := time.Now().Add(patience)
	for {
		m := p.next()
		switch {
		case m.Type == kind:
			return m
		case time.Now().After(deadline): // heartbeats alone are no progress
			p.Fatalf("no %s within %v", kind, patience)
		}
	}
}

func (p *peer) send(text string) {
	p.Helper()
	if err := p.conn.Write(p.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.Fatal(err)
	}
}

// ended skips to the end and returns its code.
func (p *peer) ended() websocket.StatusCode {
	p.Helper()
	for {
		if _, err := p.read(); err != nil {
			return websocket.CloseStatus(err)
		}
	}
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

// raw is a handshake by hand: what is sent after it is no library's business.
func (f *fixture) raw(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(tightBuffer); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("GET /api/v2/ws/circuit-breaker HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " + secrets["viewer"] + "\r\n\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %s", response.Status)
	}
	return conn, r
}
