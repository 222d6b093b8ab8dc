package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// sessionLife is how long a session lasts: a shift, and no night.
	sessionLife = 12 * time.Hour

	sessionChance = 32 // bytes of a session's secret that are chance
	sessionMark   = 16 // and that bind it to the token it was opened with
)

// NewSession is what a session of an API token is to be, and its secret; it
// lasts 12 hours, or as long as the token. A JWT has none: it is its own secret,
// and ok is false.
func (a *Authenticator) NewSession(id Identity) (secret string, t fleet.Token, ok bool) {
	if id.account != "" {
		return "", fleet.Token{}, false
	}
	chance := make([]byte, sessionChance, sessionChance+sessionMark)
	_, _ = rand.Read(chance) // never fails
	secret = base64.RawURLEncoding.EncodeToString(append(chance, mark(chance, id.by)...))
	ends := time.Now().Add(sessionLife).UTC().Truncate(time.Microsecond)
	return secret, fleet.Token{
		Name: id.Name, Role: id.Role.String(), Services: id.Services, Hash: Hash(secret),
		ExpiresAt: earlier(id.ExpiresAt, ends), Parent: id.TokenID,
	}, true
}

// mark binds a session to the secret of its parent, of which it tells nothing. A
// token that is in no store may come back with its ID and another secret.
func mark(chance []byte, parent [sha256.Size]byte) []byte {
	h := hmac.New(sha256.New, chance)
	_, _ = h.Write(parent[:]) // never fails
	return h.Sum(nil)[:sessionMark]
}

// byCookie is who the cookies of a request let in. Of several those that hold
// must be of one session: a neighbour on this host can set some, too.
func (a *Authenticator) byCookie(r *http.Request) (Identity, error) {
	var found Identity
	err := error(refusal("no session"))
	for _, secret := range cookies(r) {
		id, bad := a.session(r.Context(), secret)
		switch {
		case bad != nil:
			if found.TokenID == "" {
				err = bad
			}
		case found.TokenID != "" && found.TokenID != id.TokenID:
			return Identity{}, unauthorized(refusal("cookies of several sessions"))
		default:
			found, err = id, nil
		}
	}
	if errors.Is(err, errNoKeys) {
		return Identity{}, &fleet.Error{Kind: fleet.Unavailable, Op: opLogin, Err: err}
	}
	if err != nil {
		return Identity{}, unauthorized(err)
	}
	return found, nil
}

// session is whose session the secret is. It returns a refusal, or errNoKeys.
func (a *Authenticator) session(ctx context.Context, secret string) (Identity, error) {
	if len(secret) > MaxCookie {
		return Identity{}, refusal("a cookie that is too long")
	}
	if a.jwt != nil && strings.Contains(secret, ".") {
		id, err := a.jwt.identify(ctx, secret)
		if err != nil {
			return Identity{}, err
		}
		if id.cookie = true; a.ended.has(id.TokenID) {
			return Identity{}, refusal("a session that was logged out")
		}
		return id, nil
	}
	sum := sha256.Sum256([]byte(secret))
	id, ok := a.find(ctx, func(k *known) (Identity, bool) {
		id, ok := k.sessions[sum]
		return id, ok
	})
	whole, err := base64.RawURLEncoding.DecodeString(secret)
	switch {
	case !ok, err != nil, len(whole) != sessionChance+sessionMark:
		return Identity{}, refusal("an unknown session")
	case !hmac.Equal(whole[sessionChance:], mark(whole[:sessionChance], id.under)):
		return Identity{}, refusal("a session of a token that was changed")
	case !a.Active(id):
		return Identity{}, refusal("a session that has ended")
	}
	return id, nil
}

// Current is the session that a request shows, wherever it comes from, for the
// one that is to take its place; ok is false if there is none that holds.
func (a *Authenticator) Current(r *http.Request) (id Identity, ok bool) {
	id, err := a.byCookie(r)
	return id, err == nil
}

// LogOut ends what a cookie has let in, and its sockets, until the process ends
// or Resume is called; a session has to be taken out of the store, too.
func (a *Authenticator) LogOut(id Identity) {
	if a.ended.add(id.TokenID, id.ExpiresAt) {
		a.announce()
	}
}

// Resume lets a JWT be a session again that was one and was logged out.
func (a *Authenticator) Resume(id Identity) { a.ended.remove(id.TokenID) }

// maxEnded is how many sessions that were logged out are remembered. Above it
// one is forgotten, which its browser has forgotten already.
const maxEnded = 10_000

// ended are the sessions that were logged out, by ID, until when they would have
// lasted. The zero value has none.
type ended struct {
	mu sync.RWMutex
	of map[string]time.Time
}

func (e *ended) has(id string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, ok := e.of[id]
	return ok
}

// add reports whether it is new.
func (e *ended) add(id string, until time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.of[id]; ok {
		return false
	}
	if e.of == nil {
		e.of = make(map[string]time.Time)
	}
	if len(e.of) >= maxEnded {
		e.makeRoom(time.Now())
	}
	e.of[id] = until
	return true
}

func (e *ended) makeRoom(now time.Time) {
	for id, until := range e.of {
		if !until.IsZero() && !now.Before(until) {
			delete(e.of, id)
		}
	}
	for id := range e.of {
		if len(e.of) < maxEnded {
			return
		}
		delete(e.of, id)
	}
}

func (e *ended) remove(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.of, id)
}
