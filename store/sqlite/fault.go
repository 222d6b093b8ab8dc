package sqlite

import (
	"errors"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// faultOf says what an error means. Only errors of SQLite itself, and those of
// a connection, mean that the store does not answer; a constraint or a bad
// statement is a fault of ours.
func faultOf(err error) sqlstore.Fault {
	if errors.Is(err, ErrDamaged) { // a finding of ours
		return sqlstore.Fault{Reason: "the database was found damaged", Lasting: true}
	}
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return sqlstore.Fault{}
	}
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC:
		return sqlstore.Fault{Reason: "the disk could not say that it had written", Lasting: true}
	case sqlite3.SQLITE_IOERR_CORRUPTFS:
		return sqlstore.Fault{Reason: "the file system is damaged", Lasting: true}
	}
	switch e.Code() & 0xff { // the rest is detail
	case sqlite3.SQLITE_CORRUPT:
		return sqlstore.Fault{Reason: "the file is damaged", Lasting: true}
	case sqlite3.SQLITE_NOTADB:
		return sqlstore.Fault{Reason: "the file is not a SQLite database, or its first page is damaged", Lasting: true}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return sqlstore.Fault{Reason: "another program is writing to the database"}
	case sqlite3.SQLITE_FULL:
		return sqlstore.Fault{Reason: "the disk is full"}
	case sqlite3.SQLITE_IOERR:
		return sqlstore.Fault{Reason: "the disk does not read or write"}
	case sqlite3.SQLITE_CANTOPEN:
		return sqlstore.Fault{Reason: "a file of the database cannot be opened"}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return sqlstore.Fault{Reason: "the database may not be written"}
	case sqlite3.SQLITE_NOMEM:
		return sqlstore.Fault{Reason: "there is no memory left"}
	case sqlite3.SQLITE_INTERRUPT:
		return sqlstore.Fault{Reason: "the work was interrupted"}
	}
	return sqlstore.Fault{}
}
