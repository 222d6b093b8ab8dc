package grpcbreaker_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errBoom is a failure that has no status of its own.
var errBoom = errors.New("boom")

// patience bounds every wait of the tests that nothing should reach.
const patience = 20 * time.Second

// service is a real gRPC service whose methods the tests choose.
type service struct {
	testpb.UnimplementedTestServiceServer

	unary    func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error)
	download func(*testpb.StreamingOutputCallRequest, grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error
	upload   func(grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error
	duplex   func(grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error
}

func (s *service) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if s.unary == nil {
		return &testpb.SimpleResponse{}, nil
	}
	return s.unary(ctx, in)
}

func (s *service) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
	return s.download(in, out)
}

func (s *service) StreamingInputCall(in grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error {
	return s.upload(in)
}

func (s *service) FullDuplexCall(both grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
	if s.duplex == nil {
		return status.Error(codes.Unimplemented, "no such method")
	}
	return s.duplex(both)
}

// serve starts the service on the address and returns it, with what kills it.
func serve(t *testing.T, address string, s *service, opts ...grpc.ServerOption) (at string, kill func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(opts...)
	testpb.RegisterTestServiceServer(server, s)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("Serve: %v", err)
		}
	})
	kill = func() {
		server.Stop()
		wg.Wait()
	}
	t.Cleanup(kill)
	return l.Addr().String(), kill
}

// dial is a client of the address through the breaker.
func dial(t *testing.T, address string, b *switchgear.Breaker, o grpcbreaker.Options) (testpb.TestServiceClient, *grpc.ClientConn) {
	t.Helper()
	quick := backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: time.Second}),
		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(b, o)),
		grpc.WithChainStreamInterceptor(grpcbreaker.StreamClientInterceptor(b, o)),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return testpb.NewTestServiceClient(conn), conn
}

// guarded are the options of a server behind the breaker.
func guarded(b *switchgear.Breaker, o grpcbreaker.Options) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(grpcbreaker.UnaryServerInterceptor(b, o)),
		grpc.ChainStreamInterceptor(grpcbreaker.StreamServerInterceptor(b, o)),
	}
}

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("ledger", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// states tells the breaker's states as they come.
func states(t *testing.T, b *switchgear.Breaker) func(want ...switchgear.State) {
	t.Helper()
	seen := make(chan switchgear.State, 64)
	t.Cleanup(b.Observe(func(tr switchgear.Transition) { seen <- tr.To }))
	return func(want ...switchgear.State) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-seen:
				if got != w {
					t.Fatalf("the breaker became %v, want %v", got, w)
				}
			case <-time.After(patience):
				t.Fatalf("the breaker is %v, and never became %v", b.State(), w)
			}
		}
	}
}

// counts waits until the breaker has counted the operations: on the other side
// of a connection an end is known a little later.
func counts(t *testing.T, b *switchgear.Breaker, want switchgear.Operations) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.Operations() != want {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("operations = %+v, want %+v", b.Operations(), want)
		}
	}
}

// withTimeout is a context for what may hang.
func withTimeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
