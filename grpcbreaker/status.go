package grpcbreaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/degenduel/switchgear"
)

// rejectedError is the answer to a call that was not let in: to the program the
// breaker's error, to gRPC a status.
type rejectedError struct {
	open *switchgear.OpenError

	// public says that the text may reach others than the breaker's owner.
	public bool
}

func rejection(err error, public bool) error {
	if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
		return &rejectedError{open, public}
	}
	return err
}

func (e *rejectedError) Error() string {
	if e.public {
		return e.message()
	}
	return e.open.Error()
}

func (e *rejectedError) Unwrap() error { return e.open }

// message tells nothing of what made the circuit open: that is not the
// caller's to know.
func (e *rejectedError) message() string {
	if e.open.Mode == switchgear.ForcedOpen || e.open.State == switchgear.Open {
		return fmt.Sprintf("switchgear: %s is open", e.open.Service)
	}
	return fmt.Sprintf("switchgear: %s is recovering", e.open.Service)
}

// GRPCStatus is what status.FromError finds.
func (e *rejectedError) GRPCStatus() *status.Status {
	plain := status.New(codes.Unavailable, e.message())
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.open.RetryAfter())})
	if err != nil {
		return plain
	}
	return detailed
}

// waitingError is a failure whose status says how long to wait.
type waitingError struct {
	error

	wait time.Duration
}

func (e waitingError) Unwrap() error { return e.error }

// RetryAfter is what the breaker looks for in a failure.
func (e waitingError) RetryAfter() time.Duration { return e.wait }

// retryDelay is the wait that the error's RetryInfo asks for; 0 where it asks
// for none.
func retryDelay(err error) time.Duration {
	s, ok := status.FromError(err)
	if !ok {
		return 0
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().IsValid() {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// codeOf is the status code of an error, as gRPC would send it.
func codeOf(err error) codes.Code {
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return status.FromContextError(unwrapContext(err)).Code()
}

// unwrapContext is the context's error in err, if there is one.
func unwrapContext(err error) error {
	for _, of := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, of) {
			return of
		}
	}
	return err
}
