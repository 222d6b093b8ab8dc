package main

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear/store/postgres"
)

func (l *load) postgresWrites(ctx context.Context) (_ string, err error) {
	conn, err := pgx.Connect(ctx, l.database)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	bare := barePostgres{conn}
	if err := bare.prepare(ctx); err != nil {
		return "", err
	}
	var version string
	if err := conn.QueryRow(ctx, "SHOW server_version").Scan(&version); err != nil {
		return "", err
	}
	store, err := postgres.Open(ctx, l.database, postgres.Options{})
	if err != nil {
		return "", err
	}
	defer closed(store, &err)
	t, err := l.writesOf(ctx, store, bare)
	return t + `
PostgreSQL ` + version + ` on the same machine, over loopback, as its own defaults have it: every transaction
is on the disk when it is answered. The floor is a loop over one connection of pgx that inserts
or replaces rows of the same size in a table like ours, one in a transaction, or all of a
transaction in one pipeline. The median of ` + strconv.Itoa(writePeriods) + " periods of " + l.writePeriod().String() + `, in turns. Each of our
transactions begins with a look at who may write. Orders go through the manager, which judges,
groups, stores, applies and tells each.
`, err
}

// barePostgres is the engine and nothing else.
type barePostgres struct{ *pgx.Conn }

const bareUpsert = `INSERT INTO bare VALUES ($1, $2, $3, $4::text::timestamptz, $5) ON CONFLICT (key) DO UPDATE SET value = excluded.value,
	description = excluded.description, updated_at = excluded.updated_at, updated_by = excluded.updated_by`

func (b barePostgres) prepare(ctx context.Context) error {
	_, err := b.Exec(ctx, `CREATE TABLE IF NOT EXISTS bare (key TEXT COLLATE "C" PRIMARY KEY, value JSONB NOT NULL, description TEXT,
		updated_at TIMESTAMPTZ NOT NULL, updated_by TEXT)`)
	return err
}

func (b barePostgres) one(ctx context.Context, i int) (int, error) {
	_, err := b.Exec(ctx, bareUpsert, row(i)...)
	return 1, err
}

func (b barePostgres) many(rows int) writer {
	return func(ctx context.Context, i int) (int, error) {
		var batch pgx.Batch
		batch.Queue("BEGIN")
		for n := range rows {
			batch.Queue(bareUpsert, row(i*rows+n)...)
		}
		batch.Queue("COMMIT")
		return rows, b.SendBatch(ctx, &batch).Close()
	}
}
