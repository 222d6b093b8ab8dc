package probe_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

func grpcCheck(address, service string) config.HealthCheck {
	return config.HealthCheck{GRPC: &config.GRPCCheck{Address: address, Service: service}}
}

// grpcServer serves on an address and returns it with what stops it.
func grpcServer(t *testing.T, address string, register func(*grpc.Server), opts ...grpc.ServerOption) (at string, stop func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	register(s)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	stop = func() {
		s.Stop()
		wg.Wait()
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// peerOf is who calls: its connection and what it says of itself.
func peerOf(ctx context.Context) string {
	from, _ := peer.FromContext(ctx)
	md, _ := metadata.FromIncomingContext(ctx)
	return fmt.Sprint(from.Addr, " ", md.Get("user-agent"))
}

func withHealth(h *health.Server) func(*grpc.Server) {
	return func(s *grpc.Server) { healthpb.RegisterHealthServer(s, h) }
}

// answering is a health service that answers with an error.
type answering struct {
	healthpb.UnimplementedHealthServer

	code codes.Code
}

func (a answering) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return nil, status.Error(a.code, "secret")
}

func TestProbe_GRPC(t *testing.T) {
	t.Parallel()
	h := health.NewServer()
	h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	h.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
	up, _ := grpcServer(t, "127.0.0.1:0", withHealth(h))
	bare, _ := grpcServer(t, "127.0.0.1:0", func(*grpc.Server) {})
	failing := func(code codes.Code) string {
		address, _ := grpcServer(t, "127.0.0.1:0", func(s *grpc.Server) { healthpb.RegisterHealthServer(s, answering{code: code}) })
		return address
	}
	web := strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) {}).URL, "http://")
	garbage, _ := listen(t, func(c net.Conn) {
		say(c, "this is a secret and no frame of HTTP/2")
		silent(c)
	})
	for _, tc := range []struct {
		name, address, service, want string
		opts                         probe.Options
	}{
		{name: "the server is up", address: up},
		{name: "a service is up", address: up, service: "up"},
		{name: "a service is down", address: up, service: "down", want: "NOT_SERVING, want SERVING"},
		{name: "a service is unknown", address: up, service: "other", want: "the server does not know the service"},
		{name: "no health service", address: bare, want: "the server does not have grpc.health.v1.Health"},
		{name: "an error", address: failing(codes.Internal), want: "status Internal, want SERVING"},
		{name: "cancelled by the server", address: failing(codes.Canceled), want: "status Canceled, want SERVING"},
		{name: "unavailable", address: failing(codes.Unavailable), want: "no answer, or none in gRPC"},
		{name: "refused", address: nobody(t), want: "connection refused"},
		{name: "HTTP/1", address: web, want: "no answer, or none in gRPC"},
		{name: "garbage", address: garbage, want: "no answer, or none in gRPC"},
		{name: "forbidden", address: up, want: "dial: the address is not allowed", opts: probe.Options{Control: forbid}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, want := check(t, newProbe(t, grpcCheck(tc.address, tc.service), tc.opts), long), ""
			if tc.want != "" {
				want = strings.TrimSuffix("grpc "+tc.address+" "+tc.service, " ") + ": " + tc.want
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestProbe_GRPCToleratesAReset(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, reset)
	got := strings.TrimPrefix(check(t, newProbe(t, grpcCheck(address, ""), probe.Options{}), long), "grpc "+address+": ")
	// Which of them it is depends on what was under way when the reset came.
	if got != "connection reset" && got != "no answer, or none in gRPC" {
		t.Errorf("got %q", got)
	}
}

func TestProbe_GRPCKeepsItsConnectionAndMakesANewOneWhenItBreaks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var callers []string
	counting := grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		mu.Lock()
		callers = append(callers, peerOf(ctx))
		mu.Unlock()
		return next(ctx, req)
	})
	address, stop := grpcServer(t, "127.0.0.1:0", withHealth(health.NewServer()), counting)
	p := newProbe(t, grpcCheck(address, ""), probe.Options{Version: "1.2.3"})
	for range 3 {
		if failed := check(t, p, long); failed != "" {
			t.Fatal(failed)
		}
	}
	if callers[0] != callers[1] || callers[1] != callers[2] || !strings.Contains(callers[0], "switchgear/1.2.3") {
		t.Errorf("the checks came from %q, want one connection of switchgear/1.2.3", callers)
	}
	stop()
	for range 3 {
		if got, want := check(t, p, long), "grpc "+address+": connection refused"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_, stop = grpcServer(t, address, withHealth(health.NewServer()))
	if failed := check(t, p, long); failed != "" {
		t.Errorf("after the server has come back: %s", failed)
	}
	stop()
	grpcServer(t, address, withHealth(health.NewServer()))
	if failed := check(t, p, long); failed != "" {
		t.Errorf("after the server was restarted: %s", failed)
	}
}

func TestProbe_GRPCVerifiesTheServer(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // it has a certificate
	t.Cleanup(web.Close)
	address, _ := grpcServer(t, "127.0.0.1:0", withHealth(health.NewServer()),
		grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	hc := grpcCheck(address, "")
	hc.GRPC.TLS = true
	got := check(t, newProbe(t, hc, probe.Options{}), long)
	if want := "grpc " + address + ": tls: failed to verify certificate: x509: "; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
	pool := x509.NewCertPool()
	pool.AddCert(web.Certificate())
	if got := check(t, newProbe(t, hc, probe.Options{RootCAs: pool}), long); got != "" {
		t.Errorf("with the right authority: %s", got)
	}
}

func TestProbe_GRPCCanBeUsedByManyWhoGiveUp(t *testing.T) {
	t.Parallel()
	address, _ := grpcServer(t, "127.0.0.1:0", withHealth(health.NewServer()))
	p := newProbe(t, grpcCheck(address, ""), probe.Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 30 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%3 == 0 {
					cancel()
				}
				if err := p.Check(ctx); err != nil && i%3 != 0 {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if got, want := check(t, p, long), "grpc "+address+": the probe is closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
