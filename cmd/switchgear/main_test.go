package main

import (
	"cmp"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/internal/testpg"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// testNow is the variable that stops the clock of the commands.
const testNow = "SWITCHGEAR_TEST_NOW"

func TestMain(m *testing.M) {
	// Under the race detector each command would else end a second late.
	_ = os.Setenv("GORACE", cmp.Or(os.Getenv("GORACE"), "atexit_sleep_ms=0"))
	testscript.Main(leakChecked{m}, map[string]func(){"switchgear": func() {
		now := time.Now
		if stopped, err := time.Parse(time.RFC3339, os.Getenv(testNow)); err == nil {
			now = func() time.Time { return stopped }
		}
		os.Exit(start(now))
	}})
}

// leakChecked is a run of tests that fails if a goroutine is left.
type leakChecked struct{ m *testing.M }

// Run runs the tests.
func (l leakChecked) Run() int {
	code := testpg.Main{M: l.m}.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs the command against a manager that always says the same.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", os.Getenv("GORACE"))
			s := httptest.NewServer(newFakeManager())
			env.Defer(s.Close)
			env.Setenv("SWITCHGEAR_URL", s.URL)
			env.Setenv("SWITCHGEAR_TOKEN", fakeToken)
			env.Setenv(testNow, fakeNow.Format(time.RFC3339))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and compares its exit code: exits CODE COMMAND [ARG …].
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG …]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := exitDone
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = code.ExitCode()
	}
	if got != want {
		ts.Fatalf("the exit code is %d, want %d", got, want)
	}
}
