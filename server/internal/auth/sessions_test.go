package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// opened is an Authenticator with a session of the first of the tokens, and the
// session's cookie.
func opened(t *testing.T, tokens ...fleet.Token) (a *Authenticator, session fleet.Token, cookie string) {
	t.Helper()
	a = newAuth(t, tokens...)
	id := a.known.Load().byID[tokens[0].ID]
	secret, session, ok := a.NewSession(id)
	if !ok {
		t.Fatal("a token without sessions")
	}
	session.ID = "session"
	set(t, a, append(tokens, session)...)
	return a, session, cookieName + "=" + secret
}

func set(t *testing.T, a *Authenticator, tokens ...fleet.Token) {
	t.Helper()
	if err := a.Set(tokens); err != nil {
		t.Fatal(err)
	}
}

// page is a request of the server's own page.
func page(method, cookie string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://board.example/api/v2/services", http.NoBody)
	r.Header.Set("Origin", "http://board.example")
	r.Header.Set("Cookie", cookie)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

func TestSession_IsItsTokenForATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent := token("p", "operator", adminSecret)
		parent.Services = []string{"eu*"}
		a, session, cookie := opened(t, parent)
		id, err := a.Visitor(page("POST", cookie), nil)
		if err != nil || id.Name != "name of p" || id.Role != Operator || id.TokenID != "session" || id.Key() != "p" || id.Session() != "session" ||
			!id.Sees("eu:a") || id.Sees("us:a") || !a.Active(id) {
			t.Fatalf("%+v, %v", id, err)
		}
		if strings.Contains(session.Hash, strings.TrimPrefix(cookie, cookieName+"=")) || session.Parent != "p" || session.Role != "operator" {
			t.Errorf("kept %+v", session)
		}
		time.Sleep(12*time.Hour - time.Second)
		if _, err := a.Visitor(page("GET", cookie), nil); err != nil || !a.Active(id) {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := a.Visitor(page("GET", cookie), nil); fleet.KindOf(err) != fleet.Unauthorized || a.Active(id) {
			t.Errorf("after twelve hours: %v", err)
		}
	})
}

func TestSession_EndsNoLaterThanItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent := token("p", "viewer", viewerSecret)
		parent.ExpiresAt = time.Now().Add(time.Hour)
		a, session, cookie := opened(t, parent)
		if !session.ExpiresAt.Equal(parent.ExpiresAt) {
			t.Errorf("it ends at %v, its token at %v", session.ExpiresAt, parent.ExpiresAt)
		}
		id, err := a.Visitor(page("GET", cookie), nil)
		if err != nil {
			t.Fatal(err)
		}
		parent.ExpiresAt = time.Now().Add(time.Minute) // whatever the session was told
		set(t, a, parent, session)
		time.Sleep(time.Minute)
		if _, err := a.Visitor(page("GET", cookie), nil); err == nil || a.Active(id) {
			t.Error("it outlives its token")
		}
	})
}

func TestSession_HasNoMoreThanItsTokenHasNow(t *testing.T) {
	t.Parallel()
	parent := token("p", "admin", adminSecret)
	a, session, cookie := opened(t, parent)
	id, err := a.Visitor(page("GET", cookie), nil)
	if err != nil {
		t.Fatal(err)
	}
	if session.Role != "admin" {
		t.Fatal(session)
	}
	less := parent
	less.Role, less.Services = "viewer", []string{"a"}
	set(t, a, less, session)
	if a.Active(id) {
		t.Error("what it opened as an administrator's is open still")
	}
	if now, err := a.Visitor(page("GET", cookie), nil); err != nil || now.Role != Viewer || now.Sees("b") {
		t.Errorf("then it is %+v, %v", now, err)
	}
	set(t, a, session)
	if _, err := a.Visitor(page("GET", cookie), nil); err == nil {
		t.Error("it holds without its token")
	}
	// A token in no store comes back with its ID, and perhaps another secret.
	other := token("p", "admin", viewerSecret)
	set(t, a, other, session)
	if _, err := a.Visitor(page("GET", cookie), nil); Reason(err) != "a session of a token that was changed" || a.Active(id) {
		t.Errorf("of another secret: %v", err)
	}
	set(t, a, parent, session)
	if _, err := a.Visitor(page("GET", cookie), nil); err != nil || !a.Active(id) {
		t.Errorf("of the same again: %v", err)
	}
}

func TestSession_OpensNothingButAsACookie(t *testing.T) {
	t.Parallel()
	parent := token("p", "admin", adminSecret)
	a, session, cookie := opened(t, parent)
	_, secret, _ := strings.Cut(cookie, "=")
	if _, ok := a.Token(secret); ok {
		t.Error("it is a token")
	}
	if _, err := a.Login(request(t), secret); err == nil {
		t.Error("it logs in")
	}
	if _, err := a.Visitor(page("GET", cookieName+"="+adminSecret), nil); err == nil {
		t.Error("a token is a session")
	}
	id, _ := a.Token(adminSecret)
	if id.Session() != "" {
		t.Error("a token has become a session")
	}
	// A session of a session would go on for ever.
	child := session
	child.ID, child.Parent, child.Hash = "child", "session", Hash("x")
	set(t, a, parent, session, child)
	if _, ok := a.known.Load().byID["child"]; ok {
		t.Error("a session has a session")
	}
}

func TestCookie_LetsInItsOwnPageAndNoOther(t *testing.T) {
	t.Parallel()
	a, _, cookie := opened(t, token("p", "admin", adminSecret))
	allowed := []string{"https://other.example"}
	for _, tt := range []struct {
		name    string
		method  string
		headers []string
		in      bool
	}{
		{"the page", "POST", nil, true},
		{"the page, reading", "GET", nil, true},
		{"one that is allowed", "POST", []string{"Origin", "https://other.example"}, true},
		{"reading without an Origin", "GET", []string{"Origin", "", clientHeader, clientPage}, true},
		{"a HEAD without an Origin", "HEAD", []string{"Origin", "", clientHeader, clientPage}, true},
		{"a link from anywhere", "GET", []string{"Origin", ""}, false},
		{"another word", "GET", []string{"Origin", "", clientHeader, "page"}, false},
		{"a change without an Origin", "POST", []string{"Origin", "", clientHeader, clientPage}, false},
		{"a DELETE without an Origin", "DELETE", []string{"Origin", "", clientHeader, clientPage}, false},
		{"another page that reads", "GET", []string{"Origin", "http://evil.example", clientHeader, clientPage}, false},
		{"another page", "POST", []string{"Origin", "http://evil.example"}, false},
		{"another port", "POST", []string{"Origin", "http://board.example:81"}, false},
		{"one that hides", "GET", []string{"Origin", "null", clientHeader, clientPage}, false},
	} {
		_, err := a.Visitor(page(tt.method, cookie, tt.headers...), allowed)
		if (err == nil) != tt.in || err != nil && fleet.KindOf(err) != fleet.Unauthorized {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := a.Page(page("GET", cookie, "Origin", "", clientHeader, clientPage), nil); err == nil {
		t.Error("a socket without an Origin is let in")
	}
}

func TestCookie_ThatIsNoSessionIsNotCounted(t *testing.T) {
	t.Parallel()
	refused := 0
	a, err := NewWith(Options{
		Tokens: []fleet.Token{token("p", "admin", adminSecret)}, LoginsPerMinute: 1, Refused: func(*http.Request, string) { refused++ },
		JWT: &JWTOptions{Secret: []byte(strings.Repeat("j", 32))},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"", "x", strings.Repeat("A", 64), strings.Repeat("A", 63), strings.Repeat("A", 5000), "a.b.c", `"`, "%00", "..", adminSecret} {
		for range 3 {
			_, err := a.Visitor(page("GET", cookieName+"="+secret), nil)
			if fleet.KindOf(err) != fleet.Unauthorized || strings.Contains(err.Error(), "Authorization") && secret != `"` {
				t.Errorf("%.20q: %v", secret, err)
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d were counted", refused)
	}
	if _, err := a.Login(page("GET", ""), strings.Repeat("x", 30)); fleet.KindOf(err) != fleet.Unauthorized || refused != 1 {
		t.Errorf("a bad log-in after them: %v", err)
	}
}

func TestCode_LogsInOnceWithinAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, token("p", "admin", adminSecret))
		code, expires := a.Code("p")
		if len(code) < 26 || time.Until(expires) != time.Hour {
			t.Errorf("%d letters, until %v", len(code), expires)
		}
		if id, _, err := a.LoginByCode(request(t), code); err != nil || id.TokenID != "p" || id.Role != Admin {
			t.Errorf("%+v, %v", id, err)
		}
		if _, _, err := a.LoginByCode(request(t), code); Reason(err) != "an unknown log-in code" {
			t.Errorf("again: %v", err)
		}
		late, _ := a.Code("p")
		time.Sleep(time.Hour)
		if _, _, err := a.LoginByCode(request(t), late); Reason(err) != "an expired log-in code" {
			t.Errorf("an hour later: %v", err)
		}
		orphan, _ := a.Code("p")
		set(t, a)
		if _, _, err := a.LoginByCode(request(t), orphan); Reason(err) != "a log-in code whose token has ended" {
			t.Errorf("without its token: %v", err)
		}
		for range 3 * maxCodes {
			a.Code("p")
		}
		if n := len(a.codes.open); n != maxCodes {
			t.Errorf("%d codes are open", n)
		}
	})
}

func TestCode_ThatIsWrongIsAFailedLogIn(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("p", "admin", adminSecret))
	for range defaultLogins {
		if _, _, err := a.LoginByCode(request(t), "guessed"); fleet.KindOf(err) != fleet.Unauthorized {
			t.Fatal(err)
		}
	}
	if _, _, err := a.LoginByCode(request(t), "guessed"); fleet.KindOf(err) != fleet.Exhausted {
		t.Errorf("the eleventh: %v", err)
	}
	code, _ := a.Code("p")
	if _, _, err := a.LoginByCode(request(t), code); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestEnded_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ended
		e.add("short", time.Now().Add(time.Minute))
		for i := range maxEnded - 1 {
			e.add(string(rune('0'+i%10))+strings.Repeat("x", i/10), time.Now().Add(time.Hour))
		}
		time.Sleep(time.Minute)
		e.add("one more", time.Now().Add(time.Hour))
		if e.has("short") || !e.has("one more") || !e.has("0") || len(e.of) != maxEnded {
			t.Errorf("%d are kept; the one that has expired: %v, the new one: %v", len(e.of), e.has("short"), e.has("one more"))
		}
		e.add("another", time.Now().Add(time.Hour))
		if len(e.of) != maxEnded || !e.has("another") {
			t.Errorf("%d are kept", len(e.of))
		}
	})
}
