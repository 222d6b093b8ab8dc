package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/degenduel/switchgear/internal/testpg"
)

// TestServeScripts runs the command against the manager that it is itself.
func TestServeScripts(t *testing.T) {
	t.Parallel()
	serveScripts(t, "testdata/serve", func(*testscript.Env) {})
}

// TestPostgresScripts runs it on PostgreSQL, where that is there.
func TestPostgresScripts(t *testing.T) {
	t.Parallel()
	server, ok := testpg.Shared(t)
	if !ok {
		return
	}
	serveScripts(t, "testdata/postgres", func(env *testscript.Env) { env.Setenv("DATABASE", server.Database(t)) })
}

func serveScripts(t *testing.T, dir string, setup func(*testscript.Env)) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			setup(env)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Values[managerKey{}] = &managerProcess{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "manager": startManager, "stop-manager": stopManager, "token": keepToken,
		},
	})
}

type managerKey struct{}

// managerProcess is the serve that a script has started; none if its command
// is nil.
type managerProcess struct {
	command *exec.Cmd
	log     strings.Builder
}

// startManager runs serve until stop-manager, and tells the other commands
// where it listens: manager [FLAG …].
func startManager(ts *testscript.TestScript, neg bool, args []string) {
	m, _ := ts.Value(managerKey{}).(*managerProcess)
	if neg || m.command != nil {
		ts.Fatalf("usage: manager [FLAG …], once")
	}
	m.log.Reset()
	cmd := exec.Command("switchgear", append([]string{"serve"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "GORACE=" + ts.Getenv("GORACE")}
	cmd.Stderr = &m.log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	m.command = cmd
	ts.Defer(func() {
		if m.command != nil {
			_ = cmd.Process.Kill() // the script has failed before it stopped it
			_ = cmd.Wait()
			ts.Logf("[manager]\n%s", &m.log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		ts.Fatalf("%v", err)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		ts.Fatalf("its first line is %q", line)
	}
	ts.Setenv("SWITCHGEAR_URL", url)
	ts.Setenv("ADDRESS", strings.TrimPrefix(url, "http://"))
}

// stopManager ends serve as an init system does, which must take it well.
func stopManager(ts *testscript.TestScript, neg bool, args []string) {
	m, _ := ts.Value(managerKey{}).(*managerProcess)
	if neg || len(args) > 0 || m.command == nil {
		ts.Fatalf("usage: stop-manager, after manager")
	}
	ts.Check(m.command.Process.Signal(syscall.SIGTERM))
	err := m.command.Wait()
	m.command = nil
	ts.Logf("[manager]\n%s", &m.log)
	if err != nil {
		ts.Fatalf("the manager ended with %v", err)
	}
}

// keepToken writes the token that was printed to a file: token stdout FILE.
func keepToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: token stdout FILE")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if secret, ok := strings.CutPrefix(line, "token "); ok {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(secret), 0o600))
			return
		}
	}
	ts.Fatalf("no token was printed")
}
