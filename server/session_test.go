package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/wire"
)

const ownOrigin = "http://example.com" // of the requests that httptest makes

// mine are the headers of the server's own page with the cookie.
func mine(cookie string) []string { return []string{"Cookie", cookie, "Origin", ownOrigin} }

// holds reports whether the cookie lets the page in.
func (b *bench) holds(cookie string) bool {
	b.t.Helper()
	got := b.ask("GET", sessionPath, there, "", mine(cookie)...)
	if got.Code != http.StatusOK && got.Code != http.StatusUnauthorized {
		b.t.Errorf("who is it: %d %s", got.Code, got.Body)
	}
	return got.Code == http.StatusOK
}

// create makes an API token that is in the store.
func (b *bench) create(body string) wire.NewToken {
	b.t.Helper()
	got := b.ask("POST", "/api/v2/tokens", there, body, "Authorization", bearer, "Content-Type", "application/json")
	var made wire.NewToken
	if err := json.Unmarshal(got.Body.Bytes(), &made); got.Code != http.StatusCreated || err != nil {
		b.t.Fatalf("%d %s %v", got.Code, got.Body, err)
	}
	return made
}

// sessions are those of the store.
func (b *bench) sessions() (list []fleet.Token) {
	b.t.Helper()
	all, err := b.store.Tokens(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(t fleet.Token) bool { return !t.Session() })
}

func TestSession_TellsWhoIsLoggedIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	made := b.create(`{"name":"eu board","role":"operator","services":["eu*"],"expires_at":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`)
	got := b.ask("GET", sessionPath, there, "", mine(b.logIn(made.Secret))...)
	var s wire.Session
	if err := json.Unmarshal(got.Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "eu board" || s.Role != "operator" || !slices.Equal(s.Services, []string{"eu*"}) || !s.ExpiresAt.Equal(made.ExpiresAt.Time) {
		t.Errorf("%s: it is to be as its token, which ends at %v", got.Body, made.ExpiresAt)
	}
	cookie := b.logIn(adminSecret)
	got = b.ask("GET", sessionPath, there, "", mine(cookie)...)
	if err := json.Unmarshal(got.Body.Bytes(), &s); err != nil || time.Until(s.ExpiresAt.Time) > 12*time.Hour || time.Until(s.ExpiresAt.Time) < 11*time.Hour {
		t.Errorf("%s: of a token that does not end it is to last 12 hours", got.Body)
	}
	// The page reads without an Origin, for a browser sends none.
	if got := b.ask("GET", "/api/v2/services", there, "", "Cookie", cookie, "Switchgear-Client", "dashboard"); got.Code != 200 {
		t.Errorf("the page reads: %d", got.Code)
	}
	if got := b.ask("PUT", "/api/v2/services/x", there, "{}", "Cookie", cookie, "Switchgear-Client", "dashboard"); got.Code != 401 {
		t.Errorf("a change without an Origin: %d", got.Code)
	}
	// Of both, Authorization counts, also where it is worth nothing.
	got = b.ask("GET", sessionPath, there, "", append(mine(cookie), "Authorization", "Bearer "+viewerSecret)...)
	if !strings.Contains(got.Body.String(), `"name":"board"`) {
		t.Errorf("a token beside a cookie: %s", got.Body)
	}
	if got := b.ask("GET", sessionPath, there, "", append(mine(cookie), "Authorization", "Bearer "+strings.Repeat("x", 30))...); got.Code != 401 {
		t.Errorf("a bad token beside a cookie: %d", got.Code)
	}
}

func TestSession_CookieIsForThePageAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{AllowedOrigins: []string{"https://board.example"}})
	log := func(tls bool, headers ...string) *http.Cookie {
		r := httptest.NewRequest(http.MethodPost, sessionPath, strings.NewReader(`{"token":"`+viewerSecret+`"}`))
		if !tls {
			r.TLS = nil
		} else {
			r = httptest.NewRequest(http.MethodPost, "https://example.com"+sessionPath, strings.NewReader(`{"token":"`+viewerSecret+`"}`))
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Result().Cookies()[0]
	}
	for _, tt := range []struct {
		name    string
		tls     bool
		origin  string
		wantTLS bool
	}{
		{"plain", false, ownOrigin, false},
		{"plain, of a program", false, "", false},
		{"over TLS", true, "https://example.com", true},
		{"through a proxy that ends TLS", false, "https://board.example", true},
	} {
		var headers []string
		if tt.origin != "" {
			headers = []string{"Origin", tt.origin}
		}
		c := log(tt.tls, headers...)
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 11*3600 || c.MaxAge > 12*3600 {
			t.Errorf("%s: %+v", tt.name, c)
		}
		if name := map[bool]string{false: "switchgear_session", true: "__Host-switchgear_session"}[tt.wantTLS]; c.Name != name || c.Secure != tt.wantTLS {
			t.Errorf("%s: %s, secure %v", tt.name, c.Name, c.Secure)
		}
		if tt.wantTLS && !tt.tls {
			got := b.ask("GET", sessionPath, there, "", "Cookie", c.Name+"="+c.Value, "Origin", "https://board.example")
			if got.Code != 200 {
				t.Errorf("%s: then %d", tt.name, got.Code)
			}
		}
	}
	// Over TLS a cookie that any neighbour may set is none.
	plain := b.logIn(viewerSecret)
	r := httptest.NewRequest(http.MethodGet, "https://example.com"+sessionPath, http.NoBody)
	r.Header.Set("Cookie", plain)
	r.Header.Set("Origin", "https://example.com")
	w := httptest.NewRecorder()
	if b.ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("a plain cookie over TLS: %d", w.Code)
	}
}

func TestSession_IsANewOneWithEachLogIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	first := b.logIn(viewerSecret)
	second := b.logIn(adminSecret, mine(first)...)
	if first == second || b.holds(first) || !b.holds(second) {
		t.Error("the session from before the log-in is there still, or has become the new one")
	}
	chosen := "switchgear_session=" + strings.Repeat("A", 64)
	if got := b.logIn(adminSecret, "Cookie", chosen, "Origin", ownOrigin); got == chosen || b.holds(chosen) {
		t.Error("a session that somebody chose is let in")
	}
	if got := b.ask("POST", sessionPath, there, `{"token":"`+strings.Repeat("x", 30)+`"}`, mine(second)...); got.Code != 401 || !b.holds(second) {
		t.Errorf("a failed log-in: %d, and the session before it holds: %v", got.Code, b.holds(second))
	}
	other := b.logIn(viewerSecret)
	if b.holds(second + "; " + other) {
		t.Error("cookies of two sessions are let in")
	}
	if !b.holds("switchgear_session=stale; " + second) {
		t.Error("a session is shut out by a cookie that is worth nothing beside it")
	}
}

func TestSession_OpensForNoOtherPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	login := `{"token":"` + adminSecret + `"}`
	for name, headers := range map[string][]string{
		"another page":                    {"Origin", "https://evil.example"},
		"another port of this host":       {"Origin", "http://example.com:9090"},
		"another scheme":                  {"Origin", "https://example.com"},
		"a form of a page that hides":     {"Origin", "null", "Content-Type", "application/x-www-form-urlencoded"},
		"a form, of a browser that knows": {"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"},
		"a neighbour, of such a browser":  {"Sec-Fetch-Site", "same-site", "Origin", "http://example.com:9090"},
		"a name that was made to mean us": {"Host", "evil.example", "Origin", "http://example.com"},
	} {
		if got := b.ask("POST", sessionPath, there, login, headers...); got.Code != 403 || len(got.Result().Cookies()) > 0 {
			t.Errorf("%s: %d %v", name, got.Code, got.Result().Cookies())
		}
	}
	if got := b.ask("POST", sessionPath, there, login, "Content-Type", "text/plain"); got.Code != 415 {
		t.Errorf("text: %d", got.Code)
	}
	if got := b.ask("GET", sessionPath+"?token="+adminSecret, there, ""); got.Code != 401 {
		t.Errorf("in the URL: %d", got.Code)
	}
	for body, want := range map[string]int{`{}`: 400, `{"token":"` + adminSecret + `","code":"x"}`: 400, `{"code":"nobodys"}`: 401} {
		if got := b.ask("POST", sessionPath, "192.0.2.9:1", body, "Content-Type", "application/json"); got.Code != want {
			t.Errorf("%s: %d, want %d", body, got.Code, want)
		}
	}
	if n := len(b.sessions()); n > 0 {
		t.Errorf("%d sessions were opened", n)
	}
}

// A name of somebody else's can be made to mean this machine, and then its page
// has our origin, as far as we can tell. Browsers keep cookies by name: it has
// none, and its word that it is the dashboard is worth nothing.
func TestSession_IsNotForANameThatWasMadeToMeanUs(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	b.logIn(adminSecret)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		got := b.ask(method, "/api/v2/services/market", here, "{}",
			"Host", "evil.example:8080", "Origin", "http://evil.example:8080", "Switchgear-Client", "dashboard")
		if got.Code != 401 {
			t.Errorf("%s: %d", method, got.Code)
		}
	}
}

func TestSession_OfNoWorthIsNoFailedLogIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	stale := b.logIn(adminSecret)
	if got := b.ask("DELETE", sessionPath, there, "", mine(stale)...); got.Code != 204 || !strings.Contains(got.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Fatalf("%d %v", got.Code, got.Header())
	}
	for range 30 {
		if b.holds(stale) || b.holds("switchgear_session=torn") || b.holds("switchgear_session="+strings.Repeat("A", 8000)) {
			t.Fatal("it lets in")
		}
	}
	for i := range 11 {
		got := b.ask("POST", sessionPath, there, `{"token":"`+strings.Repeat("x", 30)+`"}`)
		if want := map[bool]int{true: 401, false: 429}[i < 10]; got.Code != want {
			t.Errorf("bad log-in %d: %d, want %d", i, got.Code, want)
		}
	}
	b.logIn(adminSecret) // all the same
	if got := b.ask("DELETE", sessionPath, there, "", mine(stale)...); got.Code != 204 {
		t.Errorf("to log out who is out: %d", got.Code)
	}
	if got := b.ask("DELETE", sessionPath, there, "", "Cookie", b.logIn(adminSecret)); got.Code != 401 {
		t.Errorf("to log out without an Origin: %d", got.Code)
	}
}

func TestSession_CodeOfTheLinkLetsOneIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	code, _ := b.auth.Code("1")
	var wait sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		wait.Go(func() {
			r := httptest.NewRequest(http.MethodPost, sessionPath, strings.NewReader(`{"code":"`+code+`"}`))
			r.RemoteAddr = "198.18.0." + string(rune('0'+i%10)) + ":1"
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			codes[i] = w.Code
		})
	}
	wait.Wait()
	slices.Sort(codes)
	if codes[0] != 201 || codes[1] != 401 || codes[19] != 401 {
		t.Errorf("%v, want 201 once, and 401", codes)
	}
	if list := b.sessions(); len(list) != 1 || list[0].Parent != "1" || list[0].Role != "admin" {
		t.Errorf("sessions: %+v", list)
	}
}

func TestSession_KeepsTwentyOfAToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	other := b.logIn(viewerSecret)
	first := b.logIn(adminSecret)
	for range 19 {
		b.logIn(adminSecret)
	}
	if !b.holds(first) {
		t.Error("the first of twenty is gone")
	}
	b.logIn(adminSecret)
	if b.holds(first) || !b.holds(other) || len(b.sessions()) != 21 {
		t.Errorf("the oldest of 21 holds: %v, another's: %v; %d are stored", b.holds(first), b.holds(other), len(b.sessions()))
	}
	got := b.ask("GET", "/api/v2/tokens", there, "", "Authorization", bearer)
	if !strings.Contains(got.Body.String(), `"tokens":[]`) {
		t.Errorf("the list of tokens has sessions: %s", got.Body)
	}
}
