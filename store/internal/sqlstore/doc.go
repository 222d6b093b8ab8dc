// Package sqlstore is what the SQL stores share: the statements, the
// transactions and the deadlines of a [fleet.Store] over database/sql. What an
// engine does in its own way is a [Dialect]; its tables are its own migrations.
//
// # Promises
//
//  1. A Commit is one transaction on the one connection that writes.
//  2. Reads have connections of their own and never wait for a writer.
//  3. Every call ends: a context without a deadline gets one.
//  4. After a fault that leaves in doubt what the disk holds, nothing is
//     acknowledged any more until the store is opened anew, and Failed says so.
package sqlstore
