package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// The errors of Open that a caller may want to tell apart.
var (
	// ErrInUse is of a database that another process has.
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
	// writes, one for the lease, and the rest, which read. They are opened when
	// they are needed. 3 to 1 000; default 10.
	MaxConnections int

	// Exclusive opens the database for this process alone: ErrInUse while a
	// manager leads in it, and until Close none can. It is taken for at most 10 s
	// behind the end of a process that was killed. Otherwise others have it open
	// too, and the lease says who may write.
	Exclusive bool

	// Wait is how long an exclusive Open waits for another to end. Default 3 s;
	// negative: not at all.
	Wait time.Duration

	// Filling opens the database to be filled by CopyTo, which may have been
	// interrupted before. It is exclusive.
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

// Store is a [fleet.ClusterStore] in a PostgreSQL database.
type Store struct {
	*statements

	read *sql.DB
	lead *sql.DB // for the lease
	hold *hold   // of one that is exclusive
}

// statements is the store's SQL: embedded without being shown.
type statements = sqlstore.Store

var (
	_ fleet.Store       = (*Store)(nil)
	_ fleet.SeriesStore = (*Store)(nil)
	_ fleet.AlertStore  = (*Store)(nil)
)

// Open opens the database that the URL names and brings its tables to the present
// version. They are made in the first schema of the search path. The URL is
// postgres:// or postgresql://, with what libpq knows of parameters; where it has
// no password, PGPASSWORD and ~/.pgpass are looked at. Errors are for people; they
// wrap ErrInUse, ErrNewer and ErrUnfinished.
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
	if err := prepare(ctx, cfg, opts.Logger, migrations); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if err := s.connect(ctx, cfg, opts); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
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

// connect opens the pools and makes the store.
func (s *Store) connect(ctx context.Context, cfg *pgx.ConnConfig, opts Options) (err error) {
	write := pool(cfg, 1)
	s.read, s.lead = pool(cfg, opts.MaxConnections-2), pool(cfg, 1)
	defer func() {
		if err != nil {
			if s.hold != nil {
				s.hold.release(ctx)
			}
			err = errors.Join(err, s.read.Close(), write.Close(), s.lead.Close())
		}
	}()
	if err := makeRow(ctx, s.lead); err != nil {
		return err
	}
	with := sqlstore.Config{Write: write, Read: s.read, Dialect: dialect, Timeout: opts.Timeout, Admit: admit, Filling: opts.Filling}
	if opts.Exclusive || opts.Filling {
		if s.hold, err = take(ctx, s.lead, opts); err != nil {
			return err
		}
		with.Fence = s.hold.fence
	}
	if opts.Filling { // what was numbered before is not what will be there
		if _, err := s.lead.ExecContext(ctx, "UPDATE leases SET epoch = $2 WHERE name = $1", leaseName, rand.Text()); err != nil {
			return err
		}
	}
	if s.statements, err = sqlstore.New(ctx, with); err != nil {
		return err
	}
	if s.hold != nil {
		s.hold.keep(ctx, s.Fail)
	}
	return nil
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
	err := s.statements.Close(func(*sql.DB) error {
		if s.hold != nil {
			s.hold.release(context.Background())
		}
		return s.lead.Close()
	})
	return err
}
