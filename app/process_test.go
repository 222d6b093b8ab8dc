package app_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// process is a manager in a process of its own.
type process struct {
	*client.Client

	cmd *exec.Cmd
	url string
}

func serve(t *testing.T, data string) *process {
	t.Helper()
	return serveWith(t, data)
}

// serveWith is serve with more in the environment.
func serveWith(t *testing.T, data string, vars ...string) *process {
	t.Helper()
	p := begin(t, data, vars...)
	p.lead(t)
	return p
}

// begin starts a process, and waits until it listens.
func begin(t *testing.T, data string, vars ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), serveEnv+"="+data), vars...)
	log, err := os.OpenFile(data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		said, _ := os.ReadFile(data + ".log")
		t.Fatalf("first line %q, %v\n%s", line, err, said)
	}
	c, err := client.New(url, token, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &process{c, cmd, url}
}

// lead waits until the process leads, or is alone: the lease of one that was killed
// lasts a second.
func (p *process) lead(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	for {
		info, err := p.Server(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			t.Fatal(err)
		case err != nil:
		case info.Cluster == nil || info.Cluster.Role == wire.NodeLeads && info.Cluster.Problem == nil:
			return
		}
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // says that it was killed
}
