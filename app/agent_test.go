package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// runProgram is a program with a breaker that has joined a manager. It does what
// its standard input says, a word a line, and tells how its breaker is after each.
func runProgram(manager string) error {
	s, err := switchgear.NewService("shop", switchgear.ServiceConfig{
		Config: switchgear.Config{FailureThreshold: 3, ResetTimeout: time.Hour, Jitter: -1},
	})
	if err != nil {
		return err
	}
	a, err := agent.JoinWith(context.Background(), manager, token, agent.Options{Program: "shop 1.0"}, agent.Member{Service: s, Layer: "edge"})
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "fail":
			_ = s.Do(context.Background(), func(context.Context) error { return errors.New("the till is stuck") }) // as it should
		case "work":
			_ = s.Do(context.Background(), func(context.Context) error { return nil }) // or not, where it is open
		case "join":
			if err := a.Connected(context.Background()); err != nil {
				return err
			}
		}
		b := s.Breaker()
		err := json.NewEncoder(os.Stdout).Encode(programState{b.State().String(), b.Mode().String(), b.Config().FailureThreshold, b.Operations().Rejected})
		if err != nil {
			return err
		}
	}
	return a.Close(context.Background())
}

// programState is how the breaker of a program is.
type programState struct {
	State, Mode string
	Threshold   int
	Rejected    uint64
}

// program is one in a process of its own.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startProgram(t *testing.T, manager string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"="+manager)
	return runProgramOf(t, cmd)
}

// runProgramOf starts a program that does what runProgram does.
func runProgramOf(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{t, cmd, in, json.NewDecoder(out)}
	t.Cleanup(p.kill)
	return p
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // says that it was killed
}

// do has the program do it, and returns how its breaker is then.
func (p *program) do(what string) programState {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		p.t.Fatal(err)
	}
	var s programState
	if err := p.out.Decode(&s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// becomes waits for the program's breaker to be so.
func (p *program) becomes(what string, want func(programState) bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		s := p.do("look")
		if want(s) {
			return
		}
		if time.Since(begun) > 20*time.Second {
			p.t.Fatalf("the program's breaker is not %s, but %+v", what, s)
		}
	}
}

// shows waits for the manager to show the program's service so.
func (p *process) shows(t *testing.T, what string, want func(*wire.Entry) bool) wire.Entry {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		e, err := p.Service(t.Context(), "shop")
		if err == nil && want(&e) {
			return e
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("it is not shown %s, but %+v, %v", what, e, err)
		}
	}
}

// TestAgent_WhateverIsKilledTheRestGoesOnAndIsWhole has a manager and a program,
// each a process, and kills them in turn.
func TestAgent_WhateverIsKilledTheRestGoesOnAndIsWhole(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(filepath.Join(filepath.Dir(data), "switchgear.yaml"), []byte("services: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := serve(t, data)
	shop := startProgram(t, m.url)
	shop.do("join")
	m.shows(t, "as it is", func(e *wire.Entry) bool {
		return e.Source == "agent" && e.Layer == "edge" && e.Instances == wire.Instances{Total: 1} && e.CircuitBreaker.State == "closed"
	})

	// What an administrator orders reaches it.
	patch := wire.ConfigRequest{Config: json.RawMessage(`{"failureThreshold":2}`), Reason: "sooner"}
	if _, err := m.PatchConfig(t.Context(), "shop", 1, patch); err != nil {
		t.Fatal(err)
	}
	shop.becomes("of the new config", func(s programState) bool { return s.Threshold == 2 })
	if _, err := m.Override(t.Context(), "shop", wire.OverrideRequest{Mode: "forced_open", Reason: "drill", TTLMs: 60_000}); err != nil {
		t.Fatal(err)
	}
	if s := shop.do("look"); s.Mode != "forced_open" { // it was waited for
		t.Errorf("after the override it is %+v", s)
	}
	if _, err := m.EndOverride(t.Context(), "shop", "over"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Reset(t.Context(), "shop", wire.ResetRequest{Reason: "it is well"}); err != nil {
		t.Fatal(err)
	}
	if s := shop.do("look"); s.State != "closed" || s.Mode != "auto" {
		t.Errorf("after the reset it is %+v", s)
	}

	// The manager dies: the program decides as before, and tells it later.
	m.kill(t)
	shop.do("fail")
	if s := shop.do("fail"); s.State != "open" {
		t.Errorf("without the manager it is %+v", s)
	}
	if s := shop.do("work"); s.Rejected != 1 {
		t.Errorf("without the manager it is %+v", s)
	}
	m = serveWith(t, data, listenEnv+"="+strings.TrimPrefix(m.url, "http://"))
	opened := m.shows(t, "open", func(e *wire.Entry) bool {
		return e.CircuitBreaker.IsOpen && e.Operations.Failed == 2 && e.Operations.Rejected == 1
	})
	if opened.ConfigVersion != 2 || opened.CircuitBreaker.LastError == nil || *opened.CircuitBreaker.LastError != "the till is stuck" {
		t.Errorf("it is shown as %+v", opened)
	}
	events, err := m.Events(t.Context(), client.EventQuery{Service: "shop", Kind: "transition"})
	if err != nil {
		t.Fatal(err)
	}
	openings := 0
	for _, e := range events.Events {
		if e.To != nil && *e.To == "open" {
			openings++
		}
	}
	if openings != 1 {
		t.Errorf("its opening is told %d times", openings)
	}

	// The program dies: that is seen, and the next one begins as it was.
	shop.kill()
	m.shows(t, "as silent", func(e *wire.Entry) bool {
		return e.Instances == wire.Instances{Total: 1, Open: 1, Stale: 1} && e.Status == "unknown"
	})
	shop = startProgram(t, m.url)
	if s := shop.do("join"); s.State != "open" || s.Threshold != 2 {
		t.Errorf("the next program begins as %+v", s)
	}
	m.shows(t, "open", func(e *wire.Entry) bool { return e.CircuitBreaker.IsOpen && e.Instances.Total-e.Instances.Stale == 1 })
	if err := shop.in.Close(); err != nil {
		t.Error(err)
	}
	if err := shop.cmd.Wait(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
}
