package ws

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

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
	return f.connectAs(t, secrets[role], query)
}

// connectAs is connect with any token; an empty one is not sent.
func (f *fixture) connectAs(t *testing.T, token, query string) (*peer, error) {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, f.url+"/api/v2/ws/circuit-breaker"+query, &websocket.DialOptions{
		HTTPClient: small(), HTTPHeader: header,
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
	return parse(p.T, data), nil
}

func parse(t *testing.T, data []byte) msg {
	t.Helper()
	m := msg{raw: data}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
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
