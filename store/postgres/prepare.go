package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

const (
	// migrateWait is how long a migration of another process is waited for.
	migrateWait = 2 * time.Minute

	// closeTimeout bounds the farewell on a connection.
	closeTimeout = 2 * time.Second
)

// migrateKey is the key of the migrations' lock. It is of the schema, of which
// there may be several in a database.
const migrateKey = `hashtextextended('switchgear migrates ' || current_schema(), 0)`

// prepare looks at the server and brings the tables to the present version, while
// no other process does.
func prepare(ctx context.Context, cfg *pgx.ConnConfig, log *slog.Logger, migrations fs.FS) (err error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			log.DebugContext(ctx, "a connection was not closed well", slog.Any("error", err))
		}
	}()
	if err := admitServer(ctx, conn, cfg, log); err != nil {
		return err
	}
	limit := strconv.FormatInt(migrateWait.Milliseconds(), 10)
	if _, err := conn.Exec(ctx, "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)", limit); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock("+migrateKey+")"); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	db := sql.OpenDB(stdlib.GetConnector(*cfg))
	defer func() { err = errors.Join(err, db.Close()) }()
	return sqlstore.Migrate(ctx, db, goose.DialectPostgres, migrations, goose.WithTableName("switchgear_schema"))
}

// oldest is the oldest version of PostgreSQL that has all we use.
const oldest = 130000

// admitServer refuses a server that cannot keep what it is given, and warns of one
// that may lose it.
func admitServer(ctx context.Context, conn *pgx.Conn, cfg *pgx.ConnConfig, log *slog.Logger) error {
	var version, encoding, schema, commit, fsync, pages string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num'), current_setting('server_encoding'), COALESCE(current_schema(), ''),
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
		log.WarnContext(ctx, "the database may lose what was acknowledged, and be damaged, when its machine ends",
			slog.String("fsync", fsync), slog.String("full_page_writes", pages))
	}
	if commit == "off" {
		cfg.RuntimeParams["synchronous_commit"] = "on"
	}
	return nil
}
