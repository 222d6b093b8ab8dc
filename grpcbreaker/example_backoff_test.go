package grpcbreaker_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// The channel tries to connect more often than the breaker lets a probe in, so
// that the first probe after the upstream is back finds a connection.
func Example_backoff() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	address := l.Addr().String()
	_ = l.Close() // the upstream is down

	ledger, err := switchgear.New("ledger", switchgear.Config{
		FailureThreshold: 1, ResetTimeout: 500 * time.Millisecond, Jitter: -1, MinHealthyPeriod: -1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	recovering := make(chan struct{}, 1)
	defer ledger.Observe(func(t switchgear.Transition) {
		if t.To == switchgear.HalfOpen {
			recovering <- struct{}{}
		}
	})()
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 50 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(ledger, grpcbreaker.Options{})),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	check := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		fmt.Println(status.Code(err), "- the circuit is", ledger.State())
	}
	check()

	if l, err = net.Listen("tcp", address); err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	<-recovering
	check()
	// Output:
	// Unavailable - the circuit is open
	// OK - the circuit is closed
}
