package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// JWT says which JSON Web Tokens are accepted, and what in them counts. Their
// signatures are checked with the keys of exactly one of Secret, SecretFile and
// JWKSURL. An empty field was not said. The names in the file, under auth.jwt,
// are those in brackets.
type JWT struct {
	// Secret is the key that tokens are signed with (secret): 32 bytes at
	// least.
	Secret string

	// SecretFile is the path of a file with the secret, relative to the working
	// directory (secretFile). White space around the secret is trimmed.
	SecretFile string

	// JWKSURL is where the public keys of those who sign are (jwksUrl): a JSON
	// Web Key Set, over https, or over http on this machine.
	JWKSURL string

	// Issuer is what the claim iss must be (issuer), up to 2 048 bytes; empty:
	// it is not looked at.
	Issuer string

	// Audience is what the claim aud must be, or have among others (audience),
	// up to 2 048 bytes; empty: it is not looked at.
	Audience string

	// RoleClaim is the claim that holds the role (roleClaim), up to 128 bytes.
	// Default role.
	RoleClaim string

	// ServicesClaim is the claim that limits a token to services
	// (servicesClaim), up to 128 bytes. Default services.
	ServicesClaim string

	// Algorithms are those that tokens may be signed with (algorithms): HS256
	// for a secret; of RS256, RS384, RS512, PS256, ES256, ES384, ES512 and EdDSA
	// for a key set. Default all that the keys are good for.
	Algorithms []string
}

const (
	minSecret = 32 // bytes: as many as SHA-256 has (RFC 7518, section 3.2)
	maxClaim  = 128
	maxIssuer = 2048
)

var (
	secretAlgorithms = []string{"HS256"}
	keySetAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"}
)

// Resolved is j with its defaults put in.
func (j *JWT) Resolved() JWT {
	r := *j
	if r.RoleClaim == "" {
		r.RoleClaim = "role"
	}
	if r.ServicesClaim == "" {
		r.ServicesClaim = "services"
	}
	if len(r.Algorithms) == 0 {
		r.Algorithms = slices.Clone(j.suitable())
	}
	return r
}

// Key is the secret, read anew where it is in a file; empty where the keys are
// those of JWKSURL. The error names the setting, and has no secret in it.
func (j *JWT) Key() ([]byte, error) {
	if j.SecretFile == "" {
		return []byte(j.Secret), nil
	}
	secret, err := readSecret(j.SecretFile)
	switch {
	case err != nil:
		return nil, fmt.Errorf("auth.jwt.secretFile: %w", err)
	case len(secret) < minSecret:
		return nil, fmt.Errorf("auth.jwt.secretFile: the secret in %s is shorter than %d bytes", absolute(j.SecretFile), minSecret)
	}
	return []byte(secret), nil
}

// keys are the names of the settings that say with what to verify.
func (j *JWT) keys() []string {
	var names []string
	for _, source := range []struct{ name, value string }{
		{"secret", j.Secret},
		{"secretFile", j.SecretFile},
		{"jwksUrl", j.JWKSURL},
	} {
		if source.value != "" {
			names = append(names, source.name)
		}
	}
	return names
}

// suitable are the algorithms that the keys are good for; all, where it is not
// known what keys there are.
func (j *JWT) suitable() []string {
	switch secret := j.Secret != "" || j.SecretFile != ""; {
	case secret:
		return secretAlgorithms
	case j.JWKSURL != "":
		return keySetAlgorithms
	}
	return slices.Concat(secretAlgorithms, keySetAlgorithms)
}

// or is j with what it does not say taken from next. Where it says one key it
// takes no other.
func (j *JWT) or(next *JWT) *JWT {
	switch {
	case j == nil && next == nil:
		return nil
	case j == nil:
		j = &JWT{}
	case next == nil:
		next = &JWT{}
	}
	both := *j
	if both.keys() == nil {
		both.Secret, both.SecretFile, both.JWKSURL = next.Secret, next.SecretFile, next.JWKSURL
	}
	for _, field := range []struct {
		value *string
		next  string
	}{
		{&both.Issuer, next.Issuer},
		{&both.Audience, next.Audience},
		{&both.RoleClaim, next.RoleClaim},
		{&both.ServicesClaim, next.ServicesClaim},
	} {
		if *field.value == "" {
			*field.value = field.next
		}
	}
	if both.Algorithms == nil {
		both.Algorithms = next.Algorithms
	}
	both.Algorithms = slices.Clone(both.Algorithms)
	return &both
}

// check shows no secret, and no URL: it may hold a password.
func (j *JWT) check(bad *problems) {
	if j == nil {
		return
	}
	if keys := j.keys(); len(keys) > 1 {
		bad.add("auth.jwt", "can have one of secret, secretFile and jwksUrl, not %s", strings.Join(keys, " and "))
	}
	if j.Secret != "" && len(j.Secret) < minSecret {
		bad.add("auth.jwt.secret", "is shorter than %d bytes", minSecret)
	}
	if !isPath(j.SecretFile) {
		bad.add("auth.jwt.secretFile", "%s is not a path", quote(j.SecretFile))
	}
	if j.JWKSURL != "" {
		if what := badURL(j.JWKSURL); what != "" {
			bad.add("auth.jwt.jwksUrl", "%s", what)
		} else if u, err := url.Parse(j.JWKSURL); err != nil || u.User != nil {
			bad.add("auth.jwt.jwksUrl", "cannot have a user")
		} else if u.Scheme != "https" && !onThisMachine(u.Hostname()) {
			bad.add("auth.jwt.jwksUrl", "must be https://, or http:// on this machine: who changes it on the way lets in whom he likes")
		}
	}
	text := func(field, v string, most int) {
		if len(v) > most {
			bad.add(field, "%d bytes are more than %d", len(v), most)
		} else if what := hiddenRune(v, ""); what != "" {
			bad.add(field, "%s", what)
		}
	}
	text("auth.jwt.issuer", j.Issuer, maxIssuer)
	text("auth.jwt.audience", j.Audience, maxIssuer)
	text("auth.jwt.roleClaim", j.RoleClaim, maxClaim)
	text("auth.jwt.servicesClaim", j.ServicesClaim, maxClaim)
	j.checkAlgorithms(bad)
}

func onThisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (j *JWT) checkAlgorithms(bad *problems) {
	if len(j.Algorithms) > len(secretAlgorithms)+len(keySetAlgorithms) {
		bad.add("auth.jwt.algorithms", "%d are more than there are", len(j.Algorithms))
		return
	}
	for i, algorithm := range j.Algorithms {
		switch suitable := j.suitable(); {
		case !slices.Contains(suitable, algorithm):
			bad.add("auth.jwt.algorithms", "%s is not one of %s, those for %s", quote(algorithm), strings.Join(suitable, ", "), j.kind())
		case slices.Contains(j.Algorithms[:i], algorithm):
			bad.add("auth.jwt.algorithms", "%s is given twice", algorithm)
		}
	}
}

// kind is what keys there are, for people.
func (j *JWT) kind() string {
	switch {
	case j.Secret != "" || j.SecretFile != "":
		return "a secret"
	case j.JWKSURL != "":
		return "a key set"
	}
	return "a secret or a key set"
}

// jwtJSON is the section auth.jwt of the file.
type jwtJSON struct {
	Secret        *string  `json:"secret"`
	SecretFile    *string  `json:"secretFile"`
	JWKSURL       *string  `json:"jwksUrl"`
	Issuer        *string  `json:"issuer"`
	Audience      *string  `json:"audience"`
	RoleClaim     *string  `json:"roleClaim"`
	ServicesClaim *string  `json:"servicesClaim"`
	Algorithms    []string `json:"algorithms"`
}

// jwt is what was said; text reads a field of the section and reports one that
// is empty.
func (d *jwtJSON) jwt(bad *problems, text func(field string, v *string) string) *JWT {
	if d == nil {
		return nil
	}
	if d.Algorithms != nil && len(d.Algorithms) == 0 {
		bad.add("auth.jwt.algorithms", "is empty; leave it out for its default")
	}
	return &JWT{
		Secret:        text("auth.jwt.secret", d.Secret),
		SecretFile:    text("auth.jwt.secretFile", d.SecretFile),
		JWKSURL:       text("auth.jwt.jwksUrl", d.JWKSURL),
		Issuer:        text("auth.jwt.issuer", d.Issuer),
		Audience:      text("auth.jwt.audience", d.Audience),
		RoleClaim:     text("auth.jwt.roleClaim", d.RoleClaim),
		ServicesClaim: text("auth.jwt.servicesClaim", d.ServicesClaim),
		Algorithms:    d.Algorithms,
	}
}
