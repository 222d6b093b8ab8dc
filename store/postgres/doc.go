// Package postgres keeps what a manager knows in a PostgreSQL database, version
// 13 or newer.
//
// # Promises
//
//  1. What Commit acknowledged survives the end of this process and of the
//     server, as far as the server was told to keep it: synchronous_commit is
//     never off, and the log says where fsync is.
//  2. One manager at a time has the database. A second one is refused by [Open].
//     Every transaction that writes looks first whether the database is still
//     this manager's: once another one has it nothing is written any more, and
//     [Store.Failed] says so. Losing a connection loses nothing.
//  3. Every call ends: by its context, by Options.Timeout, and on the server by
//     limits on statements and on transactions that wait for their client. Behind
//     a Ping that succeeded nothing that was sent before is on its way any more.
//  4. Tables are migrated forward only, one process at a time, each step in one
//     transaction; newer ones are refused, and nothing is touched.
//  5. No error and no line of the log has the password in it.
//
// A server that does not answer, refuses connections, is shut down or has become
// read-only is Unavailable, and is found again when it is back.
//
// It needs sessions of its own: a pooler in between must pool sessions, not
// transactions. Of text that PostgreSQL cannot hold (the byte 0, and what is no
// UTF-8) every such piece is stored as U+FFFD.
package postgres
