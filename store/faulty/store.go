package faulty

import (
	"context"
	"slices"

	"github.com/degenduel/switchgear/fleet"
)

// ask makes a call with a result, which is lost with the answer.
func ask[T any](ctx context.Context, s *Store, op Op, call func() (T, error)) (T, error) {
	var out, none T
	err := s.do(ctx, op, nil, func() (err error) {
		out, err = call()
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// Load implements [fleet.Store].
func (s *Store) Load(ctx context.Context) (fleet.Stored, error) {
	return ask(ctx, s, Load, func() (fleet.Stored, error) { return s.inner.Load(ctx) })
}

// Commit implements [fleet.Store].
func (s *Store) Commit(ctx context.Context, b *fleet.Batch) error {
	// The IDs come with the answer.
	sent := *b
	sent.Events, sent.Audit = slices.Clone(b.Events), slices.Clone(b.Audit)
	err := s.do(ctx, Commit, b, func() error { return s.inner.Commit(ctx, &sent) })
	if err == nil {
		copy(b.Events, sent.Events)
		copy(b.Audit, sent.Audit)
	}
	return err
}

// Events implements [fleet.Store].
func (s *Store) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Event, error) {
	return ask(ctx, s, Events, func() ([]fleet.Event, error) { return s.inner.Events(ctx, q) })
}

// ConfigVersions implements [fleet.Store].
func (s *Store) ConfigVersions(ctx context.Context, service string, before, limit int) ([]fleet.ConfigVersion, error) {
	return ask(ctx, s, ConfigVersions, func() ([]fleet.ConfigVersion, error) {
		return s.inner.ConfigVersions(ctx, service, before, limit)
	})
}

// ConfigVersion implements [fleet.Store].
func (s *Store) ConfigVersion(ctx context.Context, service string, version int) (fleet.ConfigVersion, error) {
	return ask(ctx, s, ConfigVersion, func() (fleet.ConfigVersion, error) { return s.inner.ConfigVersion(ctx, service, version) })
}

// Tokens implements [fleet.Store].
func (s *Store) Tokens(ctx context.Context) ([]fleet.Token, error) {
	return ask(ctx, s, Tokens, func() ([]fleet.Token, error) { return s.inner.Tokens(ctx) })
}

// Audit implements [fleet.Store].
func (s *Store) Audit(ctx context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	return ask(ctx, s, Audit, func() ([]fleet.AuditEntry, error) { return s.inner.Audit(ctx, q) })
}

// Request implements [fleet.Store].
func (s *Store) Request(ctx context.Context, key string) (fleet.Request, error) {
	return ask(ctx, s, Request, func() (fleet.Request, error) { return s.inner.Request(ctx, key) })
}

// Ping implements [fleet.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, Ping, nil, func() error { return s.inner.Ping(ctx) })
}
