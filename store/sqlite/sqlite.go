package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// The errors of Open that a caller may want to tell apart.
var (
	// ErrInUse is of a data directory that another process has.
	ErrInUse = errors.New("the data directory is in use by another process")

	// ErrDamaged is of a file that is not, or no longer, a whole database of
	// ours.
	ErrDamaged = errors.New("the database cannot be used")

	// ErrNewer is of a database that a newer version has written.
	ErrNewer = sqlstore.ErrNewer

	// ErrUnfinished is of a database into which a copy was interrupted.
	ErrUnfinished = sqlstore.ErrUnfinished
)

// Options are how a store works. The zero Options are good.
type Options struct {
	// Timeout is the deadline of a call whose context has none. Default 2 s.
	Timeout time.Duration

	// Readers is how many queries read at the same time. Default 4.
	Readers int

	// Filling opens the database to be filled by CopyTo, which may have been
	// interrupted before.
	Filling bool

	// CheckInterval is how often the whole file is checked while the store is
	// in use, the first time that long after its start. A check reads the file
	// once, at a core's full speed, and holds nobody up. Default 1 h; negative:
	// never.
	CheckInterval time.Duration
}

const (
	defaultTimeout       = 2 * time.Second
	defaultReaders       = 4
	defaultCheckInterval = time.Hour

	// busyTimeout is how long a write waits for another program that writes
	// to the file.
	busyTimeout = 250 * time.Millisecond

	// maxJournal is what is left of the journal's file, in bytes, after a
	// checkpoint has emptied it: a storm does not keep the disk.
	maxJournal = 64 << 20
)

//go:embed migrations/*.sql
var embedded embed.FS

// Store is a [fleet.Store] in a SQLite file.
type Store struct {
	*statements

	path string
	mark *mark
	lock *lock
	held *sql.DB // a reader that outlives the others of a store that failed
}

// statements is the store's SQL: embedded without being shown.
type statements = sqlstore.Store

var _ fleet.Store = (*Store)(nil)

// Open opens the database in the directory, and makes both where there is
// none: the directory for its owner alone (0700), the file too (0600). It
// checks the whole file, which takes about two seconds for each gigabyte, and
// brings its tables to the present version. Its errors are for people; they
// wrap ErrInUse, ErrDamaged and ErrNewer.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	return open(ctx, dir, opts, migrations)
}

func open(ctx context.Context, dir string, opts Options, migrations fs.FS) (_ *Store, err error) {
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.Readers <= 0 {
		opts.Readers = defaultReaders
	}
	if opts.CheckInterval == 0 {
		opts.CheckInterval = defaultCheckInterval
	}
	path, lock, err := enter(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.mark.close(), lock.release())
		}
	}()
	if err := provide(ctx, path, migrations); err != nil {
		return nil, err
	}
	s.mark = openMark(path)
	if err := s.connect(ctx, opts, migrations); err != nil {
		return nil, err
	}
	return s, nil
}

// enter makes the directory if there is none and takes its lock; path is that
// of the database in it.
func enter(dir string) (path string, _ *lock, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, fmt.Errorf("data directory: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return "", nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "switchgear.lock"))
	if err != nil {
		return "", nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return filepath.Join(dir, DatabaseName), lock, nil
}

// connect opens the pools to the file, which is there. Nothing is written to it
// before it is known to be whole and ours.
func (s *Store) connect(ctx context.Context, opts Options, migrations fs.FS) (err error) {
	path := s.path
	read, err := pool(path, opts.Readers, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		return err
	}
	write, err := pool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("journal_size_limit(%d)", maxJournal)},
	})
	if err != nil {
		return errors.Join(err, read.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, read.Close(), write.Close())
		}
	}()
	if err := check(ctx, read, path); err != nil {
		return err
	}
	if err := s.mark.compare(ctx, read); err != nil {
		return err
	}
	if err := sqlstore.Migrate(ctx, write, goose.DialectSQLite3, migrations); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.statements, err = sqlstore.New(ctx, sqlstore.Config{
		Write: write, Read: read, Dialect: dialect, Timeout: opts.Timeout, Filling: opts.Filling, Confirm: s.mark.confirm,
		Check: s.checkAnew, CheckInterval: opts.CheckInterval,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkAnew checks the file on a connection of its own: one that is in use has
// pages in its memory and does not look at the disk for them.
func (s *Store) checkAnew(ctx context.Context) (err error) {
	if err := s.mark.inPlace(); err != nil {
		return err
	}
	db, err := pool(s.path, 1, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return check(ctx, db, s.path)
}

// Close waits for the calls that run, empties the journal into the file, and
// gives the data directory free. The journal of a store that has failed stays as
// it is, for the next start to read. Calls after Close are Unavailable; a second
// Close does nothing.
func (s *Store) Close() error {
	err := s.statements.Close(s.settle)
	if s.held != nil {
		err = errors.Join(err, s.held.Close())
	}
	return errors.Join(err, s.mark.close(), s.lock.release())
}

// settle is what Close does last with the connection that writes.
func (s *Store) settle(write *sql.DB) (err error) {
	if s.Failure() == nil {
		// With a program that still reads, the journal stays: the next start
		// reads it. That is no error.
		if _, err := write.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return fmt.Errorf("the journal stays beside the file, and nothing is lost: %w", err)
		}
		return nil
	}
	// The connection that closes last writes the journal into the file, which
	// cannot be trusted to a disk that has failed. One that may not write does
	// not.
	if s.held, err = pool(s.path, 1, url.Values{"mode": {"ro"}}); err != nil {
		return err
	}
	_, _ = s.held.ExecContext(context.Background(), "SELECT COUNT(*) FROM sqlite_schema") // the file may not be readable
	return nil
}

var dialect = sqlstore.Dialect{
	Time: func(at time.Time) any { return at.Format("2006-01-02T15:04:05.000000Z") },
	// It writes the page that has it, whatever it was.
	Probe: fmt.Sprintf("PRAGMA application_id = %d", applicationID),
	Fault: faultOf,
	Clear: func(table string) string { return "DELETE FROM " + table },
}

// pool is up to size connections to a file that is there already, which are
// kept open.
func pool(path string, size int, query url.Values) (*sql.DB, error) {
	if !query.Has("mode") {
		query.Set("mode", "rw")
	}
	query.Set("_busy_timeout", strconv.FormatInt(busyTimeout.Milliseconds(), 10))
	query.Set("_error_rc", "1") // no text of an older error beside the code of this
	query.Add("_pragma", "trusted_schema(0)")
	connector, err := driver.NewConnector(uri(path) + "?" + query.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// uri is the path as SQLite reads it, in which ?, # and % mean something.
func uri(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/data
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath()
}
