package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// Config is what a Store works with. All fields are required but the last
// six.
type Config struct {
	// Write has at most one open connection, and its transactions take the
	// engine's write lock, if it has one, when they begin.
	Write *sql.DB

	// Read is for reading; its connections need not be able to write.
	Read *sql.DB

	Dialect Dialect

	// Timeout is the deadline of a call whose context has none.
	Timeout time.Duration

	// Filling lets CopyTo have a database into which a copy was interrupted.
	Filling bool

	// Fence is asked at the beginning of each transaction that writes, in it:
	// an error keeps it from writing, and is judged as the engine's are.
	Fence func(context.Context, *sql.Tx) error

	// Admit is asked about each batch, in its transaction and before anything of
	// it is written: an error keeps it out, and is judged as the engine's are.
	Admit func(context.Context, *sql.Tx, *fleet.Batch) error

	// Confirm is asked after each Commit that the engine took, before it is
	// acknowledged. Its errors are judged as the engine's are.
	Confirm func(*fleet.Batch) error

	// Check looks through the whole database, each CheckInterval from when the
	// store was opened. It heeds its context, and its errors are judged as the
	// engine's are: one that lasts makes the store fail for good.
	Check         func(context.Context) error
	CheckInterval time.Duration
}

// Store is a [fleet.Store] over two pools of connections to a database that
// has been migrated.
type Store struct {
	cfg     Config
	stmts   statements
	running sync.WaitGroup
	broken  atomic.Pointer[error] // the fault after which nothing is written
	failed  chan struct{}         // closed behind broken
	stop    context.CancelFunc    // ends the checks

	mu     sync.Mutex
	closed bool
}

var _ fleet.Store = (*Store)(nil)

// errClosed is what calls after Close get.
var errClosed = errors.New("the store is closed")

// New makes a Store and prepares its statements. The pools become the Store's:
// Close closes them. After an error they are still the caller's.
func New(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, failed: make(chan struct{})}
	if err := s.stmts.prepare(ctx, cfg.Write, &s.cfg.Dialect); err != nil {
		return nil, errors.Join(err, s.stmts.close())
	}
	if err := s.whole(ctx); err != nil {
		return nil, errors.Join(err, s.stmts.close())
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if cfg.Check != nil && cfg.CheckInterval > 0 {
		s.running.Go(func() { s.watch(ctx) })
	}
	return s, nil
}

// Failed is closed when the store has failed for good: an fsync failed, or the
// file was found damaged or gone. Nothing is written any more until it is opened
// anew, which is best done by a new process.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Failure is why the store has failed for good; nil if it has not.
func (s *Store) Failure() error {
	if broken := s.broken.Load(); broken != nil {
		return *broken
	}
	return nil
}

// Fail makes the store fail for good, by what its engine has found out by
// itself. The first reason stands.
func (s *Store) Fail(reason error) {
	if s.broken.CompareAndSwap(nil, &reason) {
		close(s.failed)
	}
}

// watch checks the database now and then until ctx ends or the store fails. A
// check that could not be made is made up for by the next.
func (s *Store) watch(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.CheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.failed:
			return
		case <-ticker.C:
		}
		if err := s.cfg.Check(ctx); err != nil && ctx.Err() == nil {
			s.judge(err)
		}
	}
}

// judge says what an error means, and fails the store if it lasts.
func (s *Store) judge(err error) Fault {
	fault := s.cfg.Dialect.Fault(err)
	if fault.Lasting {
		s.Fail(fmt.Errorf("%s: %w", fault.Reason, err))
	}
	return fault
}

// Close refuses further calls, ends the checks, waits for the calls that run,
// calls last with the connection that writes, and closes all connections. A second Close does nothing.
func (s *Store) Close(last func(*sql.DB) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	// The readers go first: the last connection to a SQLite file tidies up,
	// and that has to be one which may write.
	return errors.Join(s.cfg.Read.Close(), s.stmts.close(), last(s.cfg.Write), s.cfg.Write.Close())
}

// Ping implements [fleet.Store]: it writes, durably, what is there already. On
// a disk that is all but full it can succeed where a larger write does not.
func (s *Store) Ping(ctx context.Context) error {
	return s.change(ctx, "ping", func(ctx context.Context) error {
		if s.cfg.Fence == nil { // the statement is a transaction by itself
			_, err := s.cfg.Write.ExecContext(ctx, s.cfg.Dialect.Probe)
			return err
		}
		tx, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		if _, err := tx.ExecContext(ctx, s.cfg.Dialect.Probe); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// begin begins a transaction that may write.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := s.cfg.Write.BeginTx(ctx, nil)
	if err != nil || s.cfg.Fence == nil {
		return tx, err
	}
	if err := s.cfg.Fence(ctx, tx); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// change runs what writes, unless an earlier write failed for good.
func (s *Store) change(ctx context.Context, op string, f func(context.Context) error) error {
	return s.do(ctx, op, func(ctx context.Context) error {
		if err := s.trusted(); err != nil {
			return err
		}
		if err := f(ctx); err != nil {
			return err
		}
		// Meanwhile a check or a reader may have found that the file is damaged.
		return s.trusted()
	})
}

// trusted is an error if nothing that is written can be trusted any more.
func (s *Store) trusted() error {
	if failure := s.Failure(); failure != nil {
		return unavailable("nothing is written until the store is opened anew", failure)
	}
	return nil
}

// do runs f with a deadline and says of its error what it means.
func (s *Store) do(ctx context.Context, op string, f func(context.Context) error) error {
	if !s.enter() {
		return &fleet.Error{Kind: fleet.Unavailable, Op: op, Err: errClosed}
	}
	defer s.running.Done()
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
	}
	err := f(ctx)
	if err == nil {
		return nil
	}
	return s.explain(ctx, op, err)
}

func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// explain makes a *fleet.Error of err.
func (s *Store) explain(ctx context.Context, op string, err error) error {
	if known, ok := errors.AsType[*fleet.Error](err); ok {
		return &fleet.Error{Kind: known.Kind, Op: op, Err: known.Err, Fields: known.Fields}
	}
	fault := s.judge(err)
	kind := fleet.Internal
	switch cause := ctx.Err(); {
	case cause != nil && !fault.Lasting:
		kind = fleet.Unavailable
		if !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		if errors.Is(cause, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer in time: %w", err)
		}
	case fault.Reason != "":
		kind = fleet.Unavailable
		err = fmt.Errorf("%s: %w", fault.Reason, err)
	}
	return &fleet.Error{Kind: kind, Op: op, Err: err}
}

func unavailable(reason string, err error) *fleet.Error {
	return &fleet.Error{Kind: fleet.Unavailable, Err: fmt.Errorf("%s: %w", reason, err)}
}

func invalid(format string, args ...any) *fleet.Error {
	return &fleet.Error{Kind: fleet.Invalid, Err: fmt.Errorf(format, args...)}
}

// moment is a time as a parameter: in UTC and to the microsecond, which every
// engine keeps. What is below is cut off, of bounds as of what is stored.
func (s *Store) moment(at time.Time) any {
	return s.cfg.Dialect.Time(at.UTC().Truncate(time.Microsecond))
}

// moment0 is NULL for the zero time.
func (s *Store) moment0(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return s.moment(at)
}
