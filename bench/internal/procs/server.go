package procs

import (
	"bufio"
	"bytes"
	"cmp"
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

// Build makes the program that is measured, and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
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

// Server is a manager in a process of its own.
type Server struct {
	*Process

	URL   string // http://host:port
	Took  Started
	Token string // of the administrator

	http *http.Client
	log  *os.File
}

// Started is what a start took until the server listened, and until it answered
// the first request.
type Started struct {
	Listening, Answered time.Duration
	CPU                 time.Duration // used until then
}

// ServerSpec says how a server is started.
type ServerSpec struct {
	Program  []string // and what comes before its own arguments
	Data     string   // its directory; the log is beside it
	Config   string   // a file; empty: none
	Database string   // a URL of PostgreSQL; empty: SQLite in Data
	Token    string   // of the administrator; empty: a new one
	Listen   string   // default: any port of 127.0.0.1
}

// StartServer starts a server and waits until it listens.
func StartServer(ctx context.Context, spec ServerSpec) (_ *Server, err error) {
	if spec.Listen == "" {
		spec.Listen = "127.0.0.1:0"
	}
	s := &Server{Token: cmp.Or(spec.Token, rand.Text()+rand.Text())}
	s.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	args := slices.Concat(spec.Program[1:], []string{"serve", "--data", spec.Data, "--listen", spec.Listen, "--log-level", "warn"})
	if spec.Config != "" {
		args = append(args, "--config", spec.Config)
	}
	cmd := exec.CommandContext(ctx, spec.Program[0], args...) //nolint:gosec // it is what is to be measured
	cmd.Dir = filepath.Dir(spec.Data)                         // where there is no config file
	cmd.Env = append(os.Environ(), "SWITCHGEAR_ADMIN_TOKEN="+s.Token)
	if spec.Database != "" { // which may have a password
		cmd.Env = append(cmd.Env, "SWITCHGEAR_DATABASE_URL="+spec.Database)
	}
	if s.log, err = os.OpenFile(spec.Data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if s.Process, err = Start(cmd); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, said := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !said {
		s.Kill()
		return nil, fmt.Errorf("the server does not listen (%w); it says in %s why", err, s.log.Name())
	}
	s.URL, s.Took.Listening = url, time.Since(began)
	if err := s.first(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	s.Took.Answered = time.Since(began)
	if len(spec.Program) > 1 { // what runs the program has it as its only child
		if s.pid, err = childOf(s.pid); err != nil {
			return s, err
		}
	}
	s.Took.CPU, err = s.CPU()
	return s, err
}

func childOf(pid int) (int, error) {
	pids := children(strconv.Itoa(pid))
	if len(pids) != 1 {
		return 0, fmt.Errorf("process %d has %d children, not one", pid, len(pids))
	}
	return strconv.Atoi(pids[0])
}

// Address is where the server listens: host and port.
func (s *Server) Address() string { return strings.TrimPrefix(s.URL, "http://") }

// first is the first request that a user would notice.
func (s *Server) first(ctx context.Context) error {
	return s.Do(ctx, http.MethodGet, "/api/v2/services?limit=1", "")
}

// Do sends a request as the administrator. An answer that is an error is one.
func (s *Server) Do(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
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

// Stop ends the server as its owner would, and waits for it.
func (s *Server) Stop() error {
	s.http.CloseIdleConnections()
	err := s.cmd.Process.Signal(os.Interrupt)
	return errors.Join(err, s.wait(), s.log.Close())
}

// Kill9 ends the server as a crash would.
func (s *Server) Kill9() {
	if s.pid != s.cmd.Process.Pid {
		if child, err := os.FindProcess(s.pid); err == nil {
			_ = child.Kill() // it may have ended
		}
		_ = s.wait() // it passes on how the child ended
		return
	}
	s.Kill()
}
