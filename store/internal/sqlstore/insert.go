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
// first, so that a batch of any size is a few statements: across a network each
// is a round trip. Larger ones cost SQLite, which looks each $n up by name.
var sizes = [...]int{16, 1}

// insert is an INSERT of rows with so many columns, in all sizes.
type insert struct {
	columns int
	stmts   [len(sizes)]*sql.Stmt
}

// prepare makes the statements from what stands before and after the VALUES.
func (in *insert) prepare(ctx context.Context, db *sql.DB, columns int, before, after string) error {
	in.columns = columns
	for i, rows := range sizes {
		var err error
		in.stmts[i], err = db.PrepareContext(ctx, before+" VALUES "+placeholders(rows, columns)+" "+after) //nolint:sqlclosecheck // statements.close
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
// done after each statement, which has inserted that many.
func (in *insert) run(ctx context.Context, tx *sql.Tx, n int, row func(args []any, i int) []any, exec func(stmt *sql.Stmt, args []any) error) error {
	args := make([]any, 0, min(n, sizes[0])*in.columns)
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
