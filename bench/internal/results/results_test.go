package results

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func section(name, body string) Section {
	return Section{
		Name: name, Title: "Of " + name, Command: "make " + name, Body: body,
		Machine: Machine{CPU: "cpu", Cores: 2, Go: "go1", Kernel: "k", At: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)},
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrite_ReplacesItsSectionAndKeepsTheOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	if err := Write(path, section("one", "first"), section("two", "second")); err != nil {
		t.Fatal(err)
	}
	text := read(t, path)
	if err := os.WriteFile(path, []byte(strings.Replace(text, "<!-- two:begin", "By hand.\n\n<!-- two:begin", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, section("one", "third")); err != nil {
		t.Fatal(err)
	}
	want := title + `
<!-- one:begin -->
## Of one

cpu, 2 cores · k · go1 · 2026-11-23

    make one

third
<!-- one:end -->

By hand.

<!-- two:begin -->
## Of two

cpu, 2 cores · k · go1 · 2026-11-23

    make two

second
<!-- two:end -->
`
	if got := read(t, path); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWrite_RefusesASectionWithoutAnEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	text := marker("one", "begin") + "\nprecious\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, section("one", "")); err == nil {
		t.Error("it was taken")
	}
	if got := read(t, path); got != text {
		t.Errorf("the file is now %q", got)
	}
}

func TestThisMachine_SaysWhatItIs(t *testing.T) {
	t.Parallel()
	m := ThisMachine()
	if m.Cores < 1 || m.Go == "" || m.Kernel == "" || m.At.IsZero() {
		t.Errorf("%+v", m)
	}
}
