package sqlstore

import (
	"context"
	"database/sql"

	"github.com/degenduel/switchgear/fleet"
)

// writeInstances takes out what goes, those of removed services too, and then
// writes the others. Of two rows of an instance the later stands.
func (s *Store) writeInstances(ctx context.Context, tx *sql.Tx, b *fleet.Batch) error {
	for _, name := range b.Removed {
		if _, err := tx.StmtContext(ctx, s.stmts.forsake).ExecContext(ctx, name); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
			return err
		}
	}
	for _, k := range b.GoneInstances {
		if _, err := tx.StmtContext(ctx, s.stmts.gone).ExecContext(ctx, k.Service, k.Instance); err != nil { //nolint:sqlclosecheck // the end of the transaction closes it
			return err
		}
	}
	rows := newest(b.Instances, (*fleet.InstanceRow).Key)
	return s.stmts.instances.exec(ctx, tx, len(rows), func(args []any, i int) []any {
		r := rows[i]
		return append(args, r.Service, r.Instance, document(r.Value), s.moment(r.UpdatedAt))
	})
}

func loadInstances(ctx context.Context, tx *sql.Tx) ([]fleet.InstanceRow, error) {
	return collect(ctx, tx, "SELECT service, instance, value, updated_at FROM service_instances ORDER BY service, instance", nil,
		func(rows *sql.Rows, r *fleet.InstanceRow) error {
			return rows.Scan(&r.Service, &r.Instance, (*[]byte)(&r.Value), instant{&r.UpdatedAt})
		})
}
