package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// build makes the program that is measured, and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/degenduel/switchgear").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module, in the folder bench: %w", err)
	}
	path := filepath.Join(dir, "switchgear")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/switchgear") //nolint:gosec // the path is ours
	cmd.Dir, cmd.Stderr = strings.TrimSpace(string(root)), os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return path, cmd.Run()
}

// server is a manager in a process of its own.
type server struct {
	*process

	url   string // http://host:port
	took  started
	token string // of the administrator
	http  *http.Client
	log   *os.File
}

// started is what a start took until the server listened, and until it answered
// the first request.
type started struct {
	listening, answered time.Duration
	cpu                 time.Duration // used until then
}

// serverSpec says how a server is started.
type serverSpec struct {
	program []string // and what comes before its own arguments
	data    string
	config  string // a file; empty: none
	listen  string // default: any port of 127.0.0.1
}

// startServer starts a server and waits until it listens.
func startServer(ctx context.Context, spec serverSpec) (_ *server, err error) {
	if spec.listen == "" {
		spec.listen = "127.0.0.1:0"
	}
	s := &server{token: rand.Text() + rand.Text()}
	s.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	args := slices.Concat(spec.program[1:], []string{"serve", "--data", spec.data, "--listen", spec.listen, "--log-level", "warn"})
	if spec.config != "" {
		args = append(args, "--config", spec.config)
	}
	cmd := exec.CommandContext(ctx, spec.program[0], args...) //nolint:gosec // it is what is to be measured
	cmd.Dir = filepath.Dir(spec.data)                         // where there is no config file
	cmd.Env = append(os.Environ(), "SWITCHGEAR_ADMIN_TOKEN="+s.token)
	if s.log, err = os.OpenFile(spec.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if s.process, err = start(cmd); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, said := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !said {
		s.kill()
		return nil, fmt.Errorf("the server does not listen (%w); it says in %s why", err, s.log.Name())
	}
	s.url, s.took.listening = url, time.Since(began)
	if err := s.first(ctx); err != nil {
		s.kill()
		return nil, err
	}
	s.took.answered = time.Since(began)
	if len(spec.program) > 1 { // what runs the program has it as its only child
		if s.pid, err = childOf(s.pid); err != nil {
			return s, err
		}
	}
	s.took.cpu, err = s.cpu()
	return s, err
}

func childOf(pid int) (int, error) {
	pids := children(strconv.Itoa(pid))
	if len(pids) != 1 {
		return 0, fmt.Errorf("process %d has %d children, not one", pid, len(pids))
	}
	return strconv.Atoi(pids[0])
}

// address is where the server listens: host and port.
func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// first is the first request that a user would notice.
func (s *server) first(ctx context.Context) error {
	return s.do(ctx, http.MethodGet, "/api/v2/services?limit=1", "")
}

// reset changes a service: an event and an update for all who watch.
func (s *server) reset(ctx context.Context, service int) error {
	return s.do(ctx, http.MethodPost, "/api/v2/services/"+serviceName(service)+"/reset", `{"reason": "to be told to all"}`)
}

func (s *server) do(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	return err
}

// stop ends the server as its owner would, and waits for it.
func (s *server) stop() error {
	s.http.CloseIdleConnections()
	err := s.cmd.Process.Signal(os.Interrupt)
	return errors.Join(err, s.wait(), s.log.Close())
}

// kill9 ends the server as a crash would.
func (s *server) kill9() {
	if s.pid != s.cmd.Process.Pid {
		if child, err := os.FindProcess(s.pid); err == nil {
			_ = child.Kill() // it may have ended
		}
		_ = s.wait() // it passes on how the child ended
		return
	}
	s.kill()
}
