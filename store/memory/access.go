package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// judgeTokens refuses tokens and requests that are there already.
func (s *Store) judgeTokens(b *fleet.Batch) error {
	for i, t := range b.Tokens {
		same := func(o fleet.Token) bool { return o.ID == t.ID || o.Hash == t.Hash }
		if slices.ContainsFunc(s.tokens, same) || slices.ContainsFunc(b.Tokens[:i], same) {
			return conflict("a token with this ID or this hash is there already")
		}
	}
	before := forgotten()
	for i, r := range b.Requests {
		old, there := s.requests[r.Key]
		there = there && !old.At.Before(before)
		if there || slices.ContainsFunc(b.Requests[:i], func(o fleet.Request) bool { return o.Key == r.Key }) {
			return conflict("a request with this key was carried out already")
		}
	}
	return nil
}

// forgotten is before when a request is not remembered any more.
func forgotten() time.Time { return moment(time.Now().Add(-fleet.RequestsKept)) }

func conflict(text string) error {
	return &fleet.Error{Kind: fleet.Conflict, Op: "commit", Err: errors.New(text)}
}

// keepTokens writes the tokens and requests of a batch. A token that the batch
// also revokes is gone afterwards.
func (s *Store) keepTokens(b *fleet.Batch) {
	for _, t := range b.Tokens {
		t.CreatedAt = moment(t.CreatedAt)
		if !t.ExpiresAt.IsZero() {
			t.ExpiresAt = moment(t.ExpiresAt)
		}
		s.tokens = append(s.tokens, cloneToken(t))
	}
	s.tokens = slices.DeleteFunc(s.tokens, func(t fleet.Token) bool { return slices.Contains(b.Revoked, t.ID) })
	if len(b.Requests) > 0 {
		before := forgotten()
		maps.DeleteFunc(s.requests, func(_ string, r fleet.Request) bool { return r.At.Before(before) })
	}
	for _, r := range b.Requests {
		r.At = moment(r.At)
		s.requests[r.Key] = r
	}
}

// Audit implements [fleet.Store]. A limit out of its range is Invalid.
func (s *Store) Audit(ctx context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	if err := s.lock(ctx, "audit"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if q.Limit < 1 || q.Limit > maxLimit {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: "audit", Err: fmt.Errorf("a limit of %d is not in 1 to %d", q.Limit, maxLimit)}
	}
	var out []fleet.AuditEntry
	for _, e := range slices.Backward(s.audit) {
		if len(out) == q.Limit {
			break
		}
		if askedAudit(&e, q) {
			e.Details = bytes.Clone(e.Details)
			out = append(out, e)
		}
	}
	return out, nil
}

func askedAudit(e *fleet.AuditEntry, q fleet.AuditQuery) bool {
	return (q.Service == "" || e.Service == q.Service) &&
		(q.Actor == "" || e.Actor == q.Actor) &&
		(q.Action == "" || e.Action == q.Action) &&
		(q.Since.IsZero() || !e.At.Before(moment(q.Since))) &&
		(q.Until.IsZero() || e.At.Before(moment(q.Until))) &&
		(q.Before == 0 || e.ID < q.Before)
}

// Request implements [fleet.Store].
func (s *Store) Request(ctx context.Context, key string) (fleet.Request, error) {
	if err := s.lock(ctx, "request"); err != nil {
		return fleet.Request{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.requests[key]
	if !ok || r.At.Before(forgotten()) {
		return fleet.Request{}, &fleet.Error{Kind: fleet.NotFound, Op: "request", Err: errors.New("no request with this key was carried out")}
	}
	return r, nil
}

func cloneToken(t fleet.Token) fleet.Token {
	t.Services = slices.Clone(t.Services)
	return t
}
