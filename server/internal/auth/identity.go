package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/degenduel/switchgear/internal/pattern"
)

// Identity is who asks. Those that this package gives out share their Services,
// which nobody may change.
type Identity struct {
	Name    string // of a JWT: its subject
	Role    Role
	TokenID string // of a JWT: "jwt:" and a hash of it

	// ExpiresAt is when the token ends; zero is never.
	ExpiresAt time.Time

	// Services are patterns of the services that the token is for; none is all.
	Services []string

	// account is the Key of a JWT, and empty of an API token.
	account string

	// by is what let it in: the hash of the API token's secret or of the
	// session's, or the fingerprint of the JWT's key.
	by [sha256.Size]byte

	// parent is the ID of the token that a session was opened with, and under
	// the hash of that token's secret; empty of all others.
	parent string
	under  [sha256.Size]byte

	// cookie: a cookie let it in.
	cookie bool
}

// Key is what those share who share limits: of an API token its ID, and of its
// sessions the same; of a JWT its issuer and subject, however many such tokens
// there are.
func (id Identity) Key() string {
	return cmp.Or(id.account, id.parent, id.TokenID)
}

// Session is the ID of a session, and empty of those that are none: tokens, and
// JWTs, which are their own sessions.
func (id Identity) Session() string {
	if id.parent == "" {
		return ""
	}
	return id.TokenID
}

// Limited reports whether the token is for some services only.
func (id Identity) Limited() bool { return len(id.Services) > 0 }

// Sees reports whether the token is for the service.
func (id Identity) Sees(service string) bool {
	return !id.Limited() || slices.ContainsFunc(id.Services, func(p string) bool { return pattern.Match(p, service) })
}

func (id Identity) expired(now time.Time) bool {
	return !id.ExpiresAt.IsZero() && !now.Before(id.ExpiresAt)
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
