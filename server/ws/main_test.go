package ws

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/store/memory"
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
	log   *syncBuffer // what the server logged

	stop func() // ends Run, and waits for it
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
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

func tokens(tb testing.TB, roles ...string) []fleet.Token {
	tb.Helper()
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

// jwtSecret is what the tests' JWTs are signed with.
var jwtSecret = []byte(strings.Repeat("j", 32))

func start(tb testing.TB, cfg Config, services ...string) *fixture {
	tb.Helper()
	return startWith(tb, cfg, &auth.JWTOptions{Secret: jwtSecret}, services...)
}

// startWith is start with other JWTs.
func startWith(tb testing.TB, cfg Config, jwts *auth.JWTOptions, services ...string) *fixture {
	tb.Helper()
	store := memory.New()
	return startOver(tb, store, store, cfg, jwts, services...)
}

// startOver is startWith for a manager that asks through something for what is
// in the store.
func startOver(
	tb testing.TB, store *memory.Store, through fleet.Store, cfg Config, jwts *auth.JWTOptions, services ...string,
) *fixture {
	tb.Helper()
	f := &fixture{store: store, probe: &probe{}, log: &syncBuffer{}}
	var err error
	f.fleet, err = fleet.New(tb.Context(), fleet.Deps{
		Store: through, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return f.probe, nil },
	}, fleet.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	managing, stopManaging := context.WithCancel(context.WithoutCancel(tb.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = f.fleet.Run(managing) })
	f.auth, err = auth.NewWith(auth.Options{
		Tokens: tokens(tb, "admin", "operator", "viewer", "agent"), JWT: jwts, LoginsPerMinute: 1000,
	})
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range services {
		f.declare(tb, name, "")
	}
	if f.Server, err = New(Deps{
		Manager: f.fleet, Auth: f.auth, Logger: slog.New(slog.NewTextHandler(f.log, nil)),
	}, cfg); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil {
			tb.Errorf("Run = %v", err)
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
	tb.Cleanup(func() {
		f.stop()
		server.Close()
		stopManaging()
		parts.Wait()
	})
	return f
}

// declare brings in a reported service that opens after two failures.
func (f *fixture) declare(tb testing.TB, name, layer string) {
	tb.Helper()
	if _, _, err := f.fleet.Declare(tb.Context(), name, config.Service{
		Layer: layer, Config: switchgear.Config{FailureThreshold: 2, HealthCheckInterval: -1},
	}, alice); err != nil {
		tb.Fatal(err)
	}
}

// open reports the two failures that open a circuit.
func (f *fixture) open(tb testing.TB, name string) {
	tb.Helper()
	failure := fleet.Outcome{Outcome: switchgear.Failure, Duration: time.Millisecond, Error: "down"}
	if _, err := f.fleet.Report(tb.Context(), name, []fleet.Outcome{failure, failure}); err != nil {
		tb.Fatal(err)
	}
}

func (f *fixture) reset(tb testing.TB, name string) {
	tb.Helper()
	if _, err := f.fleet.Reset(tb.Context(), name, switchgear.Closed, alice); err != nil {
		tb.Fatal(err)
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
func (f *fixture) raw(tb testing.TB) (net.Conn, *bufio.Reader) {
	tb.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(tightBuffer); err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("GET /api/v2/ws/circuit-breaker HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " + secrets["viewer"] + "\r\n\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		tb.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		tb.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		tb.Fatalf("handshake: %s", response.Status)
	}
	return conn, r
}
