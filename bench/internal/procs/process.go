// Package procs starts the processes that are measured, a manager among them, and
// says what they use of the machine, as Linux has it in /proc.
package procs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child of this one.
type Process struct {
	cmd  *exec.Cmd
	wait func() error
	pid  int // whose use is looked at: the child, or the child's
}

// Start starts the command.
func Start(cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Process{cmd: cmd, pid: cmd.Process.Pid, wait: sync.OnceValue(cmd.Wait)}, nil
}

// Kill ends the process at once, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.wait()             // it was killed: that is its error
}

// Signal sends a signal to the process that is looked at.
func (p *Process) Signal(s syscall.Signal) error { return syscall.Kill(p.pid, s) }

// Of is a process that somebody else has started and will end.
func Of(pid int) *Process { return &Process{pid: pid} }

// Written is how many bytes the process has had written to disks.
func (p *Process) Written() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nwrite_bytes: ")
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseInt(line, 10, 64)
}

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

// CPU is how much time of processors the process has used.
func (p *Process) CPU() (time.Duration, error) {
	fields, err := stat(strconv.Itoa(p.pid))
	if err != nil {
		return 0, err
	}
	return ticks(fields, 14, 15), nil
}

// Memory is what the process has in memory, and the most that it had, in bytes.
func (p *Process) Memory() (now, most int64, err error) {
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

// Foreign measures which share of the processors' time went to programs that
// are not ours: call it at the end.
func Foreign() (share func() float64) {
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

// Growth is how many bytes more the process has in memory since.
func (p *Process) Growth() func() (int64, error) {
	before, _, failed := p.Memory()
	return func() (int64, error) {
		if failed != nil {
			return 0, failed
		}
		now, _, err := p.Memory()
		return now - before, err
	}
}

// Using is how much time of processors the process has used since.
func (p *Process) Using() func() (time.Duration, error) {
	before, failed := p.CPU()
	return func() (time.Duration, error) {
		if failed != nil {
			return 0, failed
		}
		now, err := p.CPU()
		return now - before, err
	}
}
