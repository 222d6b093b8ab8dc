// Package auth knows who asks and what he may see: API tokens, sessions of
// browsers, JWTs, one-time tickets, roles, the services that a token is for, origins, and how often an
// address may be wrong about its token.
//
// # Promises
//
//  1. A secret is never kept, only its SHA-256, nor is one, or a part of one, in
//     any error or reason.
//  2. However often an address has failed, a valid token is let in.
//  3. What failed log-ins cost is bounded, whoever makes them: in memory, and in
//     questions to the server that has the keys of JWTs.
//  4. Who asks with a bad token learns that it is bad, and nothing of why.
//     [Reason] tells it to the log.
//  5. [Authenticator.Active] is true only for as long as the very token, with
//     the role and services that it had when it was let in, would be let in
//     again.
//  6. A ticket lets in once, whoever races for it, and so does a code of a link.
//  7. A session's cookie lets in pages of this server, and of origins that are
//     allowed, and nothing else: no page of another origin, whatever it makes a
//     browser send. What opens a session opens no other way, nor another session.
//  8. A session ends with the token that it was opened with, and has no more
//     rights than that.
//
// # What callers owe
//
// Where keys of JWTs come from a URL, [Authenticator.Run] runs for as long as
// the Authenticator is in use. Without it the keys are still fetched when a
// token needs them, but a withdrawn key ends no socket until one does.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/pattern"
)

// Options are what an Authenticator is made of.
type Options struct {
	Tokens []fleet.Token // the first ones, see Set
	JWT    *JWTOptions   // nil: JWTs are not accepted

	// LoginsPerMinute is how many failed log-ins of one address are answered as
	// such in any minute; above, they are Exhausted. 1 to 1000; 0: 10.
	LoginsPerMinute int

	// Refused is called with each failed log-in that is counted, so at most
	// LoginsPerMinute times a minute for an address. The reason is one of a few
	// fixed texts. It must not block. nil: nobody is told.
	Refused func(r *http.Request, reason string)

	Logger *slog.Logger // nil: nothing is logged
}

const (
	defaultLogins = 10
	maxLogins     = 1000
)

// Authenticator knows the tokens. All methods are safe for concurrent use.
type Authenticator struct {
	known    atomic.Pointer[known]
	jwt      *verifier // nil: none
	failures failures
	tickets  tickets
	codes    codes
	ended    ended
	absent   absent
	refused  func(*http.Request, string) // may be nil

	answered atomic.Uint64 // failed log-ins that were told so
	limited  atomic.Uint64 // those that were told to wait

	mu      sync.Mutex
	changed chan struct{}
}

// known is one set of tokens; it is never changed.
type known struct {
	byHash   map[[sha256.Size]byte]Identity // tokens
	sessions map[[sha256.Size]byte]Identity
	byID     map[string]Identity // both
}

// New is NewWith for API tokens only.
func New(tokens []fleet.Token) (*Authenticator, error) {
	return NewWith(Options{Tokens: tokens})
}

// NewWith makes an Authenticator. It returns an error for tokens that Set would
// refuse, and for options that cannot be; it asks nobody for keys yet.
func NewWith(o Options) (*Authenticator, error) {
	if o.LoginsPerMinute == 0 {
		o.LoginsPerMinute = defaultLogins
	}
	if o.LoginsPerMinute < 1 || o.LoginsPerMinute > maxLogins {
		return nil, fmt.Errorf("auth: %d failed log-ins a minute are not 1 to %d", o.LoginsPerMinute, maxLogins)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Authenticator{
		failures: failures{limit: o.LoginsPerMinute},
		refused:  o.Refused, changed: make(chan struct{}),
	}
	if o.JWT != nil {
		var err error
		if a.jwt, err = newVerifier(*o.JWT, o.Logger, a.announce); err != nil {
			return nil, err
		}
	}
	return a, a.Set(o.Tokens)
}

// Run keeps the keys of JWTs fresh until ctx ends, and then returns nil. It
// does nothing else, so that without a URL for keys it only waits.
func (a *Authenticator) Run(ctx context.Context) error {
	if a.jwt != nil && a.jwt.remote != nil {
		a.jwt.remote.run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Set replaces all tokens at once, and their sessions. It returns an error for a
// role, a hash or a pattern that is none, and for an ID that two share; then
// nothing has changed. Of two tokens with the same secret the later one counts. A
// session has the role and the services of its parent, and nothing without it.
func (a *Authenticator) Set(tokens []fleet.Token) error {
	next := &known{
		byHash:   make(map[[sha256.Size]byte]Identity, len(tokens)),
		sessions: make(map[[sha256.Size]byte]Identity),
		byID:     make(map[string]Identity, len(tokens)),
	}
	for i := range tokens {
		if t := &tokens[i]; !t.Session() {
			if err := next.addToken(t); err != nil {
				return err
			}
		}
	}
	for i := range tokens {
		if t := &tokens[i]; t.Session() {
			if err := next.addSession(t); err != nil {
				return err
			}
		}
	}
	a.known.Store(next)
	a.announce()
	return nil
}

func (k *known) addToken(t *fleet.Token) error {
	role, err := ParseRole(t.Role)
	if err != nil {
		return fmt.Errorf("token %s: %w", t.ID, err)
	}
	for _, p := range t.Services {
		if !pattern.Valid(p) {
			return fmt.Errorf("auth: token %s: %q is no pattern of services", t.ID, p)
		}
	}
	id := Identity{Name: t.Name, Role: role, TokenID: t.ID, ExpiresAt: t.ExpiresAt, Services: slices.Clone(t.Services)}
	return k.add(k.byHash, id, t.Hash)
}

// addSession comes after all tokens.
func (k *known) addSession(t *fleet.Token) error {
	id, ok := k.byID[t.Parent]
	if !ok || id.parent != "" {
		return nil // it ended with its parent, and is nobody else's
	}
	id.parent, id.under, id.TokenID, id.cookie = t.Parent, id.by, t.ID, true
	id.ExpiresAt = earlier(id.ExpiresAt, t.ExpiresAt)
	return k.add(k.sessions, id, t.Hash)
}

// add puts the identity where its secret is found.
func (k *known) add(to map[[sha256.Size]byte]Identity, id Identity, hash string) error {
	by, err := hex.DecodeString(hash)
	if err != nil || len(by) != sha256.Size {
		return fmt.Errorf("auth: token %s: its hash is no SHA-256 in hex", id.TokenID)
	}
	if _, ok := k.byID[id.TokenID]; ok {
		return fmt.Errorf("auth: two tokens have the ID %s", id.TokenID)
	}
	id.by = [sha256.Size]byte(by)
	to[id.by], k.byID[id.TokenID] = id, id
	return nil
}

// earlier is the earlier of two ends, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Changed is closed when an identity may have ended before its time: at each
// Set, and when a key of JWTs was withdrawn. Whoever waits for it takes it
// first, then asks Active, then waits. A token that expires closes nothing.
func (a *Authenticator) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// announce is called when what has changed is in place: who asks after it, or
// takes the new channel, sees it.
func (a *Authenticator) announce() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed = make(chan struct{})
}

// Hash is what is kept of a secret: its SHA-256 in hex.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{20,256}$`)

// ValidSecret reports whether an API token can be so: [A-Za-z0-9_-]{20,256}.
func ValidSecret(secret string) bool { return secretForm.MatchString(secret) }

var jwtForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)

// Tokenlike reports whether a text has the form of a token, whatever it is: of
// an API token, or of a JWT.
func Tokenlike(text string) bool {
	return ValidSecret(text) || len(text) >= minTokenlike && jwtForm.MatchString(text)
}

// minTokenlike is how long a JWT is at least, by far: three words with dots
// between them are none.
const minTokenlike = 20

// Token is whose secret it is, if it is anybody's and holds. It looks up the
// secret's hash, so that how long it takes says nothing about a secret. A JWT
// of a key that is not known yet may wait some seconds for the keys.
func (a *Authenticator) Token(secret string) (Identity, bool) {
	id, err := a.identify(context.Background(), secret)
	return id, err == nil
}

// identify returns a refusal, or errNoKeys.
func (a *Authenticator) identify(ctx context.Context, secret string) (Identity, error) {
	switch {
	case ValidSecret(secret):
		sum := sha256.Sum256([]byte(secret))
		id, ok := a.find(ctx, func(k *known) (Identity, bool) {
			id, ok := k.byHash[sum]
			return id, ok
		})
		switch {
		case !ok:
			return Identity{}, refusal("an unknown token")
		case id.expired(time.Now()):
			return Identity{}, refusal("an expired token")
		}
		return id, nil
	case a.jwt != nil && strings.Contains(secret, "."):
		return a.jwt.identify(ctx, secret)
	default:
		return Identity{}, refusal("not the form of a token")
	}
}

// Active reports whether an identity that was let in still holds: its token is
// known, with the same secret, role and services, and has not expired; of a
// JWT, that it has not expired and its key is still published; of one that a
// cookie let in, that it was not logged out. It never waits.
func (a *Authenticator) Active(id Identity) bool {
	now := time.Now()
	if id.cookie && a.ended.has(id.TokenID) {
		return false
	}
	if id.account != "" {
		return a.jwt != nil && !id.expired(now) && a.jwt.holds(id.by)
	}
	t, ok := a.known.Load().byID[id.TokenID]
	return ok && t.by == id.by && t.parent == id.parent && t.under == id.under &&
		t.Role == id.Role && slices.Equal(t.Services, id.Services) && !t.expired(now)
}

// Login is Token for a request that shows a secret, wherever it shows it. A bad
// one is Unauthorized; after LoginsPerMinute of them within a minute from one
// address, bad ones are Exhausted instead, with an error that says how long to
// wait (RetryAfter() time.Duration). A JWT is Unavailable while no keys could
// be had at all.
func (a *Authenticator) Login(r *http.Request, secret string) (Identity, error) {
	id, err := a.identify(r.Context(), secret)
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, errNoKeys):
		return Identity{}, &fleet.Error{Kind: fleet.Unavailable, Op: opLogin, Err: err}
	}
	return Identity{}, a.failed(r, err)
}

// failed counts a log-in that was refused.
func (a *Authenticator) failed(r *http.Request, why error) error {
	if wait := a.failures.add(Address(r), time.Now()); wait > 0 {
		a.limited.Add(1)
		return &fleet.Error{Kind: fleet.Exhausted, Op: opLogin, Err: &tooManyError{wait}}
	}
	a.answered.Add(1)
	if a.refused != nil {
		a.refused(r, Reason(why))
	}
	return unauthorized(why)
}

// FailedLogins are the log-ins with a bad token so far: those that were answered
// as such, and those that were told to wait.
func (a *Authenticator) FailedLogins() (answered, limited uint64) {
	return a.answered.Load(), a.limited.Load()
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
