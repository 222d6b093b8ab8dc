// Package migrating holds the examples of docs/migrating.md: each compiled, run
// beside the library that one comes from, and compared with what the document
// shows.
package migrating
