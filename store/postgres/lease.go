package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// leaseName is the row of leases that says who the manager is.
	leaseName = "manager"

	// lookInterval is how often the lease is looked at while nothing is written,
	// and its connection sought again when it is lost.
	lookInterval = time.Second

	// lookTimeout bounds one look.
	lookTimeout = 5 * time.Second

	// migrateWait is how long a migration of another process is waited for.
	migrateWait = 2 * time.Minute

	// closeTimeout bounds the farewell on a connection.
	closeTimeout = 2 * time.Second
)

// errLost is of a manager whose database another has taken.
var errLost = errors.New("another manager has taken the database, or it was put back to an earlier state")

// lease is the hold on a database. A lock of a session of its own keeps others
// from taking it; a row with the holder in it, which every transaction that
// writes looks at and keeps, makes sure of it where the session is lost.
type lease struct {
	cfg    *pgx.ConnConfig
	log    *slog.Logger
	holder string

	conn    *pgx.Conn // keep's, once that runs; nil: lost
	stop    context.CancelFunc
	running sync.WaitGroup
}

// take gets the session and its lock. Nothing is written.
func take(ctx context.Context, cfg *pgx.ConnConfig, opts Options) (_ *lease, err error) {
	l := &lease{cfg: cfg, log: opts.Logger, holder: rand.Text(), stop: func() {}}
	if l.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return nil, err
	}
	if err = l.admit(ctx); err == nil {
		err = l.lock(ctx, opts.Wait)
	}
	if err != nil {
		l.close(ctx)
		return nil, err
	}
	return l, nil
}

// oldest is the oldest version of PostgreSQL that has all we use.
const oldest = 130000

// admit refuses a server that cannot keep what it is given, and warns of one that
// may lose it.
func (l *lease) admit(ctx context.Context) error {
	var version, encoding, schema, commit, fsync, pages string
	err := l.conn.QueryRow(ctx, `SELECT current_setting('server_version_num'), current_setting('server_encoding'), COALESCE(current_schema(), ''),
		current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes')`).
		Scan(&version, &encoding, &schema, &commit, &fsync, &pages)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(version); err != nil || n < oldest {
		return fmt.Errorf("version %s of PostgreSQL is too old: 13 or newer is needed", version)
	}
	switch {
	case encoding != "UTF8":
		return fmt.Errorf("its encoding is %s, and must be UTF8", encoding)
	case schema == "":
		return errors.New("no schema of the search path is there")
	case fsync != "on" || pages != "on":
		l.log.WarnContext(ctx, "the database may lose what was acknowledged, and be damaged, when its machine ends",
			slog.String("fsync", fsync), slog.String("full_page_writes", pages))
	}
	if commit == "off" {
		l.cfg.RuntimeParams["synchronous_commit"] = "on"
	}
	return nil
}

// The keys of the locks are of the schema, of which there may be several in a
// database.
const (
	managerKey = `hashtextextended('switchgear manager in ' || current_schema(), 0)`
	migrateKey = `hashtextextended('switchgear migrates ' || current_schema(), 0)`
)

// lock waits for the manager's lock; ErrInUse if another has it that long.
func (l *lease) lock(ctx context.Context, wait time.Duration) error {
	err := l.await(ctx, managerKey, wait)
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != lockNotAvailable {
		return err
	}
	return fmt.Errorf("%w%s", ErrInUse, l.other(ctx))
}

const lockNotAvailable = "55P03"

// await takes an advisory lock for the session, or gives up.
func (l *lease) await(ctx context.Context, key string, wait time.Duration) error {
	limit := max(wait.Milliseconds(), 1)
	_, err := l.conn.Exec(ctx, "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)", strconv.FormatInt(limit, 10))
	if err != nil {
		return err
	}
	_, err = l.conn.Exec(ctx, "SELECT pg_advisory_lock("+key+")")
	return err
}

// other says who has the lock, as far as the server lets us know.
func (l *lease) other(ctx context.Context) string {
	var from, since string
	var pid int
	err := l.conn.QueryRow(ctx, `SELECT COALESCE(host(client_addr), 'the same machine'), pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
		FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (classid::bigint << 32) | objid::bigint = `+managerKey+" LIMIT 1").Scan(&from, &pid, &since)
	if err != nil {
		return "" // it has ended just now, or is not ours to see
	}
	return fmt.Sprintf(": connected from %s since %s, as the server's process %d", from, since, pid)
}

// alone runs f while no other process migrates the schema.
func (l *lease) alone(ctx context.Context, f func() error) error {
	if err := l.await(ctx, migrateKey, migrateWait); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	if err := f(); err != nil {
		return err
	}
	_, err := l.conn.Exec(ctx, "SELECT pg_advisory_unlock("+migrateKey+")")
	return err
}

// claim makes the database this manager's: whoever had it writes no more.
func (l *lease) claim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateWait)
	defer cancel()
	if _, err := l.conn.Exec(ctx, "SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '60s', false)"); err != nil {
		return err
	}
	_, err := l.conn.Exec(ctx, `INSERT INTO leases (name, holder, epoch, acquired_at) VALUES ($1, $2, 1, now())
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, acquired_at = excluded.acquired_at,
		expires_at = NULL, address = NULL`, leaseName, l.holder)
	return err
}

const selectHolder = "SELECT holder FROM leases WHERE name = $1"

// fence is asked by every transaction that writes. It keeps the row until that
// ends, so that nobody can take the database in between, and so that of two
// transactions one is over before the other begins.
func (l *lease) fence(ctx context.Context, tx *sql.Tx) error {
	var holder string
	err := tx.QueryRowContext(ctx, selectHolder+" FOR NO KEY UPDATE", leaseName).Scan(&holder)
	return l.ours(holder, err)
}

// ours judges what was found of the holder.
func (l *lease) ours(holder string, err error) error {
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, pgx.ErrNoRows) || err == nil && holder != l.holder {
		return errLost
	}
	return err
}

// keep looks after the lease until it is closed. fail is told when another has
// it.
func (l *lease) keep(ctx context.Context, fail func(error)) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.running.Go(func() {
		ticker := time.NewTicker(lookInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := l.look(ctx); errors.Is(err, errLost) {
				fail(err)
				return
			}
		}
	})
}

// look makes sure that the lease is ours and, if it can, that its lock is.
func (l *lease) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if l.conn == nil {
		return l.retake(ctx)
	}
	var holder string
	err := l.conn.QueryRow(ctx, selectHolder, leaseName).Scan(&holder)
	if err = l.ours(holder, err); err == nil || errors.Is(err, errLost) || ctx.Err() != nil && !l.conn.IsClosed() {
		return err
	}
	if l.conn.IsClosed() {
		l.log.WarnContext(ctx, "the connection that keeps the database for this manager was lost", slog.Any("error", err))
		l.conn = nil
	}
	return err
}

// retake gets the lock on a new connection. That another session has it says
// nothing yet: it may be our own, which the server has not given up. Who holds
// the row has the database.
func (l *lease) retake(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, l.cfg)
	if err != nil {
		return err
	}
	var holder string
	var got bool
	if err = conn.QueryRow(ctx, selectHolder, leaseName).Scan(&holder); err == nil || errors.Is(err, pgx.ErrNoRows) {
		err = l.ours(holder, err)
	}
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+managerKey+")").Scan(&got)
	}
	if err != nil || !got {
		return errors.Join(err, farewell(ctx, conn))
	}
	l.log.InfoContext(ctx, "the connection that keeps the database for this manager is back")
	l.conn = conn
	return nil
}

func farewell(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return conn.Close(ctx)
}

// close ends keep and gives the database free: at the latest the server does, when
// it sees the connection end.
func (l *lease) close(ctx context.Context) {
	l.stop()
	l.running.Wait()
	if l.conn == nil {
		return
	}
	if err := farewell(ctx, l.conn); err != nil {
		l.log.DebugContext(ctx, "the connection that kept the database was not closed well", slog.Any("error", err))
	}
	l.conn = nil
}
