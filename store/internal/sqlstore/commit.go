package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear/fleet"
)

// prefix marks the settings that are services: the key of a service is
// service:<name>.
const prefix = "service:"

// statements are those of the connection that writes.
type statements struct {
	alertStatements

	services, events, audit, series, instances insert

	forsake, gone *sql.Stmt // of instances: all of a service, and one

	remove, newest, config, token, revoke, request, forget *sql.Stmt
}

func (p *statements) prepare(ctx context.Context, db *sql.DB, dialect *Dialect) error {
	err := errors.Join(
		p.services.prepare(ctx, db, dialect, settings.name, settings.columns,
			`ON CONFLICT (key) DO UPDATE SET value = excluded.value, description = excluded.description,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by, revision = excluded.revision`),
		p.events.prepare(ctx, db, dialect, events.name, events.columns[1:], "RETURNING id"),
		p.audit.prepare(ctx, db, dialect, audits.name, audits.columns[1:], "RETURNING id"),
		p.series.prepare(ctx, db, dialect, series.name, series.columns,
			"ON CONFLICT (service, step, started) DO UPDATE SET ended = excluded.ended, points = excluded.points"),
		p.instances.prepare(ctx, db, dialect, instances.name, instances.columns,
			"ON CONFLICT (service, instance) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"),
		p.alertStatements.prepare(ctx, db, dialect),
	)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&p.remove, "DELETE FROM system_settings WHERE key = $1"},
		{&p.forsake, "DELETE FROM service_instances WHERE service = $1"},
		{&p.gone, "DELETE FROM service_instances WHERE service = $1 AND instance = $2"},
		{&p.newest, "SELECT COALESCE(MAX(version), 0) FROM service_configs WHERE service = $1"},
		{&p.config, `INSERT INTO service_configs (service, version, config, at, actor, reason)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`},
		{&p.token, `INSERT INTO api_tokens (id, name, role, hash, services, created_at, created_by, expires_at, parent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`},
		{&p.revoke, "DELETE FROM api_tokens WHERE id = $1"},
		{&p.request, `INSERT INTO idempotent_requests (key, fingerprint, at, subject)
			VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`},
		{&p.forget, "DELETE FROM idempotent_requests WHERE at < $1"},
	} {
		if *one.stmt, err = db.PrepareContext(ctx, one.text); err != nil { //nolint:sqlclosecheck // close
			return err
		}
	}
	return nil
}

func (p *statements) close() error {
	errs := []error{p.services.close(), p.events.close(), p.audit.close(), p.series.close(), p.instances.close(), p.alertStatements.close()}
	for _, stmt := range []*sql.Stmt{p.forsake, p.gone, p.remove, p.newest, p.config, p.token, p.revoke, p.request, p.forget} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// Commit implements [fleet.Store]. Of two rows of a service in one batch the
// later stands; a service that is both removed and written is there afterwards.
func (s *Store) Commit(ctx context.Context, b *fleet.Batch) error {
	return s.change(ctx, "commit", func(ctx context.Context) error {
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		if s.cfg.Admit != nil {
			if err := s.cfg.Admit(ctx, tx, b); err != nil {
				return err
			}
		}
		if err := s.writeServices(ctx, tx, b); err != nil {
			return err
		}
		if err := s.writeInstances(ctx, tx, b); err != nil {
			return err
		}
		if err := s.writeConfigs(ctx, tx, b.Configs); err != nil {
			return err
		}
		if err := s.writeAccess(ctx, tx, b); err != nil {
			return err
		}
		if err := s.writeAlerts(ctx, tx, &b.Alerts); err != nil {
			return err
		}
		eventIDs, err := s.stmts.events.ids(ctx, tx, len(b.Events), func(args []any, i int) []any {
			e := &b.Events[i]
			return append(args, e.Seq, e.Service, string(e.Kind), text(e.From), text(e.To), s.moment(e.At), text(e.Actor), text(e.Reason), document(e.Evidence))
		})
		if err != nil {
			return err
		}
		auditIDs, err := s.stmts.audit.ids(ctx, tx, len(b.Audit), func(args []any, i int) []any {
			a := &b.Audit[i]
			return append(args, s.moment(a.At), text(a.Actor), text(a.Address), a.Action, text(a.Service), text(a.Reason), text(a.Result), document(a.Details))
		})
		if err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		for i, id := range eventIDs {
			b.Events[i].ID = id
		}
		for i, id := range auditIDs {
			b.Audit[i].ID = id
		}
		if s.cfg.Confirm != nil {
			return s.cfg.Confirm(b)
		}
		return nil
	})
}

func (s *Store) writeServices(ctx context.Context, tx *sql.Tx, b *fleet.Batch) error {
	for _, name := range b.Removed {
		if _, err := tx.StmtContext(ctx, s.stmts.remove).ExecContext(ctx, prefix+name); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
			return err
		}
	}
	rows := newest(b.Services, func(r *fleet.ServiceRow) string { return r.Service })
	return s.stmts.services.exec(ctx, tx, len(rows), func(args []any, i int) []any {
		row := rows[i]
		return append(args, prefix+row.Service, document(row.Value), text(row.Description), s.moment(row.UpdatedAt), text(row.UpdatedBy), row.Revision)
	})
}

// newest is the last row of each key: one statement may not write a row
// twice in every engine.
func newest[R any, K comparable](rows []R, key func(*R) K) []*R {
	out := make([]*R, 0, len(rows))
	place := make(map[K]int, len(rows))
	for i := range rows {
		k := key(&rows[i])
		if at, twice := place[k]; twice {
			out[at] = &rows[i]
			continue
		}
		place[k] = len(out)
		out = append(out, &rows[i])
	}
	return out
}

func (s *Store) writeConfigs(ctx context.Context, tx *sql.Tx, configs []fleet.ConfigVersion) error {
	for i := range configs {
		c := &configs[i]
		var have int
		if err := tx.StmtContext(ctx, s.stmts.newest).QueryRowContext(ctx, c.Service).Scan(&have); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
			return err
		}
		follows := c.Version == have+1
		if follows {
			// Where several programs write, another may have been quicker since.
			var err error
			follows, err = written(tx.StmtContext(ctx, s.stmts.config).ExecContext(ctx, //nolint:sqlclosecheck // the end of the transaction closes it
				c.Service, c.Version, document(c.Config), s.moment(c.At), text(c.Actor), text(c.Reason)))
			if err != nil {
				return err
			}
		}
		if !follows {
			return &fleet.Error{Kind: fleet.Conflict, Err: fmt.Errorf("version %d of the config of %s does not follow the newest, which is %d", c.Version, c.Service, have)}
		}
	}
	return nil
}

// written reports whether a statement wrote something.
func written(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
