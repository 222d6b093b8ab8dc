package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/pattern"
)

func FuzzJWT(f *testing.F) {
	hs := signer{"", "HS256", jwtSecret}
	f.Add(hs.header(), payload())
	f.Add(`{"alg":"none"}`, payload())
	f.Add(hs.header(), payload(with("services", []string{"a*"})))
	for _, m := range mutants(hs) {
		if parts := strings.Split(m.token, "."); len(parts) == 3 && len(m.token) < 1000 {
			f.Add(decoded(parts[0]), decoded(parts[1]))
		}
	}
	a, err := NewWith(Options{
		JWT:             &JWTOptions{Secret: jwtSecret, Issuer: testIssuer, Audience: testAudience},
		LoginsPerMinute: maxLogins,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		// As they are, and signed by who may: then everything behind the
		// signature is reached too.
		for _, token := range []string{header + "." + payload + ".x", hs.sign(header, payload)} {
			id, ok := a.Token(token)
			switch {
			case !ok && (id.Name != "" || id.Role != 0):
				t.Errorf("refused, and yet %+v", id)
			case ok && (!printable(id.Name) || !id.Role.May(id.Role) || !id.ExpiresAt.After(time.Now()) || !a.Active(id)):
				t.Errorf("let in: %+v", id)
			case ok && token != hs.sign(header, payload):
				t.Errorf("let in without a signature: %+v", id)
			}
			for _, p := range id.Services {
				if !pattern.Valid(p) {
					t.Errorf("pattern %q", p)
				}
			}
			if _, err := a.Login(request(t), token); err != nil && fleet.KindOf(err) == fleet.Unauthorized && Reason(err) == "" {
				t.Errorf("refused without a reason: %v", err)
			}
		}
	})
}

func decoded(segment string) string {
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return segment
	}
	return string(text)
}

func FuzzKeySet(f *testing.F) {
	for _, s := range published() {
		f.Add(`{"keys":[` + string(must(json.Marshal(s.jwk()))) + `]}`)
	}
	f.Add(`{"keys":[7,{"kty":"oct","kid":"a","k":"AAAA"}]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := readKeys([]byte(text))
		if err != nil {
			return
		}
		for _, k := range set.all {
			if k.value == nil || len(k.fits) == 0 || !set.thumbs[k.thumb] {
				t.Errorf("key %+v", k)
			}
		}
		for _, alg := range publicAlgorithms() {
			if k := set.find(alg, ""); k != nil {
				if jwt.GetSigningMethod(alg).Verify("text", make([]byte, 64), k.value) == nil {
					t.Errorf("nothing is a signature of %s by %+v", alg, k.value)
				}
			}
		}
	})
}
