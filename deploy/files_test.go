package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestRules_FireAndResolveAsTheyAreMeantTo(t *testing.T) {
	t.Parallel()
	promtool, ok := program(t, "promtool", "prometheus")
	if !ok {
		return
	}
	run(t, "prometheus", promtool, "check", "rules", "rules.yml")
	run(t, "prometheus", promtool, "test", "rules", "rules_test.yml")
	run(t, "prometheus", promtool, "check", "config", "prometheus.yml")
	run(t, "compose", promtool, "check", "config", "prometheus.yml")
	run(t, "..", promtool, "check", "config", "deploy/compose/prometheus.yml")
	inContainer(t, promtool)
}

// inContainer lays the files where compose.yml mounts them.
func inContainer(t *testing.T, promtool string) {
	t.Helper()
	mounts := regexp.MustCompile(`(?m)^ +- \./(\S+\.yml):(/etc/prometheus/\S+):ro$`).FindAllStringSubmatch(read(t, "compose.yml"), -1)
	if len(mounts) != 2 {
		t.Fatalf("compose.yml mounts %q", mounts)
	}
	root := t.TempDir()
	for _, m := range mounts {
		path := filepath.Join(root, m[2])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(read(t, m[1])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, filepath.Join(root, "etc", "prometheus"), promtool, "check", "config", "prometheus.yml")
}

var alertName = regexp.MustCompile(`(?m)^ +- (?:alert|alertname): (\w+)$`)

func TestRules_EachAlertHasATest(t *testing.T) {
	t.Parallel()
	names := func(file string) map[string]bool {
		all := make(map[string]bool)
		for _, m := range alertName.FindAllStringSubmatch(read(t, file), -1) {
			all[m[1]] = true
		}
		return all
	}
	tested := names("prometheus/rules_test.yml")
	if len(tested) == 0 {
		t.Fatal("no test was found")
	}
	for name := range names("prometheus/rules.yml") {
		if !tested[name] {
			t.Errorf("%s has no test", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMetrics_OfARealManagerPassPromtool(t *testing.T) {
	t.Parallel()
	promtool, ok := program(t, "promtool", "prometheus")
	if !ok {
		return
	}
	for _, durations := range []string{"service", "layer"} {
		m := start(t, durations)
		m.live(t)
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(m.scrape(t))
		if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("by %s: %v\n%s", durations, err, said)
		}
	}
}

// TestUnit_IsUnderstoodAndShutIn asks systemd itself, of 10 at most for a service
// that may do anything.
func TestUnit_IsUnderstoodAndShutIn(t *testing.T) {
	t.Parallel()
	analyze, ok := program(t, "systemd-analyze", "systemd")
	if !ok {
		return
	}
	const name, binary = "switchgear.service", "/usr/bin/switchgear"
	unit := read(t, filepath.Join("systemd", name))
	if !strings.Contains(unit, "ExecStart="+binary+" serve ") {
		t.Fatalf("it does not start %s", binary)
	}
	dir := t.TempDir() // verify wants the binary to be there
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(unit, binary, "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := run(t, dir, analyze, "verify", "--man=no", "./"+name); strings.Contains(said, name) {
		t.Error(said)
	}
	run(t, dir, analyze, "security", "--offline=true", "--no-pager", "--threshold=20", name)
}
