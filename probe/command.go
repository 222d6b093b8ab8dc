package probe

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	maxOutput = 4 << 10

	// waitDelay is how long, after a command has ended, what it leaves behind
	// may hold its output open.
	waitDelay = 100 * time.Millisecond
)

// commandChecker runs a program, without a shell.
type commandChecker struct {
	argv []string
}

func (c *commandChecker) check(ctx context.Context) error {
	var output tail
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...) //nolint:gosec // the operator's file names it
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = waitDelay
	group(cmd)
	err := cmd.Run()
	if cmd.Process != nil {
		killGroup(cmd) // what the command left behind
	}
	var exit *exec.ExitError
	var start *exec.Error
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it exited with 0, though its output was held open
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return &verdict{text: strings.TrimSuffix(exit.String()+": "+output.String(), ": "), cause: err}
	case errors.As(err, &start):
		return &verdict{text: "cannot be run: " + brief(start.Err.Error(), maxReason), cause: err}
	}
	return &verdict{text: "cannot be run: " + brief(err.Error(), maxReason), cause: err}
}

func (c *commandChecker) close() error { return nil }

// environment is the manager's own without its settings, among which are its
// secrets.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SWITCHGEAR_") {
			env = append(env, v)
		}
	}
	return env
}

// tail keeps the end of what is written to it. exec.Cmd writes from one
// goroutine, which may outlive Run by a moment where its output is held open.
type tail struct {
	mu   sync.Mutex
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p[max(0, len(p)-maxOutput):]...)
	if over := len(t.last) - maxOutput; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(p), nil
}

// String is what was kept, on one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return brief(string(t.last), maxOutput)
}
