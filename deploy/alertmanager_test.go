package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
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

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestAlertmanager_TakesTheExample(t *testing.T) {
	t.Parallel()
	if amtool, ok := program(t, "amtool", "prometheus-alertmanager"); ok {
		run(t, "alertmanager", amtool, "check-config", "alertmanager.yml")
	}
}

// TestAlertmanager_InhibitsAlertsThatThereAre looks for each alert that the
// example names.
func TestAlertmanager_InhibitsAlertsThatThereAre(t *testing.T) {
	t.Parallel()
	rules, kinds := read(t, "prometheus/rules.yml"), read(t, "../docs/protocol.md")
	var file struct {
		Rules []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "alertmanager/alertmanager.yml")), &file); err != nil || len(file.Rules) < 3 {
		t.Fatal(err, len(file.Rules))
	}
	word := regexp.MustCompile(`\b(Switchgear[A-Za-z]+|[a-z]+_[a-z_]+)\b`)
	for _, r := range file.Rules {
		for _, name := range word.FindAllString(strings.Join(append(r.Source, r.Target...), " "), -1) {
			if !strings.Contains(rules, "- alert: "+name+"\n") && !strings.Contains(kinds, "| `"+name+"` |") {
				t.Errorf("there is no alert %s", name)
			}
		}
	}
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startAlertmanager runs one by the example, whose receivers are not there, and
// returns where it is.
func startAlertmanager(t *testing.T, path string) (url string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(read(t, "alertmanager/alertmanager.yml"), "127.0.0.1:9095", "127.0.0.1:1")), 0o600); err != nil {
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
		return "http://" + address
	case <-time.After(patience):
		t.Fatal("the Alertmanager does not listen")
	}
	return ""
}

// call asks an Alertmanager, with a body or without.
func call(t *testing.T, method, url string, body, out any) error {
	t.Helper()
	doc, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close() //nolint:errcheck // only read
	if out == nil {
		return nil
	}
	return json.NewDecoder(w.Body).Decode(out)
}

type labels map[string]string

func TestAlertmanager_OneIncidentIsOneMessageAndSaidOnce(t *testing.T) {
	t.Parallel()
	path, ok := program(t, "prometheus-alertmanager", "prometheus-alertmanager")
	if !ok {
		return
	}
	url := startAlertmanager(t, path)
	own := func(kind, service, severity string) labels {
		return labels{"alertname": kind, "service": service, "severity": severity, "incident": "i1", "root": "db"}
	}
	rule := func(name, service, severity string) labels {
		return labels{"alertname": name, "service": service, "severity": severity, "job": "switchgear", "instance": "a"}
	}
	var alerts []map[string]labels
	for _, l := range []labels{
		own("circuit_state_change", "db", "critical"), own("circuit_state_change", "web", "critical"),
		own("consecutive_failures", "db", "warning"), own("flapping", "web", "warning"),
		rule("SwitchgearCircuitOpen", "db", "critical"), rule("SwitchgearErrorRate", "db", "warning"), rule("SwitchgearFlapping", "web", "warning"),
		rule("SwitchgearFlapping", "db", "warning"), rule("SwitchgearCircuitOpen", "job", "critical"), rule("SwitchgearStoreUnavailable", "", "critical"),
	} {
		alerts = append(alerts, map[string]labels{"labels": l})
	}
	eventually(t, "an Alertmanager that is ready", func() bool { return call(t, http.MethodPost, url+"/api/v2/alerts", alerts, nil) == nil })

	var got []string
	want := []string{
		"chat {alertname=SwitchgearErrorRate job=switchgear} 0 of 1",
		"chat {alertname=SwitchgearFlapping job=switchgear} 1 of 2", // that of db, whose own does not flap
		"chat {incident=i1} 2 of 2",
		"page {alertname=SwitchgearCircuitOpen job=switchgear} 1 of 2", // that of job, of which nobody else tells
		"page {alertname=SwitchgearStoreUnavailable job=switchgear} 1 of 1",
		"page {incident=i1} 2 of 2",
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !slices.Equal(got, want); {
		select {
		case <-tick.C:
			got = messages(t, url)
		case <-deadline:
			t.Fatalf("receivers, groups and how many of each are told (-want +got)\n%s", cmp.Diff(want, got))
		}
	}
}

// messages are the groups of an Alertmanager, to whom, and of how many of their
// alerts they tell.
func messages(t *testing.T, url string) (all []string) {
	t.Helper()
	var groups []struct {
		Labels   labels
		Receiver struct{ Name string }
		Alerts   []struct {
			Status struct{ InhibitedBy []string }
		}
	}
	if err := call(t, http.MethodGet, url+"/api/v2/alerts/groups", nil, &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		var by []string
		for name, value := range g.Labels {
			by = append(by, name+"="+value)
		}
		slices.Sort(by)
		told := 0
		for _, a := range g.Alerts {
			if len(a.Status.InhibitedBy) == 0 {
				told++
			}
		}
		all = append(all, fmt.Sprintf("%s {%s} %d of %d", g.Receiver.Name, strings.Join(by, " "), told, len(g.Alerts)))
	}
	slices.Sort(all)
	return all
}
