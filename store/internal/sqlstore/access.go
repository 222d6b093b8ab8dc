package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// writeAccess writes the tokens and requests of a batch. A token that the batch
// also revokes is gone afterwards.
func (s *Store) writeAccess(ctx context.Context, tx *sql.Tx, b *fleet.Batch) error {
	for _, t := range b.Tokens {
		var services []byte
		if len(t.Services) > 0 {
			services, _ = json.Marshal(t.Services) // strings: it cannot fail
		}
		added, err := written(tx.StmtContext(ctx, s.stmts.token).ExecContext(ctx, //nolint:sqlclosecheck // the end of the transaction closes it
			t.ID, t.Name, t.Role, t.Hash, document(services), s.moment(t.CreatedAt), text(t.CreatedBy), s.moment0(t.ExpiresAt), text(t.Parent)))
		if err == nil && !added {
			err = conflict("a token with this ID or this hash is there already")
		}
		if err != nil {
			return err
		}
	}
	for _, id := range b.Revoked {
		if _, err := tx.StmtContext(ctx, s.stmts.revoke).ExecContext(ctx, id); err != nil { //nolint:sqlclosecheck // as above
			return err
		}
	}
	return s.writeRequests(ctx, tx, b.Requests)
}

// writeRequests forgets first: a key that is old enough can be used again.
func (s *Store) writeRequests(ctx context.Context, tx *sql.Tx, requests []fleet.Request) error {
	if len(requests) == 0 {
		return nil
	}
	if _, err := tx.StmtContext(ctx, s.stmts.forget).ExecContext(ctx, s.forgotten()); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return err
	}
	for _, r := range requests {
		added, err := written(tx.StmtContext(ctx, s.stmts.request).ExecContext(ctx, //nolint:sqlclosecheck // as above
			r.Key, r.Fingerprint, s.moment(r.At), text(r.Subject)))
		if err == nil && !added {
			err = conflict("a request with this key was carried out already")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgotten is before when a request is not remembered any more.
func (s *Store) forgotten() any { return s.moment(time.Now().Add(-fleet.RequestsKept)) }

func conflict(reason string) error {
	return &fleet.Error{Kind: fleet.Conflict, Err: errors.New(reason)}
}

// Tokens implements [fleet.Store].
func (s *Store) Tokens(ctx context.Context) ([]fleet.Token, error) {
	var out []fleet.Token
	err := s.do(ctx, "tokens", func(ctx context.Context) (err error) {
		out, err = collect(ctx, s.cfg.Read, `SELECT id, name, role, hash, services, created_at, COALESCE(created_by, ''), expires_at, COALESCE(parent, '')
			FROM api_tokens ORDER BY created_at, id`, nil, scanToken)
		return err
	})
	return out, err
}

func scanToken(rows *sql.Rows, t *fleet.Token) error {
	var services []byte
	err := rows.Scan(&t.ID, &t.Name, &t.Role, &t.Hash, &services, instant{&t.CreatedAt}, &t.CreatedBy, instant{&t.ExpiresAt}, &t.Parent)
	if err == nil && services != nil {
		err = json.Unmarshal(services, &t.Services)
	}
	return err
}

// Audit implements [fleet.Store]. A limit out of its range is Invalid.
func (s *Store) Audit(ctx context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	var out []fleet.AuditEntry
	err := s.do(ctx, "audit", func(ctx context.Context) (err error) {
		if q.Limit < 1 || q.Limit > maxLimit {
			return invalid("a limit of %d is not in 1 to %d", q.Limit, maxLimit)
		}
		query, args := s.auditQuery(q)
		out, err = collect(ctx, s.cfg.Read, query, args, func(rows *sql.Rows, e *fleet.AuditEntry) error {
			var details []byte
			err := rows.Scan(&e.ID, instant{&e.At}, &e.Actor, &e.Address, &e.Action, &e.Service, &e.Reason, &e.Result, &details)
			e.Details = details
			return err
		})
		return err
	})
	return out, err
}

func (s *Store) auditQuery(q fleet.AuditQuery) (query string, args []any) {
	var b strings.Builder
	b.WriteString(`SELECT id, at, COALESCE(actor, ''), COALESCE(address, ''), action, COALESCE(service, ''),
		COALESCE(reason, ''), COALESCE(result, ''), details FROM audit_log`)
	glue := " WHERE "
	where := func(asked bool, condition string, value any) {
		if asked {
			args = append(args, value)
			b.WriteString(glue + condition + " $" + strconv.Itoa(len(args)))
			glue = " AND "
		}
	}
	where(q.Service != "", "service =", q.Service)
	where(q.Actor != "", "actor =", q.Actor)
	where(q.Action != "", "action =", q.Action)
	where(!q.Since.IsZero(), "at >=", s.moment(q.Since))
	where(!q.Until.IsZero(), "at <", s.moment(q.Until))
	where(q.Before != 0, "id <", q.Before)
	args = append(args, q.Limit)
	b.WriteString(" ORDER BY id DESC LIMIT $" + strconv.Itoa(len(args)))
	return b.String(), args
}

// Request implements [fleet.Store].
func (s *Store) Request(ctx context.Context, key string) (fleet.Request, error) {
	var out fleet.Request
	err := s.do(ctx, "request", func(ctx context.Context) error {
		found, err := collect(ctx, s.cfg.Read,
			"SELECT key, fingerprint, at, COALESCE(subject, '') FROM idempotent_requests WHERE key = $1 AND at >= $2",
			[]any{key, s.forgotten()},
			func(rows *sql.Rows, r *fleet.Request) error {
				return rows.Scan(&r.Key, &r.Fingerprint, instant{&r.At}, &r.Subject)
			})
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return &fleet.Error{Kind: fleet.NotFound, Err: errors.New("no request with this key was carried out")}
		}
		out = found[0]
		return nil
	})
	return out, err
}
