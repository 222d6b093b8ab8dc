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
//     program, of a newer version, or older than what was acknowledged here is
//     refused with a message that says what to do. The file is checked whole at
//     the start and each hour.
//  4. A process that is killed while it makes, migrates or restores the database
//     leaves the old or the new, and nothing between; or, half restored, one that
//     is refused until it is restored again.
//  5. Other programs may read the file at any time, with any SQLite that knows
//     WAL. One that writes holds the store up, and its writes fail meanwhile.
//  6. A store whose disk failed to sync, or whose file is found damaged, replaced
//     or gone, has failed for good: it acknowledges nothing more and says so by
//     [Store.Failed]. A full disk only holds it up.
//  7. [Backup] copies the database while it is in use; [Restore] removes nothing.
//
// That a whole file was exchanged for an older one, or the journal of a process
// that was killed taken away, is seen by the IDs that switchgear.mark holds beside
// it. It is not seen where the mark went too, or where what is missing had neither
// an event nor an audit entry.
package sqlite
