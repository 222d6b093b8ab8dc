package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/degenduel/switchgear/fleet"
)

// mark remembers, in a file beside the database, the highest IDs that were
// acknowledged. A database that has lower ones is not the one that acknowledged
// them: it is an older file, or its journal was taken away. What nobody syncs
// can be lost with the machine, so the mark may be too low, but never too high.
type mark struct {
	path string      // of the database
	self fs.FileInfo // of the database when it was opened

	mu   sync.Mutex
	file *os.File // nil: nothing is remembered
	ids  ids
}

// ids are the highest of two tables.
type ids struct{ event, audit int64 }

const markFormat = "events %019d audit %019d\n"

func markOf(path string) string { return path[:len(path)-len(DatabaseName)] + "switchgear.mark" }

// removeMark forgets what was acknowledged: the next database is another.
func removeMark(path string) error {
	if err := os.Remove(markOf(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// acknowledged is what the mark says that is beside the database, which may be
// missing.
func acknowledged(path string) ids {
	file, err := os.Open(markOf(path))
	if err != nil {
		return ids{}
	}
	defer file.Close() //nolint:errcheck // only read
	return readMark(file)
}

func readMark(file *os.File) ids {
	var said [64]byte
	n, _ := file.ReadAt(said[:], 0)
	var was ids
	if _, err := fmt.Sscanf(string(said[:n]), markFormat, &was.event, &was.audit); err != nil {
		return ids{}
	}
	return was
}

// openMark reads the mark of the database, which is there. That one cannot be
// read or kept is not worth refusing to start: it only finds what nobody
// expects.
func openMark(path string) *mark {
	m := &mark{path: path}
	m.self, _ = os.Stat(path)
	file, err := os.OpenFile(markOf(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return m
	}
	m.file = file
	m.ids = readMark(file)
	return m
}

// compare refuses a database that has less than was acknowledged, and takes
// over what it has.
func (m *mark) compare(ctx context.Context, db *sql.DB) error {
	// A sequence stays when its rows go.
	var has ids
	err := db.QueryRowContext(ctx, `SELECT
		COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'service_events'), 0),
		COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'), 0)`).Scan(&has.event, &has.audit)
	if err != nil {
		return fmt.Errorf("open %s: %w", m.path, err)
	}
	if has.event < m.ids.event || has.audit < m.ids.audit {
		return damaged(m.path, fmt.Sprintf("it is older than what was acknowledged here (event %d and audit entry %d; it ends with %d and %d), "+
			"so an older file was put in its place or its journal was taken away", m.ids.event, m.ids.audit, has.event, has.audit))
	}
	m.note(has)
	return nil
}

// confirm is asked before a batch is acknowledged.
func (m *mark) confirm(b *fleet.Batch) error {
	if err := m.inPlace(); err != nil {
		return err
	}
	var last ids
	if n := len(b.Events); n > 0 {
		last.event = b.Events[n-1].ID
	}
	if n := len(b.Audit); n > 0 {
		last.audit = b.Audit[n-1].ID
	}
	m.note(last)
	return nil
}

// inPlace is an error if the database's name no longer leads to the file that is
// written: the next start would not find what is written now.
func (m *mark) inPlace() error {
	now, err := os.Stat(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return damaged(m.path, "it was removed while in use")
	case err == nil && m.self != nil && !os.SameFile(m.self, now):
		return damaged(m.path, "another file was put in its place while it was in use")
	}
	return nil
}

// note writes down IDs that are higher than the last.
func (m *mark) note(last ids) {
	m.mu.Lock()
	defer m.mu.Unlock()
	higher := ids{max(m.ids.event, last.event), max(m.ids.audit, last.audit)}
	if higher == m.ids || m.file == nil {
		return
	}
	m.ids = higher
	_, _ = fmt.Fprintf(&at0{m.file}, markFormat, higher.event, higher.audit) // a mark that is too low finds less
}

// at0 writes over the beginning of a file.
type at0 struct{ file *os.File }

func (w *at0) Write(p []byte) (int, error) { return w.file.WriteAt(p, 0) }

func (m *mark) close() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}
