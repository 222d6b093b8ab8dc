package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/internal/testpg"
)

// TestMain plays the helpers too, which are this program started once more.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == roleSwarm || os.Args[1] == roleFloor) {
		exit(help(os.Args[1]))
	}
	os.Exit(m.Run())
}

func TestRun_MeasuresEveryPart(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Log("what processes use is read from /proc, as Linux has it: elsewhere nothing is measured")
		return
	}
	database := ""
	if server, ok := testpg.StartOwn(t); ok {
		database = server.Database(t)
	}
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	err := run(t.Context(), strings.Fields("-sockets 20 -services 50 -readers 20 -storm 20 -rounds 1 -period 100ms -database="+database+" -results "+path))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if p.name == "postgres" && database == "" {
			continue
		}
		if !strings.Contains(string(text), "<!-- load-"+p.name+":begin -->") {
			t.Errorf("there is no section of %s", p.name)
		}
	}
}

func TestRun_RefusesWhatIsNoPart(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-parts", "fanout,none"}); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("got %v", err)
	}
}
