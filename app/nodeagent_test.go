package app_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// nodeAgent starts the example in Node.js, whose package it installs elsewhere.
func nodeAgent(t *testing.T) func(manager string) *program {
	t.Helper()
	node, err := exec.LookPath("node")
	npm, noNpm := exec.LookPath("npm")
	switch {
	case err == nil && noNpm == nil:
	case os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1":
		t.Fatal("node or npm is not there: apt-get install nodejs npm")
	default:
		t.Skip("node or npm is not there: apt-get install nodejs npm")
	}
	dir := t.TempDir()
	const from = "../examples/node-agent"
	for _, name := range []string{"package.json", "package-lock.json", "agent.js", "breaker.js", "main.js"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = dir
	if said, err := install.CombinedOutput(); err != nil {
		t.Fatalf("its package is not to be had: %v\n%s", err, said)
	}
	return func(manager string) *program {
		cmd := exec.Command(node, "main.js")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SWITCHGEAR_URL="+manager, "SWITCHGEAR_TOKEN="+token)
		return runProgramOf(t, cmd)
	}
}

func TestNodeAgent_IsAMemberLikeAnyOther(t *testing.T) {
	t.Parallel()
	start := nodeAgent(t)
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(filepath.Join(filepath.Dir(data), "switchgear.yaml"), []byte("services: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := serve(t, data)
	shop := start(m.url)
	m.shows(t, "as it is", func(e *wire.Entry) bool { return e.Source == "agent" && e.Instances == wire.Instances{Total: 1} })
	shop.do("work")
	m.shows(t, "with its operation", func(e *wire.Entry) bool { return e.Operations.Successful == 1 })

	patch := wire.ConfigRequest{Config: json.RawMessage(`{"failureThreshold":2}`), Reason: "sooner"}
	if _, err := m.PatchConfig(t.Context(), "shop", 1, patch); err != nil {
		t.Fatal(err)
	}
	shop.becomes("of the new config", func(s programState) bool { return s.Threshold == 2 })
	if _, err := m.Override(t.Context(), "shop", wire.OverrideRequest{Mode: "forced_open", Reason: "drill", TTLMs: 60_000}); err != nil {
		t.Fatal(err)
	}
	if s := shop.do("look"); s.Mode != "forced_open" {
		t.Errorf("after the override it is %+v", s)
	}
	if _, err := m.EndOverride(t.Context(), "shop", "over"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Reset(t.Context(), "shop", wire.ResetRequest{Reason: "it is well"}); err != nil {
		t.Fatal(err)
	}
	if s := shop.do("look"); s.State != "closed" || s.Mode != "auto" {
		t.Errorf("after the reset it is %+v", s)
	}

	m.kill(t)
	shop.do("fail")
	if s := shop.do("fail"); s.State != "open" {
		t.Errorf("without the manager it is %+v", s)
	}
	if s := shop.do("work"); s.Rejected != 1 {
		t.Errorf("without the manager it is %+v", s)
	}
	m = serveWith(t, data, listenEnv+"="+strings.TrimPrefix(m.url, "http://"))
	m.shows(t, "open", func(e *wire.Entry) bool {
		return e.CircuitBreaker.IsOpen && e.CircuitBreaker.Outage != nil && e.Operations.Failed == 2 && e.Operations.Rejected == 1 && e.ConfigVersion == 2
	})
	events, err := m.Events(t.Context(), client.EventQuery{Service: "shop", Kind: "transition"})
	if err != nil {
		t.Fatal(err)
	}
	openings := 0
	for _, e := range events.Events {
		if e.To != nil && *e.To == "open" {
			openings++
		}
	}
	if openings != 1 {
		t.Errorf("its opening is told %d times", openings)
	}
	if err := shop.in.Close(); err != nil {
		t.Error(err)
	}
	if err := shop.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	shop = start(m.url)
	shop.becomes("open as the one before", func(s programState) bool { return s.State == "open" && s.Threshold == 2 })
}
