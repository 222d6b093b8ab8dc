package grpcbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// toldWait is the wait of the RetryInfo in an error.
func toldWait(t *testing.T, err error) time.Duration {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	t.Fatalf("%v has no RetryInfo", err)
	return 0
}

func about(got, want time.Duration) bool { return got <= want && got > want-10*time.Second }

func TestRejection_OnAClientIsErrOpenAndAStatus(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: 10 * time.Minute, MaxResetTimeout: time.Hour, Jitter: -1})
	b.HandleError(errors.New("the ledger's password is 1234"), 0)
	client, _ := dial(t, "127.0.0.1:1", b, grpcbreaker.Options{}) // nobody is there to be asked
	_, unary := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	_, stream := client.FullDuplexCall(t.Context())
	for name, err := range map[string]error{"unary": unary, "stream": stream} {
		if !errors.Is(err, switchgear.ErrOpen) {
			t.Fatalf("%s: %v is not ErrOpen", name, err)
		}
		open, ok := errors.AsType[*switchgear.OpenError](err)
		if !ok || open.Service != "ledger" || !about(open.RetryAfter(), 10*time.Minute) {
			t.Errorf("%s: OpenError = %+v", name, open)
		}
		if got := status.Code(err); got != codes.Unavailable {
			t.Errorf("%s: code = %v, want Unavailable", name, got)
		}
		if got := toldWait(t, err); !about(got, 10*time.Minute) {
			t.Errorf("%s: RetryInfo says %v, the circuit is open for 10 min", name, got)
		}
		if !strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: the program is not told what opened its circuit: %v", name, err)
		}
	}
	counts(t, b, switchgear.Operations{Failed: 1, Rejected: 2})
}

func TestRejection_OnAServerTellsTheTimeAndNoSecret(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: 10 * time.Minute, MaxResetTimeout: time.Hour, Jitter: -1})
	at, _ := serve(t, "127.0.0.1:0", &service{}, guarded(b, grpcbreaker.Options{})...)
	b.HandleError(errors.New("the ledger's password is 1234"), 0)
	outer := newBreaker(t, switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Second})
	client, _ := dial(t, at, outer, grpcbreaker.Options{})
	_, unary := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	stream, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, streamed := stream.Recv()
	for name, err := range map[string]error{"unary": unary, "stream": streamed} {
		if s := status.Convert(err); s.Code() != codes.Unavailable || s.Message() != "switchgear: ledger is open" {
			t.Errorf("%s: %v", name, err)
		}
		if got := toldWait(t, err); !about(got, 10*time.Minute) {
			t.Errorf("%s: RetryInfo says %v, the circuit is open for 10 min", name, got)
		}
	}
	counts(t, b, switchgear.Operations{Failed: 1, Rejected: 2})
	intercept := grpcbreaker.UnaryServerInterceptor(b, grpcbreaker.Options{})
	_, err = intercept(t.Context(), nil, &grpc.UnaryServerInfo{}, nil)
	if wrapped := fmt.Errorf("outer: %w", err); !errors.Is(wrapped, switchgear.ErrOpen) || strings.Contains(status.Convert(wrapped).Message(), "1234") {
		t.Errorf("an outer interceptor makes it %v", status.Convert(wrapped))
	}

	// The client's own breaker heard it twice, opened, and stays away as long.
	_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if open, ok := errors.AsType[*switchgear.OpenError](err); !ok || !about(open.RetryAfter(), 10*time.Minute) {
		t.Errorf("the client's circuit: %v", err)
	}
}

func TestRejection_OfARecoverySaysSo(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Millisecond, ProbeTimeout: time.Hour})
	become := states(t, b)
	b.HandleError(errBoom, 0)
	become(switchgear.Open, switchgear.HalfOpen)
	probe, err := b.Allow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Done(nil)
	at, _ := serve(t, "127.0.0.1:0", &service{}, guarded(b, grpcbreaker.Options{})...)
	client, _ := dial(t, at, nil, grpcbreaker.Options{})
	_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if s := status.Convert(err); s.Code() != codes.Unavailable || s.Message() != "switchgear: ledger is recovering" {
		t.Errorf("rejection = %v", err)
	}
	if got := toldWait(t, err); got <= 0 || got > time.Second {
		t.Errorf("RetryInfo says %v, want the time to the next second", got)
	}
}

func TestClient_StaysAwayAsLongAsRetryInfoAsks(t *testing.T) {
	t.Parallel()
	exhausted := func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		s, err := status.New(codes.ResourceExhausted, "too many").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Minute)})
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: exhausted})
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Second})
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if errors.Is(err, switchgear.ErrOpen) || status.Code(err) != codes.ResourceExhausted {
		t.Fatalf("the service's own error was changed: %v", err)
	}
	_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if open, ok := errors.AsType[*switchgear.OpenError](err); !ok || !about(open.RetryAfter(), 20*time.Minute) {
		t.Errorf("the circuit: %v, want it open for 20 min", err)
	}
}
