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

// Each method of each target has a breaker of its own, all of one config: what
// one of them does to its upstream is not the others' to pay for.
func ExampleOptions_keyed() {
	upstreams, err := switchgear.NewKeyed("upstreams", switchgear.KeyedConfig{
		Config:  switchgear.Config{FailureThreshold: 2},
		MaxKeys: 1000,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	options := grpcbreaker.Options{
		For: func(_ context.Context, method, target string) *switchgear.Breaker {
			return upstreams.Breaker(target + method)
		},
	}
	const target = "127.0.0.1:1" // nobody listens there
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(nil, options)),
		grpc.WithChainStreamInterceptor(grpcbreaker.StreamClientInterceptor(nil, options)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	client := healthpb.NewHealthClient(conn)
	for range 2 {
		_, _ = client.Check(context.Background(), &healthpb.HealthCheckRequest{})
	}
	_, _ = client.List(context.Background(), &healthpb.HealthListRequest{})
	for _, method := range []string{healthpb.Health_Check_FullMethodName, healthpb.Health_List_FullMethodName} {
		b, _ := upstreams.Lookup(target + method)
		fmt.Println(b.Key(), b.State())
	}
	// Output:
	// 127.0.0.1:1/grpc.health.v1.Health/Check open
	// 127.0.0.1:1/grpc.health.v1.Health/List closed
}
