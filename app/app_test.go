package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/wire"
)

const (
	serveEnv    = "SWITCHGEAR_APP_TEST_SERVE"    // the data directory of a child that serves
	databaseEnv = "SWITCHGEAR_APP_TEST_DATABASE" // the database that takes its place
	agentEnv    = "SWITCHGEAR_APP_TEST_AGENT"    // the manager of a child that is a program with a breaker
	listenEnv   = "SWITCHGEAR_APP_TEST_LISTEN"   // the address of a child that serves; without it any

	token = "an-admin-token-of-the-tests"
)

// TestMain lets a child process be the real thing: one can be killed.
func TestMain(m *testing.M) {
	data := os.Getenv(serveEnv)
	switch manager := os.Getenv(agentEnv); {
	case manager != "":
		if err := runProgram(manager); err != nil {
			panic(err)
		}
		return
	case data == "":
		goleak.VerifyTestMain(testpg.Main{M: m})
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	err := app.Serve(ctx, app.Options{
		Reload: reload,
		Guard:  notify.Guard,
		Settings: config.Settings{
			Listen: cmp.Or(os.Getenv(listenEnv), "127.0.0.1:0"), Data: data, DatabaseURL: os.Getenv(databaseEnv),
		},
		ConfigPath: filepath.Join(data, "..", "switchgear.yaml"),
		AdminToken: token, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		panic(err)
	}
}

// await asks until the service is as wanted.
func (p *process) await(t *testing.T, want func(wire.Entry) bool) wire.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	stream, err := p.Stream(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	for {
		if e, err := p.Service(ctx, "web"); err == nil && want(e) {
			return e
		} else if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Next(ctx); err != nil {
			e, _ := p.Service(t.Context(), "web")
			t.Fatalf("it is not as wanted: %+v (%v)", e, err)
		}
	}
}

func state(want string) func(wire.Entry) bool {
	return func(e wire.Entry) bool { return e.CircuitBreaker.State == want }
}

// place is a data directory, with a config file beside it that checks the
// upstream.
func place(t *testing.T, upstream string) string {
	t.Helper()
	dir := t.TempDir()
	file := fmt.Sprintf(`
fleet: { leaseMs: 1000 }
services:
  web:
    config: { failureThreshold: 3, resetTimeoutMs: 12000, minHealthyPeriodMs: 600, monitoringWindowMs: 5000, healthCheckIntervalMs: 100, jitter: 0 }
    healthCheck: { http: { url: %q }, timeoutMs: 1000 }
  job: {}
`, upstream)
	if err := os.WriteFile(filepath.Join(dir, "switchgear.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "data")
}

func TestServe_OpenCircuitSurvivesKillWithItsTimeLeft(t *testing.T) {
	t.Parallel()
	onEachStore(t, openCircuitSurvivesKill)
}

func openCircuitSurvivesKill(t *testing.T, vars ...string) {
	t.Helper()
	var failing atomic.Bool
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer upstream.Close()
	data := place(t, upstream.URL)
	p := serveWith(t, data, vars...)
	p.await(t, func(e wire.Entry) bool { return e.Status == "healthy" })
	failing.Store(true)
	opened := p.await(t, state("open"))
	p.kill(t)

	p = serveWith(t, data, vars...)
	e, err := p.Service(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if e.CircuitBreaker.State != "open" || !e.CircuitBreaker.NextAttemptAt.Equal(opened.CircuitBreaker.NextAttemptAt.Time) {
		t.Errorf("after the kill: %s until %v, want open until %v",
			e.CircuitBreaker.State, e.CircuitBreaker.NextAttemptAt, opened.CircuitBreaker.NextAttemptAt)
	}
	if e.CircuitBreaker.Trip == nil || e.CircuitBreaker.Trip.EventID == nil || e.CircuitBreaker.Trip.Rule != "failure_threshold" {
		t.Errorf("why it opened is lost: %+v", e.CircuitBreaker.Trip)
	}
	failing.Store(false)
	p.await(t, state("half_open"))
	if at := time.Now(); at.Before(opened.CircuitBreaker.NextAttemptAt.Time) {
		t.Errorf("it is half-open at %v, before its time", at)
	}
	p.await(t, state("closed"))
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

func TestServe_WhatWasAcknowledgedSurvivesKills(t *testing.T) {
	t.Parallel()
	onEachStore(t, whatWasAcknowledgedSurvivesKills)
}

func whatWasAcknowledgedSurvivesKills(t *testing.T, vars ...string) {
	t.Helper()
	data := place(t, "http://127.0.0.1:1/")
	var version atomic.Int64 // the newest version that was acknowledged
	var event atomic.Int64   // the newest event that was told
	for round := range 5 {
		p := serveWith(t, data, vars...)
		v, err := p.Config(t.Context(), "job")
		if err != nil || int64(v.Version) < version.Load() {
			t.Fatalf("round %d: version %d is in force, %d was acknowledged (%v)", round, v.Version, version.Load(), err)
		}
		events, err := p.Events(t.Context(), client.EventQuery{Page: client.Page{Limit: 1}})
		if err != nil || len(events.Events) == 0 || *events.Events[0].ID < event.Load() {
			t.Fatalf("round %d: the newest event is %+v, and %d was told (%v)", round, events, event.Load(), err)
		}
		load(t, p, &version, &event)
	}
	if version.Load() < 20 || event.Load() < 100 {
		t.Errorf("%d configs and %d events are too few to prove anything", version.Load(), event.Load())
	}
}

// load changes configs, resets and reports, until the process is killed in the
// middle of it.
func load(t *testing.T, p *process, newest, event *atomic.Int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	versions, events := newest.Load(), event.Load()
	var workers sync.WaitGroup
	workers.Go(func() {
		stream, err := p.Stream(ctx, nil)
		for err == nil {
			var message client.Message
			if message, err = stream.Next(ctx); err != nil || message.Type != wire.TypeServiceEvent {
				continue
			}
			var m wire.ServiceEvent
			if err = json.Unmarshal(message.Data, &m); err == nil && m.Event.ID != nil {
				event.Store(max(event.Load(), *m.Event.ID))
			}
		}
	})
	var acknowledged atomic.Int64
	for i := range 4 {
		workers.Go(func() {
			version := int(newest.Load())
			for {
				var err error
				switch i {
				case 0:
					if version == 0 {
						version = 1
					}
					var v wire.Config
					v, err = p.PatchConfig(ctx, "job", version, wire.ConfigRequest{
						Config: json.RawMessage(fmt.Sprintf(`{"failureThreshold": %d}`, version%7+1)), Reason: "load",
					})
					if err == nil {
						version = v.Version
						newest.Store(int64(version))
					} else {
						version++ // a change that was not acknowledged may be there
					}
				case 1:
					_, err = p.Reset(ctx, "job", wire.ResetRequest{Reason: "load"})
				default:
					_, err = p.Report(ctx, "job", wire.OperationOutcome{Outcome: "failure", DurationMs: 1})
				}
				var refused *client.Error
				if err != nil && !errors.As(err, &refused) {
					return // the process is gone
				}
				acknowledged.Add(1)
			}
		})
	}
	enough := func() bool {
		return acknowledged.Load() >= 400 && newest.Load() >= versions+4 && event.Load() >= events+20
	}
	for !enough() && ctx.Err() == nil {
		if _, err := p.Service(ctx, "job"); err != nil {
			t.Error(err)
			break
		}
	}
	p.kill(t)
	workers.Wait()
}

func TestServe_HangUpReadsTheFileAgain(t *testing.T) {
	t.Parallel()
	data := place(t, "http://127.0.0.1:1/")
	path := filepath.Join(data, "..", "switchgear.yaml")
	p := serve(t, data)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(file string) {
		if err := os.WriteFile(path+".new", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	reload("services: { web: { config: { nonsense: 1 } } }")
	reload("# being written")
	reload(strings.Replace(string(before), "failureThreshold: 3", "failureThreshold: 4", 1))
	e := p.await(t, func(e wire.Entry) bool { return e.ConfigVersion == 2 })
	if !strings.Contains(string(e.Config), `"failureThreshold":4`) {
		t.Errorf("config %s", e.Config)
	}
	if _, err := p.Service(t.Context(), "job"); err != nil {
		t.Errorf("a file that was refused took a service out: %v", err)
	}
}

func TestRun_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	data := place(t, "http://127.0.0.1:1/")
	a, err := app.New(t.Context(), app.Options{
		Settings:   config.Settings{Listen: "127.0.0.1:0", Data: data},
		ConfigPath: filepath.Join(data, "..", "switchgear.yaml"), AdminToken: token,
		Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c, err := client.New(a.URL(), token, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	(&process{Client: c}).await(t, func(e wire.Entry) bool { return e.Status != "unknown" })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServe_FirstStartMakesAToken(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	var stderr strings.Builder
	start := func() {
		a, err := app.New(t.Context(), app.Options{
			Settings: config.Settings{Listen: "127.0.0.1:0", Data: data}, Stdout: io.Discard, Stderr: &stderr,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	start()
	secret, err := os.ReadFile(filepath.Join(data, app.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(data, app.TokenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if strings.Count(stderr.String(), strings.TrimSpace(string(secret))) != 1 {
		t.Errorf("stderr says %q", stderr.String())
	}
	start()
	if strings.Count(stderr.String(), strings.TrimSpace(string(secret))) != 1 {
		t.Error("a second start shows it again")
	}
}
