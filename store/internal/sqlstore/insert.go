package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// sizes are how many rows the prepared INSERTs of a table take, the largest
// first, so that a batch of any size is a few statements. Larger ones cost
// SQLite, which looks each $n up by name.
var sizes = [...]int{16, 1}

// maxTogether is how many rows an INSERT of arrays takes at most, so that what
// it holds in memory is bounded.
const maxTogether = 1000

// column is a column of a table, and what it holds.
type column struct {
	name string
	kind Kind
}

type columns []column

func (c columns) names() string {
	names := make([]string, 0, len(c))
	for _, column := range c {
		names = append(names, column.name)
	}
	return strings.Join(names, ", ")
}

// insert is an INSERT of rows, in all sizes, or of arrays.
type insert struct {
	columns columns
	stmts   [len(sizes)]*sql.Stmt
	array   func(Kind, []any) (any, error)
}

// prepare makes the statements; after stands behind the values.
func (in *insert) prepare(ctx context.Context, db *sql.DB, dialect *Dialect, table string, of columns, after string) (err error) {
	in.columns, in.array = of, dialect.Array
	before := "INSERT INTO " + table + " (" + of.names() + ") "
	if in.array != nil {
		in.stmts[0], err = db.PrepareContext(ctx, before+of.unnest()+" "+after) //nolint:sqlclosecheck // statements.close
		return err
	}
	for i, rows := range sizes {
		in.stmts[i], err = db.PrepareContext(ctx, before+"VALUES "+placeholders(rows, len(of))+" "+after) //nolint:sqlclosecheck // statements.close
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *insert) close() error {
	var errs []error
	for _, stmt := range in.stmts {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// run inserts n rows, whose values row appends to what it is given, and calls
// exec for each statement.
func (in *insert) run(ctx context.Context, tx *sql.Tx, n int, row func(args []any, i int) []any, exec func(stmt *sql.Stmt, args []any) error) error {
	if in.array != nil {
		return in.runArrays(ctx, tx, n, row, exec)
	}
	args := make([]any, 0, min(n, sizes[0])*len(in.columns))
	for next, size := 0, 0; next < n; {
		for sizes[size] > n-next {
			size++
		}
		args = args[:0]
		for range sizes[size] {
			args = row(args, next)
			next++
		}
		if err := exec(tx.StmtContext(ctx, in.stmts[size]), args); err != nil {
			return err
		}
	}
	return nil
}

// runArrays is run with an array for each column.
func (in *insert) runArrays(ctx context.Context, tx *sql.Tx, n int, row func(args []any, i int) []any, exec func(stmt *sql.Stmt, args []any) error) error {
	one := make([]any, 0, len(in.columns))
	values := make([][]any, len(in.columns))
	args := make([]any, len(in.columns))
	for next := 0; next < n; {
		for c := range values {
			values[c] = values[c][:0]
		}
		for range min(maxTogether, n-next) {
			one = row(one[:0], next)
			for c, value := range one {
				values[c] = append(values[c], value)
			}
			next++
		}
		for c := range values {
			var err error
			if args[c], err = in.array(in.columns[c].kind, values[c]); err != nil {
				return err
			}
		}
		if err := exec(tx.StmtContext(ctx, in.stmts[0]), args); err != nil {
			return err
		}
	}
	return nil
}

// exec inserts n rows.
func (in *insert) exec(ctx context.Context, tx *sql.Tx, n int, row func(args []any, i int) []any) error {
	return in.run(ctx, tx, n, row, func(stmt *sql.Stmt, args []any) error {
		_, err := stmt.ExecContext(ctx, args...)
		return err
	})
}

// ids inserts n rows with a statement that returns their IDs, and returns them
// in the rows' order.
func (in *insert) ids(ctx context.Context, tx *sql.Tx, n int, row func(args []any, i int) []any) ([]int64, error) {
	ids := make([]int64, 0, n)
	err := in.run(ctx, tx, n, row, func(stmt *sql.Stmt, args []any) error {
		from := len(ids)
		rows, err := stmt.QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err has it
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		// Rows are inserted in their order, but RETURNING promises none.
		slices.Sort(ids[from:])
		return rows.Err()
	})
	return ids, err
}

// placeholders is ($1, $2), ($3, $4) and so on.
func placeholders(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// arrays are the types of the elements of a kind's array, and what they are cast
// to.
var arrays = map[Kind]struct{ element, cast string }{
	Text: {"text", ""}, Integer: {"bigint", ""}, Moment: {"timestamptz", ""}, JSON: {"text", "::json"}, State: {"text", "::jsonb"}, Bytes: {"bytea", ""},
}

// unnest selects the rows that are in an array for each column, in their order.
func (c columns) unnest() string {
	var picked, params, names []string
	for i, column := range c {
		n := strconv.Itoa(i + 1)
		picked = append(picked, "c"+n+arrays[column.kind].cast)
		params = append(params, "$"+n+"::"+arrays[column.kind].element+"[]")
		names = append(names, "c"+n)
	}
	return "SELECT " + strings.Join(picked, ", ") + " FROM unnest(" + strings.Join(params, ", ") + ") WITH ORDINALITY AS given(" +
		strings.Join(names, ", ") + ", place) ORDER BY place"
}
