package grpcbreaker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
)

// errLost is the outcome of a stream that ended in neither a return nor an
// error.
var errLost = errors.New("grpcbreaker: the stream panicked")

// How far a call has come.
const (
	running int32 = iota
	proven        // its permit has ended with its first message
	ended
)

// judge says what the error of a call means, and what its breaker is to hear of
// it.
type judge func(error) (switchgear.Outcome, error)

// call is a stream that was let in. Several goroutines may learn of its end;
// the first counts.
type call struct {
	judge  judge
	late   func(error, time.Duration) // hears of a failure after the permit has ended
	permit switchgear.Permit          // of whoever moves stage away from running
	stage  atomic.Int32
}

func begin(ctx context.Context, b *switchgear.Breaker, judge judge) (*call, error) {
	permit, err := b.Allow(ctx)
	if err != nil {
		return nil, err
	}
	return &call{judge: judge, late: b.HandleError, permit: permit}, nil
}

// prove ends the permit of a stream that lasts: it has had its first message.
func (c *call) prove() {
	if c.stage.CompareAndSwap(running, proven) {
		c.permit.Done(nil)
	}
}

// end ends the stream with its error; nil is a success.
func (c *call) end(err error) {
	switch c.stage.Swap(ended) {
	case running:
		_, err = c.judge(err)
		c.permit.Done(err)
	case proven:
		if outcome, err := c.judge(err); outcome == switchgear.Failure {
			c.late(err, 0)
		}
	}
}
