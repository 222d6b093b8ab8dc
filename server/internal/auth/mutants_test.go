package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// mutant is a token that was good until something was done to it.
type mutant struct {
	name   string
	token  string
	reason string // that the log has
}

const (
	malformed = "a malformed JWT"
	forged    = "a JWT whose signature is wrong"
	foreignH  = "a JWT with a header that is not allowed"
	noAlg     = "a JWT of an algorithm that is not allowed"
	noKey     = "a JWT of an unknown key"
)

func part(token string, i int) string { return strings.Split(token, ".")[i] }

// mutants are made of tokens of s, whose header says what kid does.
func mutants(s signer) []mutant {
	good := s.token()
	head := func(more string) string {
		return s.sign(fmt.Sprintf(`{"alg":%q,"kid":%q%s}`, s.alg, s.kid, more), payload())
	}
	kid := func(kid string) string { return s.sign(fmt.Sprintf(`{"alg":%q,"kid":%s}`, s.alg, kid), payload()) }
	body := func(text string) string { return s.sign(s.header(), text) }
	claim := s.token
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	signature := part(good, 2)
	raw := must(base64.RawURLEncoding.DecodeString(signature))
	return []mutant{
		{"payload exchanged", part(good, 0) + "." + part(claim(with("role", "admin")), 1) + "." + signature, forged},
		{"subject exchanged", part(good, 0) + "." + b64([]byte(payload(with("sub", "bob")))) + "." + signature, forged},
		{"header exchanged", b64([]byte(fmt.Sprintf(`{"alg":%q,"kid":%q}`, s.alg, s.kid))) + "." + part(good, 1) + "." + signature, forged},
		{"no signature", part(good, 0) + "." + part(good, 1) + ".", forged},
		{"signature cut", part(good, 0) + "." + part(good, 1) + "." + b64(raw[:len(raw)-1]), forged},
		{"signature of another token", part(good, 0) + "." + part(good, 1) + "." + part(claim(with("sub", "bob")), 2), forged},
		{"two parts", part(good, 0) + "." + part(good, 1), malformed},
		{"four parts", good + ".x", malformed},
		{"base64 with padding", part(good, 0) + "." + part(good, 1) + "." + signature + "=", malformed},
		{"base64 of the other alphabet", part(good, 0) + "." + part(good, 1) + ".++//" + signature, malformed},
		{"a space in the middle", part(good, 0) + ". " + part(good, 1) + "." + signature, malformed},
		{"too long", claim(with("x", strings.Repeat("x", maxJWT))), "a JWT that is too long"},

		{"alg none", b64([]byte(`{"alg":"none"}`)) + "." + part(good, 1) + ".", noAlg},
		{"alg None, signed", b64([]byte(`{"alg":"None"}`)) + "." + part(good, 1) + "." + signature, noAlg},
		{"alg missing", s.sign(fmt.Sprintf(`{"kid":%q}`, s.kid), payload()), noAlg},
		{"alg a number", s.sign(`{"alg":256}`, payload()), malformed},
		{"alg in other letters", s.sign(fmt.Sprintf(`{"alg":%q,"kid":%q}`, strings.ToLower(s.alg), s.kid), payload()), noAlg},
		{"alg twice", s.sign(fmt.Sprintf(`{"alg":"none","alg":%q,"kid":%q}`, s.alg, s.kid), payload()), malformed},
		{"jku", head(`,"jku":"https://evil.example/keys"`), foreignH},
		{"x5u", head(`,"x5u":"https://evil.example/cert"`), foreignH},
		{"x5c", head(`,"x5c":["MIIB"]`), foreignH},
		{"jwk", head(`,"jwk":{"kty":"oct","k":"AAAA"}`), foreignH},
		{"crit", head(`,"crit":["exp"]`), foreignH},
		{"b64 false", head(`,"b64":false`), foreignH},
		{"another type", head(`,"typ":"logout+jwt"`), "a JWT of another type"},
		{"encrypted", head(`,"enc":"A256GCM"`), foreignH},
		{"kid a number", kid(`7`), malformed},
		{"kid with NUL", kid(`"a\u0000"`), malformed},
		{"kid too long", kid(`"` + strings.Repeat("k", 256) + `"`), malformed},
		{"header not JSON", s.sign(`alg`, payload()), malformed},
		{"header a list", s.sign(`["alg"]`, payload()), malformed},
		{"header and more", s.sign(s.header()+`{}`, payload()), malformed},

		{"iss wrong", claim(with("iss", "https://evil.example")), "a JWT of another issuer"},
		{"iss missing", claim(without("iss")), "a JWT that lacks exp, iss or aud"},
		{"iss a list", claim(with("iss", []string{testIssuer})), malformed},
		{"iss with a slash more", claim(with("iss", testIssuer+"/")), "a JWT of another issuer"},
		{"aud wrong", claim(with("aud", "another")), "a JWT for another audience"},
		{"aud a longer one", claim(with("aud", testAudience+"-x")), "a JWT for another audience"},
		{"aud empty", claim(with("aud", []string{})), "a JWT that lacks exp, iss or aud"},
		{"aud missing", claim(without("aud")), "a JWT that lacks exp, iss or aud"},
		{"aud a number", claim(with("aud", 5)), malformed},
		{"exp passed", claim(with("exp", in(-31*time.Second))), "an expired JWT"},
		{"exp just passed", claim(with("exp", in(-time.Second))), "an expired JWT"},
		{"exp missing", claim(without("exp")), "a JWT that lacks exp, iss or aud"},
		{"exp null", claim(with("exp", nil)), "a JWT that lacks exp, iss or aud"},
		{"exp a text", claim(with("exp", strconv.FormatInt(in(time.Hour), 10))), malformed},
		{"exp beyond all time", claim(with("exp", 1e15)), malformed},
		{"exp infinite", body(strings.Replace(payload(without("exp")), "{", `{"exp":1e999,`, 1)), malformed},
		{"exp below zero", claim(with("exp", -1)), malformed},
		{"nbf in the future", claim(with("nbf", in(time.Minute))), "a JWT that is not valid yet"},
		{"iat in the future", claim(with("iat", in(time.Minute))), "a JWT that was issued in the future"},
		{"sub missing", claim(without("sub")), "a JWT without a proper subject"},
		{"sub empty", claim(with("sub", "")), "a JWT without a proper subject"},
		{"sub a number", claim(with("sub", 7)), malformed},
		{"sub two lines", claim(with("sub", "alice\nrole=admin")), "a JWT without a proper subject"},
		{"sub with a blank behind", claim(with("sub", "alice ")), "a JWT without a proper subject"},
		{"sub turned around", claim(with("sub", "a\u202ebc")), "a JWT without a proper subject"},
		{"sub of another actor", claim(with("sub", "Switchgear")), "a JWT without a proper subject"},
		{"sub too long", claim(with("sub", strings.Repeat("s", 256))), "a JWT without a proper subject"},
		{"sub twice", body(strings.Replace(payload(), "{", `{"sub":"bob",`, 1)), malformed},
		{"role missing", claim(without("role")), "a JWT without a proper role"},
		{"role unknown", claim(with("role", "root")), "a JWT without a proper role"},
		{"role in capitals", claim(with("role", "Admin")), "a JWT without a proper role"},
		{"role a list", claim(with("role", []string{"viewer", "admin"})), malformed},
		{"role twice", body(strings.Replace(payload(), "{", `{"role":"admin",`, 1)), malformed},
		{"role twice, written otherwise", body(strings.Replace(payload(), "{", `{"r\u006fle":"admin",`, 1)), malformed},
		{"services nothing", claim(with("services", []string{})), "a JWT for no service at all"},
		{"services null", claim(with("services", nil)), "a JWT for no service at all"},
		{"services blank", claim(with("services", " ")), "a JWT for no service at all"},
		{"services no pattern", claim(with("services", "A?")), "a JWT with an improper pattern of services"},
		{"services a number", claim(with("services", 1)), malformed},
		{"services of numbers", claim(with("services", []int{1})), malformed},
		{"payload null", body(`null`), "a JWT that lacks exp, iss or aud"},
		{"payload a list", body(`[]`), malformed},
		{"payload not JSON", body(`exp`), malformed},
		{"payload not UTF-8", body(strings.Replace(payload(), "alice", "al\xffce", 1)), malformed},
		{"payload and more", body(payload() + "{}"), malformed},
		{"payload deep", body(strings.Replace(payload(), "{", `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+",", 1)), malformed},
	}
}

// publicMutants are those that only a key set can tell.
func publicMutants() []mutant {
	s := signers()
	es, rs := s["ES256"], s["RS256"]
	der := must(x509.MarshalPKIXPublicKey(must(readKey(must(json.Marshal(rs.jwk())))).value))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	confused := func(secret []byte) string {
		return signer{"rsa", "HS256", secret}.token()
	}
	other := func(s signer, kid, alg string) string {
		return s.sign(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, kid), payload())
	}
	return []mutant{
		{"HS256 with the public key's text", confused(text), noAlg},
		{"HS256 with the public key's bytes", confused(der), noAlg},
		{"HS256 with nothing", confused([]byte{0}), noAlg},
		{"a key that nobody published, under a known ID", s["alien"].token(), forged},
		{"the ID of a key of another kind", other(es, "rsa", "ES256"), noKey},
		{"the ID of another curve", other(es, "p384", "ES384"), forged},
		{"alg of another key", other(es, "p256", "RS256"), noKey},
		{"RS256 as PS256", other(rs, "rsa", "PS256"), forged},
		{"kid that climbs", other(es, "../../../../dev/null", "ES256"), noKey},
		{"kid that asks", other(es, "x' UNION SELECT 'k", "ES256"), noKey},
		{"kid that is a URL", other(es, "https://evil.example/keys", "ES256"), noKey},
		{"no kid, and the wrong key", other(s["alien"], "", "ES256"), forged},
	}
}

func TestJWT_RefusesMutants(t *testing.T) {
	t.Parallel()
	_, url := served(t, published()...)
	remote := JWTOptions{JWKSURL: url, Issuer: testIssuer, Audience: testAudience}
	sets := map[string]struct {
		opts JWTOptions
		good signer
		all  []mutant
	}{
		"secret":  {JWTOptions{Secret: jwtSecret, Issuer: testIssuer, Audience: testAudience}, signer{"", "HS256", jwtSecret}, nil},
		"RSA":     {remote, signers()["RS256"], nil},
		"ECDSA":   {remote, signers()["ES512"], nil},
		"EdDSA":   {remote, signers()["EdDSA"], nil},
		"key set": {remote, signers()["PS256"], publicMutants()},
	}
	for name, set := range sets {
		a := newJWTAuth(t, set.opts)
		if set.all == nil {
			set.all = mutants(set.good)
		}
		for _, m := range set.all {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				if _, err := a.Login(request(t), set.good.token()); err != nil {
					t.Fatalf("the good one is refused: %v: %s", err, Reason(err))
				}
				id, err := a.Login(request(t), m.token)
				if fleet.KindOf(err) != fleet.Unauthorized || id.Name != "" {
					t.Fatalf("let in as %+v, %v", id, err)
				}
				if err.Error() != unauthorized(refusal("")).Error() {
					t.Errorf("it is told %q", err)
				}
				if got := Reason(err); got != m.reason {
					t.Errorf("the log is told %q, want %q", got, m.reason)
				}
			})
		}
	}
}
