package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/postgres"
	"github.com/degenduel/switchgear/store/sqlite"
)

// store is what a process keeps what it knows in.
type store interface {
	fleet.Store
	fleet.SeriesStore
	fleet.AlertStore

	// Failed is closed when nothing is written any more until the store is
	// opened anew, and Failure then says why.
	Failed() <-chan struct{}
	Failure() error

	Close() error
}

// openStore opens PostgreSQL where a URL names it, and else SQLite in the data
// directory.
func (a *App) openStore(ctx context.Context) (store, error) {
	if a.settings.DatabaseURL == "" {
		return opened(sqlite.Open(ctx, a.settings.Data, sqlite.Options{}))
	}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		s, err := opened(postgres.Open(ctx, a.settings.DatabaseURL, postgres.Options{MaxConnections: a.settings.MaxConnections, Logger: a.log}))
		if err == nil || !postgres.IsAway(err) {
			return s, err
		}
		a.log.WarnContext(ctx, "the database is waited for: nothing is served before it is there", slog.Any("error", err), slog.Duration("again_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, errStopped
		}
	}
}

// errStopped is of a process that was told to stop while it waited.
var errStopped = errors.New("told to stop while the database was waited for")

// firstWait and longestWait are between two tries to open a database that is away.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
)

// opened is no store, rather than one that is nil, behind an error.
func opened[S store](s S, err error) (store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// makeData makes the data directory, which a store elsewhere needs only for the
// administrator's token.
func (a *App) makeData() error { return os.MkdirAll(a.settings.Data, 0o700) }
