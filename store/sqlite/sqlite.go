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
)

// Options are how a store works. The zero Options are good.
type Options struct {
	// Timeout is the deadline of a call whose context has none. Default 2 s.
	Timeout time.Duration

	// Readers is how many queries read at the same time. Default 4.
	Readers int
}

const (
	defaultTimeout = 2 * time.Second
	defaultReaders = 4

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

	lock *lock
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
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "switchgear.lock"))
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.release())
		}
	}()
	path := filepath.Join(dir, "switchgear.db")
	if err := provide(ctx, path, migrations); err != nil {
		return nil, err
	}
	inner, err := connect(ctx, path, opts, migrations)
	if err != nil {
		return nil, err
	}
	return &Store{statements: inner, lock: lock}, nil
}

// connect opens the pools to a file that is there. Nothing is written to it
// before it is known to be whole and ours.
func connect(ctx context.Context, path string, opts Options, migrations fs.FS) (_ *statements, err error) {
	read, err := pool(path, opts.Readers, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		return nil, err
	}
	write, err := pool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("journal_size_limit(%d)", maxJournal)},
	})
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, read.Close(), write.Close())
		}
	}()
	if err := check(ctx, read, path); err != nil {
		return nil, err
	}
	if err := sqlstore.Migrate(ctx, write, goose.DialectSQLite3, migrations); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	inner, err := sqlstore.New(ctx, sqlstore.Config{Write: write, Read: read, Dialect: dialect, Timeout: opts.Timeout})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return inner, nil
}

// Close waits for the calls that run, empties the journal into the file, and
// gives the data directory free. Calls after it are Unavailable; a second
// Close does nothing.
func (s *Store) Close() error {
	err := s.statements.Close(func(write *sql.DB) error {
		// With a program that still reads, the journal stays: the next start
		// reads it. That is no error.
		if _, err := write.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return fmt.Errorf("the journal stays beside the file, and nothing is lost: %w", err)
		}
		return nil
	})
	return errors.Join(err, s.lock.release())
}

var dialect = sqlstore.Dialect{
	Time: func(at time.Time) any { return at.Format("2006-01-02T15:04:05.000000Z") },
	// It writes the page that has it, whatever it was.
	Probe: fmt.Sprintf("PRAGMA application_id = %d", applicationID),
	Fault: faultOf,
}

// pool is up to size connections to a file that is there already, which are
// kept open.
func pool(path string, size int, query url.Values) (*sql.DB, error) {
	query.Set("mode", "rw")
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
