package postgres

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// reasons say what errors of the server mean, by their code or its class. An
// error that is in none is a fault of ours.
var reasons = map[string]string{
	"08": "the connection to the database was lost",
	"28": "the database does not let the manager in",
	"53": "the database has no room left, of memory, disk or connections",
	"57": "the database is shut down, or has ended the work",
	"58": "the database's disk does not read or write",

	"25006": "the database takes no writes: it is read-only, or a standby",
	"25P03": "the database has given the transaction up",
	"25P04": "the database has given the transaction up",
	"3D000": "there is no such database",
	"40001": "the database has let another transaction go first",
	"40P01": "the database has let another transaction go first",
	"42501": "the database does not let the manager write",
	"53100": "the database's disk is full",
	"53200": "the database has no memory left",
	"53300": "the database has no connection left",
	"55P03": "another transaction holds the database up",
	"57014": "the database has ended the work, which took too long",
	"57P01": "the database is being shut down",
	"57P02": "the database has crashed, and starts anew",
	"57P03": "the database is starting, or shutting down",
	"XX001": "the database was found damaged",
	"XX002": "the database was found damaged",
}

// faultOf says what an error means. What has failed for good is only that
// another process has the database: PostgreSQL itself acknowledges nothing after
// a sync that failed.
func faultOf(err error) sqlstore.Fault {
	if errors.Is(err, errLost) {
		return sqlstore.Fault{Reason: "the database is another process's now", Lasting: true}
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if reason := reasons[e.Code]; reason != "" {
			return sqlstore.Fault{Reason: reason}
		}
		return sqlstore.Fault{Reason: reasons[e.Code[:min(2, len(e.Code))]]}
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	switch {
	case connecting:
		return sqlstore.Fault{Reason: "the database cannot be reached"}
	case network, errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return sqlstore.Fault{Reason: reasons["08"]}
	}
	return sqlstore.Fault{}
}

// IsAway reports whether an error of Open says that the server is away for a
// while: it cannot be reached, starts, shuts down, or has no room.
func IsAway(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		class := e.Code[:min(2, len(e.Code))]
		return class == "08" || class == "53" || class == "57"
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network
}
