// Package deploy_test checks what is in this folder with the programs that it is
// for: those of Prometheus and Alertmanager, systemd-analyze, and a manager that
// runs.
package deploy_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testpg.Main{M: m}) }

const (
	adminToken = "an-admin-token-of-the-tests"

	// patience is how long anything may take on a machine that is busy.
	patience = 90 * time.Second
)

// program is where a program of others is; ok is false where it is not, and need
// not be.
func program(t *testing.T, name, debian string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is not there: apt-get install %s", name, debian)
	}
	return path, err == nil
}

// run runs a program in a folder, and fails the test with what it said if it
// fails.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// manager is a real one, on a port of its own, with a service that is probed and
// one that is reported.
type manager struct {
	*client.Client

	url string
}

const fleetFile = `
alerts: { groupWaitMs: 0, receivers: { ops: { webhook: { url: %q } } } }
services:
  web:
    layer: edge
    config: { healthCheckIntervalMs: 100, jitter: 0 }
    healthCheck: { http: { url: %q }, timeoutMs: 1000 }
  job:
    layer: data
    config: { failureThreshold: 3, resetTimeoutMs: 3600000, jitter: 0 }
    alerts: { consecutive_failures: { threshold: 1 } }
`

func start(t *testing.T, durations string) *manager {
	t.Helper()
	return startOn(t, durations, "")
}

// startOn starts one whose store is a PostgreSQL database, if a URL is given: a
// node among several, of which it is the only one.
func startOn(t *testing.T, durations, database string) *manager {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "switchgear.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(fleetFile, "%q", upstream.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{
		Settings:   config.Settings{Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"), DatabaseURL: database, MetricsDurations: durations},
		ConfigPath: file, AdminToken: adminToken, Stdout: io.Discard, Stderr: io.Discard,
		Version: wire.Version{Version: "v1.2.3", Commit: "abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	})
	c, err := client.New(a.URL(), adminToken, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	m := &manager{c, a.URL()}
	eventually(t, "the services", func() bool {
		_, err := m.Service(t.Context(), "job")
		return err == nil
	})
	return m
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %v there is no sign of %s", patience, what)
		}
	}
}

func (m *manager) report(t *testing.T, outcomes ...string) {
	t.Helper()
	var all []wire.OperationOutcome
	for _, o := range outcomes {
		all = append(all, wire.OperationOutcome{Outcome: o, DurationMs: 30})
	}
	if _, err := m.Report(t.Context(), "job", all...); err != nil {
		t.Fatal(err)
	}
}

// live brings about something of everything that there is a metric of.
func (m *manager) live(t *testing.T) {
	t.Helper()
	m.report(t, "success", "failure", "ignored")
	eventually(t, "the message of an alert", func() bool {
		r, err := m.Receivers(t.Context())
		return err == nil && r.Receivers[0].Delivered > 0
	})
	if _, err := m.Override(t.Context(), "web", wire.OverrideRequest{Mode: "forced_open", Reason: "a test", TTLMs: 3_600_000}); err != nil {
		t.Fatal(err)
	}
	socket := "ws" + strings.TrimPrefix(m.url, "http") + "/api/v2/ws/circuit-breaker"
	header := http.Header{"Authorization": {"Bearer " + adminToken}}
	conn, _, err := websocket.Dial(t.Context(), socket, &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // of a socket there is none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	m.agents(t)
	for _, path := range []string{"/api/v2/services", "/api/v2/ws/circuit-breaker", "/api/v2/ws/agent"} { // without a token that is any
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer no-token-that-is-known-here")
		w, err := http.DefaultClient.Do(r)
		if err != nil || w.StatusCode != http.StatusUnauthorized {
			t.Fatalf("%s: %v, %v", path, w, err)
		}
		_ = w.Body.Close()
	}
	eventually(t, "a pong, and a health check", func() bool {
		text := m.scrape(t)
		return strings.Contains(text, `received_total{result="ok",type="ping"} 1`) &&
			strings.Contains(text, `switchgear_health_check_duration_seconds_count`)
	})
	http.DefaultClient.CloseIdleConnections()
}

// agents joins a service of another program, and has a second that says it is
// the same refused.
func (m *manager) agents(t *testing.T) {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + adminToken}}
	send := func(conn *websocket.Conn, message any) {
		text, err := json.Marshal(message)
		if err == nil {
			err = conn.Write(t.Context(), websocket.MessageText, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, boot := range []string{"boot-of-the-first-one", "boot-of-another-one"} {
		conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(m.url, "http")+"/api/v2/ws/agent", &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // of a socket there is none
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		send(conn, wire.AgentHello{
			Type: wire.TypeAgentHello, Instance: "an-instance-of-the-tests", Boot: boot, Name: "host", Program: "p", Library: "l", StartedAt: wire.Time{Time: time.Now()},
		})
		if _, _, err := conn.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if boot == "boot-of-another-one" {
			continue
		}
		send(conn, wire.AgentJoin{Type: wire.TypeAgentJoin, ID: 1, Services: []wire.JoinService{{
			Service: "remote", Config: json.RawMessage(`{}`), Fresh: true,
			State: wire.AgentState{Service: "remote", Running: true, CircuitBreaker: wire.CircuitBreaker{State: "closed", Mode: "auto", AdmittedShare: 1}},
		}}})
	}
	eventually(t, "the service of an agent, and a refused one", func() bool {
		text := m.scrape(t)
		return strings.Contains(text, `switchgear_instances{service="remote"`) && strings.Contains(text, "switchgear_agents_refused_total{") &&
			strings.Contains(text, "switchgear_agent_sockets_closed_total{")
	})
}

// scrape is what Prometheus reads.
func (m *manager) scrape(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v\n%s", w.StatusCode, err, text)
	}
	return string(text)
}

// shown are the labels of each metric that managers show, under all names that
// its series have. Beside their own, series have those of their target.
func shown(t *testing.T) map[string]map[string]bool {
	t.Helper()
	names := make(map[string]map[string]bool)
	server, ok := testpg.Shared(t)
	if !ok {
		t.Skip("without PostgreSQL what nodes show is not there")
	}
	for _, durations := range []string{"service", "layer"} {
		m := startOn(t, durations, server.Database(t))
		m.live(t)
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(m.scrape(t)))
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range families {
			add(names, name, f)
		}
	}
	return names
}

func add(names map[string]map[string]bool, name string, f *dto.MetricFamily) {
	all := []string{name}
	if f.GetType() == dto.MetricType_HISTOGRAM {
		all = append(all, name+"_bucket", name+"_sum", name+"_count")
	}
	for _, n := range all {
		if names[n] == nil {
			names[n] = map[string]bool{"job": true, "instance": true}
		}
		if strings.HasSuffix(n, "_bucket") {
			names[n]["le"] = true
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				names[n][l.GetName()] = true
			}
		}
	}
}
