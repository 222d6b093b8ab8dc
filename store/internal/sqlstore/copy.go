package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The errors of copies.
var (
	// ErrUnfinished is of a database into which a copy was interrupted.
	ErrUnfinished = errors.New("a copy into the database was interrupted, and it is not whole: do it again, and let it empty the database first")

	// ErrNotEmpty is of a database that has something already, and is not to be
	// emptied.
	ErrNotEmpty = errors.New("the database that is to be filled is not empty")
)

const (
	// unfinished is the key of the setting that marks a database while it is
	// being filled.
	unfinished = "switchgear:unfinished-copy"

	// page is how many rows are copied in a transaction.
	page = 500
)

// whole refuses a database that is half filled.
func (s *Store) whole(ctx context.Context) error {
	if s.cfg.Filling {
		return nil
	}
	var marks int
	err := s.cfg.Write.QueryRowContext(ctx, "SELECT COUNT(*) FROM system_settings WHERE key = $1", unfinished).Scan(&marks)
	if err == nil && marks > 0 {
		return ErrUnfinished
	}
	return err
}

// Copyable is a store that CopyTo can fill: one over SQL.
type Copyable interface{ base() *Store }

func (s *Store) base() *Store { return s }

// CopyTo fills a store that is empty, or that is emptied first, with all that
// this one has, with the same IDs, and then compares both, row by row. Neither may
// be in use. tell is called for each table that is found to be the same, with how
// many rows it has and the SHA-256 of what is in them, in hex. Before CopyTo has
// returned nil the store that it fills cannot be opened but to be filled. Errors
// are for people; they wrap ErrNotEmpty.
func (s *Store) CopyTo(ctx context.Context, to Copyable, empty bool, tell func(table string, rows int64, sum string)) error {
	target := to.base()
	if err := target.beFilled(ctx, empty); err != nil {
		return err
	}
	for _, t := range tables {
		if err := s.copyTable(ctx, target, t); err != nil {
			return fmt.Errorf("copy the table %s: %w", t.name, err)
		}
	}
	for _, t := range tables {
		rows, sum, err := s.compare(ctx, target, t)
		if err != nil {
			return fmt.Errorf("compare the table %s: %w", t.name, err)
		}
		tell(t.name, rows, sum)
	}
	return target.inOne(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM system_settings WHERE key = $1", unfinished)
		return err
	})
}

// inOne runs f in a transaction.
func (s *Store) inOne(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// beFilled marks an empty database as one that is being filled.
func (s *Store) beFilled(ctx context.Context, empty bool) error {
	return s.inOne(ctx, func(tx *sql.Tx) error {
		for _, t := range tables {
			if empty {
				if _, err := tx.ExecContext(ctx, s.cfg.Dialect.Clear(t.name)); err != nil {
					return err
				}
				continue
			}
			var some int
			switch err := tx.QueryRowContext(ctx, "SELECT 1 FROM "+t.name+" LIMIT 1").Scan(&some); {
			case err == nil:
				return fmt.Errorf("%w: its table %s has rows", ErrNotEmpty, t.name)
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO system_settings (key, value, updated_at) VALUES ($1, 'true', $2)", unfinished, s.moment(time.Now()))
		return err
	})
}

// copyTable copies the rows of a table in their order, a page in a transaction.
func (s *Store) copyTable(ctx context.Context, target *Store, t *table) (err error) {
	var in insert
	defer func() { err = errors.Join(err, in.close()) }()
	if err := in.prepare(ctx, target.cfg.Write, &target.cfg.Dialect, t.name, t.columns, ""); err != nil {
		return err
	}
	err = s.pages(ctx, t, func(rows [][]any) error {
		return target.inOne(ctx, func(tx *sql.Tx) error {
			return in.exec(ctx, tx, len(rows), func(args []any, i int) []any {
				for c, value := range rows[i] {
					if at, ok := value.(time.Time); ok {
						value = target.moment(at)
					}
					args = append(args, t.columns[c].stored(value))
				}
				return args
			})
		})
	})
	if err != nil || !t.counted || target.cfg.Dialect.GoOn == nil {
		return err
	}
	return target.inOne(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, target.cfg.Dialect.GoOn(t.name))
		return err
	})
}

// stored is a value as a parameter.
func (c column) stored(value any) any {
	if raw, ok := value.([]byte); ok && c.kind != Bytes {
		return string(raw)
	}
	return value
}

// pages reads a table in the order of its key, a page at a time. Values are
// int64, time.Time, []byte, and nil.
func (s *Store) pages(ctx context.Context, t *table, each func(rows [][]any) error) error {
	var last []any
	for {
		rows, err := s.page(ctx, t, last)
		if err != nil || len(rows) == 0 {
			return err
		}
		last = last[:0]
		for c, value := range rows[len(rows)-1][:t.key] {
			last = append(last, t.columns[c].stored(value))
		}
		if err := each(rows); err != nil {
			return err
		}
	}
}

// page is the rows behind a key; nil is the first page. The mark of a database
// that is being filled is in none.
func (s *Store) page(ctx context.Context, t *table, after []any) ([][]any, error) {
	key := t.columns[:t.key].names()
	query := "SELECT " + t.columns.names() + " FROM " + t.name
	var conditions []string
	if t == &settings {
		conditions = append(conditions, "key <> '"+unfinished+"'")
	}
	if len(after) > 0 {
		var params []string
		for i := range after {
			params = append(params, "$"+strconv.Itoa(i+1))
		}
		conditions = append(conditions, "("+key+") > ("+strings.Join(params, ", ")+")")
	}
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	return collect(ctx, s.cfg.Read, query+" ORDER BY "+key+" LIMIT "+strconv.Itoa(page), after, t.scan)
}

// scan reads a row.
func (t *table) scan(rows *sql.Rows, out *[]any) error {
	into := make([]any, len(t.columns))
	for c, column := range t.columns {
		switch column.kind {
		case Integer:
			into[c] = new(sql.NullInt64)
		case Moment:
			into[c] = new(sql.Null[anyTime])
		case Text, JSON, State, Bytes:
			into[c] = new([]byte)
		}
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	for c := range into {
		switch v := into[c].(type) {
		case *sql.NullInt64:
			into[c] = v.Int64 // none may be NULL
		case *sql.Null[anyTime]:
			if into[c] = v.V.Time; !v.Valid {
				into[c] = nil
			}
		case *[]byte:
			switch into[c] = *v; {
			case *v == nil && t.columns[c].kind == Bytes:
				into[c] = []byte{} // which is not NULL
			case *v == nil:
				into[c] = nil
			}
		}
	}
	*out = into
	return nil
}

// anyTime is a time of any engine.
type anyTime struct{ time.Time }

// Scan implements [database/sql.Scanner].
func (a *anyTime) Scan(src any) error { return instant{&a.Time}.Scan(src) }
