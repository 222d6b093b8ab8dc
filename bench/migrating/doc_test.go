package migrating

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A region is what stands between these two lines of a test file.
const (
	regionBegins = "// region "
	regionEnds   = "// end region"
)

var marker = regexp.MustCompile(`^<!-- bench/migrating: ([a-z0-9_]+) -->$`)

func TestDocument_ShowsTheExamplesThatRun(t *testing.T) {
	t.Parallel()
	shown, run := examplesOf(t, "../../docs/migrating.md"), regions(t)
	if len(run) == 0 {
		t.Fatal("no examples")
	}
	if d := cmp.Diff(run, shown); d != "" {
		t.Errorf("docs/migrating.md (-run +shown):\n%s", d)
	}
}

// examplesOf are the Go examples of a document, by the name in the comment that
// must stand above each.
func examplesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	above, name, code := "", "", ""
	inside := false
	for line := range lines(t, file) {
		switch {
		case line == "```go" && !inside:
			m := marker.FindStringSubmatch(above)
			if m == nil {
				t.Errorf("an example has no name: it must have one in the line above")
				m = []string{"", "unnamed"}
			}
			name, code, inside = m[1], "", true
		case line == "```" && inside:
			found[name], inside = code, false
		case inside:
			code += line + "\n"
		}
		above = line
	}
	return found
}

// regions are the named parts of the test files of this package, as they would
// stand at the left margin.
func regions(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, file := range files {
		name, indent := "", ""
		for line := range lines(t, file) {
			text := strings.TrimLeft(line, "\t")
			switch {
			case strings.HasPrefix(text, regionBegins):
				name = strings.TrimPrefix(text, regionBegins)
				indent = strings.TrimSuffix(line, text)
				found[name] = ""
			case text == regionEnds:
				name = ""
			case name != "":
				found[name] += strings.TrimPrefix(line, indent) + "\n"
			}
		}
	}
	return found
}

func lines(t *testing.T, file string) func(func(string) bool) {
	t.Helper()
	return func(yield func(string) bool) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		s := bufio.NewScanner(f)
		for s.Scan() {
			if !yield(s.Text()) {
				return
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
