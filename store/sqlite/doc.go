// Package sqlite keeps what a manager knows in a SQLite file, switchgear.db in
// a data directory. It is the default store.
//
// # Promises
//
//  1. What Commit acknowledged survives the end of the process and of the
//     machine: the journal is written ahead and synced on every commit.
//  2. One process at a time has the data directory. A second one is refused at
//     once; a process that was killed stands in nobody's way.
//  3. A file that is damaged, empty, missing beside its journal, of another
//     program or of a newer version is refused with a message that says what
//     to do. The file is checked whole at the start.
//  4. A process that is killed while it makes or migrates the database leaves
//     the old or the new, and nothing between.
//  5. Other programs may read the file at any time, with any SQLite that knows
//     WAL. One that writes holds the store up, and its writes fail meanwhile.
//
// What no check can see is that a whole file was exchanged for an older one,
// or the journal of a process that was killed taken away.
package sqlite
