package grpcbreaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// The client's reset arrives before the server's own timer.
func TestServer_ADependencyThatHangsOpensTheCircuitWhereClientsHaveDeadlines(t *testing.T) {
	t.Parallel()
	for _, deadline := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(deadline.String(), func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 3})
			become := states(t, b)
			at, _ := serve(t, "127.0.0.1:0", &service{unary: func(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if in.GetFillUsername() {
					<-ctx.Done() // a query of what hangs
				}
				return &testpb.SimpleResponse{}, ctx.Err()
			}}, guarded(b, grpcbreaker.Options{})...)
			client, _ := dial(t, at, newBreaker(t, switchgear.Config{Disabled: true}), grpcbreaker.Options{})
			if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := client.UnaryCall(withTimeout(t, deadline), &testpb.SimpleRequest{FillUsername: true}); status.Code(err) != codes.DeadlineExceeded {
					t.Fatalf("a call that hangs: %v", err)
				}
			}
			become(switchgear.Open)
		})
	}
}

func TestServer_IgnoresAClientThatHasGoneWhateverTheHandlerSays(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]struct {
		err  error
		want switchgear.Operations
	}{
		"its context's error": {context.Canceled, switchgear.Operations{Ignored: 1}},
		"a status":            {status.Error(codes.Internal, "query: context canceled"), switchgear.Operations{Ignored: 1}},
		"an error":            {errBoom, switchgear.Operations{Ignored: 1}},
		"an answer":           {status.Error(codes.NotFound, "no such account"), switchgear.Operations{Successful: 1}},
		"nothing":             {nil, switchgear.Operations{Successful: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			began := make(chan struct{})
			at, _ := serve(t, "127.0.0.1:0", &service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				close(began)
				<-ctx.Done()
				return &testpb.SimpleResponse{}, says.err
			}}, guarded(b, grpcbreaker.Options{})...)
			client, _ := dial(t, at, newBreaker(t, switchgear.Config{}), grpcbreaker.Options{})
			ctx, cancel := context.WithCancel(withTimeout(t, time.Hour))
			go func() {
				<-began
				cancel()
			}()
			_, _ = client.UnaryCall(ctx, &testpb.SimpleRequest{})
			counts(t, b, says.want)
		})
	}
}

// What is canceled with nearly no time left is a deadline, on either side.
func TestCanceled_WhereTheTimeHadRunOutIsAFailure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given, waited time.Duration
		failed        bool
	}{
		"long, gone early":   {10 * time.Second, 8900 * time.Millisecond, false},
		"long, waited":       {10 * time.Second, 9100 * time.Millisecond, true},
		"usual, gone early":  {100 * time.Millisecond, 75 * time.Millisecond, false},
		"usual, waited":      {100 * time.Millisecond, 85 * time.Millisecond, true},
		"short, gone early":  {10 * time.Millisecond, 4 * time.Millisecond, false},
		"short, waited":      {10 * time.Millisecond, 6 * time.Millisecond, true},
		"without a deadline": {0, time.Hour, false},
	} {
		for side, call := range map[string]func(context.Context, *switchgear.Breaker, error) error{
			"of a server": func(ctx context.Context, b *switchgear.Breaker, says error) error {
				_, err := grpcbreaker.UnaryServerInterceptor(b, grpcbreaker.Options{})(ctx, nil, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
					<-ctx.Done()
					return nil, says
				})
				return err
			},
			"of a client": func(ctx context.Context, b *switchgear.Breaker, says error) error {
				return grpcbreaker.UnaryClientInterceptor(b, grpcbreaker.Options{})(ctx, "/m", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
					<-ctx.Done()
					return says
				})
			},
		} {
			t.Run(name+" "+side, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBreaker(t, switchgear.Config{})
					ctx := t.Context()
					if tt.given > 0 {
						ctx = withTimeout(t, tt.given)
					}
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(tt.waited, cancel)
					says := status.Error(codes.Canceled, "context canceled")
					if err := call(ctx, b, says); !errors.Is(err, says) {
						t.Errorf("err = %v, want the call's own", err)
					}
					want := switchgear.Operations{Ignored: 1}
					if tt.failed {
						want = switchgear.Operations{Failed: 1}
					}
					counts(t, b, want)
				})
			})
		}
	}
}

func TestMessage_ThatIsTooLargeIsNobodysFailure(t *testing.T) {
	t.Parallel()
	big := &testpb.Payload{Body: make([]byte, 1000)}
	for name, tt := range map[string]struct {
		server []grpc.ServerOption
		client []grpc.CallOption
	}{
		"for the client to send":    {nil, []grpc.CallOption{grpc.MaxCallSendMsgSize(100)}},
		"for the client to receive": {nil, []grpc.CallOption{grpc.MaxCallRecvMsgSize(100)}},
		"for the server to receive": {[]grpc.ServerOption{grpc.MaxRecvMsgSize(100)}, nil},
		"for the server to send":    {[]grpc.ServerOption{grpc.MaxSendMsgSize(100)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := serve(t, "127.0.0.1:0", &service{unary: func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return &testpb.SimpleResponse{Payload: big}, nil
			}}, tt.server...)
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
			client, _ := dial(t, at, b, grpcbreaker.Options{})
			if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: big}, tt.client...); status.Code(err) != codes.ResourceExhausted {
				t.Fatalf("err = %v", err)
			}
			counts(t, b, switchgear.Operations{Ignored: 1})
		})
	}
}
