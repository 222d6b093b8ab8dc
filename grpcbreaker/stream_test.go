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

type downloads = grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]

// sends is a download of n messages that then ends in err, or hangs until its
// client has gone.
func sends(n int, err error, hang bool) func(*testpb.StreamingOutputCallRequest, downloads) error {
	return func(_ *testpb.StreamingOutputCallRequest, out downloads) error {
		for range n {
			if err := out.Send(&testpb.StreamingOutputCallResponse{}); err != nil {
				return err
			}
		}
		if hang {
			<-out.Context().Done()
			return out.Context().Err()
		}
		return err
	}
}

// downloading is a stream that is open, and all that can end it.
type downloading struct {
	breaker *switchgear.Breaker
	stream  grpc.ServerStreamingClient[testpb.StreamingOutputCallResponse]
	conn    *grpc.ClientConn
	cancel  context.CancelFunc
	kill    func()
}

// download opens a stream through a new breaker and receives n messages.
func download(t *testing.T, timeout time.Duration, s *service, n int) (d downloading) {
	t.Helper()
	at, kill := serve(t, "127.0.0.1:0", s)
	b := newBreaker(t, switchgear.Config{})
	client, conn := dial(t, at, b, grpcbreaker.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	stream, err := client.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Operations(); got != (switchgear.Operations{}) {
		t.Fatalf("the permit ended before the stream: %+v", got)
	}
	return downloading{b, stream, conn, cancel, kill}
}

func TestClientStream_PermitEndsAtTheEndOfTheStream(t *testing.T) {
	t.Parallel()
	d := download(t, patience, &service{download: sends(2, nil, false)}, 2)
	for range 3 {
		if _, err := d.stream.Recv(); !errors.Is(err, io.EOF) {
			t.Fatalf("Recv after the end: %v", err)
		}
	}
	counts(t, d.breaker, switchgear.Operations{Successful: 1})
}

func TestClientStream_AnErrorInTheMiddleIsTheOutcome(t *testing.T) {
	t.Parallel()
	d := download(t, patience, &service{download: sends(1, status.Error(codes.DataLoss, "gone"), false)}, 1)
	for range 2 {
		if _, err := d.stream.Recv(); status.Code(err) != codes.DataLoss {
			t.Fatalf("Recv: %v", err)
		}
	}
	counts(t, d.breaker, switchgear.Operations{Failed: 1})
}

func TestClientStream_CanceledByItsCallerIsIgnoredEvenIfNobodyReads(t *testing.T) {
	t.Parallel()
	d := download(t, patience, &service{download: sends(1, nil, true)}, 1)
	d.cancel()
	counts(t, d.breaker, switchgear.Operations{Ignored: 1})
}

func TestClientStream_ADeadlineIsAFailure(t *testing.T) {
	t.Parallel()
	d := download(t, 300*time.Millisecond, &service{download: sends(1, nil, true)}, 1)
	if _, err := d.stream.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("Recv: %v", err)
	}
	counts(t, d.breaker, switchgear.Operations{Failed: 1})
}

func TestClientStream_AServerThatDiesIsAFailure(t *testing.T) {
	t.Parallel()
	d := download(t, patience, &service{download: sends(1, nil, true)}, 1)
	d.kill()
	if _, err := d.stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Fatalf("Recv: %v", err)
	}
	counts(t, d.breaker, switchgear.Operations{Failed: 1})
}

func TestClientStream_ClosingTheConnectionFreesWhatLiesAround(t *testing.T) {
	t.Parallel()
	d := download(t, patience, &service{download: sends(1, nil, true)}, 1)
	if err := d.conn.Close(); err != nil {
		t.Fatal(err)
	}
	counts(t, d.breaker, switchgear.Operations{Ignored: 1})
}

func TestClientStream_CloseSendIsNotTheEnd(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	upload := func(in grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error {
		for {
			if _, err := in.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err
			}
		}
		<-answer
		return in.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: 7})
	}
	at, _ := serve(t, "127.0.0.1:0", &service{upload: upload})
	b := newBreaker(t, switchgear.Config{})
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	stream, err := client.StreamingInputCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&testpb.StreamingInputCallRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if got := b.Operations(); got != (switchgear.Operations{}) {
		t.Fatalf("the permit ended with CloseSend: %+v", got)
	}
	close(answer)
	if got, err := stream.CloseAndRecv(); err != nil || got.GetAggregatedPayloadSize() != 7 {
		t.Fatalf("CloseAndRecv = %v, %v", got, err)
	}
	counts(t, b, switchgear.Operations{Successful: 1})
}

func TestClientStream_ThatCannotBeginIsOneFailure(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	at, kill := serve(t, "127.0.0.1:0", &service{})
	kill()
	client, _ := dial(t, at, b, grpcbreaker.Options{})
	if _, err := client.FullDuplexCall(withTimeout(t, patience)); status.Code(err) != codes.Unavailable {
		t.Fatalf("a stream to nobody: %v", err)
	}
	counts(t, b, switchgear.Operations{Failed: 1})
}

func TestLastingStream_ProvesTheServiceWithItsFirstMessage(t *testing.T) {
	t.Parallel()
	o := grpcbreaker.Options{Lasting: func(method string) bool { return method == testpb.TestService_StreamingOutputCall_FullMethodName }}
	cfg := switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Millisecond, ProbeTimeout: time.Hour, MinHealthyPeriod: -1, BackoffMultiplier: 1}
	server, b := newBreaker(t, switchgear.Config{}), newBreaker(t, cfg)
	at, kill := serve(t, "127.0.0.1:0", &service{download: sends(1, nil, true)}, guarded(server, o)...)
	become := states(t, b)
	client, _ := dial(t, at, b, o)
	b.HandleError(errBoom, 0)
	become(switchgear.Open, switchgear.HalfOpen)
	stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	become(switchgear.Closed) // while the stream goes on
	counts(t, b, switchgear.Operations{Successful: 1, Failed: 1})
	counts(t, server, switchgear.Operations{Successful: 1})
	kill()
	if _, err := stream.Recv(); err == nil {
		t.Fatal("the stream outlived its server")
	}
	become(switchgear.Open) // its end is an outcome of its own
	counts(t, b, switchgear.Operations{Successful: 1, Failed: 2})
}

func TestLastingStream_ThatEndsWellCountsOnce(t *testing.T) {
	t.Parallel()
	o := grpcbreaker.Options{Lasting: func(string) bool { return true }}
	server, b := newBreaker(t, switchgear.Config{}), newBreaker(t, switchgear.Config{})
	at, _ := serve(t, "127.0.0.1:0", &service{download: sends(3, nil, false)}, guarded(server, o)...)
	client, _ := dial(t, at, b, o)
	stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	counts(t, b, switchgear.Operations{Successful: 1})
	counts(t, server, switchgear.Operations{Successful: 1})
}

// endless is a stream that always has a message.
type endless struct{ grpc.ClientStream }

func (endless) RecvMsg(any) error { return nil }

func TestLastingStream_CountsOnceWhenItsMessageAndItsEndMeet(t *testing.T) {
	t.Parallel()
	const streams = 2000
	b := newBreaker(t, switchgear.Config{Disabled: true})
	intercept := grpcbreaker.StreamClientInterceptor(b, grpcbreaker.Options{Lasting: func(string) bool { return true }})
	for range streams {
		var finish func(error)
		stream, err := intercept(t.Context(), &grpc.StreamDesc{}, nil, "/m",
			func(_ context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				for _, o := range opts {
					if f, ok := o.(grpc.OnFinishCallOption); ok {
						finish = f.OnFinish
					}
				}
				return endless{}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = stream.RecvMsg(nil) })
		wg.Go(func() { finish(nil) })
		wg.Wait()
	}
	counts(t, b, switchgear.Operations{Successful: streams})
}
