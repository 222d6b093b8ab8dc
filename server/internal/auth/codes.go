package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	codeLife = time.Hour

	// maxCodes is how many codes are open at a time; above it the oldest goes.
	maxCodes = 10
)

// codes are those that were given out and not yet redeemed. The zero value has
// none.
type codes struct {
	mu   sync.Mutex
	open []code // the oldest first
}

type code struct {
	hash    [sha256.Size]byte
	token   string
	expires time.Time
}

// Code is a secret that logs in once, within an hour, as whom the API token with
// the ID is then: for a link that is printed.
func (a *Authenticator) Code(tokenID string) (secret string, expires time.Time) {
	secret = rand.Text()
	c := code{sha256.Sum256([]byte(secret)), tokenID, time.Now().Add(codeLife)}
	a.codes.give(c)
	return secret, c.expires
}

// give opens a code. Of too many the oldest goes.
func (s *codes) give(c code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, c)
	slices.SortStableFunc(s.open, func(a, b code) int { return a.expires.Compare(b.expires) })
	s.open = s.open[max(len(s.open)-maxCodes, 0):]
}

// LoginByCode is Login with a code, which is then nobody else's. One that is
// unknown, was redeemed, has expired, or whose token has ended is a bad one. Where
// the log-in comes to nothing in the end, giveBack makes the code good again.
func (a *Authenticator) LoginByCode(r *http.Request, secret string) (id Identity, giveBack func(), err error) {
	c, ok := a.codes.take(sha256.Sum256([]byte(secret)))
	if !ok {
		return Identity{}, nil, a.failed(r, refusal("an unknown log-in code"))
	}
	if !time.Now().Before(c.expires) {
		return Identity{}, nil, a.failed(r, refusal("an expired log-in code"))
	}
	id, ok = a.known.Load().byID[c.token]
	if !ok || id.parent != "" || !a.Active(id) {
		return Identity{}, nil, a.failed(r, refusal("a log-in code whose token has ended"))
	}
	return id, func() { a.codes.give(c) }, nil
}

// take is the code with the hash, which is then gone.
func (s *codes) take(hash [sha256.Size]byte) (code, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.open {
		if c.hash == hash {
			s.open = append(s.open[:i:i], s.open[i+1:]...)
			return c, true
		}
	}
	return code{}, false
}
