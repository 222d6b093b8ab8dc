package grpcbreaker_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// answers is a service that answers with the status that it is asked for.
func answers(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	s := in.GetResponseStatus()
	return &testpb.SimpleResponse{}, status.Error(codes.Code(s.GetCode()), s.GetMessage())
}

func ask(code codes.Code) *testpb.SimpleRequest {
	return &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: int32(code), Message: "as asked"}}
}

func TestClient_CountsTheCodesThatBlameTheService(t *testing.T) {
	t.Parallel()
	at, _ := serve(t, "127.0.0.1:0", &service{unary: answers})
	failure := map[codes.Code]bool{
		codes.Canceled: true, // the service says it; the caller is still there
		codes.Unknown:  true, codes.DeadlineExceeded: true, codes.ResourceExhausted: true, codes.Internal: true,
		codes.Unavailable: true, codes.DataLoss: true, codes.Code(99): true,
	}
	for code := range codes.Code(18) {
		if code == 17 {
			code = 99
		}
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{})
			client, _ := dial(t, at, b, grpcbreaker.Options{})
			_, err := client.UnaryCall(t.Context(), ask(code))
			if got := status.Code(err); got != code {
				t.Fatalf("code = %v, want the service's own, %v", got, code)
			}
			want := switchgear.Operations{Successful: 1}
			if failure[code] {
				want = switchgear.Operations{Failed: 1}
			}
			counts(t, b, want)
		})
	}
}

func TestClient_ClassifyReplacesTheCodes(t *testing.T) {
	t.Parallel()
	at, _ := serve(t, "127.0.0.1:0", &service{unary: answers})
	b := newBreaker(t, switchgear.Config{})
	client, _ := dial(t, at, b, grpcbreaker.Options{Classify: func(err error) switchgear.Outcome {
		if code := status.Code(err); code == codes.NotFound {
			return switchgear.Failure
		} else if code == codes.Unavailable {
			return switchgear.Ignored
		}
		return grpcbreaker.Classify(err)
	}})
	for _, code := range []codes.Code{codes.OK, codes.NotFound, codes.Unavailable, codes.Internal, codes.AlreadyExists} {
		_, _ = client.UnaryCall(t.Context(), ask(code))
	}
	counts(t, b, switchgear.Operations{Successful: 2, Failed: 2, Ignored: 1})
}

func TestClient_OpensWhenTheServerIsKilledAndClosesWhenItIsBack(t *testing.T) {
	t.Parallel()
	at, kill := serve(t, "127.0.0.1:0", &service{})
	b := newBreaker(t, switchgear.Config{
		FailureThreshold: 3, ResetTimeout: 50 * time.Millisecond, MinHealthyPeriod: 50 * time.Millisecond, BackoffMultiplier: 1,
	})
	become := states(t, b)
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	kill()
	for range 3 {
		if _, err := client.UnaryCall(withTimeout(t, patience), &testpb.SimpleRequest{}); status.Code(err) != codes.Unavailable {
			t.Fatalf("a call of a dead server: %v", err)
		}
	}
	become(switchgear.Open)
	if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); !errors.Is(err, switchgear.ErrOpen) {
		t.Fatalf("a call through the open circuit: %v", err)
	}
	become(switchgear.HalfOpen)
	if _, err := client.UnaryCall(withTimeout(t, patience), &testpb.SimpleRequest{}); err == nil {
		t.Fatal("a probe of a dead server succeeded")
	}
	become(switchgear.Open)
	serve(t, at, &service{})
	for b.State() != switchgear.Closed { // the connection may take a try or two to come back
		_, _ = client.UnaryCall(withTimeout(t, patience), &testpb.SimpleRequest{})
	}
	if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
		t.Errorf("a call of the server that is back: %v", err)
	}
}

func TestClient_OpensWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: hang})
	b := newBreaker(t, switchgear.Config{FailureThreshold: 2})
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	for range 2 {
		if _, err := client.UnaryCall(withTimeout(t, 20*time.Millisecond), &testpb.SimpleRequest{}); status.Code(err) != codes.DeadlineExceeded {
			t.Fatalf("a call of a hung server: %v", err)
		}
	}
	if got := b.State(); got != switchgear.Open {
		t.Errorf("state = %v, want open", got)
	}
}

func TestClient_OpensWhenTheServerIsSlow(t *testing.T) {
	t.Parallel()
	slow := func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		<-time.After(30 * time.Millisecond)
		return &testpb.SimpleResponse{}, nil
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: slow})
	b := newBreaker(t, switchgear.Config{SlowCallDuration: 20 * time.Millisecond, SlowCallRateThreshold: 1, MinimumOperations: 3})
	become := states(t, b)
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	for range 3 {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	become(switchgear.Open)
}

func TestClient_IgnoresWhatItsOwnCallerEnded(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 2)
	hang := func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	at, _ := serve(t, "127.0.0.1:0", &service{unary: hang})
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	for name, end := range map[string]func(context.CancelFunc, *grpc.ClientConn){
		"canceled":          func(cancel context.CancelFunc, _ *grpc.ClientConn) { cancel() },
		"connection closed": func(_ context.CancelFunc, conn *grpc.ClientConn) { _ = conn.Close() },
	} {
		client, conn := dial(t, at, b, grpcbreaker.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{})
			done <- err
		}()
		<-began
		end(cancel, conn)
		if err := <-done; status.Code(err) != codes.Canceled {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	counts(t, b, switchgear.Operations{Ignored: 2})
	if got := b.State(); got != switchgear.Closed {
		t.Errorf("state = %v, want closed", got)
	}
}

func TestOptions_ForPicksTheBreakerOfEachMethodAndTarget(t *testing.T) {
	t.Parallel()
	at, _ := serve(t, "127.0.0.1:0", &service{unary: answers})
	unary := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	rest := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	o := grpcbreaker.Options{For: func(_ context.Context, method, target string) *switchgear.Breaker {
		if target != at {
			t.Errorf("target = %q, want %q", target, at)
		}
		if method == testpb.TestService_UnaryCall_FullMethodName {
			return unary
		}
		return nil
	}}
	client, _ := dial(t, at, rest, o)
	_, _ = client.UnaryCall(t.Context(), ask(codes.Internal))
	_, _ = client.EmptyCall(t.Context(), &testpb.Empty{}) // unimplemented
	counts(t, unary, switchgear.Operations{Failed: 1})
	counts(t, rest, switchgear.Operations{Successful: 1})

	free, _ := dial(t, at, nil, o)
	if _, err := free.EmptyCall(t.Context(), &testpb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a call that no breaker guards: %v", err)
	}
	stream, err := free.FullDuplexCall(withTimeout(t, time.Millisecond))
	if err == nil {
		_, err = stream.Recv()
	}
	if err == nil {
		t.Error("a stream that no breaker guards outlived its context")
	}
}

func TestClient_EveryAdmissionIsSettledOnceAmongManyCallers(t *testing.T) {
	t.Parallel()
	echo := func(both grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
		if _, err := both.Recv(); err != nil {
			return err
		}
		return both.Send(&testpb.StreamingOutputCallResponse{})
	}
	server := newBreaker(t, switchgear.Config{Disabled: true})
	at, _ := serve(t, "127.0.0.1:0", &service{unary: answers, duplex: echo}, guarded(server, grpcbreaker.Options{})...)
	b := newBreaker(t, switchgear.Config{Disabled: true})
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	const callers, each = 16, 10
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range each {
				var err error
				switch i % 3 {
				case 0:
					_, err = client.UnaryCall(t.Context(), ask(codes.OK))
				case 1:
					if _, failed := client.UnaryCall(t.Context(), ask(codes.DataLoss)); failed == nil {
						err = errors.New("no error")
					}
				case 2:
					err = talk(t.Context(), client)
				}
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	want := switchgear.Operations{Successful: callers * 7, Failed: callers * 3}
	counts(t, b, want)
	counts(t, server, want)
}

// talk says one thing over a stream and hears one.
func talk(ctx context.Context, client testpb.TestServiceClient) error {
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&testpb.StreamingOutputCallRequest{}); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
