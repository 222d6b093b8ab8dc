//go:build !go1.27

package sqlbreaker

import "database/sql/driver"

// wrapRows is for a database/sql that knows of no interface of rows but theirs.
func wrapRows(r *rows) driver.Rows { return r }
