package agents

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/wire"
)

func TestHandshake_LetsInAgentsAlone(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MaxAgents: 2})
	for secret, want := range map[string]int{
		"": 401, strings.Repeat("x", 40): 401, secrets["viewer"]: 403, secrets["agent"]: 101, secrets["admin"]: 101,
	} {
		if _, status, _ := f.connect(t, secret); status != want {
			t.Errorf("%.3s…: %d, want %d", secret, status, want)
		}
	}
	if _, status, _ := f.connect(t, secrets["agent"]); status != http.StatusTooManyRequests {
		t.Errorf("one agent too many: %d", status)
	}
}

// TestMessage_ThatIsWrongIsAnsweredAndChangesNothing says of each what the error
// names; the connection goes on.
func TestMessage_ThatIsWrongIsAnsweredAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	p := f.dial(t, "agent")
	wrong := func(text string, code int, part string) {
		t.Helper()
		p.send(text)
		if e := p.want(wire.TypeError); e.Code != code || !strings.Contains(e.Message, part) {
			t.Errorf("%.100s: %s, want %d with %q", text, e.raw, code, part)
		}
	}
	wrong(strings.Replace(join("prices"), "#", "1", 1), 4004, "agent:hello must come before")
	wrong(`{"type":"agent:hello","instance":"x","boot":"y"}`, 4004, "instance: must match")
	wrong(strings.Replace(hello("web"), "2026-11-23", "9026-11-23", 1), 4004, "started_at: must be in the years")
	p.send(hello("web"))
	p.want(wire.TypeAgentWelcome)
	wrong(hello("web"), 4004, "agent:hello has come already")
	wrong(`{`, 4004, "not JSON")
	wrong(`{"type":"ping"}`, 4004, `"ping" is not a message`)
	wrong(`{"type":"agent:report","id":0,"services":[]}`, 4004, "id:")
	wrong(`{"type":"agent:report","id":1,"services":[{"running":7}]}`, 4004, "services[0].running: must be")
	wrong(strings.Replace(opens("prices"), "#", "1", 1), 4040, "prices has not joined")
	p.id = 1
	p.tell(join("prices"))
	p.want(wire.TypeAgentJoined)
	wrong(`{"type":"agent:report","id":2,"services":[]}`, 4004, "id: 2 is not above 2")
	for i, tt := range []struct{ was, is, part string }{
		{`"state":"closed"`, `"state":"ajar"`, "services[0].circuit_breaker.state"},
		{`"mode":"auto"`, `"mode":"forced_open"`, "services[0].circuit_breaker.override: is required"},
		{`"running":true`, `"config_version":-1`, "services[0].config_version"},
		{`"running":true`, `"retry_after_ms":-1`, "services[0].retry_after_ms"},
		{`"running":true`, `"open_ms":1e300`, "services[0].open_ms"},
		{`"admitted_share":1`, `"admitted_share":1.5`, "services[0].circuit_breaker.admitted_share"},
		{`"admitted_share":1`, `"consecutive_failures":-1`, "services[0].circuit_breaker.consecutive_failures"},
		{`"admitted_share":1`, `"last_failure":"1960-01-01T00:00:00Z"`, "services[0].circuit_breaker.last_failure: must be in the years"},
		{`"running":true`, `"durations":{"counts":[[15,1]]}`, "services[0].durations.counts[0][0]"},
		{`"service":"prices"`, `"service":"No Name"`, "services[0].service"},
	} {
		id := 3 + i
		text := strings.Replace(`{"type":"agent:report","id":#,"services":[`+state("prices", "closed", "0", "1", "0")+`]}`, tt.was, tt.is, 1)
		p.send(strings.Replace(text, "#", number(uint64(id)), 1))
		e := p.refusal()
		if e.Code != 4004 || !strings.Contains(e.Message, tt.part) || string(e.RequestID) != number(uint64(id)) {
			t.Errorf("%s: %s", tt.is, e.raw)
		}
	}
	p.id = 100
	bad := strings.Replace(opens("prices"), `"to":"open"`, `"to":"up"`, 1)
	p.tell(bad)
	if e := p.refusal(); !strings.Contains(e.Message, "transitions[0].to") {
		t.Errorf("to: %s", e.raw)
	}
	bad = strings.Replace(opens("prices"), `"failures":2,`, `"failures":-2,`, 1)
	p.tell(bad)
	if e := p.refusal(); !strings.Contains(e.Message, "transitions[0].evidence.failures") {
		t.Errorf("evidence: %s", e.raw)
	}
	p.send(`{"type":"agent:result","order":77,"service":"prices","state":` + state("prices", "closed", "0", "0", "0") + `}`) // nobody gave it
	p.send(`{"type":"agent:heartbeat"}`)
	for p.next().Type != wire.TypeAgentHeartbeat { // and nothing has ended
	}
	if v, err := f.fleet.Service("prices"); err != nil || v.Breaker.Transitions != 0 || v.Breaker.State.String() != "closed" {
		t.Errorf("the service is %+v, %v", v.Breaker, err)
	}
}

// TestFraming_ThatIsWrongIsClosedWithItsCode writes bytes by hand.
func TestFraming_ThatIsWrongIsClosedWithItsCode(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessageTimeout: 300 * time.Millisecond})
	for name, tt := range map[string]struct {
		bytes []byte
		code  uint16
	}{
		"not UTF-8":       {masked(0x81, []byte("{\"a\":\"\xff\"}")), 1007},
		"binary":          {masked(0x82, []byte("{}")), 1003},
		"not masked":      {[]byte{0x81, 2, '{', '}'}, 1002},
		"too big":         {[]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1}, 1009},
		"reserved bits":   {masked(0xc1, []byte("{}")), 1002},
		"a slow message":  {masked(0x81, []byte("{}"))[:5], 1008},
		"too many pings":  bytesTimes(masked(0x89, nil), 121),
		"a cut close":     {masked(0x88, []byte{3}), 1002},
		"a normal close":  {masked(0x88, []byte{3, 0xe8}), 1000},
		"no such message": {masked(0x8b, nil), 1002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code := f.rawEnd(t, tt.bytes); code != tt.code {
				t.Errorf("closed with %d, want %d", code, tt.code)
			}
		})
	}
}

func bytesTimes(b []byte, n int) struct {
	bytes []byte
	code  uint16
} {
	return struct {
		bytes []byte
		code  uint16
	}{bytes.Repeat(b, n), 1008}
}

// masked is a frame of a client, whose mask changes nothing.
func masked(first byte, payload []byte) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// rawEnd opens a socket by hand, writes the bytes, and returns the code that it is
// closed with.
func (f *fixture) rawEnd(t *testing.T, sent []byte) uint16 {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only read
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET /api/v2/ws/agent HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+ //nolint:errcheck // and so does the read
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", secrets["agent"])
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(r, payload); err != nil {
			t.Fatal(err)
		}
		if head[0] == 0x88 {
			return binary.BigEndian.Uint16(payload)
		}
	}
}

func TestLargeMessage_IsTaken(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	p := f.attached(t, "agent", "web")
	text := `{"type":"agent:heartbeat","x":"`
	p.send(text + strings.Repeat("x", readLimit-len(text)-2) + `"}`)
	p.want(wire.TypeAgentHeartbeat)
}
