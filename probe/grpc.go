package probe

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/degenduel/switchgear/config"
)

// grpcChecker calls Check of grpc.health.v1.Health over a connection that it
// keeps while that works. One that does not is thrown away: left to itself it
// would go on dialling between the checks and, as its tries come ever more
// slowly, answer later checks with an error of the past.
type grpcChecker struct {
	address string
	service string
	dialer  *net.Dialer
	options []grpc.DialOption

	mu     sync.Mutex
	kept   *grpcConn // nil before the first check and after a failed one
	closed bool
}

// grpcConn is a client and why it could not connect when it last tried.
type grpcConn struct {
	*grpc.ClientConn

	mu     sync.Mutex
	dialed error
}

func newGRPC(c *config.GRPCCheck, dialer *net.Dialer, opts Options) *grpcChecker {
	security := insecure.NewCredentials()
	if c.TLS {
		security = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs})
	}
	return &grpcChecker{
		address: c.Address, service: c.Service, dialer: dialer,
		options: []grpc.DialOption{
			grpc.WithTransportCredentials(security),
			grpc.WithAuthority(c.Address),
			grpc.WithUserAgent(opts.userAgent()),
			grpc.WithNoProxy(),
			grpc.WithDisableRetry(),
			grpc.WithDisableServiceConfig(),
			grpc.WithMaxHeaderListSize(maxHeader),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxBody)),
		},
	}
}

// connection is the kept one, or a new one.
func (c *grpcChecker) connection() (conn *grpcConn, fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, false, errClosed
	case c.kept != nil:
		return c.kept, false, nil
	}
	conn = &grpcConn{}
	// The name is resolved by the dialer, each time anew, and not by gRPC, whose
	// resolvers would want goroutines and caches of their own.
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		raw, err := c.dialer.DialContext(ctx, "tcp", c.address)
		conn.mu.Lock()
		conn.dialed = err
		conn.mu.Unlock()
		return raw, err
	}
	client, err := grpc.NewClient("passthrough:///service", append(slices.Clone(c.options), grpc.WithContextDialer(dial))...)
	if err != nil {
		return nil, false, err
	}
	conn.ClientConn = client
	c.kept = conn
	return conn, true, nil
}

// drop closes a connection that does not work.
func (c *grpcChecker) drop(conn *grpcConn) {
	c.mu.Lock()
	if c.kept == conn {
		c.kept = nil
	}
	c.mu.Unlock()
	conn.Close() //nolint:errcheck,gosec // a second Close is all that can fail
}

func (c *grpcChecker) check(ctx context.Context) error {
	for range 2 {
		conn, fresh, err := c.connection()
		if err != nil {
			return err
		}
		answer, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{Service: c.service})
		switch code := status.Code(err); {
		case err == nil && answer.GetStatus() == health.HealthCheckResponse_SERVING:
			return nil
		case err == nil:
			return verdictf("%s, want SERVING", answer.GetStatus())
		case code == codes.NotFound:
			return verdictf("the server does not know the service")
		case code == codes.Unimplemented:
			return verdictf("the server does not have grpc.health.v1.Health")
		case ctx.Err() == nil && (code == codes.Canceled || code == codes.Unavailable && !fresh):
			// Another check, or Close, took the connection away; or it had died
			// since the last check. If not, the second try says the same.
			c.drop(conn)
		default:
			return c.fail(ctx, conn, err)
		}
	}
	return verdictf("status %s, want SERVING", codes.Canceled)
}

// fail is the reason why there was no answer. Whoever gave up has not found the
// connection bad; whose time ran out may have.
func (c *grpcChecker) fail(ctx context.Context, conn *grpcConn, err error) error {
	ended := ctx.Err()
	if status.Code(err) == codes.Canceled {
		return ended
	}
	c.drop(conn)
	conn.mu.Lock()
	dialed := conn.dialed
	conn.mu.Unlock()
	const handshake = "authentication handshake failed: "
	message := status.Convert(err).Message()
	switch {
	case ended != nil:
		return ended
	case dialed != nil:
		return dialed
	case strings.Contains(message, handshake):
		_, why, _ := strings.Cut(message, handshake)
		return verdictf("%s", brief(strings.TrimSuffix(why, `"`), maxReason))
	case strings.Contains(message, syscall.ECONNRESET.Error()):
		return verdictf("connection reset")
	case status.Code(err) == codes.Unavailable:
		return verdictf("no answer, or none in gRPC")
	}
	return verdictf("status %s, want SERVING", status.Code(err))
}

func (c *grpcChecker) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.kept == nil {
		return nil
	}
	conn := c.kept
	c.kept = nil
	return conn.Close()
}
