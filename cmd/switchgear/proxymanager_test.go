package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// managed is a manager that runs in this process.
type managed struct {
	*client.Client

	url  string
	stop func()
}

// manage runs a manager until it is stopped, or the test ends.
func manage(t *testing.T, data, address string) managed {
	t.Helper()
	a, err := app.New(context.WithoutCancel(t.Context()), app.Options{
		Settings:   config.Settings{Listen: address, Data: data},
		AdminToken: fakeToken, Stdout: io.Discard, Stderr: t.Output(), Version: wire.Version{Version: "v1.2.3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c, err := client.New(a.URL(), fakeToken, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := managed{Client: c, url: a.URL(), stop: sync.OnceFunc(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(m.stop)
	return m
}

// logged is a log that a test can read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// logger is one that also tells the test.
func (l *logged) logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(io.MultiWriter(l, t.Output()), nil))
}

// startManaged runs a proxy that has joined a manager.
func startManaged(t *testing.T, upstream, managerURL, token string, cfg switchgear.Config) (*runningProxy, *logged) {
	t.Helper()
	log := &logged{}
	p := startProxy(t, upstream, cfg, func(s *sidecar) {
		service, err := switchgear.NewService("prices", switchgear.ServiceConfig{Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		service.Start()
		s.breaker, s.log, s.managerURL = service.Breaker(), log.logger(t), managerURL
		leave, err := s.join(t.Context(), manager{managerURL, token}, service, &config.Service{Layer: "edge"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(leave)
	})
	return p, log
}

func TestProxy_TheManagerBeingAwayChangesNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	m := manage(t, data, "127.0.0.1:0")
	failing := atomic.Bool{}
	p, log := startManaged(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), m.url, fakeToken, switchgear.Config{FailureThreshold: 2})
	p.get("/")
	shown := func(m managed, state string, want wire.Operations) func() bool {
		return func() bool {
			e, err := m.Service(t.Context(), "prices")
			return err == nil && e.Operations == want && e.CircuitBreaker.State == state && e.Layer == "edge" && e.Running
		}
	}
	eventually(t, shown(m, "closed", wire.Operations{Total: 1, Successful: 1}))

	m.stop()
	failing.Store(true)
	for range 2 {
		if got := p.get("/"); got.status != http.StatusInternalServerError {
			t.Errorf("without a manager it answers %d", got.status)
		}
	}
	if got := p.get("/"); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a manager it answers %d to what it should reject", got.status)
	}
	eventually(t, func() bool { return p.managing().Err != nil && log.has("there is no connection to the manager") })

	m = manage(t, data, strings.TrimPrefix(m.url, "http://"))
	eventually(t, shown(m, "open", wire.Operations{Total: 3, Successful: 1, Failed: 2, Rejected: 1}))
	eventually(t, func() bool { return p.managing().Unsent == 0 })
	if s := p.managing(); s.Err != nil || !s.Joined || s.ConfigVersion != 1 || s.Dropped != 0 || s.URL != m.url {
		t.Errorf("it is at %+v", s)
	}
	var state proxyState
	if err := json.Unmarshal([]byte(fetch(t, p.client, p.admin+"/state", nil).body), &state); err != nil || state.Manager == nil || !state.Manager.Joined {
		t.Errorf("its state says %+v, %v", state.Manager, err)
	}
	if metrics := fetch(t, p.client, p.admin+"/metrics", nil).body; !strings.Contains(metrics, "switchgear_proxy_manager_connected 1\n") {
		t.Errorf("the metrics are %s", metrics)
	}
}

func TestProxy_SaysWhyTheManagerDoesNotTakeIt(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	agent, err := m.CreateToken(t.Context(), wire.TokenRequest{Name: "sidecar", Role: "agent"})
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := m.CreateToken(t.Context(), wire.TokenRequest{Name: "board", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := m.CreateToken(t.Context(), wire.TokenRequest{Name: "other", Role: "agent", Services: []string{"quotes"}})
	if err != nil {
		t.Fatal(err)
	}
	old := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	for want, at := range map[string]manager{
		"does not accept the token": {m.url, "nobody-knows-this-token"},
		"takes the role agent":      {m.url, viewer.Secret},
		"the token is not for":      {m.url, other.Secret},
		"no manager answers":        {"http://127.0.0.1:1", agent.Secret},
		"is it of an older release": {old, agent.Secret},
		"its source is \"api\"":     {m.url, agent.Secret},
	} {
		if strings.Contains(want, "source") {
			if _, err := m.PutService(t.Context(), "prices", config.Service{}, ""); err != nil {
				t.Fatal(err)
			}
		}
		p, _ := startManaged(t, newUpstream(t, func(http.ResponseWriter, *http.Request) {}), at.url, at.token, switchgear.Config{})
		eventually(t, func() bool {
			e := p.managing().Err
			return e != nil && strings.Contains(*e, want)
		})
		if got := p.get("/"); got.status != http.StatusOK {
			t.Errorf("%s: it answers %d", want, got.status)
		}
	}
}
