package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/degenduel/switchgear/fleet"
)

// maxLimit is how many events one query may ask for.
const maxLimit = 1000

// Load implements [fleet.Store]. All it returns is of one moment.
func (s *Store) Load(ctx context.Context) (fleet.Stored, error) {
	var out fleet.Stored
	err := s.do(ctx, "load", func(ctx context.Context) error {
		tx, err := s.cfg.Read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // nothing was written
		if out.Services, err = loadServices(ctx, tx); err != nil {
			return err
		}
		if out.Instances, err = loadInstances(ctx, tx); err != nil {
			return err
		}
		if out.Versions, err = loadVersions(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) FROM service_events").Scan(&out.Seq)
	})
	if err != nil {
		return fleet.Stored{}, err
	}
	return out, nil
}

func loadServices(ctx context.Context, tx *sql.Tx) ([]fleet.ServiceRow, error) {
	// The character after the colon of the prefix bounds the range.
	return collect(ctx, tx, selectServices+" WHERE key >= 'service:' AND key < 'service;' ORDER BY key", nil, scanService)
}

const selectServices = `SELECT key, value, COALESCE(description, ''), updated_at, COALESCE(updated_by, ''), revision FROM system_settings`

func scanService(rows *sql.Rows, r *fleet.ServiceRow) error {
	var key string
	err := rows.Scan(&key, (*[]byte)(&r.Value), &r.Description, instant{&r.UpdatedAt}, &r.UpdatedBy, &r.Revision)
	r.Service = strings.TrimPrefix(key, prefix)
	return err
}

// selectVersions leaps in the index from service to service and takes the last
// version of each. To group by service would read every version that ever was.
const selectVersions = `WITH RECURSIVE found(service) AS (
	SELECT MIN(service) FROM service_configs
	UNION ALL
	SELECT (SELECT MIN(service) FROM service_configs c WHERE c.service > found.service) FROM found WHERE found.service IS NOT NULL
) SELECT service, (SELECT MAX(version) FROM service_configs c WHERE c.service = found.service) FROM found WHERE service IS NOT NULL`

func loadVersions(ctx context.Context, tx *sql.Tx) (map[string]int, error) {
	type pair struct {
		service string
		version int
	}
	pairs, err := collect(ctx, tx, selectVersions, nil,
		func(rows *sql.Rows, p *pair) error { return rows.Scan(&p.service, &p.version) })
	versions := make(map[string]int, len(pairs))
	for _, p := range pairs {
		versions[p.service] = p.version
	}
	return versions, err
}

// Events implements [fleet.Store]. A limit out of its range is Invalid. What
// comes back is in the store: it is durable.
func (s *Store) Events(ctx context.Context, q fleet.EventQuery) ([]fleet.Event, error) {
	var out []fleet.Event
	err := s.do(ctx, "events", func(ctx context.Context) (err error) {
		if q.Limit < 1 || q.Limit > maxLimit {
			return invalid("a limit of %d is not in 1 to %d", q.Limit, maxLimit)
		}
		query, args := s.eventQuery(q)
		out, err = collect(ctx, s.cfg.Read, query, args, scanEvent)
		return err
	})
	return out, err
}

const selectEvents = `SELECT id, seq, service, kind, COALESCE(from_state, ''), COALESCE(to_state, ''), at,
	COALESCE(actor, ''), COALESCE(reason, ''), evidence FROM service_events`

func (s *Store) eventQuery(q fleet.EventQuery) (query string, args []any) {
	var b strings.Builder
	b.WriteString(selectEvents)
	glue := " WHERE "
	where := func(condition string, value any) {
		args = append(args, value)
		b.WriteString(glue + condition + " $" + strconv.Itoa(len(args)))
		glue = " AND "
	}
	if q.Service != "" {
		where("service =", q.Service)
	}
	if !q.Since.IsZero() {
		where("at >=", s.moment(q.Since))
	}
	if !q.Until.IsZero() {
		where("at <", s.moment(q.Until))
	}
	if q.Before != 0 {
		where("id <", q.Before)
	}
	if len(q.Kinds) > 0 {
		b.WriteString(glue + "kind IN (")
		for i, kind := range q.Kinds {
			if i > 0 {
				b.WriteString(", ")
			}
			args = append(args, string(kind))
			b.WriteString("$" + strconv.Itoa(len(args)))
		}
		b.WriteString(")")
	}
	args = append(args, q.Limit)
	b.WriteString(" ORDER BY id DESC LIMIT $" + strconv.Itoa(len(args)))
	return b.String(), args
}

func scanEvent(rows *sql.Rows, e *fleet.Event) error {
	e.Durable = true
	return rows.Scan(&e.ID, &e.Seq, &e.Service, (*string)(&e.Kind), &e.From, &e.To, instant{&e.At}, &e.Actor, &e.Reason, (*[]byte)(&e.Evidence))
}

const selectConfig = `SELECT service, version, config, at, COALESCE(actor, ''), COALESCE(reason, '') FROM service_configs WHERE service = $1 `

// ConfigVersions implements [fleet.Store]. A limit below 1 is none.
func (s *Store) ConfigVersions(ctx context.Context, service string, before, limit int) ([]fleet.ConfigVersion, error) {
	var out []fleet.ConfigVersion
	err := s.do(ctx, "config versions", func(ctx context.Context) (err error) {
		query, args := selectConfig, []any{service, max(limit, 0)}
		if before != 0 {
			query, args = query+"AND version < $3 ", append(args, before)
		}
		out, err = collect(ctx, s.cfg.Read, query+"ORDER BY version DESC LIMIT $2", args, scanConfig)
		return err
	})
	return out, err
}

// ConfigVersion implements [fleet.Store].
func (s *Store) ConfigVersion(ctx context.Context, service string, version int) (fleet.ConfigVersion, error) {
	var out fleet.ConfigVersion
	err := s.do(ctx, "config version", func(ctx context.Context) error {
		found, err := collect(ctx, s.cfg.Read, selectConfig+"AND version = $2", []any{service, version}, scanConfig)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return &fleet.Error{Kind: fleet.NotFound, Err: fmt.Errorf("there is no version %d of the config of %s", version, service)}
		}
		out = found[0]
		return nil
	})
	return out, err
}

func scanConfig(rows *sql.Rows, c *fleet.ConfigVersion) error {
	return rows.Scan(&c.Service, &c.Version, (*[]byte)(&c.Config), instant{&c.At}, &c.Actor, &c.Reason)
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect is all rows of a query, each scanned by scan.
func collect[T any](ctx context.Context, db querier, query string, args []any, scan func(*sql.Rows, *T) error) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err has it
	var out []T
	for rows.Next() {
		var row T
		if err := scan(rows, &row); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
