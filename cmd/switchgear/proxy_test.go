package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// patient is how long a test of the proxy waits for what must come.
const patient = 20 * time.Second

// runningProxy is a sidecar that runs.
type runningProxy struct {
	*sidecar

	t          *testing.T
	url, admin string
	client     *http.Client
	stop       context.CancelFunc
	ended      chan error
}

// startProxy runs a sidecar until the test ends, or it is stopped.
func startProxy(t *testing.T, upstream string, cfg switchgear.Config, change func(*sidecar)) *runningProxy {
	t.Helper()
	b, err := switchgear.New("prices", cfg)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	s := newSidecar(b, to, patient, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if change != nil {
		change(s)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	said, stdout := io.Pipe()
	p := &runningProxy{sidecar: s, t: t, client: &http.Client{Transport: &http.Transport{}}, stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- s.listenAndServe(ctx, "127.0.0.1:0", "127.0.0.1:0", stdout) }()
	if _, err := fmt.Fscanf(said, "listening on %s\nstate on %s\n", &p.url, &p.admin); err != nil {
		t.Fatal(err)
	}
	p.admin = strings.TrimSuffix(p.admin, "/state")
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		stop()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

// said is an answer that was read.
type said struct {
	status int
	header http.Header
	body   string
}

func fetch(t *testing.T, c *http.Client, at string, change func(*http.Request)) said {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return said{resp.StatusCode, resp.Header, string(body)}
}

func (p *runningProxy) get(path string) said {
	p.t.Helper()
	return fetch(p.t, p.client, p.url+path, nil)
}

func newUpstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestProxy_SaysItselfWhereARequestCameFrom(t *testing.T) {
	t.Parallel()
	var got *http.Request
	upstream := newUpstream(t, func(_ http.ResponseWriter, r *http.Request) { got = r })
	p := startProxy(t, upstream+"/base", switchgear.Config{}, nil)
	fetch(t, p.client, p.url+"/a%2Fb?x=1", func(r *http.Request) {
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded"} {
			r.Header.Set(name, "6.6.6.6")
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("Connection", "X-Hop")
		r.Header.Set("X-Hop", "for the proxy alone")
		r.Header.Set("X-Kept", "for the upstream")
	})
	want := map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": strings.TrimPrefix(p.url, "http://"), "X-Forwarded-Proto": "http",
		"X-Forwarded-Port": "", "X-Forwarded-Prefix": "", "X-Real-Ip": "", "Forwarded": "", "X-Hop": "", "X-Kept": "for the upstream",
	}
	said := make(map[string]string)
	for name := range want {
		said[name] = strings.Join(got.Header.Values(name), ",")
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("the header (-want +got):\n%s", diff)
	}
	if got.RequestURI != "/base/a%2Fb?x=1" || "http://"+got.Host != upstream {
		t.Errorf("the upstream was asked for %s at %s", got.RequestURI, got.Host)
	}
}

func TestProxy_OpensAndSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	asked := 0
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "400")
		w.WriteHeader(http.StatusBadGateway)
	}), switchgear.Config{FailureThreshold: 2, Jitter: -1}, nil)
	for range 2 {
		if got := p.get("/"); got.status != http.StatusBadGateway {
			t.Errorf("the upstream's answer came as %d", got.status)
		}
	}
	got := p.get("/")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "400" || !strings.Contains(got.body, `"service":"prices"`) {
		t.Errorf("the rejection is %+v", got)
	}
	if asked != 2 {
		t.Errorf("the upstream was asked %d times", asked)
	}

	var state proxyState
	if err := json.Unmarshal([]byte(fetch(t, p.client, p.admin+"/state", nil).body), &state); err != nil {
		t.Fatal(err)
	}
	wantOps := wire.Operations{Total: 2, Failed: 2, Rejected: 1}
	if state.State != "open" || !state.IsOpen || state.OpenedBy == nil || state.NextAttemptAt.IsZero() || state.Operations != wantOps || state.Manager != nil {
		t.Errorf("its state is %+v", state)
	}
	metrics := fetch(t, p.client, p.admin+"/metrics", nil).body
	for _, line := range []string{
		`switchgear_circuit_state{service="prices",state="open"} 1`,
		`switchgear_operations_total{outcome="failure",service="prices"} 2`,
		`switchgear_proxy_requests_in_flight 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics have no %s in\n%s", line, metrics)
		}
	}
}

func TestProxy_KeepsItsOwnPagesOffTheProxiedPath(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "upstream's "+r.URL.Path) }), switchgear.Config{}, nil)
	for _, path := range []string{"/state", "/metrics", "/healthz"} {
		if got := p.get(path); got.body != "upstream's "+path {
			t.Errorf("%s is %q", path, got.body)
		}
		if got := fetch(t, p.client, p.admin+path, func(r *http.Request) { r.Host = "rebound.example.com" }); got.status != http.StatusForbidden {
			t.Errorf("%s tells %d to a page of another name", path, got.status)
		}
	}
	if got := fetch(t, p.client, p.url, func(r *http.Request) { r.Method = http.MethodConnect }); got.status != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT answers %d", got.status)
	}
}

func TestProxy_AnswersForAnUpstreamThatDoesNot(t *testing.T) {
	t.Parallel()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := startProxy(t, "http://"+free.Addr().String(), switchgear.Config{}, nil)
	_ = free.Close()
	if got := gone.get("/"); got.status != http.StatusBadGateway || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("it answers %+v", got)
	}
	hung := startProxy(t, newUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), switchgear.Config{}, func(s *sidecar) {
		s.timeout = 50 * time.Millisecond
	})
	if got := hung.get("/"); got.status != http.StatusGatewayTimeout {
		t.Errorf("it answers %+v", got)
	}
	for _, p := range []*runningProxy{gone, hung} {
		if got := p.breaker.Operations(); got != (switchgear.Operations{Failed: 1}) {
			t.Errorf("its breaker counted %+v", got)
		}
	}
}

func TestProxy_AClientThatGoesIsNoFailure(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	p := startProxy(t, newUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before which nobody hears that a client goes
		close(arrived)
		<-r.Context().Done()
	}), switchgear.Config{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, struct{ io.Reader }{strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		cancel()
	}()
	if resp, err := p.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("it answered")
	}
	eventually(t, func() bool { return p.breaker.Operations() == switchgear.Operations{Ignored: 1} })
}

// eventually waits for what other goroutines do.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); !is(); <-tick.C {
		if time.Since(begun) > patient {
			t.Fatal("it does not come")
		}
	}
}

func TestProxy_StreamsAsItComes(t *testing.T) {
	t.Parallel()
	more := make(chan string)
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
		case "/sized": // an answer of known length may come slowly too
			w.Header().Set("Content-Length", "1000")
		}
		for chunk := range more {
			_, _ = io.WriteString(w, chunk+"\n")
			_ = http.NewResponseController(w).Flush()
			if chunk == "break" {
				panic(http.ErrAbortHandler)
			}
		}
	}), switchgear.Config{}, nil)
	stream := func(path string) *bufio.Scanner {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		go func() { more <- "first" }()
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return bufio.NewScanner(resp.Body)
	}
	for _, path := range []string{"/", "/sized"} {
		lines := stream(path)
		for _, want := range []string{"first", "second", "break"} {
			if want != "first" {
				more <- want // only after the one before has come
			}
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("the line is %q, %v", lines.Text(), lines.Err())
			}
		}
		if lines.Scan() || lines.Err() == nil {
			t.Error("a broken stream ended well")
		}
	}
	// Of no declared length, the first was a success when it began.
	eventually(t, func() bool { return p.breaker.Operations() == switchgear.Operations{Successful: 1, Failed: 2} })

	events := stream("/events") // which ends with its header
	if !events.Scan() || events.Text() != "first" {
		t.Fatalf("the line is %q, %v", events.Text(), events.Err())
	}
	if got := p.breaker.Operations(); got.Successful != 2 {
		t.Errorf("an event stream counts as %+v while it lasts", got)
	}
	close(more)
	if events.Scan() || events.Err() != nil {
		t.Errorf("it goes on with %q, %v", events.Text(), events.Err())
	}
}
