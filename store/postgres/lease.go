package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// holdTTL is how long a database stays taken behind the last sign of life of
	// a process that has it for itself, and holdInterval how often it gives one.
	holdTTL      = 10 * time.Second
	holdInterval = time.Second

	// holdTimeout bounds one sign of life, and the farewell.
	holdTimeout = 5 * time.Second
)

// errLost is of a process whose database another has taken.
var errLost = errors.New("another process has taken the database, or it was put back to an earlier state")

// hold is the lease of a process that has the database for itself. Every
// transaction that writes looks at it, and keeps it.
type hold struct {
	db     *sql.DB
	log    *slog.Logger
	holder string
	term   uint64

	stop    context.CancelFunc
	running sync.WaitGroup
}

// take waits for the lease; ErrInUse if another has it that long.
func take(ctx context.Context, db *sql.DB, opts Options) (*hold, error) {
	h := &hold{db: db, log: opts.Logger, holder: rand.Text(), stop: func() {}}
	deadline := time.Now().Add(opts.Wait)
	for {
		l, err := tryLease(ctx, db, h.holder, "", holdTTL, 0)
		if err == nil {
			h.term = l.Term
			return h, nil
		}
		left := time.Until(deadline)
		if fleet.KindOf(err) != fleet.Conflict {
			return nil, err
		}
		if left <= 0 {
			return nil, fmt.Errorf("%w: that at %q, for %v at least", ErrInUse, l.Address, l.Left.Round(time.Millisecond))
		}
		again := time.NewTimer(min(left, l.Left, holdInterval/4))
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, ctx.Err()
		}
	}
}

// fence is asked by every transaction that writes. It keeps the row until that
// ends, so that nobody can take the database in between.
func (h *hold) fence(ctx context.Context, tx *sql.Tx) error {
	var ours bool
	err := tx.QueryRowContext(ctx, "SELECT holder = $2 AND term = $3 FROM leases WHERE name = $1 FOR NO KEY UPDATE", leaseName, h.holder, h.term).Scan(&ours)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !ours {
		return errLost
	}
	return err
}

// keep holds the lease until release. fail is told when another has it.
func (h *hold) keep(ctx context.Context, fail func(error)) {
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.running.Go(func() {
		ticker := time.NewTicker(holdInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := h.renew(ctx); fleet.KindOf(err) == fleet.Deposed {
				fail(errLost)
				return
			} else if err != nil && ctx.Err() == nil {
				h.log.WarnContext(ctx, "the database's lease was not renewed", slog.Any("error", err))
			}
		}
	})
}

func (h *hold) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	_, err := renew(ctx, h.db, fleet.Fence{Holder: h.holder, Term: h.term}, holdTTL)
	return err
}

// release gives the database free; where it is away, the lease expires.
func (h *hold) release(ctx context.Context) {
	h.stop()
	h.running.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), holdTimeout)
	defer cancel()
	if _, err := h.db.ExecContext(ctx, releaseLease, leaseName, h.holder, h.term, 0, 0); err != nil {
		h.log.DebugContext(ctx, "the database was not given free", slog.Any("error", err))
	}
}
