package ws

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

// counted is a server that tells of the failed log-ins that are counted.
func counted(t *testing.T) (s *Server, failed func() []string) {
	t.Helper()
	var mu sync.Mutex
	var reasons []string
	known, err := auth.NewWith(auth.Options{
		Tokens: tokens(t, "viewer", "operator", "agent"), JWT: &auth.JWTOptions{Secret: jwtSecret},
		Refused: func(_ *http.Request, reason string) {
			mu.Lock()
			defer mu.Unlock()
			reasons = append(reasons, reason)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err = New(Deps{Manager: &obedient{}, Auth: known}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(reasons)
	}
}

// asks is a handshake.
func asks(t *testing.T, query string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1"
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	maps.Copy(r.Header, header)
	return r
}

func TestHandshake_SaysOfNoTextInTheURLWhetherItIsAToken(t *testing.T) {
	t.Parallel()
	s, _ := counted(t)
	texts := []string{
		secrets["viewer"], strings.Repeat("q", 40), strings.Repeat("q", 20), strings.Repeat("Q", 256),
		signed(t, nil), signed(t, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}), "eyJhbGciOiJIUzI1NiJ9.e30.x",
	}
	for _, parameter := range []string{"x", "epoch", "seq", "TICKET"} {
		for _, text := range texts {
			for _, header := range []http.Header{nil, bearer(secrets["operator"])} {
				if _, _, err := s.door.Enter(nil, asks(t, "?"+parameter+"="+text, header)); err != socket.ErrShown { //nolint:errorlint // the very same
					t.Errorf("%s=%.30s: %v", parameter, text, err)
				}
			}
		}
	}
	for _, query := range []string{
		"", "?x=1", "?x=1.2.3", "?epoch=old&seq=1", "?seq=18446744073709551615",
		"?epoch=ABCDEFGHIJKLMNOPQRSTUVWXYZ&seq=7", "?epoch=ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789ab&seq=7",
	} {
		if _, _, err := s.door.Enter(nil, asks(t, query, bearer(secrets["operator"]))); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestHandshake_CountsEachGuess(t *testing.T) {
	t.Parallel()
	const none, unknown = "not the form of a token", "an unknown token"
	guess, other := strings.Repeat("q", 40), strings.Repeat("r", 40)
	for _, tt := range []struct {
		name, query string
		header      http.Header
		want        []string
		in          bool
		protocol    string
	}{
		{"a ticket", "?ticket=" + guess, nil, []string{"an unknown ticket"}, false, ""},
		{"a token as a ticket", "?ticket=" + secrets["viewer"], nil, []string{"an unknown ticket"}, false, ""},
		{"offers", "", http.Header{"Sec-Websocket-Protocol": {guess + ", " + other}}, []string{unknown, unknown}, false, ""},
		{"more than four", "", http.Header{"Sec-Websocket-Protocol": {strings.Repeat(guess+", ", 8) + secrets["viewer"]}}, []string{unknown, unknown, unknown, unknown}, false, ""},
		{"before a good one", "", http.Header{"Sec-Websocket-Protocol": {guess + ", chat, " + secrets["viewer"]}}, []string{unknown}, true, secrets["viewer"]},
		{"nothing that could be one", "", http.Header{"Sec-Websocket-Protocol": {"chat, superchat"}}, []string{none}, false, ""},
		{"beside a good header", "", http.Header{"Authorization": {"Bearer " + secrets["viewer"]}, "Sec-Websocket-Protocol": {guess}}, nil, true, ""},
		{"another's token beside a good header", "", http.Header{"Authorization": {"Bearer " + secrets["viewer"]}, "Sec-Websocket-Protocol": {secrets["operator"]}}, nil, true, ""},
		{"one's own beside it", "", http.Header{"Authorization": {"Bearer " + secrets["viewer"]}, "Sec-Websocket-Protocol": {secrets["viewer"]}}, nil, true, secrets["viewer"]},
		{"beside a bad header", "", http.Header{"Authorization": {"Bearer " + guess}, "Sec-Websocket-Protocol": {secrets["viewer"]}}, []string{unknown}, false, ""},
	} {
		s, reasons := counted(t)
		_, protocol, err := s.door.Enter(nil, asks(t, tt.query, tt.header))
		if (err == nil) != tt.in || err == nil && protocol != tt.protocol {
			t.Errorf("%s: protocol %q, %v", tt.name, protocol, err)
		}
		if diff := cmp.Diff(tt.want, reasons()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestHandshake_OffersRunIntoTheLimitOfFailedLogins(t *testing.T) {
	t.Parallel()
	s, reasons := counted(t)
	offer := http.Header{"Sec-Websocket-Protocol": {strings.Repeat("q", 40) + ", " + strings.Repeat("r", 40) + ", " + strings.Repeat("s", 40)}}
	var err error
	for range 5 {
		_, _, err = s.door.Enter(nil, asks(t, "", offer))
	}
	if fleet.KindOf(err) != fleet.Exhausted || len(reasons()) != 10 {
		t.Errorf("%v, %d are counted", err, len(reasons()))
	}
	if _, _, err := s.door.Enter(nil, asks(t, "", http.Header{"Sec-Websocket-Protocol": {secrets["viewer"]}})); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestHandshake_IsInTheAuditLogWhereItIsRefused(t *testing.T) {
	t.Parallel()
	f := start(t, Config{SocketsPerIdentity: 1})
	p, _, _ := f.join(t, "operator")
	evil := bearer(secrets["viewer"])
	evil["Origin"] = []string{"https://evil.example"}
	f.handshake(t, "", evil)
	f.handshake(t, "", bearer(secrets["agent"]))
	f.handshake(t, "", bearer(secrets["operator"]))
	f.handshake(t, "?x="+secrets["viewer"], nil)
	f.handshake(t, "", nil)
	f.handshake(t, "", bearer(strings.Repeat("q", 40)))
	want := []string{
		"|refused: 403 the Origin is neither this server's own nor allowed",
		"the agent|refused: 403 the stream needs the role viewer (token agent)",
		"the operator|refused: 429 this identity has as many sockets as it may have (token operator)",
		"|refused: 401 a token in a URL is refused: it is for the Authorization header or a subprotocol, or for a ticket",
	}
	for i := range want {
		if strings.HasPrefix(want[i], "|") {
			want[i] = fleet.Unknown + want[i]
		}
	}
	var got []string
	eventually(t, "four refusals", func() bool {
		got = nil
		for _, e := range f.store.AuditLog() {
			if e.Action == "open stream" && e.Address == "127.0.0.1" {
				got = append(got, e.Actor+"|"+e.Result)
			}
		}
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p.send(`{"type":"ping","timestamp":1}`)
	p.find(wire.TypePong)
	if text, err := json.Marshal(f.store.AuditLog()); err != nil || strings.Contains(string(text), secrets["viewer"]) {
		t.Errorf("the log has the token: %v %s", err, text)
	}
}

func TestHealthCheck_IsInTheAuditLog(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.probe.err = errDown
	if _, _, err := f.fleet.Declare(t.Context(), "web", probed(), alice); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "operator")
	p.send(`{"type":"service:health_check","service":"web"}`)
	p.find(wire.TypeHealthCheckResult)
	eventually(t, "the check in the log", func() bool {
		return slices.ContainsFunc(f.store.AuditLog(), func(e fleet.AuditEntry) bool {
			return e.Action == "health check" && e.Service == "web" && e.Actor == "the operator" && e.Result == "unhealthy (token operator)"
		})
	})
}
