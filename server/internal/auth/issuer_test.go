package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/config"
)

const (
	testIssuer   = "https://issuer.example"
	testAudience = "switchgear"
)

var jwtSecret = []byte("a secret of thirty-two bytes, or more than that, of sixty-four!!")

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signer is a key of somebody who issues tokens.
type signer struct {
	kid string
	alg string
	key any // as golang-jwt signs with
}

// sign makes a token of any two texts.
func (s signer) sign(header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	sig, err := jwt.GetSigningMethod(s.alg).Sign(text, s.key)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", s.alg, err))
	}
	return text + "." + b64(sig)
}

func (s signer) header() string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, s.alg, s.kid)
}

// token is a good one, but for what change does to its claims.
func (s signer) token(change ...func(claims map[string]any)) string {
	return s.sign(s.header(), payload(change...))
}

func payload(change ...func(claims map[string]any)) string {
	now := time.Now()
	c := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "alice", "role": "operator",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for _, f := range change {
		f(c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func with(name string, value any) func(map[string]any) {
	return func(c map[string]any) { c[name] = value }
}

func without(name string) func(map[string]any) {
	return func(c map[string]any) { delete(c, name) }
}

// jwk is the public half, as a key set has it.
func (s signer) jwk() map[string]any {
	coordinates := func(k *ecdsa.PublicKey, crv string) map[string]any {
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		return map[string]any{"kty": "EC", "kid": s.kid, "crv": crv, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	}
	switch k := s.key.(crypto.Signer).Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": s.kid, "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		return coordinates(k, k.Params().Name)
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "kid": s.kid, "crv": "Ed25519", "x": b64(k)}
	default:
		panic(fmt.Sprintf("%T", k))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// signers are one for each algorithm with a public key, of five keys and one
// that nobody publishes.
var signers = sync.OnceValue(func() map[string]signer {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	all := map[string]signer{
		"ES256": {"p256", "ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
		"ES384": {"p384", "ES384", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))},
		"ES512": {"p521", "ES512", must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))},
		"EdDSA": {"ed", "EdDSA", edKey},
		"alien": {"p256", "ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		all[alg] = signer{"rsa", alg, rsaKey}
	}
	return all
})

// publicAlgorithms are all that a key set can be for.
func publicAlgorithms() []string {
	return (&config.JWT{JWKSURL: "https://issuer.example"}).Resolved().Algorithms
}

// newSigner has a fresh key.
func newSigner(kid string) signer {
	return signer{kid, "ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

// published are the keys that a key set has by default.
func published() []signer {
	s := signers()
	return []signer{s["RS256"], s["ES256"], s["ES384"], s["ES512"], s["EdDSA"]}
}

// issuer serves a key set.
type issuer struct {
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

// ServeHTTP answers as was set last.
func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	(*s.answer.Load())(w, r)
}

// RoundTrip is asking it without a network, for bubbles.
func (s *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (s *issuer) answers(f http.HandlerFunc) { s.answer.Store(&f) }

func (s *issuer) says(text string) {
	s.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}

func (s *issuer) publishes(all ...signer) {
	set := make([]any, 0, len(all))
	for _, one := range all {
		set = append(set, one.jwk())
	}
	s.says(string(must(json.Marshal(map[string]any{"keys": set}))))
}

func newIssuer(all ...signer) *issuer {
	s := &issuer{}
	s.publishes(all...)
	return s
}

// served is an issuer behind a real socket.
func served(t *testing.T, all ...signer) (*issuer, string) {
	t.Helper()
	s := newIssuer(all...)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func newJWTAuth(t *testing.T, o JWTOptions) *Authenticator {
	t.Helper()
	a, err := NewWith(Options{JWT: &o, LoginsPerMinute: maxLogins})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
