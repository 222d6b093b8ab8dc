// Package alertmanagertest runs a real Alertmanager for tests.
package alertmanagertest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	program  = "prometheus-alertmanager"
	patience = 30 * time.Second
)

// Server is a running Alertmanager.
type Server struct {
	Address string // host and port
	URL     string // without a slash at the end

	// Stop ends it, and waits until it has ended. The end of the test does so, too.
	Stop func()
}

// Alert is an alert as the Alertmanager shows it.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State string `json:"state"`
	} `json:"status"`
}

// listening is how the Alertmanager says on its log where it listens.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// Start runs one that tells nobody, on an address, port 0 being any, and returns
// when it answers. It skips the test where there is none, and fails it if
// SWITCHGEAR_TEST_REQUIRE is 1.
func Start(t *testing.T, address string) *Server {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
	case os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1":
		t.Fatal(program + " is not there: apt-get install " + program)
	default:
		t.Skip(program + " is not there: apt-get install " + program)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, path, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"), //nolint:gosec // all of it is the test's
		"--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	found, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	s := &Server{Stop: func() {
		cancel()
		<-ended
		_ = cmd.Wait()
	}}
	t.Cleanup(s.Stop)
	select {
	case s.Address = <-found:
	case <-ended:
		t.Fatal("the Alertmanager ended")
	case <-time.After(patience):
		t.Fatal("the Alertmanager does not listen")
	}
	s.URL = "http://" + s.Address
	s.waitReady(t)
	return s
}

func (s *Server) waitReady(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if resp, err := s.get(t, "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatal("the Alertmanager is not ready")
}

func (s *Server) get(t *testing.T, path string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return http.DefaultClient.Do(req)
}

// Alerts are those that fire there, by service and name.
func (s *Server) Alerts(t *testing.T) []Alert {
	t.Helper()
	resp, err := s.get(t, "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var all []Alert
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Alert) int {
		return strings.Compare(a.Labels["service"]+" "+a.Labels["alertname"], b.Labels["service"]+" "+b.Labels["alertname"])
	})
	return all
}
