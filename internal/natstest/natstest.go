//go:build unix

package natstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds what a server that works does at once.
const patience = 30 * time.Second

// Server is a nats-server of the test's own, which ends with it. Its methods are
// for the goroutine of the test.
type Server struct {
	tb      testing.TB
	program string
	config  string // the path of its config file
	addr    string // empty until it has run
	running *exec.Cmd
	exited  chan struct{}
}

// Start is a server with a config in its own language, without an address in it;
// it may be empty. ok is false where there is no nats-server and none is required.
func Start(tb testing.TB, config string) (s *Server, ok bool) {
	tb.Helper()
	program := find()
	if program == "" {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			tb.Fatal("nats-server is not there: apt-get install nats-server")
		}
		tb.Log("nats-server is not there: what needs it is not tested")
		return nil, false
	}
	s = &Server{tb: tb, program: program, config: filepath.Join(tb.TempDir(), "nats.conf")}
	s.Configure(config)
	s.Restart()
	tb.Cleanup(s.Kill)
	return s, true
}

func find() string {
	for _, name := range []string{"nats-server", "/usr/sbin/nats-server"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	return ""
}

// Configure replaces the config, for the next Restart.
func (s *Server) Configure(config string) {
	s.tb.Helper()
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		s.tb.Fatal(err)
	}
}

// Addr is the server's IP address and port.
func (s *Server) Addr() string { return s.addr }

// URL is the server's, without a user.
func (s *Server) URL() string { return "nats://" + s.addr }

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Kill()
	<-s.exited
	s.running = nil
}

// Freeze stops the server where it is, until Thaw: connections stay, and nothing
// answers.
func (s *Server) Freeze() { _ = s.running.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { _ = s.running.Process.Signal(syscall.SIGCONT) }

// Restart kills the server if it runs, starts it at the same address, and waits
// until it serves. The first time it takes a free port, which somebody else may
// take in between: so it tries again.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	var err error
	for range 5 {
		addr := s.addr
		if addr == "" {
			addr = freeAddr(s.tb)
		}
		if err = s.start(addr); err == nil {
			s.addr = addr
			return
		}
	}
	s.tb.Fatalf("natstest: nats-server does not start: %v", err)
}

// freeAddr has a port that no outgoing connection is given by chance, so that it
// stays free while the server is dead: below the ephemeral ports of Linux.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	var err error
	for range 100 {
		port := 10000 + rand.IntN(22000)
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	tb.Fatal(err)
	return ""
}

func (s *Server) start(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd := exec.CommandContext(context.Background(), s.program, "-c", s.config, "-a", host, "-p", port) //nolint:gosec // the server
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	s.running, s.exited = cmd, make(chan struct{})
	go func() {
		defer close(s.exited)
		_ = cmd.Wait()
	}()
	if err := s.await(addr); err != nil {
		s.Kill()
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	return nil
}

// await waits until the server greets.
func (s *Server) await(addr string) error {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil { //nolint:noctx // it has a deadline
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			greeting := make([]byte, len("INFO"))
			_, err = c.Read(greeting)
			_ = c.Close()
			if err == nil && string(greeting) == "INFO" {
				return nil
			}
		}
		select {
		case <-s.exited:
			return errors.New("the server has exited")
		case <-tick.C:
		}
	}
	return errors.New("the server does not greet")
}
