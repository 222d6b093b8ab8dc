package grpcbreaker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/unwind"
)

// What ended a stream that did not return.
var (
	errLost   = errors.New("grpcbreaker: the stream panicked")
	errExited = errors.New("grpcbreaker: the stream's goroutine exited")
)

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
	began  time.Time
	took   time.Duration // until the first message; of whoever has proven
	stage  atomic.Int32
}

func begin(ctx context.Context, b *switchgear.Breaker, judge judge) (*call, error) {
	permit, err := b.Allow(ctx)
	if err != nil {
		return nil, err
	}
	return &call{judge: judge, late: b.HandleError, permit: permit, began: time.Now()}, nil
}

// prove ends the permit of a stream that lasts: it has had a message, from the
// one goroutine that moves them.
func (c *call) prove() {
	if c.stage.Load() != running {
		return
	}
	c.took = time.Since(c.began)
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
		// It has no duration of its own: how long a stream lasts says nothing,
		// and 0 would be the fastest of all.
		if outcome, err := c.judge(err); outcome == switchgear.Failure {
			c.late(err, c.took)
		}
	}
}

// abandon is for a deferred function: it ends the stream that did not return. A
// panic is a failure, a runtime.Goexit is ignored, and no options are asked.
func (c *call) abandon() {
	exiting := unwind.Exiting()
	switch c.stage.Swap(ended) {
	case running:
		if exiting {
			c.permit.Done(switchgear.Ignore(errExited))
			return
		}
		c.permit.Done(errLost)
	case proven:
		if !exiting {
			c.late(errLost, c.took)
		}
	}
}
