package ws

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

// signed is a JWT of the tests' secret.
func signed(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"sub": "carol", "role": "viewer", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString(jwtSecret)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// reply is what a handshake was answered with.
type reply struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// handshake asks for the stream by hand, and leaves.
func (f *fixture) handshake(t *testing.T, query string, header http.Header) (got reply, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/api/v2/ws/circuit-breaker"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	maps.Copy(r.Header, header)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got = reply{response.StatusCode, response.Status, response.Header}
	if got.StatusCode == http.StatusSwitchingProtocols {
		return got, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(text)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestHandshake_TakesATicketOnce(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	id, ok := f.auth.Token(secrets["operator"])
	if !ok {
		t.Fatal("no such token")
	}
	ticket, _, err := f.auth.Ticket(id)
	if err != nil {
		t.Fatal(err)
	}
	query := "?ticket=" + ticket
	if r, _ := f.handshake(t, query, http.Header{"Upgrade": {"h2c"}}); r.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("no WebSocket: %s", r.Status)
	}
	if r, _ := f.handshake(t, query, http.Header{"Origin": {"https://evil.example"}}); r.StatusCode != http.StatusForbidden {
		t.Errorf("from elsewhere: %s", r.Status)
	}
	p, err := f.connectAs(t, "", query) // neither of them has spent it
	if err != nil {
		t.Fatal(err)
	}
	if m := p.want(wire.TypeConnectionStatus); m.Role != "operator" {
		t.Errorf("got %s", m.raw)
	}
	for range 2 {
		if r, body := f.handshake(t, query, nil); r.StatusCode != http.StatusUnauthorized || strings.Contains(body, ticket) {
			t.Errorf("once more: %s %s", r.Status, body)
		}
	}
	if r, _ := f.handshake(t, query, bearer(secrets["viewer"])); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("once more beside a token: %s", r.Status)
	}
	if r, _ := f.handshake(t, "?ticket=", nil); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("an empty one: %s", r.Status)
	}
	if logged := f.log.String(); strings.Contains(logged, ticket) {
		t.Errorf("the log has the ticket:\n%s", logged)
	}
}

func TestHandshake_TakesNoTicketThatIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t, Config{}, "viewer")
		id, _ := s.auth.Token(secrets["viewer"])
		enter := func(ticket string) error {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/?ticket="+ticket, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{
				"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			_, _, err = s.door.Enter(nil, r)
			return err
		}
		for wait, want := range map[time.Duration]bool{30*time.Second - 1: true, 30 * time.Second: false} {
			ticket, _, err := s.auth.Ticket(id)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			if err := enter(ticket); (err == nil) != want || err != nil && fleet.KindOf(err) != fleet.Unauthorized {
				t.Errorf("after %v: %v", wait, err)
			}
		}
	})
}

func TestHandshake_RefusesATokenInTheURL(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	viewer, token := secrets["viewer"], signed(t, nil)
	for _, query := range []string{
		"?token=" + viewer, "?access_token=" + viewer, "?Token=" + viewer, "?TOKEN=" + token, "?ticket=" + viewer, "?ticket=" + token,
		"?auth=" + viewer, "?x=1&whatever=" + token, "?epoch=" + viewer + "&seq=1", "?epoch=" + token, "?seq=" + viewer, "?access_token=", "?jwt=x", "?apikey=" + viewer,
	} {
		for _, header := range []http.Header{nil, bearer(viewer)} {
			r, body := f.handshake(t, query, header)
			if r.StatusCode != http.StatusUnauthorized || r.Header.Get("Content-Type") != problem.ContentType {
				t.Errorf("%s: %s %s", query, r.Status, body)
			}
			if strings.Contains(body, viewer) || strings.Contains(body, token) {
				t.Errorf("%s: the answer has it: %s", query, body)
			}
		}
	}
	if logged := f.log.String(); strings.Contains(logged, viewer) || strings.Contains(logged, token) || !strings.Contains(logged, "status=401") {
		t.Errorf("the log:\n%s", logged)
	}
}

func TestHandshake_TakesJWTs(t *testing.T) {
	t.Parallel()
	f := start(t, Config{SocketsPerIdentity: -1})
	good := signed(t, nil)
	expired := signed(t, jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(marshal(t, jwt.MapClaims{"sub": "carol", "role": "admin", "exp": time.Now().Add(time.Hour).Unix()})) + "."
	for _, tt := range []struct {
		name     string
		header   http.Header
		status   int
		protocol string
	}{
		{"header", bearer(good), 101, ""},
		{"subprotocol", http.Header{"Sec-Websocket-Protocol": {good}}, 101, good},
		{"own subprotocol and token", http.Header{"Sec-Websocket-Protocol": {"switchgear.v2, " + good}}, 101, "switchgear.v2"},
		{"expired", bearer(expired), 401, ""},
		{"expired as subprotocol", http.Header{"Sec-Websocket-Protocol": {expired}}, 401, ""},
		{"not signed", bearer(unsigned), 401, ""},
		{"changed", bearer(good[:len(good)-2]), 401, ""},
		{"an agent", bearer(signed(t, jwt.MapClaims{"role": "agent"})), 403, ""},
	} {
		r, body := f.handshake(t, "", tt.header)
		if r.StatusCode != tt.status || r.Header.Get("Sec-Websocket-Protocol") != tt.protocol {
			t.Errorf("%s: %s, protocol %q: %s", tt.name, r.Status, r.Header.Get("Sec-Websocket-Protocol"), body)
		}
	}
}

func TestHandshake_RefusesHostileOrigins(t *testing.T) {
	t.Parallel()
	f := start(t, Config{AllowedOrigins: []string{"https://app.example"}, SocketsPerIdentity: -1})
	own := strings.TrimPrefix(f.url, "http://")
	for _, origin := range []string{
		"https://evil.example", "https://app.example.evil.com", "https://evilapp.example", "http://app.example", "https://app.example:8443",
		"null", "https://app.example/", "HTTPS://APP.EXAMPLE", "https://app.example@evil.example", "https://" + own, "http://" + own + ".evil.example",
		"http://localhost", "file://", "", "https://app.example https://evil.example",
	} {
		header := bearer(secrets["viewer"])
		header["Origin"] = []string{origin}
		if r, _ := f.handshake(t, "", header); r.StatusCode != http.StatusForbidden {
			t.Errorf("Origin %q: %s", origin, r.Status)
		}
	}
	header := bearer(secrets["viewer"])
	header["Origin"] = []string{"https://app.example", "https://evil.example"}
	if r, _ := f.handshake(t, "", header); r.StatusCode != http.StatusForbidden {
		t.Errorf("two of them: %s", r.Status)
	}
}

func TestHandshake_AnswersWhatIsNoneWithAProblem(t *testing.T) {
	t.Parallel()
	f := start(t, Config{SocketsPerIdentity: -1})
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
		shows  string // a header that must be in the answer
	}{
		{"no upgrade", http.Header{"Connection": {"keep-alive"}, "Upgrade": nil}, 426, "Upgrade"},
		{"upgrade to something else", http.Header{"Upgrade": {"h2c"}}, 426, "Upgrade"},
		{"no connection header", http.Header{"Connection": {"x"}}, 426, "Upgrade"},
		{"no version", http.Header{"Sec-Websocket-Version": nil}, 400, "Sec-WebSocket-Version"},
		{"old version", http.Header{"Sec-Websocket-Version": {"8"}}, 400, "Sec-WebSocket-Version"},
		{"two versions", http.Header{"Sec-Websocket-Version": {"13, 8"}}, 400, "Sec-WebSocket-Version"},
		{"no key", http.Header{"Sec-Websocket-Key": nil}, 400, ""},
		{"short key", http.Header{"Sec-Websocket-Key": {"c2hvcnQ="}}, 400, ""},
		{"long key", http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ=="}}, 400, ""},
		{"key that is no base64", http.Header{"Sec-Websocket-Key": {"!"}}, 400, ""},
		{"two keys", http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}}, 400, ""},
	} {
		header := bearer(secrets["viewer"])
		maps.Copy(header, tt.header)
		r, body := f.handshake(t, "", header)
		var p wire.Problem
		err := json.Unmarshal([]byte(body), &p)
		if r.StatusCode != tt.status || r.Header.Get("Content-Type") != problem.ContentType || err != nil || p.Status != tt.status || p.Detail == "" {
			t.Errorf("%s: %s %s", tt.name, r.Status, body)
		}
		if tt.shows != "" && r.Header.Get(tt.shows) == "" {
			t.Errorf("%s: the answer has no %s: %v", tt.name, tt.shows, r.Header)
		}
	}
	if n := f.Clients(); n != 0 {
		t.Errorf("%d clients", n)
	}
}

func TestSockets_AreCappedForAnIdentityWhoeverRaces(t *testing.T) {
	t.Parallel()
	const limit, racers = 20, 100
	f := start(t, Config{})
	var mu sync.Mutex
	var in []*peer
	refused := 0
	var race sync.WaitGroup
	for range racers {
		race.Go(func() {
			p, err := f.connect(t, "viewer", "")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused++
				return
			}
			in = append(in, p)
		})
	}
	race.Wait()
	if len(in) != limit || refused != racers-limit {
		t.Fatalf("%d got in, %d were refused", len(in), refused)
	}
	r, body := f.handshake(t, "", bearer(secrets["viewer"]))
	if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Content-Type") != problem.ContentType || r.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s %v %s", r.Status, r.Header, body)
	}
	f.join(t, "operator") // others have their own
	for _, p := range in {
		if err := p.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Fatal(err)
		}
		f.dial(t, "viewer", "") // its place is free at once
	}
	if r, _ := f.handshake(t, "", bearer(secrets["viewer"])); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("still one more: %s", r.Status)
	}
}

func TestSockets_OfJWTsAreCountedForTheirSubject(t *testing.T) {
	t.Parallel()
	f := start(t, Config{SocketsPerIdentity: 2})
	connect := func(sub string, i int) error {
		_, err := f.connectAs(t, signed(t, jwt.MapClaims{"sub": sub, "jti": i}), "")
		return err
	}
	for i := range 3 {
		if err := connect("carol", i); (err == nil) != (i < 2) {
			t.Errorf("socket %d: %v", i, err)
		}
	}
	if err := connect("dave", 0); err != nil {
		t.Error(err)
	}
}
