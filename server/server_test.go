package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	here  = "127.0.0.1:1234"
	there = "192.0.2.1:1234"
)

var bearer = "Bearer " + adminSecret

func TestServer_OpensWithoutATokenOnlyWhatItSays(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{Version: wire.Version{Version: "v1.2.3", Commit: "abc"}})
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/version": 200, "/metrics": 401, "/": 200, "/map": 200, "/service/market": 200, "/index.html": 404,
		"/debug/pprof/": 404, "/api": 404, "/api/v2": 404, "/api/v2/services": 401, "/api/v2/state": 401, "/api/v2/events": 401,
		"/api/v2/session": 401, "/api/v2/server": 401,
		"/api/v2/ws/circuit-breaker": 401, "/healthz/": 404, "/storybook": 404, "/service/": 404, "/service/a/b": 404, "/assets/": 404, "/assets/none.js": 404,
	} {
		if got := b.ask("GET", path, there, ""); got.Code != want {
			t.Errorf("%s: %d, want %d: %s", path, got.Code, want, got.Body)
		}
	}
	if got := b.ask("GET", "/healthz", there, "").Body.String(); got != "ok\n" {
		t.Errorf("/healthz says %q", got)
	}
	var v wire.Version
	if err := json.Unmarshal(b.ask("GET", "/version", there, "").Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if want := (wire.Version{Version: "v1.2.3", Commit: "abc", Go: runtime.Version()}); v != want {
		t.Errorf("/version says %+v, want %+v", v, want)
	}
}

func TestServer_ShowsMetricsHereAndToWhoMayLook(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	tests := []struct {
		name, from string
		headers    []string
		status     int
	}{
		{"on loopback", here, []string{"Host", "127.0.0.1:8080"}, 200},
		{"on IPv6 loopback", "[::1]:99", []string{"Host", "[::1]:8080"}, 200},
		{"by its name", here, []string{"Host", "localhost"}, 200},
		{"for another through a proxy here", here, []string{"Host", "127.0.0.1", "X-Forwarded-For", "192.0.2.1"}, 401},
		{"through one that says Via", here, []string{"Host", "127.0.0.1", "Via", "1.1 proxy"}, 401},
		{"for a page whose name means this machine", here, []string{"Host", "evil.example:8080"}, 401},
		{"as one says", there, []string{"X-Forwarded-For", "127.0.0.1"}, 401},
		{"elsewhere", there, nil, 401},
		{"with a token", there, []string{"Authorization", bearer}, 200},
		{"for an agent", there, []string{"Authorization", "Bearer " + agentSecret}, 403},
	}
	for _, tt := range tests {
		got := b.ask("GET", "/metrics", tt.from, "", tt.headers...)
		if got.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, got.Code, tt.status)
		}
		if tt.status == 200 && (!strings.Contains(got.Body.String(), "switchgear_build_info") ||
			!strings.Contains(got.Body.String(), "switchgear_stream_clients 0") ||
			!strings.Contains(got.Body.String(), "go_goroutines") || !strings.Contains(got.Body.String(), "process_start_time_seconds")) {
			t.Errorf("%s: %.500s", tt.name, got.Body)
		}
	}
	open := b.ask("GET", "/metrics", here, "", "Host", "127.0.0.1", "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(open.Header().Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(open.Body.String(), "# EOF\n") {
		t.Errorf("OpenMetrics: %v", open.Header())
	}
}

func TestServer_ShowsWhatItRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{Durations: metrics.ByLayer})
	for range 12 { // of which ten are told that the token is bad
		b.ask("GET", "/api/v2/services", there, "", "Authorization", "Bearer no-token-that-is-known-here")
	}
	b.ask("GET", "/api/v2/services/none", there, "", "Authorization", bearer)
	text := b.ask("GET", "/metrics", there, "", "Authorization", bearer).Body.String()
	for _, want := range []string{
		`switchgear_http_problems_total{status="401"} 10`, `switchgear_http_problems_total{status="404"} 1`,
		`switchgear_http_problems_total{status="429"} 2`,
		`switchgear_logins_failed_total{result="failed"} 10`, `switchgear_logins_failed_total{result="limited"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}

func TestServer_SaysWhenTheStoreIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	b.store.Fail(errors.New("disk /secret is gone"))
	got := b.ask("GET", "/readyz", there, "")
	if got.Code != 503 || got.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(got.Body.String(), "secret") {
		t.Errorf("/readyz: %d %s", got.Code, got.Body)
	}
	if !strings.Contains(b.log.String(), "secret") {
		t.Errorf("the log does not say why: %s", b.log)
	}
	if got := b.ask("GET", "/healthz", there, ""); got.Code != 200 {
		t.Errorf("/healthz: %d", got.Code)
	}
}

func TestServer_SendsItsHeadersWithEveryAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	want := map[string]string{
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Cache-Control":           "no-store",
		"Referrer-Policy":         "no-referrer",
	}
	seen := make(map[string]bool)
	for _, path := range []string{"/healthz", "/metrics", "/version", "/nowhere", "/api/v2/services", "/api/v2/ws/circuit-breaker"} {
		got := b.ask("GET", path, here, "")
		for name, value := range want {
			if got.Header().Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, got.Header().Get(name))
			}
		}
		id := got.Header().Get("X-Request-Id")
		if id == "" || seen[id] {
			t.Errorf("%s: request ID %q", path, id)
		}
		seen[id] = true
		var p wire.Problem
		if got.Code >= 400 && (json.Unmarshal(got.Body.Bytes(), &p) != nil || p.RequestID != id) {
			t.Errorf("%s: the problem is of request %q, not %q", path, p.RequestID, id)
		}
	}
}

func TestServer_HasProblemsForOtherPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"DELETE", "/metrics", 405, "GET, HEAD"},
		{"POST", "/api/v2/ws/circuit-breaker", 405, "GET"},
		{"POST", "/api/v2/services", 405, "GET, HEAD"},
		{"GET", "//healthz", 404, ""},
		{"GET", "/api/v2/../../healthz", 404, ""},
		{"PUT", "/api/v2//services/x", 404, ""},
		{"GET", "/api/v2/services/./x", 404, ""},
	}
	for _, tt := range tests {
		got := b.ask(tt.method, tt.path, here, "")
		if got.Code != tt.status || got.Header().Get("Allow") != tt.allow || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %v, want %d", tt.method, tt.path, got.Code, got.Header(), tt.status)
		}
	}
	if got := b.ask("HEAD", "/healthz", here, ""); got.Code != 200 {
		t.Errorf("HEAD /healthz: %d", got.Code)
	}
}

func TestServer_LetsNoOtherPageChangeAnything(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{AllowedOrigins: []string{"https://board.example"}})
	tests := []struct {
		name    string
		headers []string
		status  int
	}{
		{"a program", nil, 201},
		{"its own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 200},
		{"an allowed page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://board.example"}, 200},
		{"another page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"another page of the site", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"}, 403},
		{"another page in an old browser", []string{"Origin", "https://evil.example"}, 403},
		{"a page that hides", []string{"Origin", "null"}, 403},
		{"one that looks alike", []string{"Origin", "https://board.example.evil.example"}, 403},
	}
	for _, tt := range tests {
		got := b.ask("PUT", "/api/v2/services/market", there, `{}`, append(tt.headers, "Authorization", bearer)...)
		if got.Code != tt.status {
			t.Errorf("%s: %d, want %d: %s", tt.name, got.Code, tt.status, got.Body)
		}
	}
	if got := b.ask("GET", "/api/v2/services", there, "", "Authorization", bearer, "Origin", "https://evil.example"); got.Code != 200 || got.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("reading: %d %v", got.Code, got.Header())
	}
}

func TestServer_LogsRefusalsWithoutTheToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	wrong := strings.Repeat("w", 30)
	got := b.ask("GET", "/api/v2/services?token="+wrong, there, "", "Authorization", "Bearer "+wrong)
	if got.Code != 401 {
		t.Fatalf("%d", got.Code)
	}
	log := b.log.String()
	if !strings.Contains(log, got.Header().Get("X-Request-Id")) || !strings.Contains(log, "192.0.2.1") || strings.Contains(log, wrong) {
		t.Errorf("logged: %s", log)
	}
	b.log.Reset()
	b.ask("GET", "/api/v2/services", there, "", "Authorization", bearer)
	b.ask("GET", "/api/v2/services/unknown", there, "", "Authorization", bearer)
	if b.log.Len() > 0 {
		t.Errorf("logged: %s", b.log)
	}
}

func TestNew_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	m, err := fleet.New(t.Context(), fleet.Deps{Store: memory.New()}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(server.Deps{Auth: tokens(t)}, server.Config{}); err == nil {
		t.Error("no manager is no error")
	}
	if _, err := server.New(server.Deps{Manager: m}, server.Config{}); err == nil {
		t.Error("no authenticator is no error")
	}
	if _, err := server.New(server.Deps{Manager: m, Auth: tokens(t)}, server.Config{AllowedOrigins: []string{"board.example"}}); err == nil {
		t.Error("an origin without a scheme is no error")
	}
	registry := prometheus.NewRegistry()
	if _, err := server.New(server.Deps{Manager: m, Auth: tokens(t), Registry: registry}, server.Config{}); err != nil {
		t.Error(err)
	}
	if _, err := server.New(server.Deps{Manager: m, Auth: tokens(t), Registry: registry}, server.Config{}); err == nil {
		t.Error("two servers on one registry are no error")
	}
}

func TestServer_ServesRequestsAndStreamsOnOneAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	ctx, stop := context.WithCancel(t.Context())
	l, url := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	header := http.Header{"Authorization": {bearer}}
	conn, _, err := websocket.Dial(t.Context(), url+"/api/v2/ws/circuit-breaker", &websocket.DialOptions{HTTPHeader: header, HTTPClient: client}) //nolint:bodyclose // of a socket there is none
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	await := func(words ...string) {
		t.Helper()
		for {
			_, data, err := conn.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(data), w) }) {
				return
			}
		}
	}
	await(`"services:state"`) // what happens after it is told
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/api/v2/services/market", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated || err != nil {
		t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	await(`"service:event"`, `"market"`)
	stop()
	for err == nil {
		_, _, err = conn.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the socket ended with %v, want 1001", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
