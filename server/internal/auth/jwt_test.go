package auth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/degenduel/switchgear/fleet"
)

func TestJWT_LetsInTokensOfEveryAlgorithm(t *testing.T) {
	t.Parallel()
	_, url := served(t, published()...)
	remote := newJWTAuth(t, JWTOptions{JWKSURL: url, Issuer: testIssuer, Audience: testAudience})
	local := newJWTAuth(t, JWTOptions{Secret: jwtSecret})
	check := func(t *testing.T, a *Authenticator, token string) {
		t.Helper()
		got, err := a.Request(request(t, "Bearer "+token))
		if err != nil {
			t.Fatalf("%v: %s", err, Reason(err))
		}
		want := Identity{Name: "alice", Role: Operator}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Identity{}), cmpopts.IgnoreFields(Identity{}, "TokenID", "ExpiresAt")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if left := time.Until(got.ExpiresAt); left < 59*time.Minute || left > time.Hour {
			t.Errorf("expires in %v", left)
		}
		if !a.Active(got) {
			t.Error("it is not active")
		}
	}
	for _, alg := range publicAlgorithms() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			check(t, remote, signers()[alg].token())
		})
	}
	t.Run("HS256", func(t *testing.T) {
		t.Parallel()
		check(t, local, signer{"", "HS256", jwtSecret}.token())
	})
}

func TestJWT_LetsInNoTokenOfAnAlgorithmThatTheConfigDoesNotHave(t *testing.T) {
	t.Parallel()
	_, url := served(t, published()...)
	remote := newJWTAuth(t, JWTOptions{JWKSURL: url})
	local := newJWTAuth(t, JWTOptions{Secret: jwtSecret})
	for _, tt := range []struct {
		a    *Authenticator
		s    signer
		opts JWTOptions
	}{
		{remote, signers()["PS384"], JWTOptions{JWKSURL: url}},
		{remote, signers()["PS512"], JWTOptions{JWKSURL: url}},
		{local, signer{"", "HS384", jwtSecret}, JWTOptions{Secret: jwtSecret}},
		{local, signer{"", "HS512", jwtSecret}, JWTOptions{Secret: jwtSecret}},
	} {
		if _, err := tt.a.Login(request(t), tt.s.token()); Reason(err) != noAlg {
			t.Errorf("%s: %v: %s", tt.s.alg, err, Reason(err))
		}
		tt.opts.Algorithms = []string{tt.s.alg}
		if _, err := NewWith(Options{JWT: &tt.opts}); err == nil {
			t.Errorf("%s can be set", tt.s.alg)
		}
	}
}

func TestJWT_IsNothingWhereItIsNotConfigured(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "admin", adminSecret))
	_, err := a.Login(request(t), signer{"", "HS256", jwtSecret}.token())
	if fleet.KindOf(err) != fleet.Unauthorized {
		t.Errorf("got %v", err)
	}
	both, err := NewWith(Options{Tokens: []fleet.Token{token("1", "admin", adminSecret)}, JWT: &JWTOptions{Secret: jwtSecret}})
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := both.Token(adminSecret); !ok || id.TokenID != "1" {
		t.Errorf("an API token beside JWTs: %+v, %v", id, ok)
	}
}

func TestJWT_ReadsItsClaims(t *testing.T) {
	t.Parallel()
	hs := signer{"", "HS256", jwtSecret}
	custom := JWTOptions{Secret: jwtSecret, RoleClaim: "https://switchgear/role", ServicesClaim: "may_see"}
	tests := []struct {
		name   string
		opts   JWTOptions
		change []func(map[string]any)
		want   Identity
	}{
		{"services as a list", JWTOptions{}, []func(map[string]any){with("services", []string{"a*", "b"})}, Identity{Name: "alice", Role: Operator, Services: []string{"a*", "b"}}},
		{"services as a text", JWTOptions{}, []func(map[string]any){with("services", " a*  b ")}, Identity{Name: "alice", Role: Operator, Services: []string{"a*", "b"}}},
		{
			"claims of other names", custom,
			[]func(map[string]any){with("https://switchgear/role", "agent"), with("may_see", "c"), with("services", "d")},
			Identity{Name: "alice", Role: Agent, Services: []string{"c"}},
		},
		{"audience among others", JWTOptions{Audience: testAudience}, []func(map[string]any){with("aud", []string{"x", testAudience})}, Identity{Name: "alice", Role: Operator}},
		{"any issuer and audience", JWTOptions{}, []func(map[string]any){without("iss"), without("aud")}, Identity{Name: "alice", Role: Operator}},
		{"no iat and nbf", JWTOptions{}, []func(map[string]any){without("iat"), without("nbf")}, Identity{Name: "alice", Role: Operator}},
		{"name with spaces", JWTOptions{}, []func(map[string]any){with("sub", "Zoë of B-42")}, Identity{Name: "Zoë of B-42", Role: Operator}},
		{"claims for others", JWTOptions{}, []func(map[string]any){with("realm_access", map[string]any{"roles": []int{1}}), with("big", 1e300)}, Identity{Name: "alice", Role: Operator}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.opts.Secret == nil {
				tt.opts.Secret = jwtSecret
			}
			a := newJWTAuth(t, tt.opts)
			got, err := a.Login(request(t), hs.token(tt.change...))
			if err != nil {
				t.Fatalf("%v: %s", err, Reason(err))
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Identity{}), cmpopts.IgnoreFields(Identity{}, "TokenID", "ExpiresAt")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestJWT_SharesLimitsByIssuerAndSubject(t *testing.T) {
	t.Parallel()
	a := newJWTAuth(t, JWTOptions{Secret: jwtSecret})
	hs := signer{"", "HS256", jwtSecret}
	id := func(change ...func(map[string]any)) Identity {
		got, err := a.Login(request(t), hs.token(change...))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	one, other := id(), id(with("jti", "2"), with("role", "viewer"))
	if one.Key() != other.Key() || one.TokenID == other.TokenID || one.TokenID != id().TokenID {
		t.Errorf("two tokens of one subject: %+v, %+v", one, other)
	}
	for _, change := range []func(map[string]any){with("sub", "bob"), with("iss", "https://b.example"), without("iss")} {
		if id(change).Key() == one.Key() {
			t.Error("another subject has the same key")
		}
	}
	if !strings.HasPrefix(one.Key(), "jwt:") || !strings.HasPrefix(one.TokenID, "jwt:") || len(one.Key()) > 40 {
		t.Errorf("key %q, ID %q", one.Key(), one.TokenID)
	}
}

func TestJWT_HoldsBetweenItsTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newJWTAuth(t, JWTOptions{Secret: jwtSecret})
		hs := signer{"", "HS256", jwtSecret}
		start := time.Now()
		in := func(d time.Duration) int64 { return start.Add(d).Unix() }
		lets := func(token string) bool {
			_, ok := a.Token(token)
			return ok
		}
		short := hs.token(with("exp", in(time.Minute)))
		id, ok := a.Token(short)
		if !ok || !id.ExpiresAt.Equal(start.Add(time.Minute)) {
			t.Errorf("got %+v, %v", id, ok)
		}
		early, far := hs.token(with("nbf", in(30*time.Second))), hs.token(with("nbf", in(31*time.Second)))
		if !lets(early) || lets(far) {
			t.Error("nbf has no leeway of 30 s")
		}
		early, far = hs.token(with("iat", in(30*time.Second))), hs.token(with("iat", in(31*time.Second)))
		if !lets(early) || lets(far) {
			t.Error("iat has no leeway of 30 s")
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if !lets(short) || !a.Active(id) {
			t.Error("it has ended before exp")
		}
		time.Sleep(time.Nanosecond)
		if lets(short) || a.Active(id) {
			t.Error("it holds at exp")
		}
		if !lets(far) {
			t.Error("it does not hold once its time has come")
		}
		if !lets(hs.token(with("exp", float64(time.Now().Unix())+1.5))) {
			t.Error("a broken second is no time")
		}
	})
}

func TestNewWith_RefusesOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	const url = "https://issuer.example/keys"
	tests := []struct {
		name string
		opts JWTOptions
		want string // in the error; empty: none
	}{
		{"a secret", JWTOptions{Secret: jwtSecret}, ""},
		{"a URL", JWTOptions{JWKSURL: url}, ""},
		{"a URL on this machine", JWTOptions{JWKSURL: "http://127.0.0.1:9/keys"}, ""},
		{"nothing", JWTOptions{}, "either"},
		{"both", JWTOptions{Secret: jwtSecret, JWKSURL: url}, "either"},
		{"a short secret", JWTOptions{Secret: jwtSecret[:31]}, "at least 32"},
		{"a public algorithm with a secret", JWTOptions{Secret: jwtSecret, Algorithms: []string{"RS256"}}, "RS256"},
		{"a secret's algorithm with a URL", JWTOptions{JWKSURL: url, Algorithms: []string{"ES256", "HS256"}}, "HS256"},
		{"none", JWTOptions{JWKSURL: url, Algorithms: []string{"none"}}, "none"},
		{"http elsewhere", JWTOptions{JWKSURL: "http://issuer.example/keys"}, "https"},
		{"http at a name that only looks local", JWTOptions{JWKSURL: "http://127.0.0.1.example/keys"}, "https"},
		{"a file", JWTOptions{JWKSURL: "file:///etc/keys"}, "https"},
		{"no host", JWTOptions{JWKSURL: "https:///keys"}, "https"},
		{"a user", JWTOptions{JWKSURL: "https://me:hunter2@issuer.example/keys"}, "without a user"},
		{"no URL", JWTOptions{JWKSURL: "https://me:hunter2@issuer.example:port"}, "URL"},
	}
	for _, tt := range tests {
		_, err := NewWith(Options{JWT: &tt.opts})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error has a password in it", tt.name)
		}
	}
}

func TestJWT_TakesOnlyTheAlgorithmsThatWereSet(t *testing.T) {
	t.Parallel()
	_, url := served(t, published()...)
	a := newJWTAuth(t, JWTOptions{JWKSURL: url, Algorithms: []string{"RS256", "EdDSA"}})
	var got []string
	for _, alg := range publicAlgorithms() {
		if _, err := a.Login(request(t), signers()[alg].token()); err == nil {
			got = append(got, alg)
		}
	}
	if diff := cmp.Diff([]string{"RS256", "EdDSA"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestJWT_TellsThoseWhoAreRefusedNothing(t *testing.T) {
	t.Parallel()
	var told []string
	a, err := NewWith(Options{JWT: &JWTOptions{Secret: jwtSecret}, Refused: func(r *http.Request, reason string) {
		told = append(told, fmt.Sprintf("%s: %s", Address(r), reason))
	}})
	if err != nil {
		t.Fatal(err)
	}
	hs := signer{"", "HS256", jwtSecret}
	expired := hs.token(with("exp", time.Now().Add(-time.Minute).Unix()))
	for _, bad := range []string{expired, hs.token(with("role", "root")), strings.Repeat("x", 30), "x.y.z"} {
		_, err := a.Login(request(t), bad)
		if fleet.KindOf(err) != fleet.Unauthorized || err.Error() != unauthorized(refusal("")).Error() {
			t.Errorf("refused with %v", err)
		}
	}
	want := []string{
		"192.0.2.1: an expired JWT", "192.0.2.1: a JWT without a proper role",
		"192.0.2.1: an unknown token", "192.0.2.1: a malformed JWT",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
