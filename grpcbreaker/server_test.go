package grpcbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

func TestServer_CountsWhatItsHandlersReturn(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	results := make(chan error, 8)
	handler := func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return &testpb.SimpleResponse{}, <-results
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: handler}, guarded(b, grpcbreaker.Options{})...)
	client, _ := dial(t, at, nil, grpcbreaker.Options{})
	for _, err := range []error{
		nil, status.Error(codes.NotFound, "no such account"), // successes
		errBoom, fmt.Errorf("query: %w", context.DeadlineExceeded), // failures
		fmt.Errorf("query: %w", context.Canceled), // a failure: the client is still there
		switchgear.Ignore(errBoom),                // ignored
	} {
		results <- err
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	}
	counts(t, b, switchgear.Operations{Successful: 2, Failed: 3, Ignored: 1})
}

func TestServer_IgnoresAClientThatHasGone(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	began := make(chan struct{})
	handler := func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		close(began)
		<-ctx.Done()
		return nil, fmt.Errorf("query: %w", ctx.Err())
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: handler}, guarded(b, grpcbreaker.Options{})...)
	client, _ := dial(t, at, nil, grpcbreaker.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	_, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{})
	counts(t, b, switchgear.Operations{Ignored: 1})
}

func TestServer_APanicIsAFailureAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, lasting := range map[string]bool{"ordinary": false, "lasting": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{})
			o := grpcbreaker.Options{Lasting: func(string) bool { return lasting }}
			var seen []any
			recovered := func(f func() error) (err error) {
				defer func() {
					if v := recover(); v != nil {
						seen = append(seen, v)
						err = status.Error(codes.Internal, "panicked")
					}
				}()
				return f()
			}
			opts := append([]grpc.ServerOption{
				grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (v any, err error) {
					return v, recovered(func() error { v, err = handler(ctx, req); return err })
				}),
				grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
					return recovered(func() error { return handler(srv, stream) })
				}),
			}, guarded(b, o)...)
			at, _ := serve(t, "127.0.0.1:0", &service{
				unary:    func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { panic("unary") },
				download: func(*testpb.StreamingOutputCallRequest, downloads) error { panic("stream") },
			}, opts...)
			client, _ := dial(t, at, nil, grpcbreaker.Options{})
			_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.Recv()
			if got, want := fmt.Sprint(seen), "[unary stream]"; got != want {
				t.Errorf("outside arrived %v, want %v", got, want)
			}
			counts(t, b, switchgear.Operations{Failed: 2})
		})
	}
}

func TestServer_AGoexitIsIgnoredAndFreesTheProbe(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Millisecond, ProbeTimeout: time.Hour, MinHealthyPeriod: -1})
	become := states(t, b)
	b.HandleError(errBoom, 0)
	become(switchgear.Open, switchgear.HalfOpen)
	intercept := grpcbreaker.UnaryServerInterceptor(b, grpcbreaker.Options{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = intercept(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) {
			runtime.Goexit()
			return nil, nil
		})
	}()
	<-ended
	counts(t, b, switchgear.Operations{Failed: 1, Ignored: 1})
	if _, err := intercept(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
		t.Fatalf("the next probe was not let in: %v", err)
	}
	become(switchgear.Closed)
}

func TestClient_APanicWhileAStreamBeginsIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	intercept := grpcbreaker.StreamClientInterceptor(b, grpcbreaker.Options{})
	func() {
		defer func() {
			if v := recover(); v != "inner" {
				t.Errorf("recovered %v, want the inner interceptor's panic", v)
			}
		}()
		_, _ = intercept(t.Context(), &grpc.StreamDesc{}, nil, "/m", func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			panic("inner")
		})
	}()
	counts(t, b, switchgear.Operations{Failed: 1})
}

func TestClassify_TakesAnErrorWithoutAStatusForUnknown(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"plain": errors.New("boom"), "deadline": context.DeadlineExceeded, "wrapped status": fmt.Errorf("x: %w", status.Error(codes.Internal, "y")),
	} {
		if got := grpcbreaker.Classify(err); got != switchgear.Failure {
			t.Errorf("%s: %v, want failure", name, got)
		}
	}
	if got := grpcbreaker.Classify(fmt.Errorf("x: %w", status.Error(codes.NotFound, "y"))); got != switchgear.Success {
		t.Errorf("a wrapped NotFound: %v, want success", got)
	}
}
