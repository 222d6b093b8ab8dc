package auth

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	ticketLife = 30 * time.Second

	// maxTickets is how many tickets are open at a time, and maxTicketsEach
	// those of one identity.
	maxTickets     = 10_000
	maxTicketsEach = 100
)

// tickets are those that were given out and not yet redeemed. The zero value
// has none.
type tickets struct {
	mu     sync.Mutex
	inLine list.List                           // of *ticket, oldest first: all live equally long
	byHash map[[sha256.Size]byte]*list.Element // in the line
	of     map[string]int                      // how many, by Identity.Key
}

type ticket struct {
	hash    [sha256.Size]byte
	id      Identity
	expires time.Time
}

// Ticket is a secret that lets the identity in once, within 30 seconds, for
// those who cannot show their token: a browser that opens a WebSocket. It is
// Unauthorized if the identity has ended, and Exhausted if 100 of its tickets,
// or 10 000 of all, are open (RetryAfter() time.Duration).
func (a *Authenticator) Ticket(id Identity) (secret string, expires time.Time, err error) {
	if !a.Active(id) {
		return "", time.Time{}, unauthorized(refusal("its token has ended"))
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	now := time.Now()
	t := &ticket{hash: sha256.Sum256([]byte(secret)), id: id, expires: now.Add(ticketLife)}
	if wait := a.tickets.add(t, now); wait > 0 {
		return "", time.Time{}, &fleet.Error{Kind: fleet.Exhausted, Op: "ticket", Err: &tooManyTicketsError{wait}}
	}
	return secret, t.expires, nil
}

// Redeem is Login with a ticket. One that is unknown, was redeemed, has expired,
// or whose identity has ended is a bad one.
func (a *Authenticator) Redeem(r *http.Request, secret string) (Identity, error) {
	t := a.tickets.take(sha256.Sum256([]byte(secret)))
	switch {
	case t == nil:
		return Identity{}, a.failed(r, refusal("an unknown ticket"))
	case !time.Now().Before(t.expires):
		return Identity{}, a.failed(r, refusal("an expired ticket"))
	case !a.Active(t.id):
		return Identity{}, a.failed(r, refusal("a ticket whose token has ended"))
	}
	return t.id, nil
}

// add keeps t, or says after how long there is room for certain.
func (s *tickets) add(t *ticket, now time.Time) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHash == nil {
		s.byHash, s.of = make(map[[sha256.Size]byte]*list.Element), make(map[string]int)
	}
	for e := s.inLine.Front(); e != nil && !now.Before(e.Value.(*ticket).expires); e = s.inLine.Front() {
		s.remove(e)
	}
	if s.inLine.Len() >= maxTickets || s.of[t.id.Key()] >= maxTicketsEach {
		return ticketLife
	}
	s.byHash[t.hash] = s.inLine.PushBack(t)
	s.of[t.id.Key()]++
	return 0
}

// take is the ticket with the hash, which is then gone, or nil.
func (s *tickets) take(hash [sha256.Size]byte) *ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byHash[hash]
	if e == nil {
		return nil
	}
	return s.remove(e)
}

func (s *tickets) remove(e *list.Element) *ticket {
	t := s.inLine.Remove(e).(*ticket)
	delete(s.byHash, t.hash)
	key := t.id.Key()
	if s.of[key]--; s.of[key] == 0 {
		delete(s.of, key)
	}
	return t
}

// tooManyTicketsError refuses a ticket for some time.
type tooManyTicketsError struct{ wait time.Duration }

// Error says for how long.
func (e *tooManyTicketsError) Error() string {
	return fmt.Sprintf("too many tickets are open; those end after %v", e.wait)
}

// RetryAfter is how long.
func (e *tooManyTicketsError) RetryAfter() time.Duration { return e.wait }
