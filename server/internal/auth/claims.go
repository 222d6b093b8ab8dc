package auth

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/pattern"
	"github.com/degenduel/switchgear/internal/strict"
)

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// claims are what is read of a token's payload. As jwt.Claims they are what the
// parser checks times, issuer and audience of.
type claims struct {
	opts *JWTOptions

	issuer, subject              string
	audience                     jwt.ClaimStrings
	expires, notBefore, issuedAt *jwt.NumericDate
	role                         string
	services                     []string
}

// UnmarshalJSON reads a payload strictly: what it does not know it leaves, and
// what it knows must be of its type.
func (c *claims) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := strict.Decode(text, &fields, strict.Options{}); err != nil {
		return err
	}
	err := errors.Join(
		optional(fields, "iss", &c.issuer),
		optional(fields, "sub", &c.subject),
		optional(fields, c.opts.RoleClaim, &c.role),
		oneOrMany(fields, "aud", func(s string) []string { return []string{s} }, (*[]string)(&c.audience)),
		oneOrMany(fields, c.opts.ServicesClaim, strings.Fields, &c.services),
		date(fields, "exp", &c.expires),
		date(fields, "nbf", &c.notBefore),
		date(fields, "iat", &c.issuedAt),
	)
	if err != nil {
		return err
	}
	if _, ok := fields[c.opts.ServicesClaim]; ok && len(c.services) == 0 {
		return refusal("a JWT for no service at all")
	}
	return nil
}

// oneOrMany reads a list of strings, or one string that split makes a list.
func oneOrMany(fields map[string]json.RawMessage, name string, split func(string) []string, into *[]string) error {
	var one string
	if optional(fields, name, &one) != nil {
		return optional(fields, name, into)
	}
	if _, ok := fields[name]; ok {
		*into = split(one)
	}
	return nil
}

// date reads seconds since 1970, down to a whole one.
func date(fields map[string]json.RawMessage, name string, into **jwt.NumericDate) error {
	var seconds *float64
	if err := optional(fields, name, &seconds); err != nil || seconds == nil {
		return err
	}
	if *seconds < 0 || *seconds > lastSecond {
		return errors.New("out of range")
	}
	*into = jwt.NewNumericDate(time.Unix(int64(*seconds), 0))
	return nil
}

// identity is whom the claims, which have been verified, make of the token.
func (c *claims) identity(token string, by *key) (Identity, error) {
	if c.expires == nil || !time.Now().Before(c.expires.Time) { // the parser gives it leeway
		return Identity{}, refusal("an expired JWT")
	}
	if !printable(c.subject) || fleet.ReservedActor(c.subject) {
		return Identity{}, refusal("a JWT without a proper subject")
	}
	role, err := ParseRole(c.role)
	if err != nil {
		return Identity{}, refusal("a JWT without a proper role")
	}
	for _, p := range c.services {
		if !pattern.Valid(p) {
			return Identity{}, refusal("a JWT with an improper pattern of services")
		}
	}
	signed := token[:strings.LastIndexByte(token, '.')] // of one token there can be several signatures
	return Identity{
		Name: c.subject, Role: role, TokenID: "jwt:" + fingerprint(signed), ExpiresAt: c.expires.Time,
		Services: c.services, account: "jwt:" + fingerprint(c.issuer+"\x00"+c.subject), by: by.thumb,
	}, nil
}

// printable reports whether s can be a name in logs and lists.
func printable(s string) bool {
	return s != "" && len(s) <= maxSubject && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// GetExpirationTime is exp.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }

// GetIssuedAt is iat.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return c.issuedAt, nil }

// GetNotBefore is nbf.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.notBefore, nil }

// GetIssuer is iss.
func (c *claims) GetIssuer() (string, error) { return c.issuer, nil }

// GetSubject is sub.
func (c *claims) GetSubject() (string, error) { return c.subject, nil }

// GetAudience is aud.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return c.audience, nil }
