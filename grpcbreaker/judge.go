package grpcbreaker

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
)

// Classify is what an error of a call means by its status code. Unknown,
// DeadlineExceeded, ResourceExhausted, Internal, Unavailable, DataLoss and
// Canceled are failures; the others are answers of a service that works, and so
// successes. An error without a status is Unknown, except those of contexts.
//
// ResourceExhausted that says that a message is larger than a limit is ignored:
// it may be the caller's own side that has refused it, which cannot be told, and
// in either case it is the message that is at fault. It is known by the words
// "larger than max" of gRPC's own implementations.
func Classify(err error) switchgear.Outcome {
	switch codeOf(err) {
	case codes.ResourceExhausted:
		if strings.Contains(err.Error(), "larger than max") {
			return switchgear.Ignored
		}
		return switchgear.Failure
	case codes.Unknown, codes.DeadlineExceeded, codes.Internal, codes.Unavailable, codes.DataLoss, codes.Canceled:
		return switchgear.Failure
	case codes.OK, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented, codes.Unauthenticated:
		return switchgear.Success
	}
	return switchgear.Failure // a code that the protocol does not know
}

// caller is who waits for a call.
type caller struct {
	ctx   context.Context //nolint:containedctx // the call's
	given time.Duration   // how long it had until its deadline
}

func callerOf(ctx context.Context) caller {
	c := caller{ctx: ctx}
	if deadline, ok := ctx.Deadline(); ok {
		c.given = time.Until(deadline)
	}
	return c
}

// gone reports that the caller has canceled the call, or that its time has run
// out elsewhere.
func (c caller) gone() bool { return errors.Is(c.ctx.Err(), context.Canceled) }

// ranOut reports that the time that the caller had is over, or as good as over.
//
// A client whose deadline passes resets the call, and on the server that arrives
// as a cancellation; mostly before the server's own timer for the same deadline,
// which began only when the call had arrived. The two cannot be told apart but by
// the time that was left. A network and a scheduler may make it 20 ms; the tenth
// is for deadlines so long that what queues on the way counts, and for callers
// that keep something of their time for themselves: whoever has waited for nine
// tenths of it has met a service that hangs. More than half of a short deadline
// it must not be, or every hedge that loses would be a failure.
func (c caller) ranOut() bool {
	deadline, ok := c.ctx.Deadline()
	if !ok {
		return false
	}
	margin := max(min(20*time.Millisecond, c.given/2), c.given/10, 0)
	return time.Until(deadline) <= margin
}

// judgeMade says what the error of a client's call means, and what its breaker
// is to hear of it: nil is a success. closed says that the program itself closed
// the connection.
func (o *Options) judgeMade(c caller, err error, closed bool) (switchgear.Outcome, error) {
	if err != nil && codeOf(err) == codes.Canceled {
		switch gone := c.gone(); {
		case closed, gone && !c.ranOut():
			return ignored(err)
		case gone:
			err = outOfTime(err)
		}
	}
	return o.verdict(err)
}

// judgeServed is judgeMade for a server: whatever a handler says of a call whose
// caller has gone, its dependency may only have heeded the context.
func (o *Options) judgeServed(c caller, err error) (switchgear.Outcome, error) {
	if err == nil || !c.gone() {
		return o.verdict(err)
	}
	canceled := codeOf(err) == codes.Canceled
	switch ranOut := c.ranOut(); {
	case canceled && ranOut:
		return o.verdict(outOfTime(err))
	case canceled:
		return ignored(err)
	case ranOut:
		return o.verdict(err)
	}
	outcome, heard := o.verdict(err)
	if outcome == switchgear.Failure {
		return ignored(err)
	}
	return outcome, heard
}

// verdict is what the error means by itself.
func (o *Options) verdict(err error) (switchgear.Outcome, error) {
	if err == nil {
		return switchgear.Success, nil
	}
	classify := o.Classify
	if classify == nil {
		classify = Classify
	}
	switch classify(err) {
	case switchgear.Success:
		return switchgear.Success, nil
	case switchgear.Ignored:
		return ignored(err)
	case switchgear.Failure:
	}
	if wait := retryDelay(err); wait > 0 {
		err = waitingError{err, wait}
	}
	return switchgear.Failure, err
}

func ignored(err error) (switchgear.Outcome, error) {
	return switchgear.Ignored, switchgear.Ignore(err)
}

// outOfTime is a cancellation that was a deadline. It wraps nothing, for the
// breaker would ignore a context's cancellation.
func outOfTime(err error) error {
	return status.Errorf(codes.DeadlineExceeded, "the caller's time ran out: %v", err)
}
