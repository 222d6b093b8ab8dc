package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

const (
	// maxTokens caps the tokens: each log-in looks among them, and every one is
	// somebody's to remember.
	maxTokens = 10_000

	// expiredKept is how long a token that has expired is listed, for those who
	// look for it, unless there is no room.
	expiredKept = 30 * 24 * time.Hour

	// maxSwept is how many expired tokens go when one is made, so that the
	// transaction stays small.
	maxSwept = 500
)

// Tokens are all tokens, the oldest first, and among them the sessions that were
// opened with one.
func (m *Manager) Tokens() []Token {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.tokens)
}

// CreateToken keeps a token, of which the name, the role, the hash, the services
// and the end are given, and returns it with the rest. Conflict if the hash is
// another's, Exhausted above 10 000 tokens. It is in force when this returns.
// Tokens that have expired make room: those that did so 30 days ago, and, where
// there are 10 000, as many more as it takes.
func (m *Manager) CreateToken(ctx context.Context, t Token, by Actor) (Token, error) {
	const op = "create token"
	t.ID, t.CreatedAt, t.CreatedBy = rand.Text(), time.Now().UTC().Truncate(time.Microsecond), by.Name
	var swept []string
	err := m.do(ctx, op, &change{
		plan: func(b *draft) error {
			all := m.Tokens()
			tokens := slices.DeleteFunc(m.Tokens(), func(o Token) bool { return o.Session() })
			swept = outlived(tokens, t.CreatedAt)
			switch {
			case len(tokens)-len(swept) >= maxTokens:
				return errorf(Exhausted, op, "there are %d tokens, which is the cap", maxTokens)
			case slices.ContainsFunc(all, func(o Token) bool { return o.Hash == t.Hash }):
				return errorf(Conflict, op, "there is a token with this secret already")
			}
			sweeper := Actor{Name: "switchgear", Reason: "it has expired"}
			for i := range tokens {
				if slices.Contains(swept, tokens[i].ID) {
					sweeper.record(b, "revoke token", "", tokens[i].ID, ofToken(&tokens[i]))
				}
			}
			swept = withSessions(all, swept)
			b.Revoked = append(b.Revoked, swept...)
			b.Tokens = append(b.Tokens, t)
			by.record(b, op, "", t.ID, ofToken(&t))
			return nil
		},
		apply: func() {
			gone := func(o Token) bool { return slices.Contains(swept, o.ID) }
			m.setTokens(append(slices.DeleteFunc(m.Tokens(), gone), t))
		},
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// outlived are the IDs of the tokens that make room for another: the longest
// expired first.
func outlived(tokens []Token, now time.Time) (ids []string) {
	var ended []Token
	for _, t := range tokens {
		if !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
			ended = append(ended, t)
		}
	}
	slices.SortFunc(ended, func(a, b Token) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	for _, t := range ended[:min(len(ended), maxSwept)] {
		if now.Sub(t.ExpiresAt) <= expiredKept && len(tokens)-len(ids) < maxTokens {
			break
		}
		ids = append(ids, t.ID)
	}
	return ids
}

// RevokeToken ends a token, and with it its sessions, or one session; NotFound if
// there is none with that ID. What it has opened is closed.
func (m *Manager) RevokeToken(ctx context.Context, id string, by Actor) error {
	const op = "revoke token"
	var gone []string
	return m.do(ctx, op, &change{
		plan: func(b *draft) error {
			tokens := m.Tokens()
			i := slices.IndexFunc(tokens, func(t Token) bool { return t.ID == id })
			if i < 0 {
				return errorf(NotFound, op, "there is no token %q", id)
			}
			gone = withSessions(tokens, []string{id})
			b.Revoked = append(b.Revoked, gone...)
			by.record(b, op, "", id, ofToken(&tokens[i]))
			return nil
		},
		apply: func() { m.dropTokens(gone) },
	})
}

// withSessions are the IDs, and those of the sessions that end with them.
func withSessions(tokens []Token, ids []string) []string {
	all := slices.Clone(ids)
	for _, t := range tokens {
		if t.Session() && slices.Contains(ids, t.Parent) {
			all = append(all, t.ID)
		}
	}
	return all
}

// dropTokens puts those out of force. The sequencer calls it.
func (m *Manager) dropTokens(ids []string) {
	m.setTokens(slices.DeleteFunc(m.Tokens(), func(t Token) bool { return slices.Contains(ids, t.ID) }))
}

// setTokens puts the tokens in force, in the order of the store. The sequencer
// calls it.
func (m *Manager) setTokens(tokens []Token) {
	slices.SortFunc(tokens, func(a, b Token) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	m.mu.Lock()
	m.tokens = tokens
	m.mu.Unlock()
	m.tellTokens()
}

func (m *Manager) tellTokens() {
	if m.onTokens != nil {
		m.onTokens(m.Tokens())
	}
}
