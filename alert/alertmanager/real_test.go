package alertmanager_test

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

const program = "prometheus-alertmanager"

// server is a running Alertmanager.
type server struct {
	address string
	stop    func()
}

// listening is how the Alertmanager says on its log where it listens.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start runs an Alertmanager on an address, port 0 being any, until stop. It skips
// the test where there is none, unless there must be.
func start(t *testing.T, address string) *server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			t.Fatal(program + " is not there: apt-get install " + program)
		}
		t.Skip(program + " is not there: apt-get install " + program)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, path, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
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
	s := &server{stop: func() {
		cancel()
		<-ended
		_ = cmd.Wait()
	}}
	t.Cleanup(s.stop)
	select {
	case s.address = <-found:
	case <-time.After(30 * time.Second):
		t.Fatal("the Alertmanager does not listen")
	}
	s.waitReady(t)
	return s
}

func (s *server) url() string { return "http://" + s.address }

func (s *server) waitReady(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if resp, err := http.Get(s.url() + "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatal("the Alertmanager is not ready")
}

// gettable is an alert as the Alertmanager shows it.
type gettable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State string `json:"state"`
	} `json:"status"`
}

// shows are the alerts that fire there, by service.
func (s *server) shows(t *testing.T) []gettable {
	t.Helper()
	resp, err := http.Get(s.url() + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var all []gettable
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b gettable) int { return strings.Compare(a.Labels["service"], b.Labels["service"]) })
	return all
}
