package grpcbreaker

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/degenduel/switchgear"
)

// Options change what an interceptor does. The zero Options are good.
type Options struct {
	// For picks the breaker of a call, by its full method
	// ("/package.Service/Method") and, on a client, the target that its
	// connection was made for; on a server target is empty. nil, or an answer
	// of nil, is the breaker that the interceptor was made with. It is called
	// at every call, so it must be fast and safe for concurrent use.
	For func(ctx context.Context, method, target string) *switchgear.Breaker

	// Classify says what an error of a call means; nil is the function
	// Classify. It is not asked about a nil error, a success, nor about a
	// call that its own caller canceled, which is ignored.
	Classify func(err error) switchgear.Outcome

	// Lasting names the streaming methods whose streams live longer than the
	// breaker's ProbeTimeout. Their permit ends, as a success, with the first
	// message that a client receives or a server sends; a failure that ends
	// the stream later is counted by itself. nil: none.
	Lasting func(method string) bool
}

// Classify is what an error of a call means by its status code. Unknown,
// DeadlineExceeded, ResourceExhausted, Internal, Unavailable, DataLoss and
// Canceled are failures; the others are answers of a service that works, and so
// successes. An error without a status is Unknown, except those of contexts.
func Classify(err error) switchgear.Outcome {
	switch codeOf(err) {
	case codes.Unknown, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Internal,
		codes.Unavailable, codes.DataLoss, codes.Canceled:
		return switchgear.Failure
	case codes.OK, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented, codes.Unauthenticated:
		return switchgear.Success
	}
	return switchgear.Failure // a code that the protocol does not know
}

// breaker is the one of a call: nil where none guards it.
func (o *Options) breaker(ctx context.Context, b *switchgear.Breaker, method, target string) *switchgear.Breaker {
	if o.For != nil {
		if chosen := o.For(ctx, method, target); chosen != nil {
			return chosen
		}
	}
	return b
}

func (o *Options) lasts(method string) bool { return o.Lasting != nil && o.Lasting(method) }

// judge says what the error of a call means, and what its breaker is to hear of
// it: nil is a success. own says that the caller closed the connection.
func (o *Options) judge(ctx context.Context, err error, own bool) (switchgear.Outcome, error) {
	if err == nil {
		return switchgear.Success, nil
	}
	if (own || errors.Is(ctx.Err(), context.Canceled)) && codeOf(err) == codes.Canceled {
		return switchgear.Ignored, switchgear.Ignore(err)
	}
	classify := o.Classify
	if classify == nil {
		classify = Classify
	}
	switch classify(err) {
	case switchgear.Success:
		return switchgear.Success, nil
	case switchgear.Ignored:
		return switchgear.Ignored, switchgear.Ignore(err)
	case switchgear.Failure:
	}
	if wait := retryDelay(err); wait > 0 {
		err = waitingError{err, wait}
	}
	return switchgear.Failure, err
}
