package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// The errors of Open that a caller may want to tell apart.
var (
	// ErrInUse is of a database that another manager has.
	ErrInUse = errors.New("another manager has the database")

	// ErrNewer is of a database that a newer version has written.
	ErrNewer = sqlstore.ErrNewer

	// ErrUnfinished is of a database into which a copy was interrupted.
	ErrUnfinished = sqlstore.ErrUnfinished

	// ErrNotEmpty is of a database that CopyTo is to fill, and not to empty.
	ErrNotEmpty = sqlstore.ErrNotEmpty
)

// Copyable is a store that can be filled by CopyTo: this one, or that of
// store/sqlite.
type Copyable = sqlstore.Copyable

// Options are how a store works. The zero Options are good.
type Options struct {
	// Timeout is the deadline of a call whose context has none. Default 5 s.
	Timeout time.Duration

	// MaxConnections is how many connections there are at most: one that
	// writes, one that keeps the database for this manager, and the rest, which
	// read. They are opened when they are needed. 3 to 1 000; default 10.
	MaxConnections int

	// Wait is how long Open waits for another manager to end: the server may be
	// slow to see that a process was killed. Default 3 s; negative: not at all.
	Wait time.Duration

	// Filling opens the database to be filled by CopyTo, which may have been
	// interrupted before.
	Filling bool

	// Logger is told of connections lost and found, and of settings of the
	// server that can lose what was acknowledged. nil: nobody is.
	Logger *slog.Logger
}

// MinConnections and MaxConnections bound Options.MaxConnections.
const (
	MinConnections = 3
	MaxConnections = 1000
)

const (
	defaultTimeout     = 5 * time.Second
	defaultConnections = 10
	defaultWait        = 3 * time.Second

	// connectTimeout bounds the opening of a connection, where the URL says
	// nothing else.
	connectTimeout = 5 * time.Second

	// maxLifetime is how long a connection is used: after a change of the
	// server's address or its balance the new one is found.
	maxLifetime = 30 * time.Minute
	maxIdleTime = 5 * time.Minute
)

// parameters are settings of the server for our sessions, where the URL says
// nothing else. A statement that runs longer than any caller waits is ended, as
// is a transaction whose client has gone away: it holds others up.
var parameters = map[string]string{
	"application_name":                    "switchgear",
	"statement_timeout":                   "30s",
	"idle_in_transaction_session_timeout": "5s",
	"timezone":                            "UTC",
	"tcp_keepalives_idle":                 "10",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
}

//go:embed migrations/*.sql
var embedded embed.FS

// Store is a [fleet.Store] in a PostgreSQL database.
type Store struct {
	*statements

	lease *lease
}

// statements is the store's SQL: embedded without being shown.
type statements = sqlstore.Store

var (
	_ fleet.Store       = (*Store)(nil)
	_ fleet.SeriesStore = (*Store)(nil)
	_ fleet.AlertStore  = (*Store)(nil)
)

// Open takes the database that the URL names for this manager and brings its
// tables to the present version. They are made in the first schema of the search
// path. The URL is postgres:// or postgresql://, with what libpq knows of
// parameters; where it has no password, PGPASSWORD and ~/.pgpass are looked at.
// Errors are for people; they wrap ErrInUse, ErrNewer and ErrUnfinished.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	return open(ctx, url, opts, migrations)
}

func open(ctx context.Context, url string, opts Options, migrations fs.FS) (_ *Store, err error) {
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{}
	place := fmt.Sprintf("PostgreSQL database %s on %s", cfg.Database, cfg.Host)
	if s.lease, err = take(ctx, cfg, opts); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if err := s.connect(ctx, cfg, opts, migrations); err != nil {
		s.lease.close(ctx)
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	s.lease.keep(ctx, s.Fail)
	return s, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultConnections
	}
	if o.MaxConnections < MinConnections || o.MaxConnections > MaxConnections {
		return o, fmt.Errorf("%d connections are not in %d … %d", o.MaxConnections, MinConnections, MaxConnections)
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// parse reads the URL. Its errors have nothing of the URL in them, which may have
// a password.
func parse(url string) (*pgx.ConnConfig, error) {
	if !IsURL(url) {
		return nil, errors.New("the database's URL does not begin with postgres:// or postgresql://")
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read: it is postgres://user:password@host:port/database?sslmode=…, with %-escapes, " +
			"and files that it names must be there")
	}
	if cfg.ConnectTimeout == 0 || cfg.ConnectTimeout > time.Minute {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.ValidateConnect == nil { // of several hosts the one that takes writes
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for name, value := range parameters {
		if _, said := cfg.RuntimeParams[name]; !said {
			cfg.RuntimeParams[name] = value
		}
	}
	return cfg, nil
}

// connect opens the pools, migrates and makes the store. The lease is ours.
func (s *Store) connect(ctx context.Context, cfg *pgx.ConnConfig, opts Options, migrations fs.FS) (err error) {
	write, read := pool(cfg, 1), pool(cfg, opts.MaxConnections-2)
	defer func() {
		if err != nil {
			err = errors.Join(err, read.Close(), write.Close())
		}
	}()
	err = s.lease.alone(ctx, func() error {
		return sqlstore.Migrate(ctx, write, goose.DialectPostgres, migrations, goose.WithTableName("switchgear_schema"))
	})
	if err != nil {
		return err
	}
	if err := s.lease.claim(ctx); err != nil {
		return err
	}
	s.statements, err = sqlstore.New(ctx, sqlstore.Config{
		Write: write, Read: read, Dialect: dialect, Timeout: opts.Timeout, Fence: s.lease.fence, Filling: opts.Filling,
	})
	return err
}

func pool(cfg *pgx.ConnConfig, size int) *sql.DB {
	db := sql.OpenDB(connectorOf(cfg))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxLifetime(maxLifetime)
	db.SetConnMaxIdleTime(maxIdleTime)
	return db
}

// Close waits for the calls that run, closes all connections and gives the
// database free. Calls after Close are Unavailable; a second Close does nothing.
func (s *Store) Close() error {
	err := s.statements.Close(func(*sql.DB) error { return nil })
	s.lease.close(context.Background())
	return err
}
