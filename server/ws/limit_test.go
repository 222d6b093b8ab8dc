package ws

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/wire"
)

// obedient is a manager that carries out orders by counting them.
type obedient struct {
	watched

	resets atomic.Int64
}

func (o *obedient) Reset(context.Context, string, switchgear.State, fleet.Actor) (fleet.View, error) {
	o.resets.Add(1)
	return fleet.View{Service: "prices"}, nil
}

func (*obedient) Refused(fleet.AuditEntry) {}

// quiet is a server of a manager that only counts, and of no real sockets.
func quiet(t *testing.T, cfg Config, roles ...string) *Server {
	t.Helper()
	known, err := auth.New(tokens(t, roles...))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{Manager: &obedient{}, Auth: known}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// taken is an http.ResponseWriter whose connection is a pipe.
type taken struct {
	http.ResponseWriter

	conn   net.Conn
	header http.Header
}

func (p *taken) Header() http.Header { return p.header }

func (p *taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(p.conn)), nil
}

// pipe is a socket in a bubble, where there are none.
type pipe struct {
	conn    net.Conn
	answers chan []byte // what is told this client, and nobody else
	closed  chan string // its close code
	reading sync.WaitGroup
}

// pipe opens a socket of the role.
func (b *bubble) pipe(t *rapid.T, role string) *pipe {
	near, far := net.Pipe()
	p := &pipe{conn: far, answers: make(chan []byte, 1000), closed: make(chan string, 1)}
	p.reading.Go(func() { p.read() })
	b.pipes = append(b.pipes, p)
	b.ServeHTTP(&taken{conn: near, header: http.Header{}}, handshakeOf(t, role))
	return p
}

func handshakeOf(t interface{ Fatal(args ...any) }, role string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://board/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Authorization": {"Bearer " + secrets[role]},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	return r
}

func (p *pipe) read() {
	defer p.conn.Close() //nolint:errcheck // a pipe has none
	r := bufio.NewReader(p.conn)
	if _, err := http.ReadResponse(r, nil); err != nil { //nolint:bodyclose // it has none
		return
	}
	for {
		op, payload, err := readFrame(r)
		switch {
		case err != nil:
			return
		case op == opClose:
			p.closed <- strconv.Itoa(int(payload[0])<<8 | int(payload[1]))
			return
		case bytes.Contains(payload, []byte(`"request_id"`)) || bytes.Contains(payload, []byte(`"pong"`)):
			p.answers <- payload
		}
	}
}

// say sends a message; it is false once the socket is closed.
func (p *pipe) say(text string) bool {
	_, err := p.conn.Write(fr(fText, text))
	synctest.Wait()
	return err == nil
}

// hangUp ends the socket.
func (p *pipe) hangUp() {
	_ = p.conn.Close() // a pipe has no error
	p.reading.Wait()
	synctest.Wait()
}

// sent is what became of a message.
type sent struct {
	at       time.Time
	accepted bool
}

// TestPromiseE_NoMinuteHoldsMoreThanTheLimit lets an identity send pings and
// orders over several sockets at random moments, come and go. Whatever it does,
// no window (t, t+60 s] holds more accepted messages than the limit; what is
// refused is not acted on, is answered with 4029, and is accepted when it is sent
// again just when it was told; nobody else is any the worse for it.
func TestPromiseE_NoMinuteHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(rt, "limit")
		inBubble(t, limit, func(b *bubble) { limitHistory(rt, b, limit) })
	})
}

// bubble is a server in a bubble of its own, over pipes.
type bubble struct {
	*Server

	orders *obedient
	pipes  []*pipe
}

// inBubble lets the server run for as long as the test; a failure of rapid's is
// passed on when all has ended.
func inBubble(t *testing.T, limit int, test func(b *bubble)) {
	t.Helper()
	var ended any
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t, Config{MessagesPerMinute: limit, HeartbeatInterval: time.Hour, SocketsPerIdentity: -1}, "operator", "viewer")
		b := &bubble{Server: s, orders: s.manager.(*obedient)}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = s.Run(ctx) })
		defer func() {
			ended = recover()
			for _, p := range b.pipes {
				p.hangUp()
			}
			cancel()
			running.Wait()
		}()
		test(b)
	})
	if ended != nil {
		panic(ended)
	}
}

func limitHistory(rt *rapid.T, b *bubble, limit int) {
	sockets := []*pipe{b.pipe(rt, "operator")}
	other := b.pipe(rt, "viewer")
	var log []sent
	orders := int64(0)
	for i := range rapid.IntRange(1, 60).Draw(rt, "messages") {
		time.Sleep(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(rt, "pause")))
		n := rapid.IntRange(0, len(sockets)-1).Draw(rt, "socket")
		switch p := sockets[n]; rapid.IntRange(0, 9).Draw(rt, "what") {
		case 0: // another comes
			if len(sockets) < 5 {
				sockets = append(sockets, b.pipe(rt, "operator"))
			}
		case 1: // one goes and comes back
			p.hangUp()
			sockets[n] = b.pipe(rt, "operator")
		default:
			order := rapid.Bool().Draw(rt, "order")
			wait, open := p.try(rt, i, order)
			if !open { // a flood, of which there is a test of its own
				sockets[n] = b.pipe(rt, "operator")
				continue
			}
			log = append(log, sent{time.Now(), wait == 0})
			if wait > 0 && rapid.Bool().Draw(rt, "again") {
				time.Sleep(wait)
				if wait, open = p.try(rt, i, order); wait != 0 || !open {
					rt.Fatalf("it was to wait so long, and is then refused for another %v", wait)
				}
				log = append(log, sent{time.Now(), true})
			}
			if order && log[len(log)-1].accepted {
				orders++
			}
		}
		if n := b.orders.resets.Load(); n != orders {
			rt.Fatalf("%d orders were carried out, %d were accepted", n, orders)
		}
	}
	judge(rt, log, limit)
	if wait, open := other.try(rt, 0, false); wait != 0 || !open {
		rt.Fatalf("another identity is refused for %v", wait)
	}
}

// try sends a message and says for how long it is refused.
func (p *pipe) try(rt *rapid.T, i int, order bool) (wait time.Duration, open bool) {
	text := `{"type":"ping","request_id":"r","timestamp":` + strconv.Itoa(i) + `}`
	if order {
		text = `{"type":"service:reset_circuit_breaker","service":"prices","reason":"x","request_id":"r"}`
	}
	if !p.say(text) {
		return 0, false
	}
	select {
	case raw := <-p.answers:
		var m msg
		if err := json.Unmarshal(raw, &m); err != nil {
			rt.Fatalf("%s: %v", raw, err)
		}
		switch {
		case m.Type == wire.TypePong, m.Type == wire.TypeResetResult:
			return 0, true
		case m.Type == wire.TypeError && m.Code == wire.CodeTooMany && m.RetryAfterMs > 0:
			return time.Duration(m.RetryAfterMs) * time.Millisecond, true
		}
		rt.Fatalf("got %s", raw)
	default: // it is closed
	}
	return 0, false
}

// judge counts the accepted messages of every window, and finds those refused
// that need not have been.
func judge(rt *rapid.T, log []sent, limit int) {
	var accepted []time.Time
	for _, m := range log {
		within := 0
		for _, at := range accepted {
			if m.at.Sub(at) < time.Minute {
				within++
			}
		}
		switch {
		case m.accepted && within >= limit:
			rt.Fatalf("%d messages within a minute, limit %d", within+1, limit)
		case !m.accepted && !slices.ContainsFunc(accepted, func(at time.Time) bool { return m.at.Sub(at) == time.Minute }) && within < limit:
			rt.Fatalf("refused with %d within a minute, limit %d", within, limit)
		}
		if m.accepted {
			accepted = append(accepted, m.at)
		}
	}
}

// TestPromiseE_WhoKeepsOnIsClosed holds that a socket is closed with 1008 at the
// message that is more than ten times the limit, and no other is.
func TestPromiseE_WhoKeepsOnIsClosed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		inBubble(t, limit, func(b *bubble) {
			p, same, other := b.pipe(rt, "operator"), b.pipe(rt, "operator"), b.pipe(rt, "viewer")
			for i := range 10 * limit {
				wait, open := p.try(rt, i, i%2 == 0)
				if !open || (wait > 0) != (i >= limit) {
					rt.Fatalf("message %d: refused for %v, open %v", i+1, wait, open)
				}
			}
			if _, open := p.try(rt, 0, false); open {
				rt.Fatal("it is still open")
			}
			if code := <-p.closed; code != "1008" {
				rt.Fatalf("closed with %s", code)
			}
			if _, open := same.try(rt, 0, false); !open {
				rt.Fatal("a socket of the same identity is closed with it")
			}
			if wait, open := other.try(rt, 0, false); !open || wait > 0 {
				rt.Fatalf("another identity: refused for %v, open %v", wait, open)
			}
		})
	})
}

// TestSockets_ThatCloseAreFreeBeforeTheyAreToldSo holds that who has read the
// answer to its close frame can come back.
func TestSockets_ThatCloseAreFreeBeforeTheyAreToldSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t, Config{SocketsPerIdentity: 1, WriteTimeout: time.Hour}, "viewer")
		near, far := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { s.ServeHTTP(&taken{conn: near, header: http.Header{}}, handshakeOf(t, "viewer")) })
		response, err := http.ReadResponse(bufio.NewReader(far), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		serving.Wait()
		a := s.accounts["viewer"]
		if a.open(1) {
			t.Error("there is a place beside the socket's")
		}
		if _, err := far.Write(fr(fClose, code(1000, ""))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it can write nothing, for nobody reads
		if !a.open(1) {
			t.Error("its place is not free")
		}
		_ = far.Close() // a pipe has no error
		s.serving.Wait()
	})
}
