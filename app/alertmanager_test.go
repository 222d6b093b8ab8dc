package app_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// TestAlerts_ARealAlertmanagerShowsThemOnceUntilTheyEnd kills the manager in
// between.
func TestAlerts_ARealAlertmanagerShowsThemOnceUntilTheyEnd(t *testing.T) {
	t.Parallel()
	const program = "prometheus-alertmanager"
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
	case os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1":
		t.Fatal(program + " is not there: apt-get install " + program)
	default:
		t.Skip(program + " is not there: apt-get install " + program)
	}
	url := alertmanager(t, path)
	data := alertPlace(t, quick(`page: { alertmanager: { url: "`+url+`" } }`)+three)
	p := serve(t, data)
	// What depends on web begins first, under another root: that is one alert, too.
	p.fail(t, "job")
	shown(t, url, "job circuit_state_change of job", "job consecutive_failures of job")
	p.fail(t, "web")
	want := []string{
		"job circuit_state_change of web", "job consecutive_failures of web",
		"web circuit_state_change of web", "web consecutive_failures of web",
	}
	shown(t, url, want...)
	p.kill(t)

	p = serve(t, data)
	p.receiver(t, "page", func(r wire.Receiver) bool { return r.Delivered > 0 })
	shown(t, url, want...)
	p.heal(t, "web")
	shown(t, url, "job circuit_state_change of web", "job consecutive_failures of web")
	p.heal(t, "job")
	shown(t, url)
	p.alerts(t, client.AlertQuery{Status: "resolved"}, func(all []wire.Alert) bool { return len(all) == 4 })
}

// listening is how the Alertmanager says on its log where it listens.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// alertmanager runs one until the test has ended, and returns where it is.
func alertmanager(t *testing.T, path string) (url string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
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
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = cmd.Wait()
	})
	select {
	case address := <-found:
		url = "http://" + address
	case <-time.After(inTime):
		t.Fatal("the Alertmanager does not listen")
	}
	until(t, "the Alertmanager is ready", func() bool {
		resp, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return url
}

// shown waits until an Alertmanager shows these alerts and no others.
func shown(t *testing.T, url string, want ...string) {
	t.Helper()
	until(t, "the Alertmanager shows what it should", func() bool {
		resp, err := http.Get(url + "/api/v2/alerts")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		var all []struct {
			Labels map[string]string `json:"labels"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range all {
			got = append(got, a.Labels["service"]+" "+a.Labels["alertname"]+" of "+a.Labels["root"])
		}
		slices.Sort(got)
		return cmp.Equal(want, got)
	})
}
