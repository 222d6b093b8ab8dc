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
// While the circuit is closed, each round trip is an operation, admitted and
// counted: to connect, ping, prepare, execute, query, and begin a transaction. A
// query lasts until its rows have been read to the end or closed, and an error
// while reading is its outcome; so a program that reads slowly makes slow calls.
//
// Where a driver resets its connections, the reset of one that is taken from the
// pool is the beginning of the operation that it is taken for: pgx may ask the
// database then, and one that hangs does so there. A statement that the driver
// leaves to database/sql to prepare (driver.ErrSkip) begins with that.
//
// While the circuit is not closed, connecting, resetting, preparing and the first
// thing that is then done on the connection are one operation, admitted once: a
// recovery that admits a fifth carries out a fifth of the statements, and none
// is closed by connecting alone. So after a recovery has begun, the first
// statement on a new connection is one operation and not two.
//
// What nothing follows ends by itself after 50 ms, or when the connection goes
// back to the pool, is closed, or handed out by [Unwrap]: as a success of what was
// connected or prepared, while a reset alone is ignored.
//
// Inside a transaction nothing is rejected: to refuse the second half of it would
// leave locks held and work undone while the database may well be able to finish.
// Its statements and its commit are counted, for what they tell of the database,
// in whatever state the breaker then is. A rollback is neither admitted nor
// counted. A transaction that is begun by SQL text is not seen as one.
//
// # The pool
//
// The breaker is asked when there is a connection, or one is to be made. Where
// sql.DB.SetMaxOpenConns bounds the pool and the statements of a database that
// hangs have filled it, who comes next waits for a connection, also when the
// circuit has opened meanwhile: the pool knows nothing of it. So
//
//   - give every statement a context with a deadline, which bounds that wait, and
//     which is what empties the pool of those that hang;
//   - set SetMaxOpenConns well above what runs at once on good days, or do
//     without;
//   - where a caller must not wait at all, ask [switchgear.Breaker.Advise] before
//     the statement. It is advice and holds no place.
//
// # Outcomes
//
// See [Classify]: that the database cannot be reached, is out of resources, shuts
// down, breaks or takes too long is a failure; an answer that blames the
// statement or its data is a success, for the database works; a statement that
// the driver did not send, for its arguments are too few or cannot be encoded, is
// ignored. Whatever keeps a connection from being made is a failure.
// [Options.Classify] replaces all that. What ends because the caller's context was
// canceled is ignored, and so is what a runtime.Goexit ends; a deadline that
// passes and a panic are failures.
//
// driver.ErrBadConn goes through as it is, so that database/sql tries again with
// another connection. From a connection that has worked before, or was in the
// pool, it says only that the connection died while it was idle, as all do when a
// database restarts, and is ignored; from a new connection, in a transaction, or
// when the deadline has passed it is a failure, counted once for each connection.
//
// # The driver
//
// database/sql sees every optional interface that the driver's connections,
// statements and rows have, and none that they lack, or one that does just what
// database/sql does where it is missing. sql.Conn.Raw hands out a connection of
// this package: [Unwrap] is the driver's own.
package sqlbreaker
