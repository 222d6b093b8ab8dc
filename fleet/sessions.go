package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"time"
)

const (
	// maxSessionsEach is how many sessions a token has: somebody's browsers and
	// machines, with those that were never logged out.
	maxSessionsEach = 20

	// maxSessions caps those of all tokens.
	maxSessions = 10_000
)

// OpenSession keeps a session, of which the name, the role, the hash, the
// services, the end and the parent are given, and returns it with the rest. It
// ends the session with the ID replaced, if there is one with the same parent or
// another, and the oldest of 20 that the parent has. Conflict if the hash is
// another's, Exhausted above 10 000 sessions. It is in force when this returns.
// Whether the parent is somebody's, and for how long, is the caller's to know:
// it need not be in the store.
func (m *Manager) OpenSession(ctx context.Context, t Token, replaced string, by Actor) (Token, error) {
	const op = "log in"
	if !t.Session() {
		return Token{}, errorf(Invalid, op, "a session has a parent")
	}
	t.ID, t.CreatedAt, t.CreatedBy = rand.Text(), time.Now().UTC().Truncate(time.Microsecond), by.Name
	var gone []string
	err := m.do(ctx, op, &change{
		plan: func(b *draft) error {
			tokens := m.Tokens()
			if slices.ContainsFunc(tokens, func(o Token) bool { return o.Hash == t.Hash }) {
				return errorf(Conflict, op, "there is a token with this secret already")
			}
			var left int
			if gone, left = makeWay(tokens, &t, replaced); left >= maxSessions {
				return errorf(Exhausted, op, "there are %d sessions, which is the cap", maxSessions)
			}
			b.Revoked = append(b.Revoked, gone...)
			b.Tokens = append(b.Tokens, t)
			by.record(b, op, "", t.ID, nil)
			return nil
		},
		apply: func() {
			m.setTokens(append(slices.DeleteFunc(m.Tokens(), func(o Token) bool { return slices.Contains(gone, o.ID) }), t))
		},
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// makeWay are the IDs of the sessions that go when another is opened, and how
// many are left: the one that it replaces, those that have expired, as many as a
// transaction may take, and the oldest of too many of one parent.
func makeWay(tokens []Token, opened *Token, replaced string) (gone []string, left int) {
	now := opened.CreatedAt
	var siblings []Token
	for _, t := range tokens {
		switch {
		case !t.Session():
		case t.ID == replaced, !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) && len(gone) < maxSwept:
			gone = append(gone, t.ID)
		default:
			left++
			if t.Parent == opened.Parent {
				siblings = append(siblings, t)
			}
		}
	}
	slices.SortStableFunc(siblings, func(a, b Token) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, t := range siblings[:max(len(siblings)-maxSessionsEach+1, 0)] {
		gone = append(gone, t.ID)
		left--
	}
	return gone, left
}

// CloseSession ends a session; NotFound if there is none with that ID. What it
// has opened is closed.
func (m *Manager) CloseSession(ctx context.Context, id string, by Actor) error {
	const op = "log out"
	return m.do(ctx, op, &change{
		plan: func(b *draft) error {
			if !slices.ContainsFunc(m.Tokens(), func(t Token) bool { return t.ID == id && t.Session() }) {
				return errorf(NotFound, op, "there is no session %q", id)
			}
			b.Revoked = append(b.Revoked, id)
			by.record(b, op, "", id, nil)
			return nil
		},
		apply: func() { m.dropTokens([]string{id}) },
	})
}

// Note adds to the audit log what the actor did that changes nothing else in the
// store, and returns when it is there.
func (m *Manager) Note(ctx context.Context, action, subject string, by Actor) error {
	return m.do(ctx, action, &change{
		plan: func(b *draft) error {
			by.record(b, action, "", subject, nil)
			return nil
		},
		apply: func() {},
	})
}
