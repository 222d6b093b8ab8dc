package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/strict"
)

// JWTOptions say which JWTs are let in. A token must expire, must have a
// subject, which becomes its name, and must say its role.
type JWTOptions struct {
	// Either Secret or JWKSURL is given. Secret is what tokens are signed with
	// (HS256): at least 32 bytes. JWKSURL has the public keys, over https, or over http on this machine; it is asked every
	// two minutes, and when a token has a key that is not known yet.
	Secret  []byte
	JWKSURL string

	// Issuer and Audience are what iss must be and what aud must have in it;
	// empty: anything.
	Issuer, Audience string

	// RoleClaim is the claim with the role. Default "role".
	RoleClaim string

	// ServicesClaim is the claim with the patterns of the services that the
	// token is for: a list, or one string with spaces between them. A token
	// without it is for all; one where it is empty is refused. Default
	// "services".
	ServicesClaim string

	// Algorithms are those that tokens may be signed with, of those that
	// [config.JWT] has for such a key. Default all of them.
	Algorithms []string

	// Client asks JWKSURL; it follows no redirects. nil: one that goes by the
	// proxy of the environment.
	Client *http.Client
}

const (
	// maxJWT is how long a token may be, in bytes.
	maxJWT = 8 << 10

	// leeway is how far the clock of who issues tokens may be ahead of ours.
	// It lengthens no token.
	leeway = 30 * time.Second

	// maxSubject and maxKeyID are in bytes; OpenID Connect has 255 for sub.
	maxSubject = 255
	maxKeyID   = 255

	// minSecret is how many bytes RFC 7518, section 3.2 wants in the secret of
	// the one algorithm that has one.
	minSecret = sha256.Size
)

// verifier knows whose a JWT is.
type verifier struct {
	opts   JWTOptions
	parser *jwt.Parser
	secret *key    // either this
	remote *keySet // or this
}

// key is one that tokens are verified with.
type key struct {
	id    string
	fits  []string // the algorithms that it is for
	value any      // as golang-jwt takes it
	thumb [sha256.Size]byte
}

func newVerifier(o JWTOptions, log *slog.Logger, withdrawn func()) (*verifier, error) {
	if (len(o.Secret) == 0) == (o.JWKSURL == "") {
		return nil, errors.New("auth: JWTs need either a secret or the URL of a key set")
	}
	if err := o.resolve(); err != nil {
		return nil, err
	}
	v := &verifier{}
	if o.JWKSURL == "" {
		if len(o.Secret) < minSecret {
			return nil, fmt.Errorf("auth: a secret for JWTs has at least %d bytes, this one has %d", minSecret, len(o.Secret))
		}
		v.secret = &key{fits: o.Algorithms, value: o.Secret, thumb: sha256.Sum256(o.Secret)}
	} else {
		var err error
		if v.remote, err = newKeySet(o.JWKSURL, o.Client, log, withdrawn); err != nil {
			return nil, err
		}
	}
	rules := []jwt.ParserOption{
		jwt.WithValidMethods(o.Algorithms), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
	}
	if o.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		rules = append(rules, jwt.WithAudience(o.Audience))
	}
	v.opts, v.parser = o, jwt.NewParser(rules...)
	return v, nil
}

// resolve puts in the defaults of the config, and refuses algorithms that it
// does not know.
func (o *JWTOptions) resolve() error {
	said := config.JWT{Secret: string(o.Secret), JWKSURL: o.JWKSURL, RoleClaim: o.RoleClaim, ServicesClaim: o.ServicesClaim}
	r := said.Resolved()
	o.RoleClaim, o.ServicesClaim = r.RoleClaim, r.ServicesClaim
	for _, alg := range o.Algorithms {
		if !slices.Contains(r.Algorithms, alg) {
			return fmt.Errorf("auth: tokens cannot be signed with %q here; it is one of %s", alg, strings.Join(r.Algorithms, ", "))
		}
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = r.Algorithms
	}
	return nil
}

// holds reports whether the key with the fingerprint still lets tokens in.
func (v *verifier) holds(thumb [sha256.Size]byte) bool {
	if v.secret != nil {
		return v.secret.thumb == thumb
	}
	return v.remote.holds(thumb)
}

// identify is whose the token is. It returns a refusal, or errNoKeys.
func (v *verifier) identify(ctx context.Context, token string) (Identity, error) {
	h, err := readHeader(token)
	if err != nil {
		return Identity{}, err
	}
	if !slices.Contains(v.opts.Algorithms, h.alg) {
		return Identity{}, refusal("a JWT of an algorithm that is not allowed")
	}
	by := v.secret
	c := &claims{opts: &v.opts}
	_, err = v.parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) {
		if by == nil {
			var err error
			if by, err = v.remote.find(ctx, h.alg, h.kid); err != nil {
				return nil, err
			}
		}
		return by.value, nil
	})
	if err != nil {
		return Identity{}, why(err)
	}
	return c.identity(token, by)
}

// why finds what stands behind an error of the parser, which may quote the
// token.
func why(err error) error {
	if errors.Is(err, errNoKeys) {
		return errNoKeys
	}
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	for _, known := range []struct {
		err    error
		reason refusal
	}{
		{jwt.ErrTokenMalformed, "a malformed JWT"},
		{jwt.ErrTokenSignatureInvalid, "a JWT whose signature is wrong"},
		{jwt.ErrTokenRequiredClaimMissing, "a JWT that lacks exp, iss or aud"},
		{jwt.ErrTokenExpired, "an expired JWT"},
		{jwt.ErrTokenNotValidYet, "a JWT that is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "a JWT that was issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "a JWT of another issuer"},
		{jwt.ErrTokenInvalidAudience, "a JWT for another audience"},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return refusal("an invalid JWT")
}

// header is what is needed of a token's.
type header struct{ alg, kid string }

// foreign are parameters that say where to find a key, or that change what is
// signed: a token that has one was not made for us.
var foreign = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip"}

// readHeader reads a header more strictly than the parser, which takes the last
// of two equal keys and overlooks what it does not know.
func readHeader(token string) (header, error) {
	if len(token) > maxJWT {
		return header{}, refusal("a JWT that is too long")
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return header{}, refusal("a malformed JWT")
	}
	var fields map[string]json.RawMessage
	if err := strict.Decode(text, &fields, strict.Options{}); err != nil {
		return header{}, refusal("a malformed JWT")
	}
	for _, name := range foreign {
		if _, ok := fields[name]; ok {
			return header{}, refusal("a JWT with a header that is not allowed")
		}
	}
	h, typ := header{}, "JWT"
	for name, into := range map[string]*string{"alg": &h.alg, "kid": &h.kid, "typ": &typ} {
		if err := optional(fields, name, into); err != nil {
			return header{}, refusal("a malformed JWT")
		}
	}
	// A token of another kind by the same issuer is not for logging in (RFC 8725, section 3.11).
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	if typ != "jwt" && typ != "at+jwt" {
		return header{}, refusal("a JWT of another type")
	}
	if len(h.kid) > maxKeyID {
		return header{}, refusal("a malformed JWT")
	}
	return h, nil
}

// optional reads the field, if there is one, strictly.
func optional(fields map[string]json.RawMessage, name string, into any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	return strict.Decode(raw, into, strict.Options{})
}

// fingerprint is half of a hash, in hex.
func fingerprint(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:16])
}
