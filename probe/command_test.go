//go:build unix

package probe_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

func command(argv ...string) config.HealthCheck {
	return config.HealthCheck{Command: &config.CommandCheck{Argv: argv}}
}

func TestProbe_Command(t *testing.T) {
	t.Parallel()
	notExecutable := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		argv []string
		want string
	}{
		{"exit 0", []string{"true"}, ""},
		{"exit 0 with output", []string{"echo", "fine"}, ""},
		{"exit 1", []string{"false"}, "command false: exit status 1"},
		{"exit 3 with output", []string{"sh", "-c", "echo one; echo two >&2; exit 3", "secret"}, "command sh: exit status 3: one two"},
		{"control characters", []string{"sh", "-c", `printf 'a\033[2Jb\000c\377'; exit 1`}, "command sh: exit status 1: a [2Jb c\ufffd"},
		{"a signal", []string{"sh", "-c", "kill -9 $$"}, "command sh: signal: killed"},
		{"no shell", []string{"echo $(false) | false; exit 1"}, "command echo $(false) | false; exit 1: cannot be run: executable file not found in $PATH"},
		{"not there", []string{"/nowhere/check"}, "command check: cannot be run: fork/exec /nowhere/check: no such file or directory"},
		{"not executable", []string{notExecutable}, "command file: cannot be run: fork/exec " + notExecutable + ": permission denied"},
		{"no input", []string{"cat"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := check(t, newProbe(t, command(tc.argv...), probe.Options{}), long); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestProbe_CommandKeepsTheEndOfItsOutput(t *testing.T) {
	t.Parallel()
	got := check(t, newProbe(t, command("sh", "-c", "yes begin | head -n 100000; echo the end; exit 1"), probe.Options{}), long)
	if len(got) > 4096+len("command sh: exit status 1: ") || !strings.HasSuffix(got, "begin the end") {
		t.Errorf("got %d bytes, ending in %q", len(got), got[max(0, len(got)-40):])
	}
}

func TestProbe_CommandDoesNotGetTheManagersSecrets(t *testing.T) {
	t.Setenv("SWITCHGEAR_ADMIN_TOKEN", "secret")
	t.Setenv("OTHER", "kept")
	got := check(t, newProbe(t, command("sh", "-c", `echo "[$SWITCHGEAR_ADMIN_TOKEN] [$OTHER]"; exit 1`), probe.Options{}), long)
	if want := "command sh: exit status 1: [] [kept]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestProbe_CommandIsKilledWithItsChildren has a command start a child that
// would live for long, and looks for the child after the check has ended in
// each of the ways there are.
func TestProbe_CommandIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	const forks = `sleep 1000 & echo $! > "$1.tmp"; mv "$1.tmp" "$1"; `
	for _, tc := range []struct {
		name, script, want string
	}{
		{"by the context", forks + "wait", "cancelled"},
		{"after it succeeded", forks + "exit 0", ""},
		{"after it failed", forks + "exit 1", "exit status 1"},
		{"after it succeeded, with its output closed", `sleep 1000 >/dev/null 2>&1 & echo $! > "$1.tmp"; mv "$1.tmp" "$1"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			p := newProbe(t, command("sh", "-c", tc.script, "sh", file), probe.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- p.Check(ctx) }()
			pid := waitForPID(ctx, t, file)
			if tc.want == "cancelled" {
				cancel()
			}
			got := ""
			if err := <-done; err != nil {
				got = strings.TrimPrefix(err.Error(), "command sh: ")
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			// The child was killed, and is gone when whoever inherits it has
			// taken note.
			gone, stop := context.WithTimeout(context.WithoutCancel(ctx), long)
			defer stop()
			for running(pid) {
				select {
				case <-gone.Done():
					_ = syscall.Kill(pid, syscall.SIGKILL)
					t.Fatal("the child lives on")
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}

func waitForPID(ctx context.Context, t *testing.T, file string) int {
	t.Helper()
	for {
		if text, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		select {
		case <-ctx.Done():
			t.Fatal("the command did not say what it started")
		case <-time.After(time.Millisecond):
		}
	}
}

// running reports whether a process is there and not a zombie that waits for
// an init that never comes, as in a container.
func running(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
