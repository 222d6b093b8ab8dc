package auth

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

var (
	adminSecret  = strings.Repeat("a", 40)
	viewerSecret = strings.Repeat("v", 20)
)

func token(id, role, secret string) fleet.Token {
	return fleet.Token{ID: id, Name: "name of " + id, Role: role, Hash: Hash(secret)}
}

func newAuth(t *testing.T, tokens ...fleet.Token) *Authenticator {
	t.Helper()
	a, err := New(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(t *testing.T, authorization ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://board.example/api/v2/services", http.NoBody)
	for _, v := range authorization {
		r.Header.Add("Authorization", v)
	}
	return r
}

func TestRole_MayDoWhatItsRankAllows(t *testing.T) {
	t.Parallel()
	all := []Role{0, Agent, Viewer, Operator, Admin, 9}
	may := map[Role][]Role{
		Agent:    {Agent},
		Viewer:   {Viewer},
		Operator: {Viewer, Operator},
		Admin:    {Agent, Viewer, Operator, Admin},
	}
	for _, r := range all {
		var got []Role
		for _, need := range all {
			if r.May(need) {
				got = append(got, need)
			}
		}
		if diff := cmp.Diff(may[r], got); diff != "" {
			t.Errorf("%v (-want +got)\n%s", r, diff)
		}
	}
}

func TestParseRole_ReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	for r := Agent; r <= Admin; r++ {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("ParseRole(%q) = %v, %v", r, got, err)
		}
	}
	for _, name := range []string{"", "Admin", "root", "Role(0)"} {
		if _, err := ParseRole(name); err == nil {
			t.Errorf("ParseRole(%q) is no error", name)
		}
	}
}

func TestRequest_LetsInWhoHasAToken(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "admin", adminSecret), token("2", "viewer", viewerSecret))
	tests := []struct {
		name          string
		authorization []string
		want          string // the token's ID; empty: refused
	}{
		{"admin", []string{"Bearer " + adminSecret}, "1"},
		{"viewer", []string{"Bearer " + viewerSecret}, "2"},
		{"scheme in another case", []string{"bearer " + adminSecret}, "1"},
		{"nothing", nil, ""},
		{"unknown", []string{"Bearer " + strings.Repeat("x", 40)}, ""},
		{"too short to be one", []string{"Bearer abc"}, ""},
		{"other characters", []string{"Bearer " + strings.Repeat("a", 39) + "."}, ""},
		{"prefix", []string{"Bearer " + adminSecret[:39]}, ""},
		{"other scheme", []string{"Basic " + adminSecret}, ""},
		{"no scheme", []string{adminSecret}, ""},
		{"two headers", []string{"Bearer " + adminSecret, "Bearer " + adminSecret}, ""},
		{"empty", []string{""}, ""},
		{"hash in place of the secret", []string{"Bearer " + Hash(adminSecret)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, err := a.Request(request(t, tt.authorization...))
			if id.TokenID != tt.want {
				t.Errorf("got %+v, want token %q", id, tt.want)
			}
			if (err != nil) != (tt.want == "") || err != nil && fleet.KindOf(err) != fleet.Unauthorized {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), adminSecret) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestToken_EndsWhenItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		short := token("1", "viewer", viewerSecret)
		short.ExpiresAt = time.Now().Add(time.Minute)
		a := newAuth(t, short)
		id, ok := a.Token(viewerSecret)
		if !ok || !a.Active(id) || !id.ExpiresAt.Equal(short.ExpiresAt) {
			t.Errorf("before its end: %+v, %v", id, ok)
		}
		time.Sleep(time.Minute)
		if _, ok := a.Token(viewerSecret); ok || a.Active(id) {
			t.Error("it holds after its end")
		}
	})
}

func TestSet_ReplacesTokensAtOnce(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "admin", adminSecret))
	id, _ := a.Token(adminSecret)
	var reading sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		reading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, admin := a.Token(adminSecret)
					_, viewer := a.Token(viewerSecret)
					if !admin && !viewer {
						t.Error("neither token is known")
						return
					}
				}
			}
		})
	}
	for range 200 {
		if err := a.Set([]fleet.Token{token("1", "admin", adminSecret), token("2", "viewer", viewerSecret)}); err != nil {
			t.Error(err)
		}
		if err := a.Set([]fleet.Token{token("2", "viewer", viewerSecret), token("1", "admin", adminSecret)}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	reading.Wait()
	if err := a.Set([]fleet.Token{token("1", "viewer", adminSecret)}); err != nil {
		t.Fatal(err)
	}
	if a.Active(id) {
		t.Error("an identity holds although its role is another now")
	}
	if err := a.Set(nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Token(adminSecret); ok {
		t.Error("a revoked token holds")
	}
}

func TestSet_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	good := token("1", "admin", adminSecret)
	bad := map[string][]fleet.Token{
		"role":    {token("1", "root", adminSecret)},
		"hash":    {{ID: "1", Role: "admin", Hash: "abc"}},
		"same ID": {good, token("1", "viewer", viewerSecret)},
	}
	for name, tokens := range bad {
		a := newAuth(t, good)
		if err := a.Set(tokens); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, ok := a.Token(adminSecret); !ok {
			t.Errorf("%s: the tokens before are gone", name)
		}
	}
}

func TestSet_TakesTheLaterOfTwoTokensWithOneSecret(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("stored", "viewer", adminSecret), token("environment", "admin", adminSecret))
	if id, ok := a.Token(adminSecret); !ok || id.TokenID != "environment" || !a.Active(id) {
		t.Errorf("got %+v, %v", id, ok)
	}
}

func TestOriginAllowed_IsExact(t *testing.T) {
	t.Parallel()
	allowed := []string{"https://app.example", "http://127.0.0.1:3000"}
	tests := map[string]bool{
		"http://board.example":          true, // the server's own
		"https://app.example":           true,
		"http://127.0.0.1:3000":         true,
		"https://board.example":         false, // the scheme is another
		"http://board.example:8080":     false,
		"http://board.example.evil":     false,
		"http://evil.board.example":     false,
		"https://app.example.evil.com":  false,
		"https://app.example/":          false,
		"http://app.example":            false,
		"https://APP.example":           false,
		"http://127.0.0.1:30000":        false,
		"null":                          false,
		"":                              false,
		"file://":                       false,
		"https://app.example, evil.com": false,
	}
	for origin, want := range tests {
		r := request(t)
		r.Header.Set("Origin", origin)
		if got := OriginAllowed(r, allowed); got != want {
			t.Errorf("Origin %q: %v, want %v", origin, got, want)
		}
	}
	if r := request(t); !OriginAllowed(r, nil) {
		t.Error("no Origin is refused")
	}
	r := request(t)
	r.Header["Origin"] = []string{"https://app.example", "https://evil.example"}
	if OriginAllowed(r, allowed) {
		t.Error("two Origins are allowed")
	}
	r = request(t)
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("Origin", "https://board.example")
	if !OriginAllowed(r, nil) {
		t.Error("the server's own is refused over TLS")
	}
}

func TestAddress_IsTheConnections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		remote, want string
		loopback     bool
	}{
		{"127.0.0.1:1234", "127.0.0.1", true},
		{"[::1]:1234", "::1", true},
		{"[::ffff:127.0.0.1]:1234", "127.0.0.1", true},
		{"192.0.2.1:99", "192.0.2.1", false},
		{"[2001:db8::1]:99", "2001:db8::1", false},
		{"@", "@", false},
		{"", "", false},
	}
	for _, tt := range tests {
		r := request(t)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		if got := Address(r); got != tt.want || Loopback(r) != tt.loopback {
			t.Errorf("%q: %q, %v; want %q, %v", tt.remote, got, Loopback(r), tt.want, tt.loopback)
		}
	}
}

func TestContext_CarriesTheIdentity(t *testing.T) {
	t.Parallel()
	if _, ok := From(t.Context()); ok {
		t.Error("an identity out of nothing")
	}
	want := Identity{Name: "a", Role: Viewer, TokenID: "1", Services: []string{"a*"}}
	got, ok := From(With(t.Context(), want))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Identity{})); diff != "" || !ok {
		t.Errorf("%v (-want +got)\n%s", ok, diff)
	}
}
