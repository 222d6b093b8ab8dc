package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// ErrNewer is of a database whose tables are newer than this program knows.
var ErrNewer = errors.New("the database was written by a newer version of switchgear")

// Migrate brings the tables to the newest version that migrations have, each
// migration in a transaction with the note that it was done: a process that is
// killed leaves the old tables or the new. It only goes forward; tables that
// are newer already are ErrNewer, and nothing is touched. One connection is
// enough for it.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, migrations fs.FS, opts ...goose.ProviderOption) error {
	p, have, err := provider(ctx, db, dialect, migrations, opts)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from schema version %d: %w", have, err)
	}
	return nil
}

// Version is how many of the migrations the tables have seen; ErrNewer if they
// have seen others.
func Version(ctx context.Context, db *sql.DB, dialect goose.Dialect, migrations fs.FS) (int64, error) {
	_, have, err := provider(ctx, db, dialect, migrations, nil)
	return have, err
}

func provider(ctx context.Context, db *sql.DB, dialect goose.Dialect, migrations fs.FS, opts []goose.ProviderOption) (p *goose.Provider, have int64, err error) {
	p, err = goose.NewProvider(dialect, db, migrations, opts...)
	if err != nil {
		return nil, 0, fmt.Errorf("migrations: %w", err)
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("schema version: %w", err)
	}
	if have > newest {
		return nil, 0, fmt.Errorf("%w: its schema has version %d, and this one knows %d at most", ErrNewer, have, newest)
	}
	return p, have, nil
}
