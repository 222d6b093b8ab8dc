// Package memory keeps what a manager knows for as long as the process runs.
// It is the model of what a [fleet.Store] does, which the others are compared
// with, and a fast store for tests.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// maxLimit is how many events one query may ask for.
const maxLimit = 1000

// Store is a [fleet.Store] in memory. The zero Store is empty and ready.
type Store struct {
	mu       sync.Mutex
	services map[string]fleet.ServiceRow
	events   []fleet.Event // the ID is the index and one
	configs  map[string][]fleet.ConfigVersion
	audit    []fleet.AuditEntry // the ID is the index and one
	tokens   []fleet.Token
	requests map[string]fleet.Request
	series   map[chunkKey]fleet.SeriesChunk
	failure  error
	lease    *lease

	instances map[fleet.InstanceKey]fleet.InstanceRow

	alerts     map[string]fleet.Alert
	silences   map[string]fleet.Silence
	deliveries map[string]fleet.Delivery
}

var _ fleet.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{} }

// Fail makes every call from now on Unavailable because of err; nil makes the
// store well again. What it holds stays.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// AuditLog returns all audit entries, the oldest first.
func (s *Store) AuditLog() []fleet.AuditEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.audit)
}

// lock takes the mutex unless the store does not answer.
func (s *Store) lock(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &fleet.Error{Kind: fleet.Unavailable, Op: op, Err: err}
	}
	s.mu.Lock()
	if s.failure != nil {
		defer s.mu.Unlock()
		return &fleet.Error{Kind: fleet.Unavailable, Op: op, Err: s.failure}
	}
	return nil
}

// Load implements [fleet.Store].
func (s *Store) Load(ctx context.Context) (fleet.Stored, error) {
	if err := s.lock(ctx, "load"); err != nil {
		return fleet.Stored{}, err
	}
	defer s.mu.Unlock()
	out := fleet.Stored{Versions: make(map[string]int, len(s.configs))}
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		out.Services = append(out.Services, cloneRow(s.services[name]))
	}
	out.Instances = s.loadInstances()
	for name, versions := range s.configs {
		out.Versions[name] = len(versions)
	}
	for i := range s.events {
		out.Seq = max(out.Seq, s.events[i].Seq)
	}
	return out, nil
}

// Commit implements [fleet.Store]. Of two rows of a service in one batch the
// later stands; a service that is both removed and written is there afterwards.
func (s *Store) Commit(ctx context.Context, b *fleet.Batch) error {
	if err := s.lock(ctx, "commit"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if b.Fence != nil {
		if err := s.fenced("commit", b.Fence); err != nil {
			return err
		}
	}
	if err := s.judge(b.Configs); err != nil {
		return err
	}
	if err := s.judgeTokens(b); err != nil {
		return err
	}
	if b.Fence != nil {
		s.leased().raise(b.Fence)
	}
	if len(b.Tokens)+len(b.Revoked)+len(b.Alerts.Silences) > 0 {
		s.leased().Revision++
	}
	if s.services == nil {
		s.services = make(map[string]fleet.ServiceRow)
		s.configs = make(map[string][]fleet.ConfigVersion)
		s.requests = make(map[string]fleet.Request)
	}
	s.keepTokens(b)
	s.keepAlerts(&b.Alerts)
	for _, name := range b.Removed {
		delete(s.services, name)
	}
	for _, row := range b.Services {
		row.UpdatedAt = moment(row.UpdatedAt)
		s.services[row.Service] = cloneRow(row)
	}
	s.keepInstances(b)
	for _, c := range b.Configs {
		c.At = moment(c.At)
		s.configs[c.Service] = append(s.configs[c.Service], cloneConfig(c))
	}
	for i := range b.Events {
		b.Events[i].ID = int64(len(s.events) + 1)
		e := cloneEvent(b.Events[i])
		e.At, e.Durable = moment(e.At), true
		s.events = append(s.events, e)
	}
	for i := range b.Audit {
		b.Audit[i].ID = int64(len(s.audit) + 1)
		a := b.Audit[i]
		a.At, a.Details = moment(a.At), bytes.Clone(a.Details)
		s.audit = append(s.audit, a)
	}
	return nil
}

// judge refuses versions that do not follow those that are there.
func (s *Store) judge(configs []fleet.ConfigVersion) error {
	newest := make(map[string]int)
	for _, c := range configs {
		have, known := newest[c.Service]
		if !known {
			have = len(s.configs[c.Service])
		}
		if c.Version != have+1 {
			return &fleet.Error{Kind: fleet.Conflict, Op: "commit", Err: fmt.Errorf("version %d of the config of %s does not follow the newest, which is %d", c.Version, c.Service, have)}
		}
		newest[c.Service] = c.Version
	}
	return nil
}

// Events implements [fleet.Store]. A limit out of its range is Invalid. What
// comes back is in the store: it is durable.
func (s *Store) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Event, error) {
	if err := s.lock(ctx, "events"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if q.Limit < 1 || q.Limit > maxLimit {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: "events", Err: fmt.Errorf("a limit of %d is not in 1 to %d", q.Limit, maxLimit)}
	}
	var out []fleet.Event
	for _, e := range slices.Backward(s.events) {
		if len(out) == q.Limit {
			break
		}
		if asked(&e, q) {
			out = append(out, cloneEvent(e))
		}
	}
	return out, nil
}

func asked(e *fleet.Event, q fleet.EventQuery) bool {
	return (q.Service == "" || e.Service == q.Service) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) &&
		(q.Since.IsZero() || !e.At.Before(moment(q.Since))) &&
		(q.Until.IsZero() || e.At.Before(moment(q.Until))) &&
		(q.Before == 0 || e.ID < q.Before)
}

// ConfigVersions implements [fleet.Store]. A limit below 1 is none.
func (s *Store) ConfigVersions(ctx context.Context, service string, before, limit int) ([]fleet.ConfigVersion, error) {
	if err := s.lock(ctx, "config versions"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []fleet.ConfigVersion
	for _, c := range slices.Backward(s.configs[service]) {
		if len(out) < limit && (before == 0 || c.Version < before) {
			out = append(out, cloneConfig(c))
		}
	}
	return out, nil
}

// ConfigVersion implements [fleet.Store].
func (s *Store) ConfigVersion(ctx context.Context, service string, version int) (fleet.ConfigVersion, error) {
	if err := s.lock(ctx, "config version"); err != nil {
		return fleet.ConfigVersion{}, err
	}
	defer s.mu.Unlock()
	versions := s.configs[service]
	if version < 1 || version > len(versions) {
		return fleet.ConfigVersion{}, &fleet.Error{Kind: fleet.NotFound, Op: "config version", Err: fmt.Errorf("there is no version %d of the config of %s", version, service)}
	}
	return cloneConfig(versions[version-1]), nil
}

// Tokens implements [fleet.Store]: the oldest first.
func (s *Store) Tokens(ctx context.Context) ([]fleet.Token, error) {
	if err := s.lock(ctx, "tokens"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := make([]fleet.Token, len(s.tokens))
	for i, t := range s.tokens {
		out[i] = cloneToken(t)
	}
	slices.SortFunc(out, func(a, b fleet.Token) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// Ping implements [fleet.Store].
func (s *Store) Ping(ctx context.Context) error {
	if err := s.lock(ctx, "ping"); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// moment is a time in UTC and to the microsecond, as a database has it.
func moment(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

func cloneRow(r fleet.ServiceRow) fleet.ServiceRow {
	r.Value = bytes.Clone(r.Value)
	return r
}

func cloneEvent(e fleet.Event) fleet.Event {
	e.Evidence = bytes.Clone(e.Evidence)
	return e
}

func cloneConfig(c fleet.ConfigVersion) fleet.ConfigVersion {
	c.Config = bytes.Clone(c.Config)
	return c
}
