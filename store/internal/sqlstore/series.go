package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.SeriesStore = (*Store)(nil)

// PutSeries implements [fleet.SeriesStore]. A step, or a time, that is not one of
// whole seconds is Invalid. Of two chunks that are one the later stands.
func (s *Store) PutSeries(ctx context.Context, chunks []fleet.SeriesChunk) error {
	return s.change(ctx, "put series", func(ctx context.Context) error {
		for i := range chunks {
			if c := &chunks[i]; !whole(c.Step) || !c.Start.Equal(c.Start.Truncate(time.Second)) || !c.End.Equal(c.End.Truncate(time.Second)) {
				return invalid("a chunk of %v from %v to %v is not one of whole seconds", c.Step, c.Start, c.End)
			}
		}
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		rows := newestChunks(chunks)
		err = s.stmts.series.exec(ctx, tx, len(rows), func(args []any, i int) []any {
			c := rows[i]
			points := c.Points
			if points == nil {
				points = []byte{} // which is not NULL
			}
			return append(args, c.Service, seconds(c.Step), c.Start.Unix(), c.End.Unix(), points)
		})
		if err != nil {
			return err
		}
		return tx.Commit()
	})
}

// whole reports whether a step is of whole seconds.
func whole(step time.Duration) bool { return step >= time.Second && step%time.Second == 0 }

func seconds(step time.Duration) int64 { return int64(step / time.Second) }

// newestChunks is the last of chunks that are one: one statement may not write
// a row twice in every engine.
func newestChunks(chunks []fleet.SeriesChunk) []*fleet.SeriesChunk {
	type key struct {
		service string
		step    time.Duration
		started int64
	}
	out := make([]*fleet.SeriesChunk, 0, len(chunks))
	place := make(map[key]int, len(chunks))
	for i := range chunks {
		k := key{chunks[i].Service, chunks[i].Step, chunks[i].Start.Unix()}
		if at, twice := place[k]; twice {
			out[at] = &chunks[i]
			continue
		}
		place[k] = len(out)
		out = append(out, &chunks[i])
	}
	return out
}

// Series implements [fleet.SeriesStore].
func (s *Store) Series(ctx context.Context, q fleet.SeriesQuery) ([]fleet.SeriesChunk, error) {
	var out []fleet.SeriesChunk
	err := s.do(ctx, "series", func(ctx context.Context) (err error) {
		if !whole(q.Step) {
			return invalid("a step of %v is not one of whole seconds", q.Step)
		}
		// The moments are whole seconds in the store: what began before To began
		// before the second after it, unless To is one itself.
		to := q.To.Unix()
		if q.To.Nanosecond() > 0 {
			to++
		}
		out, err = collect(ctx, s.cfg.Read, `SELECT service, step, started, ended, points FROM service_series
			WHERE service = $1 AND step = $2 AND started < $4 AND started >= COALESCE(
				(SELECT MAX(started) FROM service_series WHERE service = $1 AND step = $2 AND started <= $3 AND started < $4), $3)
			ORDER BY started`, []any{q.Service, seconds(q.Step), q.From.Unix(), to}, scanChunk)
		return err
	})
	return out, err
}

func scanChunk(rows *sql.Rows, c *fleet.SeriesChunk) error {
	var step, started, ended int64
	err := rows.Scan(&c.Service, &step, &started, &ended, &c.Points)
	c.Step, c.Start, c.End = time.Duration(step)*time.Second, time.Unix(started, 0).UTC(), time.Unix(ended, 0).UTC()
	return err
}

// namesIn is the beginning of a query of every service of a table: it leaps in the
// index from one to the next.
func namesIn(table string) string {
	return "WITH RECURSIVE found(service) AS (SELECT MIN(service) FROM " + table + ` UNION ALL
	SELECT (SELECT MIN(service) FROM ` + table + " c WHERE c.service > found.service) FROM found WHERE found.service IS NOT NULL) "
}

// maxNames is how many services one query asks for by name.
const maxNames = 200

// ofEach asks of every service of a table that is asked for what the query picks
// of those in found.
func ofEach[T any](
	ctx context.Context, s *Store, table, query string, args []any, of fleet.Which, scan func(*sql.Rows, *T) error,
) ([]T, error) {
	if of.Names == nil && of.Match == nil {
		return collect(ctx, s.cfg.Read, namesIn(table)+query, args, scan)
	}
	names := slices.Compact(slices.Sorted(slices.Values(of.Names)))
	if of.Names == nil {
		var err error
		names, err = collect(ctx, s.cfg.Read, namesIn(table)+"SELECT service FROM found WHERE service IS NOT NULL", nil,
			func(rows *sql.Rows, name *string) error { return rows.Scan(name) })
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !of.Match(name) })
	}
	var out []T
	for some := range slices.Chunk(names, maxNames) {
		all := slices.Clone(args)
		values := make([]string, len(some))
		for i, name := range some {
			all = append(all, name)
			values[i] = "(CAST($" + strconv.Itoa(len(all)) + " AS TEXT))"
		}
		more, err := collect(ctx, s.cfg.Read, "WITH found(service) AS (VALUES "+strings.Join(values, ", ")+") "+query, all, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

const selectSeriesAt = `SELECT c.service, c.step, c.started, c.ended, c.points FROM found JOIN service_series c
	ON c.service = found.service AND c.step = $1 AND c.started =
		(SELECT MAX(started) FROM service_series n WHERE n.service = found.service AND n.step = $1 AND n.started <= $2)`

// SeriesAt implements [fleet.SeriesStore].
func (s *Store) SeriesAt(ctx context.Context, step time.Duration, at time.Time, of fleet.Which) ([]fleet.SeriesChunk, error) {
	var out []fleet.SeriesChunk
	err := s.do(ctx, "series at", func(ctx context.Context) (err error) {
		if !whole(step) {
			return invalid("a step of %v is not one of whole seconds", step)
		}
		out, err = ofEach(ctx, s, "service_series", selectSeriesAt, []any{seconds(step), at.Unix()}, of, scanChunk)
		return err
	})
	slices.SortFunc(out, func(a, b fleet.SeriesChunk) int { return strings.Compare(a.Service, b.Service) })
	return out, err
}

// TrimSeries implements [fleet.SeriesStore].
func (s *Store) TrimSeries(ctx context.Context, step time.Duration, before time.Time, limit int) (n int, err error) {
	err = s.change(ctx, "trim series", func(ctx context.Context) error {
		if !whole(step) {
			return invalid("a step of %v is not one of whole seconds", step)
		}
		end := before.Unix()
		if before.Nanosecond() > 0 {
			end++
		}
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		result, err := tx.ExecContext(ctx, `DELETE FROM service_series WHERE (service, step, started) IN (
			SELECT service, step, started FROM service_series WHERE step = $1 AND started < $2 ORDER BY started, service LIMIT $3)`,
			seconds(step), end, max(limit, 0))
		if err != nil {
			return err
		}
		removed, err := result.RowsAffected()
		if err != nil {
			return err
		}
		n = int(removed)
		return tx.Commit()
	})
	return n, err
}

// newestEvent is the ID of a service's newest event until $1 of those that a
// condition picks: one leap in the index.
func newestEvent(condition string) string {
	return "(SELECT id FROM service_events n WHERE n.service = found.service AND " + condition + " AND n.at <= $1 ORDER BY n.at DESC, n.id DESC LIMIT 1)"
}

// selectEventsAt picks, of every service, the events that made its state.
var selectEventsAt = func() string {
	picks := make([]string, 0, len(fleet.StateKinds)+1)
	for _, kind := range fleet.StateKinds {
		picks = append(picks, newestEvent("n.kind = '"+string(kind)+"'"))
	}
	picks = append(picks, newestEvent("n.kind = '"+string(fleet.EventTransition)+"' AND n.to_state = 'open'"))
	return `SELECT e.id, e.seq, e.service, e.kind, COALESCE(e.from_state, ''), COALESCE(e.to_state, ''), e.at,
	COALESCE(e.actor, ''), COALESCE(e.reason, ''), e.evidence
	FROM found JOIN service_events e ON e.id IN (` + strings.Join(picks, ", ") + ")"
}()

const selectConfigsAt = `SELECT c.service, c.version, c.config, c.at, COALESCE(c.actor, ''), COALESCE(c.reason, '') FROM found JOIN service_configs c
	ON c.service = found.service AND c.version = (SELECT version FROM service_configs n
		WHERE n.service = found.service AND n.at <= $1 ORDER BY n.version DESC LIMIT 1)`

// StateAt implements [fleet.SeriesStore].
func (s *Store) StateAt(ctx context.Context, at time.Time, of fleet.Which) ([]fleet.StateAt, error) {
	var events []fleet.Event
	var configs []fleet.ConfigVersion
	err := s.do(ctx, "state at", func(ctx context.Context) error {
		// Neither is ever changed, so that they need not be read at one moment.
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			events, err = ofEach(ctx, s, "service_events", selectEventsAt, []any{s.moment(at)}, of, scanEvent)
			return err
		})
		group.Go(func() (err error) {
			configs, err = ofEach(ctx, s, "service_configs", selectConfigsAt, []any{s.moment(at)}, of, scanConfig)
			return err
		})
		return group.Wait()
	})
	if err != nil {
		return nil, err
	}
	return joined(events, configs), nil
}

// joined puts what there is of each service together.
func joined(events []fleet.Event, configs []fleet.ConfigVersion) []fleet.StateAt {
	slices.SortFunc(events, func(a, b fleet.Event) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(configs, func(a, b fleet.ConfigVersion) int { return strings.Compare(a.Service, b.Service) })
	var out []fleet.StateAt
	for len(events) > 0 || len(configs) > 0 {
		var next fleet.StateAt
		if len(events) == 0 || len(configs) > 0 && configs[0].Service < events[0].Service {
			next.Service = configs[0].Service
		} else {
			next.Service = events[0].Service
		}
		n := 0
		for n < len(events) && events[n].Service == next.Service {
			n++
		}
		next.Events, events = events[:n:n], events[n:]
		if len(configs) > 0 && configs[0].Service == next.Service {
			next.Config, configs = configs[0], configs[1:]
		}
		out = append(out, next)
	}
	return out
}
