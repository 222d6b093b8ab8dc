// Package auth knows who asks: tokens, roles, origins, and how often an address
// may be wrong about its token.
//
// # Promises
//
//  1. A secret is never kept, only its SHA-256, nor is one in any error.
//  2. However often an address has failed, a valid token is let in.
//  3. What failed log-ins cost is bounded, whoever makes them.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// Identity is who asks.
type Identity struct {
	Name    string
	Role    Role
	TokenID string

	// ExpiresAt is when the token ends; zero is never.
	ExpiresAt time.Time
}

// Authenticator knows the tokens. All methods are safe for concurrent use.
type Authenticator struct {
	known    atomic.Pointer[known]
	failures failures
}

// known is one set of tokens; it is never changed.
type known struct {
	byHash map[[sha256.Size]byte]Identity
	byID   map[string]Identity
}

// New makes an Authenticator that knows the tokens. It returns an error for a
// role or a hash that is none, and for an ID that two tokens share. Of two
// tokens with the same secret the later one counts.
func New(tokens []fleet.Token) (*Authenticator, error) {
	a := &Authenticator{}
	return a, a.Set(tokens)
}

// Set replaces all tokens at once. After an error nothing has changed.
func (a *Authenticator) Set(tokens []fleet.Token) error {
	next := &known{
		byHash: make(map[[sha256.Size]byte]Identity, len(tokens)),
		byID:   make(map[string]Identity, len(tokens)),
	}
	for _, t := range tokens {
		role, err := ParseRole(t.Role)
		if err != nil {
			return fmt.Errorf("token %s: %w", t.ID, err)
		}
		hash, err := hex.DecodeString(t.Hash)
		if err != nil || len(hash) != sha256.Size {
			return fmt.Errorf("auth: token %s: its hash is no SHA-256 in hex", t.ID)
		}
		if _, ok := next.byID[t.ID]; ok {
			return fmt.Errorf("auth: two tokens have the ID %s", t.ID)
		}
		id := Identity{Name: t.Name, Role: role, TokenID: t.ID, ExpiresAt: t.ExpiresAt}
		next.byHash[[sha256.Size]byte(hash)], next.byID[t.ID] = id, id
	}
	a.known.Store(next)
	return nil
}

// Hash is what is kept of a secret: its SHA-256 in hex.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{20,256}$`)

// ValidSecret reports whether a token can be so: [A-Za-z0-9_-]{20,256}.
func ValidSecret(secret string) bool { return secretForm.MatchString(secret) }

// Token is whose secret it is, if it is anybody's and has not expired. It looks
// up the secret's hash, so that how long it takes says nothing about a secret.
func (a *Authenticator) Token(secret string) (Identity, bool) {
	sum := sha256.Sum256([]byte(secret))
	id, ok := a.known.Load().byHash[sum]
	if !ok || !ValidSecret(secret) || id.expired(time.Now()) {
		return Identity{}, false
	}
	return id, true
}

func (id Identity) expired(now time.Time) bool {
	return !id.ExpiresAt.IsZero() && !now.Before(id.ExpiresAt)
}

// Active reports whether an identity that was let in still holds: its token is
// known, with the same role, and has not expired.
func (a *Authenticator) Active(id Identity) bool {
	now, ok := a.known.Load().byID[id.TokenID]
	return ok && now.Role == id.Role && !now.expired(time.Now())
}

var (
	errNoToken  = errors.New("a token is required: Authorization: Bearer TOKEN")
	errBadToken = errors.New("the token is not valid")
)

func unauthorized(err error) error {
	return &fleet.Error{Kind: fleet.Unauthorized, Op: "log-in", Err: err}
}

// Login is Token for a request that shows a secret, wherever it shows it. A bad
// one is Unauthorized; after 10 of them within a minute from one address, bad
// ones are Exhausted instead, with an error that says how long to wait
// (RetryAfter() time.Duration).
func (a *Authenticator) Login(r *http.Request, secret string) (Identity, error) {
	if id, ok := a.Token(secret); ok {
		return id, nil
	}
	if wait := a.failures.add(Address(r), time.Now()); wait > 0 {
		return Identity{}, &fleet.Error{Kind: fleet.Exhausted, Op: "log-in", Err: &tooManyError{wait}}
	}
	return Identity{}, unauthorized(errBadToken)
}

// Request is Login with the request's Authorization: Bearer. Without one it is
// Unauthorized too, but no failed log-in.
func (a *Authenticator) Request(r *http.Request) (Identity, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return Identity{}, unauthorized(errNoToken)
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, unauthorized(errNoToken)
	}
	return a.Login(r, strings.TrimSpace(secret))
}

type contextKey struct{}

// With is ctx of a request whose identity is known.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// From is the identity that With put there; ok is false if there is none.
func From(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(contextKey{}).(Identity)
	return id, ok
}
