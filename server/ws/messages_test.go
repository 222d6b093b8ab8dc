package ws

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

var errDown = errors.New("down")

func TestPing_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	p, _, _ := start(t, Config{}).join(t, "viewer")
	for _, stamp := range []string{
		`"now"`, `17`, `1.50`, `-0`, `1E+2`, `"\u003c<é\/"`, `12345678901234567890123`, `""`,
	} {
		p.send(`{"type":"ping","timestamp":` + stamp + `}`)
		if m := p.want(wire.TypePong); string(m.Timestamp) != stamp {
			t.Errorf("sent %s, got %s", stamp, m.Timestamp)
		}
	}
	for _, ping := range []string{`{"type":"ping"}`, `{"type":"ping","timestamp":null}`} {
		p.send(ping)
		m := p.want(wire.TypePong)
		var at wire.Time
		if err := at.UnmarshalJSON(m.Timestamp); err != nil || time.Since(at.Time).Abs() > time.Minute {
			t.Errorf("%s: got %s", ping, m.raw)
		}
	}
}

func TestBadMessages_AreAnsweredAndTheSocketStays(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerMinute: -1}, "prices")
	viewer, _, _ := f.join(t, "viewer")
	operator, _, _ := f.join(t, "operator")
	tests := []struct {
		name, text string
		code       int
		id         string
	}{
		{"nothing", ``, 4004, ""},
		{"no JSON", `ping`, 4004, ""},
		{"no object", `[1]`, 4004, ""},
		{"null", `null`, 4004, ""},
		{"no type", `{"request_id":"a"}`, 4004, "a"},
		{"unknown type", `{"type":"pingg","request_id":"b"}`, 4004, "b"},
		{"a server's type", `{"type":"services:state"}`, 4004, ""},
		{"type of another type", `{"type":7,"request_id":"c"}`, 4004, "c"},
		{"known field of another type", `{"type":"ping","request_id":"d","service":{}}`, 4004, "d"},
		{"request_id of another type", `{"type":"ping","request_id":[7]}`, 4004, ""},
		{"timestamp of another type", `{"type":"ping","timestamp":true}`, 4004, ""},
		{"timestamp an object", `{"type":"ping","timestamp":{}}`, 4004, ""},
		{"trailing bytes", `{"type":"ping"} {}`, 4004, ""},
		{"key twice", `{"type":"ping","type":"ping"}`, 4004, ""},
		{"key in another case", `{"Type":"ping"}`, 4004, ""},
		{"too deep", `{"type":"ping","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 4004, ""},
		{"services no list", `{"type":"subscribe:services","services":"prices"}`, 4004, ""},
		{"services of numbers", `{"type":"subscribe:services","services":[1]}`, 4004, ""},
		{"a name that cannot be", `{"type":"subscribe:services","services":["A b"]}`, 4004, ""},
		{"no status", `{"type":"subscribe:services","statuses":["fine"]}`, 4004, ""},
		{"since no place", `{"type":"subscribe:services","since":7}`, 4004, ""},
		{"since a seq that is text", `{"type":"subscribe:services","since":{"epoch":"a","seq":"1"}}`, 4004, ""},
		{"since a broken seq", `{"type":"subscribe:services","since":{"epoch":"a","seq":1.5}}`, 4004, ""},
		{"check of nothing", `{"type":"service:health_check","request_id":"e"}`, 4004, "e"},
		{"check of a name that cannot be", `{"type":"service:health_check","service":"A b","request_id":"f"}`, 4004, "f"},
		{"check of an unknown", `{"type":"service:health_check","service":"gone","request_id":"g"}`, 4040, "g"},
		{"check of one without", `{"type":"service:health_check","service":"prices","request_id":"h"}`, 4090, "h"},
		{"reset without a reason", `{"type":"service:reset_circuit_breaker","service":"prices","request_id":"i"}`, 4004, "i"},
		{"reset to nowhere", `{"type":"service:reset_circuit_breaker","service":"prices","reason":"x","to":"open","request_id":"j"}`, 4004, "j"},
		{"reset of an unknown", `{"type":"service:reset_circuit_breaker","service":"gone","reason":"x","request_id":"k"}`, 4040, "k"},
		{"huge words", `{"type":"` + strings.Repeat("é", 4000) + `","request_id":"l"}`, 4004, "l"},
	}
	for _, tt := range tests {
		operator.send(tt.text)
		m := operator.find(wire.TypeError)
		if m.Code != tt.code || m.RequestID != tt.id || m.Message == "" || len(m.Message) > 600 {
			t.Errorf("%s: got %s", tt.name, m.raw)
		}
	}
	for _, order := range []string{"service:health_check", "service:reset_circuit_breaker"} {
		viewer.send(`{"type":"` + order + `","service":"prices","reason":"x","request_id":"m"}`)
		if m := viewer.find(wire.TypeError); m.Code != 4003 || m.RequestID != "m" {
			t.Errorf("%s by a viewer: got %s", order, m.raw)
		}
	}
	for _, p := range []*peer{viewer, operator} {
		p.send(`{"type":"ping","timestamp":"still here","unknown":[{}]}`)
		if m := p.find(wire.TypePong); string(m.Timestamp) != `"still here"` {
			t.Errorf("got %s", m.raw)
		}
	}
}

func TestBadMessages_AreExplainedToPeople(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerMinute: -1}, "prices")
	p, _, _ := f.join(t, "operator")
	for text, want := range map[string]string{
		`ping`: "the message is not JSON: unexpected 'p', want a value at offset 0",
		`{"type":"service:health_check","service":"prices"}`:                                   "prices has no health check",
		`{"type":"service:reset_circuit_breaker","service":"gone","reason":"x"}`:               `there is no service "gone"`,
		`{"type":"service:reset_circuit_breaker","service":"prices","reason":"x","to":"open"}`: "to: must be closed or half_open",
	} {
		p.send(text)
		if m := p.find(wire.TypeError); m.Message != want {
			t.Errorf("%s: got %q, want %q", text, m.Message, want)
		}
	}
}

func TestBadFrames_CloseTheSocket(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessageTimeout: 300 * time.Millisecond})
	const text, binaryFrame, continuation = 0x81, 0x82, 0x80
	tests := []struct {
		name string
		send []byte
		want int
	}{
		{"not UTF-8", masked(text, []byte("{\"type\":\"\xff\"}")), 1007},
		{"UTF-8 cut", masked(text, []byte("\"\xc3")), 1007},
		{"a surrogate in UTF-8", masked(text, []byte("\"\xed\xa0\x80\"")), 1007},
		{"binary", masked(binaryFrame, []byte(`{"type":"ping"}`)), 1003},
		{"too big", masked(text, []byte(strings.Repeat(" ", readLimit+1))), 1009},
		{"too big in parts", append(masked(0x01, []byte(strings.Repeat(" ", readLimit))), masked(continuation, []byte("  "))...), 1009},
		{"continues nothing", masked(continuation, []byte("x")), 1002},
		{"reserved bit", masked(text|0x40, []byte("x")), 1002},
		{"unknown opcode", masked(0x83, []byte("x")), 1002},
		{"ping too long", masked(0x89, make([]byte, 126)), 1002},
		{"ping in parts", masked(0x09, []byte("x")), 1002},
		{"never ends", masked(text, []byte("{  }"))[:8], 1008},
		{"a gigabyte announced", []byte{text, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, '{'}, 1008},
		{"empty parts", append(masked(0x01, nil), repeated(masked(0, nil), 1000)...), 1008},
		{"not masked", []byte{text, 2, '{', '}'}, 1002},
		{"pings without end", repeated(masked(0x89, nil), maxControls+1), 1008},
		{"pongs without end", repeated(masked(0x8a, nil), maxControls+1), 1008},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, r := f.raw(t)
			if _, err := conn.Write(tt.send); err != nil {
				t.Fatal(err)
			}
			if got := closeCode(t, r); got != tt.want {
				t.Errorf("closed with %d, want %d", got, tt.want)
			}
		})
	}
}

func TestLargestMessage_IsTaken(t *testing.T) {
	t.Parallel()
	p, _, _ := start(t, Config{}).join(t, "viewer")
	text := `{"type":"ping","timestamp":1}`
	p.send(text + strings.Repeat(" ", readLimit-len(text)))
	p.want(wire.TypePong)
}

// masked is a frame of a client with an empty mask.
func masked(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	default:
		b = append(b, 0x80|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func repeated(b []byte, n int) []byte { return []byte(strings.Repeat(string(b), n)) }

// closeCode skips to the close frame.
func closeCode(t *testing.T, r io.Reader) int {
	t.Helper()
	for {
		var head [10]byte
		if _, err := io.ReadFull(r, head[:2]); err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		n := uint64(head[1])
		switch n {
		case 126:
			_, _ = io.ReadFull(r, head[2:4])
			n = uint64(binary.BigEndian.Uint16(head[2:]))
		case 127:
			_, _ = io.ReadFull(r, head[2:10])
			n = binary.BigEndian.Uint64(head[2:])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r, payload); err != nil {
			t.Fatal(err)
		}
		if head[0] == closeFrame {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

func TestMessages_AreLimitedForAnIdentity(t *testing.T) {
	t.Parallel()
	const limit = 5
	f := start(t, Config{MessagesPerMinute: limit}, "prices")
	a, _, _ := f.join(t, "operator")
	b, _, _ := f.join(t, "operator")
	other, _, _ := f.join(t, "viewer")
	for range limit {
		a.send(`{"type":"ping"}`)
		a.find(wire.TypePong)
	}
	for _, p := range []*peer{a, b} { // the sockets of an identity share it
		p.send(`{"type":"service:reset_circuit_breaker","service":"prices","reason":"x","request_id":"r"}`)
		m := p.find(wire.TypeError)
		if m.Code != 4029 || m.RequestID != "r" || m.RetryAfterMs < 1 || m.RetryAfterMs > 60_001 {
			t.Errorf("got %s", m.raw)
		}
	}
	_ = b.conn.CloseNow()
	c, _, _ := f.join(t, "operator") // nor does coming back help
	c.send(`{"type":"ping"}`)
	if m := c.next(); m.Code != 4029 {
		t.Errorf("got %s", m.raw)
	}
	other.send(`{"type":"ping"}`)
	other.want(wire.TypePong)
	for range 9 * limit {
		a.send(`{"type":"ping"}`)
	}
	if code := a.ended(); code != websocket.StatusPolicyViolation {
		t.Errorf("a flood is closed with %d, want 1008", code)
	}
	if audit := f.store.Audit(); len(audit) != 1 {
		t.Errorf("a refused message was acted on: %+v", audit)
	}
}
