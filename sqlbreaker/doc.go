// Package sqlbreaker guards a database with a circuit breaker: it wraps a
// driver.Connector, so that a *sql.DB and all that is built on it go through the
// breaker without knowing.
//
// # Use
//
//	ledger, err := switchgear.New("ledger", switchgear.Config{})
//	…
//	db, err := sqlbreaker.Open("pgx", url, ledger, sqlbreaker.Options{})
//
// or, where there is a connector already,
//
//	db := sql.OpenDB(sqlbreaker.New(stdlib.GetConnector(*config), ledger, sqlbreaker.Options{}))
//
// A statement that is not let in returns an error for which errors.Is(err,
// switchgear.ErrOpen) holds. Give every statement a context with a deadline: a
// database that hangs is known by nothing else.
//
// # Operations
//
// Each round trip is an operation, admitted and counted: to connect, ping,
// prepare, execute, query, and begin a transaction. A query lasts until its rows
// have been read to the end or closed, and an error while reading is its outcome;
// so a program that reads slowly makes slow calls.
//
// Inside a transaction nothing is rejected: to refuse the second half of it would
// leave locks held and work undone while the database may well be able to finish.
// Its statements and its commit are counted, for what they tell of the database,
// in whatever state the breaker then is. A rollback is neither admitted nor
// counted. A transaction that is begun by SQL text is not seen as one.
//
// While the circuit is not closed, a pooled connection is reset not when it is
// taken from the pool but by the first operation that is let in on it, for a
// driver may ask the database then.
//
// # Outcomes
//
// See [Classify]: that the database cannot be reached, is out of resources, shuts
// down, breaks or takes too long is a failure; an answer that blames the
// statement or its data is a success, for the database works. Whatever keeps a
// connection from being made is a failure. [Options.Classify] replaces all that.
// What ends because the caller's context was canceled is ignored; a deadline that
// passes is a failure.
//
// driver.ErrBadConn goes through as it is, so that database/sql tries again with
// another connection. From a connection that has worked before it says only that
// the connection died while it was idle, as all do when a database restarts, and
// is ignored; from a new connection, in a transaction, or when the deadline has
// passed it is a failure, counted once for each connection. driver.ErrSkip is not
// an outcome: the operation goes on with what database/sql does instead.
//
// # The driver
//
// database/sql sees every optional interface that the driver's connections,
// statements and rows have, and none that they lack, or one that does just what
// database/sql does where it is missing. sql.Conn.Raw hands out a connection of
// this package: [Unwrap] is the driver's own.
package sqlbreaker
