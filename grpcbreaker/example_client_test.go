package grpcbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// A client stays away from an upstream that is down.
func ExampleUnaryClientInterceptor() {
	ledger, err := switchgear.New("ledger", switchgear.Config{FailureThreshold: 3, ResetTimeout: time.Minute, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := grpc.NewClient("127.0.0.1:1", // nobody listens there
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(ledger, grpcbreaker.Options{})),
		grpc.WithChainStreamInterceptor(grpcbreaker.StreamClientInterceptor(ledger, grpcbreaker.Options{})),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()

	client := healthpb.NewHealthClient(conn)
	for range 4 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		cancel()
		if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
			fmt.Println("not asked; come back in", open.RetryAfter().Round(time.Minute))
		}
		fmt.Println(status.Code(err))
	}
	// Output:
	// Unavailable
	// Unavailable
	// Unavailable
	// not asked; come back in 1m0s
	// Unavailable
}
