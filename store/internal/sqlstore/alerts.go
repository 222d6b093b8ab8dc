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

var _ fleet.AlertStore = (*Store)(nil)

// alertStatements are those of the connection that writes, of alerts.
type alertStatements struct {
	alerts, silences, deliveries insert

	acknowledge *sql.Stmt
}

func (p *alertStatements) prepare(ctx context.Context, db *sql.DB, dialect *Dialect) error {
	err := errors.Join(
		p.alerts.prepare(ctx, db, dialect, alertRows.name, alertRows.columns,
			`ON CONFLICT (id) DO UPDATE SET incident = excluded.incident, kind = excluded.kind, service = excluded.service,
			severity = excluded.severity, summary = excluded.summary, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			updated_at = excluded.updated_at, root = excluded.root, affects = excluded.affects, evidence = excluded.evidence,
			silenced_by = excluded.silenced_by, told_at = excluded.told_at, revision = excluded.revision`),
		p.silences.prepare(ctx, db, dialect, silences.name, silences.columns,
			`ON CONFLICT (id) DO UPDATE SET matchers = excluded.matchers, reason = excluded.reason, author = excluded.author,
			starts_at = excluded.starts_at, ends_at = excluded.ends_at, created_at = excluded.created_at`),
		p.deliveries.prepare(ctx, db, dialect, deliveries.name, deliveries.columns,
			"ON CONFLICT (id) DO NOTHING"),
	)
	if err != nil {
		return err
	}
	p.acknowledge, err = db.PrepareContext(ctx, `UPDATE alerts SET acknowledged_by = $1, acknowledged_at = $2,
		revision = COALESCE(NULLIF(CAST($3 AS BIGINT), 0), revision) WHERE id = $4`)
	return err
}

func (p *alertStatements) close() error {
	errs := []error{p.alerts.close(), p.silences.close(), p.deliveries.close()}
	if p.acknowledge != nil {
		errs = append(errs, p.acknowledge.Close())
	}
	return errors.Join(errs...)
}

// writeAlerts writes what a batch has of alerts: the acknowledgements behind the
// alerts, which may be new.
func (s *Store) writeAlerts(ctx context.Context, tx *sql.Tx, b *fleet.AlertBatch) error {
	alerts := newestAlerts(b.Alerts)
	err := s.stmts.alerts.exec(ctx, tx, len(alerts), func(args []any, i int) []any {
		a := &alerts[i]
		return append(args, a.ID, a.Incident, string(a.Kind), a.Service, string(a.Severity), text(a.Summary),
			s.moment(a.StartsAt), s.moment0(a.EndsAt), s.moment(a.UpdatedAt), text(a.Root), list(a.Affects), document(a.Evidence),
			list(a.SilencedBy), s.moment0(a.ToldAt), text(a.AcknowledgedBy), s.moment0(a.AcknowledgedAt), a.Revision)
	})
	if err != nil {
		return err
	}
	silenced := newestSilences(b.Silences)
	err = s.stmts.silences.exec(ctx, tx, len(silenced), func(args []any, i int) []any {
		q := silenced[i]
		matchers, _ := json.Marshal(q.Matchers) // strings: it cannot fail
		return append(args, q.ID, document(matchers), text(q.Reason), text(q.Author), s.moment(q.StartsAt), s.moment(q.EndsAt), s.moment(q.CreatedAt))
	})
	if err != nil {
		return err
	}
	err = s.stmts.deliveries.exec(ctx, tx, len(b.Deliveries), func(args []any, i int) []any {
		d := &b.Deliveries[i]
		return append(args, d.ID, d.Receiver, d.Incident, d.Kind, document(d.Alerts), s.moment(d.CreatedAt), d.Attempts, s.moment0(d.NextAt), text(d.LastError))
	})
	if err != nil {
		return err
	}
	for _, ack := range b.Acknowledged {
		for _, id := range ack.Alerts {
			if _, err := tx.StmtContext(ctx, s.stmts.acknowledge).ExecContext(ctx, text(ack.By), s.moment0(ack.At), ack.Revision, id); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
				return err
			}
		}
	}
	return nil
}

// newestAlerts is the last of alerts that are one: one statement may not write a
// row twice in every engine. Who acknowledged it is as the first one says.
func newestAlerts(alerts []fleet.Alert) []fleet.Alert {
	out := make([]fleet.Alert, 0, len(alerts))
	place := make(map[string]int, len(alerts))
	for _, a := range alerts {
		if at, twice := place[a.ID]; twice {
			a.AcknowledgedBy, a.AcknowledgedAt = out[at].AcknowledgedBy, out[at].AcknowledgedAt
			out[at] = a
			continue
		}
		place[a.ID] = len(out)
		out = append(out, a)
	}
	return out
}

// newestSilences is the last of silences that are one, for the same reason.
func newestSilences(silences []fleet.Silence) []fleet.Silence {
	out := make([]fleet.Silence, 0, len(silences))
	place := make(map[string]int, len(silences))
	for _, q := range silences {
		if at, twice := place[q.ID]; twice {
			out[at] = q
			continue
		}
		place[q.ID] = len(out)
		out = append(out, q)
	}
	return out
}

// list is strings as JSON; NULL for none.
func list(all []string) any {
	if len(all) == 0 {
		return nil
	}
	raw, _ := json.Marshal(all) // strings: it cannot fail
	return document(raw)
}

const selectAlerts = `SELECT id, incident, kind, service, severity, COALESCE(summary, ''), starts_at, ends_at, updated_at,
	COALESCE(root, ''), affects, evidence, silenced_by, told_at, COALESCE(acknowledged_by, ''), acknowledged_at, revision FROM alerts`

func scanAlert(rows *sql.Rows, a *fleet.Alert) error {
	var affects, silencedBy []byte
	err := rows.Scan(&a.ID, &a.Incident, (*string)(&a.Kind), &a.Service, (*string)(&a.Severity), &a.Summary,
		instant{&a.StartsAt}, instant{&a.EndsAt}, instant{&a.UpdatedAt}, &a.Root, &affects, (*[]byte)(&a.Evidence),
		&silencedBy, instant{&a.ToldAt}, &a.AcknowledgedBy, instant{&a.AcknowledgedAt}, &a.Revision)
	if err == nil && affects != nil {
		err = json.Unmarshal(affects, &a.Affects)
	}
	if err == nil && silencedBy != nil {
		err = json.Unmarshal(silencedBy, &a.SilencedBy)
	}
	return err
}

// Alerts implements [fleet.AlertStore].
func (s *Store) Alerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error) {
	var out []fleet.Alert
	err := s.do(ctx, "alerts", func(ctx context.Context) (err error) {
		if q.Limit < 1 || q.Limit > maxLimit {
			return invalid("a limit of %d is not in 1 to %d", q.Limit, maxLimit)
		}
		query, args := alertQuery(q)
		out, err = collect(ctx, s.cfg.Read, query, args, scanAlert)
		return err
	})
	return out, err
}

func alertQuery(q fleet.AlertQuery) (query string, args []any) {
	var conditions []string
	where := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			conditions = append(conditions, condition+" $"+strconv.Itoa(len(args)))
		}
	}
	where("service =", q.Service)
	where("incident =", q.Incident)
	where("id <", q.Before)
	switch q.Status {
	case fleet.FiringAlerts:
		conditions = append(conditions, "ends_at IS NULL")
	case fleet.ResolvedAlerts:
		conditions = append(conditions, "ends_at IS NOT NULL")
	case fleet.AnyAlerts:
	}
	query = selectAlerts
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	args = append(args, q.Limit)
	return query + " ORDER BY id DESC LIMIT $" + strconv.Itoa(len(args)), args
}

// Alert implements [fleet.AlertStore].
func (s *Store) Alert(ctx context.Context, id string) (fleet.Alert, error) {
	var out fleet.Alert
	err := s.do(ctx, "alert", func(ctx context.Context) error {
		found, err := collect(ctx, s.cfg.Read, selectAlerts+" WHERE id = $1", []any{id}, scanAlert)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return &fleet.Error{Kind: fleet.NotFound, Err: errors.New("there is no alert with this ID")}
		}
		out = found[0]
		return nil
	})
	return out, err
}

// Silences implements [fleet.AlertStore].
func (s *Store) Silences(ctx context.Context, after time.Time) ([]fleet.Silence, error) {
	var out []fleet.Silence
	err := s.do(ctx, "silences", func(ctx context.Context) (err error) {
		out, err = collect(ctx, s.cfg.Read, `SELECT id, matchers, COALESCE(reason, ''), COALESCE(author, ''), starts_at, ends_at, created_at
			FROM alert_silences WHERE ends_at > $1 ORDER BY id`, []any{s.moment(after)},
			func(rows *sql.Rows, q *fleet.Silence) error {
				var matchers []byte
				err := rows.Scan(&q.ID, &matchers, &q.Reason, &q.Author, instant{&q.StartsAt}, instant{&q.EndsAt}, instant{&q.CreatedAt})
				if err != nil {
					return err
				}
				return json.Unmarshal(matchers, &q.Matchers)
			})
		return err
	})
	return out, err
}

// Deliveries implements [fleet.AlertStore]. A limit below 1 is none.
func (s *Store) Deliveries(ctx context.Context, limit int) ([]fleet.Delivery, error) {
	var out []fleet.Delivery
	err := s.do(ctx, "deliveries", func(ctx context.Context) (err error) {
		out, err = collect(ctx, s.cfg.Read, `SELECT id, receiver, incident, kind, alerts, created_at, attempts, next_at, COALESCE(last_error, '')
			FROM alert_deliveries ORDER BY id LIMIT $1`, []any{max(limit, 0)},
			func(rows *sql.Rows, d *fleet.Delivery) error {
				return rows.Scan(&d.ID, &d.Receiver, &d.Incident, &d.Kind, (*[]byte)(&d.Alerts), instant{&d.CreatedAt}, &d.Attempts, instant{&d.NextAt}, &d.LastError)
			})
		return err
	})
	return out, err
}

// SettleDeliveries implements [fleet.AlertStore]. Of one that is both done and
// tried nothing is left.
func (s *Store) SettleDeliveries(ctx context.Context, done []string, tried []fleet.Delivery) error {
	return s.change(ctx, "settle deliveries", func(ctx context.Context) error {
		if len(done)+len(tried) == 0 {
			return nil
		}
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		for _, id := range done {
			if _, err := tx.ExecContext(ctx, "DELETE FROM alert_deliveries WHERE id = $1", id); err != nil {
				return err
			}
		}
		for i := range tried {
			d := &tried[i]
			_, err := tx.ExecContext(ctx, "UPDATE alert_deliveries SET attempts = $1, next_at = $2, last_error = $3 WHERE id = $4",
				d.Attempts, s.moment0(d.NextAt), text(d.LastError), d.ID)
			if err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

// TrimAlerts implements [fleet.AlertStore]: those that ended first go first.
func (s *Store) TrimAlerts(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.change(ctx, "trim alerts", func(ctx context.Context) error {
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		removed := int64(0)
		for _, remove := range []string{
			"DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ends_at < $1 ORDER BY ends_at, id LIMIT $2)",
			"DELETE FROM alert_silences WHERE id IN (SELECT id FROM alert_silences WHERE ends_at < $1 ORDER BY ends_at, id LIMIT $2)",
		} {
			result, err := tx.ExecContext(ctx, remove, s.moment(before), max(limit, 0))
			if err != nil {
				return err
			}
			rows, err := result.RowsAffected()
			if err != nil {
				return err
			}
			removed += rows
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		n = int(removed)
		return nil
	})
	return n, err
}
