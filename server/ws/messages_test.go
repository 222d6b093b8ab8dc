package ws

import (
	"errors"
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
		`1e999`, `-1e-999`, `1E400`, `0.1000`, `9007199254740993`, `"1e999"`, `"` + strings.Repeat("x", 4000) + `"`,
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

func TestMessage_ThatNeverEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessageTimeout: 300 * time.Millisecond})
	for name, sent := range map[string][]byte{
		"a cut header":  fr(fText, "{ }")[:1],
		"a cut length":  long(fText, padded(126), 2)[:3],
		"a cut mask":    fr(fText, "{ }")[:4],
		"a cut payload": fr(fText, "{ }")[:7],
		"a first part":  fr(pText, "{"),
		"a cut ping":    fr(fPing, "abc")[:7],
		"parts":         append(fr(pText, "{"), fr(fPing, "")...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, r := f.raw(t)
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			for {
				op, payload, err := readFrame(r)
				if err != nil {
					t.Fatal(err)
				}
				if op == opClose {
					if got := spoken(t, op, payload); got != "close=1008" {
						t.Errorf("got %s", got)
					}
					return
				}
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
	if audit := f.store.AuditLog(); len(audit) != 1 {
		t.Errorf("a refused message was acted on: %+v", audit)
	}
}
