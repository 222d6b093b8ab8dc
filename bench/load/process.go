package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is a child of this one.
type process struct {
	cmd  *exec.Cmd
	wait func() error // its end
	pid  int          // whose use is looked at: the child, or the child's
}

func start(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, pid: cmd.Process.Pid, wait: sync.OnceValue(cmd.Wait)}, nil
}

// kill ends the process at once, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.wait()             // it was killed: that is its error
}

// helper is a process of this program's that does what it is asked to.
type helper struct {
	*process

	client *rpc.Client
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

// newHelper starts this program once more, in a role.
func newHelper(ctx context.Context, role string) (*helper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, role) //nolint:gosec // it is this program
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	return &helper{p, rpc.NewClient(pipe{out, in})}, nil
}

// call asks the helper; a call that has an answer takes a pointer to it.
func (h *helper) call(ctx context.Context, method string, args, reply any) error {
	call := h.client.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// help is the life of a helper: until its parent has gone.
func help(role string) error {
	server := rpc.NewServer()
	var err error
	switch role {
	case roleSwarm:
		err = server.Register(new(Swarm))
	case roleFloor:
		err = server.Register(new(Floor))
	default:
		err = errors.New("no such role")
	}
	if err == nil {
		server.ServeConn(pipe{os.Stdin, os.Stdout})
	}
	return err
}

const roleSwarm, roleFloor = "swarm", "floor"

// tick is the unit in which Linux counts a process's time.
const tick = 10 * time.Millisecond

// stat are the numbers of /proc/PID/stat from the third field on.
func stat(pid string) ([]string, error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat") //nolint:gosec // of the kernel's
	if err != nil {
		return nil, err
	}
	// The second field is the name, in brackets, with whatever is in it.
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
}

func ticks(fields []string, numbers ...int) (sum time.Duration) {
	for _, n := range numbers {
		v, _ := strconv.Atoi(fields[n-3]) // the kernel writes numbers
		sum += time.Duration(v) * tick
	}
	return sum
}

// cpu is how much time of processors the process has used.
func (p *process) cpu() (time.Duration, error) {
	fields, err := stat(strconv.Itoa(p.pid))
	if err != nil {
		return 0, err
	}
	return ticks(fields, 14, 15), nil
}

// memory is what the process has in memory, and the most that it had, in bytes.
func (p *process) memory() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			most = kib << 10
		}
	}
	return now, most, nil
}

// foreign measures which share of the processors' time went to programs that
// are not ours: call it at the end.
func foreign() (share func() float64) {
	began, all, ours := time.Now(), busy(), own()
	cores := cores()
	return func() float64 {
		used := (busy() - all) - (own() - ours)
		return max(0, float64(used)/float64(time.Since(began)*time.Duration(cores)))
	}
}

func cores() int {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 1
	}
	return max(1, strings.Count(string(text), "\ncpu"))
}

// busy is the time that all processes of the machine have used.
func busy() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq …
	var sum time.Duration
	for i, f := range fields {
		if idle := i == 0 || i == 4 || i == 5 || i > 7; !idle {
			v, _ := strconv.Atoi(f) // the kernel writes numbers
			sum += time.Duration(v) * tick
		}
	}
	return sum
}

// own is the time that this process and its children have used.
func own() (sum time.Duration) {
	if fields, err := stat("self"); err == nil {
		sum = ticks(fields, 14, 15, 16, 17)
	}
	for _, pid := range children("self") {
		if fields, err := stat(pid); err == nil {
			sum += ticks(fields, 14, 15)
		}
	}
	return sum
}

// children are the processes that the process has started and that run.
func children(pid string) (pids []string) {
	lists, _ := filepath.Glob("/proc/" + pid + "/task/*/children") // the pattern is one
	for _, list := range lists {
		if text, err := os.ReadFile(list); err == nil { //nolint:gosec // of the kernel's
			pids = append(pids, strings.Fields(string(text))...)
		}
	}
	return pids
}
