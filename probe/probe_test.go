package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brief is a timeout for checks that are to run into it, long for those that
// are not.
const (
	brief = 150 * time.Millisecond
	long  = 20 * time.Second
)

func newProbe(t *testing.T, hc config.HealthCheck, opts probe.Options) *probe.Probe {
	t.Helper()
	p, err := probe.New(hc, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// check runs one check with a timeout and returns its error as text, empty if
// there is none.
func check(t *testing.T, p *probe.Probe, timeout time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := p.Check(ctx); err != nil {
		return err.Error()
	}
	return ""
}

// listen takes connections and gives each to serve, which owns it. It returns
// the address, and how many came so far.
func listen(t *testing.T, serve func(net.Conn)) (address string, came *atomic.Int64) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			wg.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		hangUp(l)
		wg.Wait()
	})
	return l.Addr().String(), came
}

// say writes to someone who may have gone.
func say(to io.Writer, text string) { _, _ = io.WriteString(to, text) }

// hangUp closes what the other side may have closed.
func hangUp(c io.Closer) { _ = c.Close() }

// silent keeps a connection open and says nothing until the other side goes.
func silent(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			hangUp(conn)
			return
		}
	}
}

// reset ends a connection with RST.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // where it fails the test tells
	hangUp(conn)
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(l)
	return l.Addr().String()
}

func forbid(string, string, syscall.RawConn) error { return errors.New("the address is not allowed") }

func tcpCheck(address string) config.HealthCheck {
	return config.HealthCheck{TCP: &config.TCPCheck{Address: address}}
}

func TestNew_RefusesAHealthCheckThatIsNotValid(t *testing.T) {
	t.Parallel()
	for _, hc := range []config.HealthCheck{{}, {HTTP: &config.HTTPCheck{}}, {Command: &config.CommandCheck{}}, {Timeout: -1}} {
		_, err := probe.New(hc, probe.Options{})
		if _, ok := errors.AsType[*config.FieldsError](err); !ok {
			t.Errorf("%+v: got %v, want a *config.FieldsError", hc, err)
		}
	}
}

func TestProbe_NilAndZeroFailWithoutAPanic(t *testing.T) {
	t.Parallel()
	for _, p := range []*probe.Probe{nil, {}} {
		if err := p.Check(t.Context()); err == nil {
			t.Error("a probe of nothing is healthy")
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestProbe_UsesTheTimeoutOfTheSectionWithoutADeadline(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, silent)
	hc := config.HealthCheck{HTTP: &config.HTTPCheck{URL: "http://" + address}, Timeout: 50 * time.Millisecond}
	err := newProbe(t, hc, probe.Options{}).Check(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), ": timed out after 50ms") {
		t.Errorf("got %v, want a timeout after 50ms", err)
	}
}

// TestProbe_EndsWithItsContext is over quickly if it holds: each of these
// would hang for ever.
func TestProbe_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	address, came := listen(t, silent)
	for name, hc := range map[string]config.HealthCheck{
		"http":    {HTTP: &config.HTTPCheck{URL: "http://" + address}},
		"https":   {HTTP: &config.HTTPCheck{URL: "https://" + address}},
		"grpc":    {GRPC: &config.GRPCCheck{Address: address}},
		"grpcs":   {GRPC: &config.GRPCCheck{Address: address, TLS: true}},
		"command": {Command: &config.CommandCheck{Argv: []string{"sleep", "1000"}}},
	} {
		p := newProbe(t, hc, probe.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), brief)
		err := p.Check(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), ": timed out after 1") {
			t.Errorf("%s: got %v, want a timeout", name, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		before := came.Load()
		done := make(chan error, 1)
		go func() { done <- p.Check(ctx) }()
		for name != "command" && came.Load() == before && ctx.Err() == nil {
			select {
			case err := <-done:
				t.Fatalf("%s: ended before its context: %v", name, err)
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), ": cancelled") {
			t.Errorf("%s: got %v, want it cancelled", name, err)
		}
	}
}

func TestProbe_TCP(t *testing.T) {
	t.Parallel()
	open, _ := listen(t, silent)
	gone := nobody(t)
	for _, tc := range []struct {
		name, address, want string
		opts                probe.Options
	}{
		{name: "open", address: open},
		{name: "refused", address: gone, want: "tcp " + gone + ": connection refused"},
		{name: "forbidden", address: open, want: "tcp " + open + ": dial: the address is not allowed", opts: probe.Options{Control: forbid}},
		{name: "no name", address: "no..name:80", want: "tcp no..name:80: no such host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := check(t, newProbe(t, tcpCheck(tc.address), tc.opts), long)
			if tc.want == "" && got != "" || !strings.HasPrefix(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
