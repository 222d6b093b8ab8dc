//go:build go1.27

package sqlbreaker

import "database/sql/driver"

// wrapRows gives the rows a driver.RowsColumnScanner just where the driver's are
// one: with it database/sql does not call Next.
func wrapRows(r *rows) driver.Rows {
	if scanner, ok := r.inner.(driver.RowsColumnScanner); ok {
		return scanningRows{r, scanner}
	}
	return r
}

// scanningRows copy their columns themselves.
type scanningRows struct {
	*rows

	scanner driver.RowsColumnScanner
}

func (r scanningRows) NextRow() error { return r.next(r.scanner.NextRow) }

// ScanColumn is no outcome: the row has been read, and where it goes is the
// caller's.
func (r scanningRows) ScanColumn(c driver.ScanContext, index int, dest any) error {
	return r.guard(func() error { return r.scanner.ScanColumn(c, index, dest) })
}
