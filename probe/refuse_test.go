package probe_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/health"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

const (
	allowedIP = "127.0.0.1"
	refusedIP = "127.0.0.2" // as local as the other
)

// twins are listeners on one port of two addresses; came counts who came to
// the second, which nobody should.
func twins(t *testing.T) (allowed net.Listener, port string, came *atomic.Int64) {
	t.Helper()
	for range 20 {
		first, err := new(net.ListenConfig).Listen(t.Context(), "tcp", allowedIP+":0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, err := net.SplitHostPort(first.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		second, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(refusedIP, port))
		if err != nil { // somebody has it
			hangUp(first)
			continue
		}
		t.Cleanup(func() { hangUp(first) })
		return first, port, accept(t, second)
	}
	t.Fatal("no port is free on both addresses")
	return nil, "", nil
}

// accept counts who comes.
func accept(t *testing.T, l net.Listener) *atomic.Int64 {
	t.Helper()
	came := new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			hangUp(conn)
		}
	}()
	t.Cleanup(func() {
		hangUp(l)
		<-done
	})
	return came
}

func serveOn(t *testing.T, l net.Listener, handler http.HandlerFunc) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	hangUp(s.Listener)
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
}

// onlyAllowed are the options of a probe that may reach the first of twins.
func onlyAllowed(t *testing.T, resolver *net.Resolver) probe.Options {
	t.Helper()
	return probe.Options{Control: newTargets(t, false, allowedIP).Control, Resolver: resolver}
}

// everyWay are health checks of a host and port by everything that dials.
func everyWay(host, port string) map[string]config.HealthCheck {
	address := net.JoinHostPort(host, port)
	secure := grpcCheck(address, "")
	secure.GRPC.TLS = true
	return map[string]config.HealthCheck{
		"http": httpCheck("http://" + address + "/"), "https": httpCheck("https://" + address + "/"),
		"tcp": tcpCheck(address), "grpc": grpcCheck(address, ""), "grpcs": secure,
	}
}

// TestProbe_NeverReachesARefusedAddressHoweverItIsWritten asks for two
// listeners that would answer, in every way to write their addresses.
func TestProbe_NeverReachesARefusedAddressHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	v4, came4 := listen(t, func(c net.Conn) { hangUp(c) })
	_, port4, err := net.SplitHostPort(v4)
	if err != nil {
		t.Fatal(err)
	}
	l6, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port6, err := net.SplitHostPort(l6.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	came6 := accept(t, l6)
	const refused = " is a loopback address, which server.allowedTargets does not allow"
	for _, tc := range []struct{ host, port, want string }{
		{"127.0.0.1", port4, "127.0.0.1" + refused},
		{"::ffff:127.0.0.1", port4, "127.0.0.1" + refused},
		{"::ffff:7f00:1", port4, "127.0.0.1" + refused},
		{"::1", port6, "::1" + refused},
		{"0:0::0:1", port6, "::1" + refused},
		{"0.0.0.0", port4, "0.0.0.0 is unspecified: it is never connected to, whatever server.allowedTargets says"},
		{"::", port6, ":: is unspecified: it is never connected to, whatever server.allowedTargets says"},
		{"localhost", port4, refused},
		{"rebound.test", port4, "127.0.0.1" + refused},
		// What they become is the resolver's to say; ours says loopback.
		{"2130706433", port4, ""},
		{"0x7f000001", port4, ""},
		{"0x7f.1", port4, ""},
		{"0177.0.0.1", port4, ""},
		{"127.1", port4, ""},
		{"127.0.0.1.", port4, ""},
	} {
		opts := probe.Options{Control: probe.Targets{}.Control, Resolver: nameServer(t, "127.0.0.1")}
		for way, hc := range everyWay(tc.host, tc.port) {
			got := check(t, newProbe(t, hc, opts), long)
			if !strings.HasSuffix(got, tc.want) || got == "" {
				t.Errorf("%s to %s: got %q, want it refused as %q", way, tc.host, got, tc.want)
			}
		}
	}
	if came4.Load() != 0 || came6.Load() != 0 {
		t.Errorf("%d connections came to 127.0.0.1, %d to ::1, want none", came4.Load(), came6.Load())
	}
}

func TestProbe_ReachesAnAllowedAddressThroughANameToo(t *testing.T) {
	t.Parallel()
	address, _ := grpcServer(t, "127.0.0.1:0", withHealth(health.NewServer()))
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	web, webPort, _ := twins(t)
	serveOn(t, web, func(http.ResponseWriter, *http.Request) {})
	opts := onlyAllowed(t, nameServer(t, allowedIP))
	for _, hc := range []config.HealthCheck{
		grpcCheck("up.test:"+port, ""), tcpCheck("up.test:" + port), httpCheck("http://up.test:" + webPort),
	} {
		if failed := check(t, newProbe(t, hc, opts), long); failed != "" {
			t.Error(failed)
		}
	}
}

// TestProbe_ANameThatChangesItsAddressReachesNothingNew is the rebinding of a
// name between two look-ups: the check was fine, and then the name leads
// elsewhere.
func TestProbe_ANameThatChangesItsAddressReachesNothingNew(t *testing.T) {
	t.Parallel()
	const refused = refusedIP + " is a loopback address, which server.allowedTargets does not allow"
	for _, way := range []string{"http", "tcp", "grpc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			allowed, port, came := twins(t)
			stop := func() {}
			switch way {
			case "http":
				serveOn(t, allowed, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
			case "grpc":
				hangUp(allowed)
				_, stop = grpcServer(t, net.JoinHostPort(allowedIP, port), withHealth(health.NewServer()))
			}
			p := newProbe(t, everyWay("rebound.test", port)[way], onlyAllowed(t, nameServer(t, allowedIP, refusedIP)))
			if failed := check(t, p, long); failed != "" {
				t.Fatalf("while the name is what it was: %s", failed)
			}
			stop()
			for range 2 {
				if got := check(t, p, long); !strings.HasSuffix(got, ": "+refused) {
					t.Errorf("got %q, want %s", got, refused)
				}
			}
			if came.Load() != 0 {
				t.Errorf("%d connections came to the refused address, want none", came.Load())
			}
		})
	}
}

// TestProbe_ARedirectReachesNothingThatIsRefused asks a server on an allowed
// address that sends the check on.
func TestProbe_ARedirectReachesNothingThatIsRefused(t *testing.T) {
	t.Parallel()
	const notFollowed = "status 302, a redirect that is not followed, want 2xx"
	const refused = refusedIP + " is a loopback address, which server.allowedTargets does not allow"
	for _, tc := range []struct{ name, location, want string }{
		{"to a refused address", "http://" + refusedIP + ":PORT/", notFollowed},
		{"to another name", "http://other.test:PORT/", notFollowed},
		{"to a file", "file:///etc/passwd", notFollowed},
		{"to a socket", "unix:///run/docker.sock", notFollowed},
		{"to the same name, which leads elsewhere now", "http://hop.test:PORT/next", refused},
		{"to the same name over TLS", "https://hop.test:PORT/next", refused},
		{"to a path", "/next", refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			allowed, port, came := twins(t)
			serveOn(t, allowed, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close") // so that the next request dials
				http.Redirect(w, r, strings.Replace(tc.location, "PORT", port, 1), http.StatusFound)
			})
			opts := onlyAllowed(t, nameServer(t, allowedIP, refusedIP))
			got := check(t, newProbe(t, httpCheck("http://hop.test:"+port), opts), long)
			if want := "GET http://hop.test:" + port + ": " + tc.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if came.Load() != 0 {
				t.Errorf("%d connections came to the refused address, want none", came.Load())
			}
		})
	}
}

// TestProbe_UsesNoProxy cannot run beside others: it sets the environment.
func TestProbe_UsesNoProxy(t *testing.T) {
	proxy, came := listen(t, func(c net.Conn) { hangUp(c) })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+proxy)
	}
	up, _ := listen(t, func(c net.Conn) { hangUp(c) })
	_, port, err := net.SplitHostPort(up)
	if err != nil {
		t.Fatal(err)
	}
	opts := probe.Options{Resolver: nameServer(t, "127.0.0.1")}
	for way, hc := range everyWay("up.test", port) {
		if got := check(t, newProbe(t, hc, opts), long); got == "" && way != "tcp" {
			t.Errorf("%s: a server that hangs up is healthy", way)
		}
	}
	if came.Load() != 0 {
		t.Errorf("%d connections came to the proxy, want none", came.Load())
	}
}

func TestNew_KnowsNoOtherScheme(t *testing.T) {
	t.Parallel()
	for _, hc := range []config.HealthCheck{
		httpCheck("unix:///run/docker.sock"), httpCheck("file:///etc/passwd"), httpCheck("gopher://127.0.0.1/"),
		tcpCheck("unix:/run/docker.sock"), tcpCheck("/run/docker.sock"), tcpCheck("unix:///run/docker.sock:80"),
		grpcCheck("unix:/run/docker.sock", ""), grpcCheck("unix-abstract:docker", ""), grpcCheck("dns:///h:80", ""),
		grpcCheck("passthrough:///127.0.0.1:80", ""),
	} {
		_, err := probe.New(hc, probe.Options{})
		if _, ok := errors.AsType[*config.FieldsError](err); !ok {
			t.Errorf("%v: got %v, want a *config.FieldsError", hc, err)
		}
	}
}

func TestProbe_ARefusalIsNoOtherFailure(t *testing.T) {
	t.Parallel()
	up, _ := listen(t, func(c net.Conn) { hangUp(c) })
	for way, hc := range everyWay("127.0.0.1", strings.TrimPrefix(up, "127.0.0.1:")) {
		err := newProbe(t, hc, probe.Options{Control: probe.Targets{}.Control}).Check(t.Context())
		refused, ok := errors.AsType[*probe.RefusedError](err)
		if !ok || refused.Target != "127.0.0.1" {
			t.Errorf("%s: got %v, want a *probe.RefusedError", way, err)
		}
		if want := fmt.Sprintf("%v: 127.0.0.1 is a loopback address, which server.allowedTargets does not allow", hc); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", way, err, want)
		}
	}
}
