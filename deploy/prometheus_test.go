package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/degenduel/switchgear/wire"
)

// prometheus is Debian's, which scrapes a manager and knows the rules.
type prometheus struct{ url string }

var waits = regexp.MustCompile(`(?m)^( +for: ).*$`)

// quickConfig is deploy/prometheus/prometheus.yml, for a manager elsewhere and
// for people in a hurry.
func quickConfig(t *testing.T, m *manager) string {
	t.Helper()
	text := read(t, "prometheus/prometheus.yml")
	before, rest, ok := strings.Cut(text, "alerting:")
	_, scrapes, found := strings.Cut(rest, "scrape_configs:")
	if !ok || !found {
		t.Fatal("the config has other sections than it had")
	}
	text = strings.NewReplacer(
		"127.0.0.1:8080", strings.TrimPrefix(m.url, "http://"), ": 15s", ": 250ms", "scrape_timeout: 10s", "scrape_timeout: 250ms",
	).Replace(before + "scrape_configs:" + scrapes)
	if !strings.Contains(text, m.url[len("http://"):]) || strings.Contains(text, "15s") {
		t.Fatalf("the config is not what it was:\n%s", text)
	}
	return text
}

// watch starts a Prometheus over the manager; ok is false where there is none.
func watch(t *testing.T, m *manager, flags ...string) (p *prometheus, ok bool) {
	t.Helper()
	binary, ok := program(t, "prometheus", "prometheus")
	if !ok {
		return nil, false
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"prometheus.yml": quickConfig(t, m),
		"rules.yml":      waits.ReplaceAllString(read(t, "prometheus/rules.yml"), "${1}500ms"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 { // somebody else may take the port
		if p := startPrometheus(t, binary, dir, flags); p != nil {
			return p, true
		}
	}
	t.Fatal("Prometheus does not start")
	return nil, false
}

func startPrometheus(t *testing.T, binary, dir string, flags []string) *prometheus {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var said bytes.Buffer
	cmd := exec.Command(binary, append([]string{
		"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + address,
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // that it ended too early is told by what it said
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	p := &prometheus{"http://" + address}
	gone, ready := false, false
	eventually(t, "a Prometheus that is ready", func() bool {
		select {
		case <-ended:
			t.Logf("Prometheus ended:\n%s", said.Bytes())
			gone = true
		default:
			ready = p.get("/-/ready", nil) == nil
		}
		return gone || ready
	})
	if gone {
		return nil
	}
	return p
}

// get reads an answer of Prometheus into out, or nowhere if that is nil.
func (p *prometheus) get(path string, out any) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Close = true
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = w.Body.Close() }()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d, %w: %s", path, w.StatusCode, err, body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

// opened reports whether the alert fires that the circuit of a service is open.
func (p *prometheus) opened(t *testing.T, service string) bool {
	t.Helper()
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if err := p.get("/api/v1/alerts", &answer); err != nil {
		t.Fatal(err)
	}
	for _, a := range answer.Data.Alerts {
		if a.Labels["alertname"] == "SwitchgearCircuitOpen" && a.Labels["service"] == service && a.State == "firing" {
			return true
		}
	}
	return false
}

// ask is how many series an expression has now.
func (p *prometheus) ask(t *testing.T, expr string) int {
	t.Helper()
	var answer struct {
		Status string
		Data   struct{ Result []json.RawMessage }
	}
	if err := p.get("/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return len(answer.Data.Result)
}

func TestPrometheus_AnAlertFiresWhenACircuitOpensAndIsResolvedWhenItHeals(t *testing.T) {
	t.Parallel()
	m := start(t, "auto")
	p, ok := watch(t, m)
	if !ok {
		return
	}
	eventually(t, "a scrape", func() bool { return p.ask(t, `up{job="switchgear"} == 1`) == 1 })
	if p.opened(t, "job") {
		t.Fatal("it fires while nothing has happened")
	}
	m.report(t, "failure", "failure", "failure")
	eventually(t, "the alert", func() bool { return p.opened(t, "job") })
	if p.opened(t, "web") {
		t.Error("it fires for a service that is well")
	}
	if _, err := m.Reset(t.Context(), "job", wire.ResetRequest{Reason: "it is well again"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end", func() bool { return !p.opened(t, "job") })
	if p.ask(t, `up{job="switchgear"} == 1`) != 1 {
		t.Error("the scrapes have ended, and the alert with them")
	}
}

func TestPrometheus_RulesAndDashboardTakeClassicAndNativeHistograms(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"classic": nil,
		"native":  {"--enable-feature=native-histograms", "--enable-feature=exemplar-storage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, "auto")
			p, ok := watch(t, m, flags...)
			if !ok {
				return
			}
			eventually(t, "p95 of job", func() bool {
				m.report(t, "success")
				return p.ask(t, `service:switchgear_operation_duration_seconds:p95_5m{service="job"} > 0.02 < 0.048`) == 1
			})
			classic, native := p.ask(t, `switchgear_operation_duration_seconds_bucket{service="job"}`), p.ask(t, `switchgear_operation_duration_seconds{service="job"}`)
			if (name == "native") != (native == 1) || (name == "classic") != (classic > 10) {
				t.Errorf("Prometheus has %d classic buckets and %d native histograms", classic, native)
			}
			d := readDashboard(t)
			for _, q := range d.queries(t) {
				p.ask(t, q.expr)
			}
			quantile := ""
			for _, panel := range d.Panels {
				if panel.Title == "p95 of durations" {
					quantile = strings.ReplaceAll(panel.Targets[0].Expr, "$job", ".+")
				}
			}
			quantile = strings.ReplaceAll(quantile, "$instance", ".+")
			eventually(t, "job and web in the panel of p95", func() bool { return p.ask(t, quantile) == 2 })
		})
	}
}
