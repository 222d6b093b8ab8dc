package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/wire"
)

// live is a bench that serves on an address.
func live(t *testing.T, cfg server.Config) (b *bench, url string) {
	t.Helper()
	b = newBench(t, cfg)
	ctx, stop := context.WithCancel(context.Background())
	l, url := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return b, url
}

// dial opens a socket, and reads its first message; status is the answer's.
func dial(t *testing.T, url string, header http.Header) (conn *websocket.Conn, status int) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	conn, resp, err := websocket.Dial(t.Context(), url+server.StreamPath, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{Transport: transport}}) //nolint:bodyclose // of a socket there is none
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		return nil, resp.StatusCode
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn, resp.StatusCode
}

// ends waits for the socket's end, and says how, and how long it took.
func ends(t *testing.T, conn *websocket.Conn) (code websocket.StatusCode, after time.Duration) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err), time.Since(began)
		}
	}
}

func TestSession_OpensASocketForItsPage(t *testing.T) {
	t.Parallel()
	b, url := live(t, server.Config{SocketsPerIdentity: 3})
	cookie := b.logIn(viewerSecret)
	for name, h := range map[string]struct {
		header http.Header
		status int
	}{
		"no Origin":              {http.Header{"Cookie": {cookie}}, 401},
		"no Origin, with a word": {http.Header{"Cookie": {cookie}, "Switchgear-Client": {"dashboard"}}, 401},
		"another Origin":         {http.Header{"Cookie": {cookie}, "Origin": {"http://127.0.0.1:1"}}, 403},
		"one that hides":         {http.Header{"Cookie": {cookie}, "Origin": {"null"}}, 403},
		"a torn cookie":          {http.Header{"Cookie": {cookie[:40]}, "Origin": {url}}, 401},
	} {
		if _, status := dial(t, url, h.header); status != h.status {
			t.Errorf("%s: %d, want %d", name, status, h.status)
		}
	}
	page := http.Header{"Cookie": {cookie}, "Origin": {url}}
	for range 2 {
		if _, status := dial(t, url, page); status != 101 {
			t.Fatalf("the page: %d", status)
		}
	}
	// The token that it was opened with, and another session of it, count with it.
	if _, status := dial(t, url, http.Header{"Authorization": {"Bearer " + viewerSecret}}); status != 101 {
		t.Errorf("the token: %d", status)
	}
	if _, status := dial(t, url, http.Header{"Cookie": {b.logIn(viewerSecret)}, "Origin": {url}}); status != 429 {
		t.Errorf("the fourth socket of the token: %d", status)
	}
}

func TestSession_EndsItsSocketsWithIt(t *testing.T) {
	t.Parallel()
	b, url := live(t, server.Config{})
	made := b.create(`{"name":"duty","role":"operator"}`)
	for name, end := range map[string]func(cookie string) int{
		"logged out":         func(c string) int { return b.ask("DELETE", sessionPath, there, "", mine(c)...).Code },
		"logged in as other": func(c string) int { b.logIn(adminSecret, mine(c)...); return 204 },
	} {
		endsSocket(t, b, url, name, b.logIn(made.Secret), end)
	}
	bystander, _ := dial(t, url, http.Header{"Cookie": {b.logIn(viewerSecret)}, "Origin": {url}})
	endsSocket(t, b, url, "its token revoked", b.logIn(made.Secret), func(string) int {
		return b.ask("DELETE", "/api/v2/tokens/"+made.ID, there, "", "Authorization", bearer).Code
	})
	for _, s := range b.sessions() {
		if s.Parent == made.ID {
			t.Errorf("the store has %+v still", s)
		}
	}
	err := bystander.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`))
	for said := []byte(nil); err == nil && !strings.Contains(string(said), `"pong"`); {
		_, said, err = bystander.Read(t.Context())
	}
	if err != nil {
		t.Errorf("another's socket ended, too: %v", err)
	}
}

func endsSocket(t *testing.T, b *bench, url, how, cookie string, end func(cookie string) int) {
	t.Helper()
	conn, status := dial(t, url, http.Header{"Cookie": {cookie}, "Origin": {url}})
	if status != 101 {
		t.Fatalf("%s: %d", how, status)
	}
	if got := end(cookie); got != 204 {
		t.Errorf("%s: %d", how, got)
	}
	if b.holds(cookie) {
		t.Errorf("%s: it holds still", how)
	}
	if code, after := ends(t, conn); code != 4001 || after > time.Second {
		t.Errorf("%s: the socket ended with %d after %v", how, code, after)
	}
}

func TestSession_EndsForWhoLeavesAlsoWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	cookie := b.logIn(adminSecret)
	b.store.Fail(errors.New("no disk"))
	defer b.store.Fail(nil)
	got := b.ask("DELETE", sessionPath, there, "", mine(cookie)...)
	if got.Code != 503 || !strings.Contains(got.Header().Get("Set-Cookie"), "Max-Age=0") || b.holds(cookie) {
		t.Errorf("%d %v, and it holds: %v", got.Code, got.Header(), b.holds(cookie))
	}
	if got := b.ask("POST", sessionPath, there, `{"token":"`+adminSecret+`"}`); got.Code != 503 || got.Header().Get("Set-Cookie") != "" {
		t.Errorf("log in: %d %v", got.Code, got.Header())
	}
}

func TestSession_OfAJWTIsTheJWT(t *testing.T) {
	t.Parallel()
	b, url := live(t, server.Config{})
	sign := func(claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(jwtSecret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	end := time.Now().Add(time.Hour).Unix()
	token := sign(jwt.MapClaims{"sub": "carol", "role": "operator", "exp": end})
	cookie := b.logIn(token)
	got := b.ask("GET", sessionPath, there, "", mine(cookie)...)
	if !strings.Contains(got.Body.String(), `"name":"carol"`) || len(b.sessions()) > 0 {
		t.Errorf("%s, and %d sessions are stored", got.Body, len(b.sessions()))
	}
	endsSocket(t, b, url, "logged out", cookie, func(c string) int {
		return b.ask("DELETE", sessionPath, there, "", mine(c)...).Code
	})
	if got := b.ask("GET", sessionPath, there, "", "Authorization", "Bearer "+token); got.Code != 200 {
		t.Errorf("the token itself: %d", got.Code)
	}
	if cookie := b.logIn(token); !b.holds(cookie) {
		t.Error("it cannot log in again")
	}
	agent := sign(jwt.MapClaims{"sub": "reporter", "role": "agent", "exp": end})
	if got := b.ask("POST", sessionPath, there, `{"token":"`+agent+`"}`); got.Code != 403 {
		t.Errorf("an agent: %d", got.Code)
	}
	long := sign(jwt.MapClaims{"sub": "carol", "role": "viewer", "exp": end, "more": strings.Repeat("x", 3000)})
	if got := b.ask("POST", sessionPath, there, `{"token":"`+long+`"}`); got.Code != 400 || !strings.Contains(got.Body.String(), "does not fit") {
		t.Errorf("one that is too long for a cookie: %d %s", got.Code, got.Body)
	}
	var actions []string
	for _, e := range b.store.AuditLog() {
		if e.Actor == "carol" {
			actions = append(actions, e.Action)
		}
	}
	if want := []string{"log in", "log out", "log in"}; !slices.Equal(actions, want) {
		t.Errorf("audit %q, want %q", actions, want)
	}
}

func TestServerInfo_TellsHowTheServerIs(t *testing.T) {
	t.Parallel()
	b, url := live(t, server.Config{Version: wire.Version{Version: "v1.2.3", Commit: "abc"}})
	dial(t, url, http.Header{"Authorization": {bearer}})
	dial(t, url, http.Header{})
	b.ask("PUT", "/api/v2/services/market", there, "{}", "Authorization", bearer)
	var info wire.ServerInfo
	read := func() wire.ServerInfo {
		t.Helper()
		got := b.ask("GET", "/api/v2/server", there, "", "Authorization", bearer)
		if err := json.Unmarshal(got.Body.Bytes(), &info); got.Code != 200 || err != nil {
			t.Fatalf("%d %s %v", got.Code, got.Body, err)
		}
		return info
	}
	b.until("the stream's messages in it", func() bool { return read().Stream.Messages >= 3 })
	if info.Version != "v1.2.3" || info.Commit != "abc" || info.Go == "" || info.Epoch != b.manager.Epoch() || info.Services != 1 ||
		!info.Ready || !info.Store.Answers || info.Store.Error != nil || info.MemoryBytes < 1<<20 || info.Goroutines < 2 ||
		info.Stream.Clients != 1 || info.Stream.Refused != 1 || info.Stream.Bytes < 100 || info.Stream.Updates == 0 ||
		time.Since(info.StartedAt.Time) > time.Minute {
		t.Errorf("%+v", info)
	}
	b.store.Fail(errors.New("disk /secret is gone"))
	defer b.store.Fail(nil)
	if _, err := b.manager.Report(t.Context(), "market", nil); err != nil {
		t.Fatal(err)
	}
	b.ask("DELETE", "/api/v2/services/market", there, "", "Authorization", bearer)
	if read(); info.Ready || info.Store.Answers || info.Store.Error == nil || strings.Contains(*info.Store.Error, "secret") || info.Store.FailedWrites == 0 {
		t.Errorf("while the store is away: %+v", info.Store)
	}
}
