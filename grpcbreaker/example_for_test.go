package grpcbreaker_test

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// Reports are slow and may fail while the rest of the service is well: its
// methods have breakers of their own.
func ExampleOptions() {
	service, err := switchgear.New("ledger", switchgear.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	checks, err := switchgear.New("ledger.checks", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	options := grpcbreaker.Options{
		For: func(_ context.Context, method, _ string) *switchgear.Breaker {
			if method == healthpb.Health_Check_FullMethodName {
				return checks
			}
			return nil // the breaker of the service
		},
		Lasting: func(method string) bool { return method == healthpb.Health_Watch_FullMethodName },
	}
	conn, err := grpc.NewClient("127.0.0.1:1", // nobody listens there
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(service, options)),
		grpc.WithChainStreamInterceptor(grpcbreaker.StreamClientInterceptor(service, options)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_, err = healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(err != nil, checks.State(), service.State())
	// Output: true open closed
}
