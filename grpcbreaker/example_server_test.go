package grpcbreaker_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// failing is a service whose database is away.
type failing struct {
	healthpb.UnimplementedHealthServer
}

func (failing) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return nil, status.Error(codes.Internal, "the database is away")
}

// A server whose handlers keep failing answers at once, and says when to come
// back.
func ExampleUnaryServerInterceptor() {
	b, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 1, ResetTimeout: 30 * time.Second, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcbreaker.UnaryServerInterceptor(b, grpcbreaker.Options{})),
		grpc.ChainStreamInterceptor(grpcbreaker.StreamServerInterceptor(b, grpcbreaker.Options{})),
	)
	healthpb.RegisterHealthServer(server, failing{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = server.Serve(l) }()
	defer server.Stop()

	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	for range 2 {
		_, err = healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
		s := status.Convert(err)
		fmt.Println(s.Code(), "-", s.Message())
		for _, detail := range s.Details() {
			if info, ok := detail.(*errdetails.RetryInfo); ok {
				fmt.Println("retry after", info.GetRetryDelay().AsDuration().Round(time.Second))
			}
		}
	}
	// Output:
	// Internal - the database is away
	// Unavailable - switchgear: ledger is open
	// retry after 30s
}
