package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

var _ fleet.ClusterStore = (*Store)(nil)

// leaseName is the row of leases that says who leads.
const leaseName = "manager"

const (
	leaseColumns = ` holder, COALESCE(address, ''), term, epoch, seq_reserved, through, revision, secret,
		CASE WHEN ` + expired + ` THEN 0 ELSE EXTRACT(EPOCH FROM expires_at - clock_timestamp()) END::float8`

	// A lease that has longer to go than any lasts is of a clock that was set back
	// since. Whoever has it renews it soon, or does not live.
	expired = `(holder = '' OR expires_at IS NULL OR expires_at <= clock_timestamp() OR expires_at > clock_timestamp() + INTERVAL '2 minutes')`

	// highest is above all that was ever numbered here, also by a manager that
	// reserved nothing.
	highest = `GREATEST((SELECT COALESCE(MAX(seq), 0) FROM service_events),
		(SELECT COALESCE(MAX(revision), 0) FROM system_settings), (SELECT COALESCE(MAX(revision), 0) FROM alerts))`

	makeLease = `INSERT INTO leases (name, holder, seq_reserved, term, through, revision, epoch, secret)
		SELECT $1, '', n, 0, n, 0, $2, $3 FROM (SELECT ` + highest + ` AS n) numbered ON CONFLICT (name) DO NOTHING`

	// A takeover that waits for a batch of the leader looks at the row anew, and at
	// nothing else: what the leader numbered is below what it had reserved.
	takeLease = `UPDATE leases SET holder = $2, address = NULLIF($3, ''), term = term + 1,
		through = GREATEST(seq_reserved, ` + highest + `), seq_reserved = GREATEST(seq_reserved, ` + highest + `) + $4,
		acquired_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $5)
		WHERE name = $1 AND ` + expired + ` RETURNING` + leaseColumns

	raiseLease = `UPDATE leases SET seq_reserved = GREATEST(seq_reserved, $4), through = GREATEST(through, $5)`
	ofHolder   = ` WHERE name = $1 AND holder = $2 AND term = $3`

	renewLease   = raiseLease + `, expires_at = clock_timestamp() + make_interval(secs => $6)` + ofHolder + ` RETURNING` + leaseColumns
	releaseLease = raiseLease + `, expires_at = clock_timestamp()` + ofHolder
	admitBatch   = raiseLease + `, revision = revision + $6` + ofHolder
	admitOther   = `UPDATE leases SET revision = revision + 1 WHERE name = $1`
	selectLease  = `SELECT` + leaseColumns + ` FROM leases WHERE name = $1`
)

func scanLease(row *sql.Row) (l fleet.Lease, err error) {
	var left float64
	err = row.Scan(&l.Holder, &l.Address, &l.Term, &l.Epoch, &l.SeqReserved, &l.Through, &l.Revision, &l.Secret, &left)
	l.Left = time.Duration(left * float64(time.Second))
	return l, err
}

// makeRow makes the lease's row, if it is not there.
func makeRow(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, makeLease, leaseName, rand.Text(), rand.Text()+rand.Text())
	return err
}

// Lease implements [fleet.ClusterStore].
func (s *Store) Lease(ctx context.Context) (l fleet.Lease, err error) {
	err = sqlstore.Do(ctx, s.statements, "lease", false, func(ctx context.Context) error {
		l, err = scanLease(s.lead.QueryRowContext(ctx, selectLease, leaseName))
		return err
	})
	return l, err
}

// TakeLease implements [fleet.ClusterStore].
func (s *Store) TakeLease(ctx context.Context, holder, address string, ttl time.Duration, reserve uint64) (l fleet.Lease, err error) {
	err = sqlstore.Do(ctx, s.statements, "take lease", true, func(ctx context.Context) error {
		l, err = tryLease(ctx, s.lead, holder, address, ttl, reserve)
		return err
	})
	return l, err
}

func tryLease(ctx context.Context, db *sql.DB, holder, address string, ttl time.Duration, reserve uint64) (fleet.Lease, error) {
	l, err := scanLease(db.QueryRowContext(ctx, takeLease, leaseName, holder, address, reserve, ttl.Seconds()))
	if !errors.Is(err, sql.ErrNoRows) {
		return l, err
	}
	if l, err = scanLease(db.QueryRowContext(ctx, selectLease, leaseName)); err != nil {
		return fleet.Lease{}, err
	}
	return l, &fleet.Error{Kind: fleet.Conflict, Err: fmt.Errorf("%q at %q has it for %v", l.Holder, l.Address, l.Left.Round(time.Millisecond))}
}

// RenewLease implements [fleet.ClusterStore].
func (s *Store) RenewLease(ctx context.Context, f fleet.Fence, ttl time.Duration) (l fleet.Lease, err error) {
	err = sqlstore.Do(ctx, s.statements, "renew lease", true, func(ctx context.Context) error {
		l, err = renew(ctx, s.lead, f, ttl)
		return err
	})
	return l, err
}

func renew(ctx context.Context, db *sql.DB, f fleet.Fence, ttl time.Duration) (fleet.Lease, error) {
	l, err := scanLease(db.QueryRowContext(ctx, renewLease, leaseName, f.Holder, f.Term, f.Reserve, f.Through, ttl.Seconds()))
	if errors.Is(err, sql.ErrNoRows) {
		return fleet.Lease{}, deposed(f)
	}
	return l, err
}

func deposed(f fleet.Fence) error {
	return &fleet.Error{Kind: fleet.Deposed, Err: fmt.Errorf("the lease is not of %q in term %d any more", f.Holder, f.Term)}
}

// ReleaseLease implements [fleet.ClusterStore].
func (s *Store) ReleaseLease(ctx context.Context, f fleet.Fence) error {
	return sqlstore.Do(ctx, s.statements, "release lease", true, func(ctx context.Context) error {
		_, err := s.lead.ExecContext(ctx, releaseLease, leaseName, f.Holder, f.Term, f.Reserve, f.Through)
		return err
	})
}

// admit keeps out what a leader writes that is none any more. It keeps the
// lease's row until the batch is written, so that nobody can take it in between.
func admit(ctx context.Context, tx *sql.Tx, b *fleet.Batch) error {
	raise := 0
	if len(b.Tokens)+len(b.Revoked)+len(b.Alerts.Silences) > 0 {
		raise = 1
	}
	if b.Fence == nil {
		if raise == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, admitOther, leaseName)
		return err
	}
	result, err := tx.ExecContext(ctx, admitBatch, leaseName, b.Fence.Holder, b.Fence.Term, b.Fence.Reserve, b.Fence.Through, raise)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, deposed(*b.Fence))
	}
	return nil
}

// Changes implements [fleet.ClusterStore].
func (s *Store) Changes(ctx context.Context, after uint64, limit int) (out fleet.Changes, err error) {
	err = sqlstore.Do(ctx, s.statements, "changes", false, func(ctx context.Context) error {
		tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // nothing was written
		l, err := scanLease(tx.QueryRowContext(ctx, selectLease, leaseName))
		if err != nil {
			return err
		}
		out, err = sqlstore.Changes(ctx, tx, after, l.Through, limit)
		out.Lease = l
		return err
	})
	if err != nil {
		return fleet.Changes{}, err
	}
	return out, nil
}
