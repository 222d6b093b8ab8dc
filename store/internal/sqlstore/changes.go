package sqlstore

import (
	"context"
	"database/sql"

	"github.com/degenduel/switchgear/fleet"
)

// Do runs f as the Store's own calls run: with a deadline, not after Close, and
// with its error explained. write is of what writes.
func Do(ctx context.Context, s *Store, op string, write bool, f func(context.Context) error) error {
	if write {
		return s.change(ctx, op, f)
	}
	return s.do(ctx, op, f)
}

// maxChanges is how many changes one query may ask for.
const maxChanges = 10_000

// selectPlaces are the seqs and revisions in a range, rising: the one at which a
// limit is reached, and the one behind it.
const selectPlaces = `SELECT place FROM (
	(SELECT seq AS place FROM service_events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3 + 1)
	UNION ALL (SELECT revision FROM system_settings WHERE revision > $1 AND revision <= $2 ORDER BY revision LIMIT $3 + 1)
	UNION ALL (SELECT revision FROM alerts WHERE revision > $1 AND revision <= $2 ORDER BY revision LIMIT $3 + 1)
) places ORDER BY place OFFSET $3 - 1 LIMIT 2`

// Changes are what [fleet.ClusterStore] says of them, in a transaction that sees
// one moment, of which through is known.
func Changes(ctx context.Context, tx *sql.Tx, after, through uint64, limit int) (fleet.Changes, error) {
	if limit < 1 || limit > maxChanges {
		return fleet.Changes{}, invalid("a limit of %d is not in 1 to %d", limit, maxChanges)
	}
	out := fleet.Changes{Seq: max(after, through)}
	if through <= after {
		return out, nil
	}
	places, err := collect(ctx, tx, selectPlaces, []any{after, through, limit}, func(rows *sql.Rows, place *uint64) error { return rows.Scan(place) })
	if err != nil {
		return out, err
	}
	if len(places) > 1 {
		out.Seq, out.More = places[0], true
	}
	span := []any{after, out.Seq}
	if out.Events, err = collect(ctx, tx, selectEvents+" WHERE seq > $1 AND seq <= $2 ORDER BY seq", span, scanEvent); err != nil {
		return out, err
	}
	if out.Services, err = collect(ctx, tx, selectServices+" WHERE revision > $1 AND revision <= $2 ORDER BY revision", span, scanService); err != nil {
		return out, err
	}
	out.Alerts, err = collect(ctx, tx, selectAlerts+" WHERE revision > $1 AND revision <= $2 ORDER BY revision", span, scanAlert)
	return out, err
}
