package sqlbreaker

import (
	"context"
	"errors"
	"time"

	"github.com/degenduel/switchgear"
)

// errLost is the outcome of an operation in which the driver panicked.
var errLost = errors.New("sqlbreaker: the driver panicked")

// operation is one round trip, or the part of a transaction that is counted
// without having asked. It ends once.
type operation struct {
	permit switchgear.Permit

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
	return &operation{permit: permit}, nil
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

// drop ends an operation that came to nothing.
func (o *operation) drop() { o.end(switchgear.Ignored, errLost) }

// lost is deferred: it ends the operation in which the driver did not return.
func (o *operation) lost() {
	if !o.kept {
		o.end(switchgear.Failure, errLost)
	}
}
