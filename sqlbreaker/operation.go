package sqlbreaker

import (
	"context"
	"errors"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/unwind"
)

var (
	// errLost is the outcome of an operation in which the driver panicked.
	errLost = errors.New("sqlbreaker: the driver panicked")

	// errNothing is the outcome of one that came to nothing.
	errNothing = errors.New("sqlbreaker: nothing was asked")
)

// operation is one round trip, or several that are one to the breaker, or the
// part of a transaction that is counted without having asked. It ends once.
type operation struct {
	permit switchgear.Permit
	ctx    context.Context //nolint:containedctx // which it was admitted with, and which may end its permit

	// merges says that it was admitted while not everything is: what follows
	// it on its connection is not to ask again.
	merges bool

	worked bool // a round trip of it has succeeded

	// Of one that holds no permit.
	apart  bool
	record func(error, time.Duration)
	began  time.Time

	kept  bool // somebody else will end it
	ended bool
}

// admit asks the breaker for an operation; the error is its rejection.
func admit(ctx context.Context, b *switchgear.Breaker) (*operation, error) {
	permit, err := b.Allow(ctx)
	if err != nil {
		return nil, err
	}
	return &operation{permit: permit, ctx: ctx, merges: !admitsAll(b)}, nil
}

// admitsAll reports whether the breaker lets everything in.
func admitsAll(b *switchgear.Breaker) bool {
	switch b.Mode() {
	case switchgear.ForcedClosed, switchgear.Disabled:
		return true
	case switchgear.Auto:
		return b.State() == switchgear.Closed
	case switchgear.ForcedOpen:
	}
	return false
}

// apart is an operation that does not ask, and is only recorded.
func apart(record func(error, time.Duration)) *operation {
	return &operation{apart: true, record: record, began: time.Now()}
}

// end counts the outcome. heard is what the breaker is told of a failure.
func (o *operation) end(outcome switchgear.Outcome, heard error) {
	if o.ended {
		return
	}
	o.ended = true
	switch outcome {
	case switchgear.Success:
		heard = nil
	case switchgear.Ignored:
		heard = switchgear.Ignore(heard)
	case switchgear.Failure:
	}
	if !o.apart {
		o.permit.Done(heard)
		return
	}
	o.record(heard, time.Since(o.began))
}

// expired reports that its caller's context has ended, and its permit may have
// with it.
func (o *operation) expired() bool { return !o.apart && o.ctx.Err() != nil }

// endUnused ends an operation that nothing has followed, by what it came to.
func (o *operation) endUnused() {
	if o.worked {
		o.end(switchgear.Success, nil)
		return
	}
	o.end(switchgear.Ignored, errNothing)
}

// abandon is for a deferred function: it ends the operation in which the driver
// did not return.
func (o *operation) abandon() {
	if unwind.Exiting() {
		o.end(switchgear.Ignored, errNothing)
		return
	}
	o.end(switchgear.Failure, errLost)
}

// lost is deferred: it abandons what has not ended and nobody else will end.
func (o *operation) lost() {
	if !o.kept && !o.ended {
		o.abandon()
	}
}
