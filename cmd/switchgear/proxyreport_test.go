package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/httpbreaker"
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

// reportsTo makes the reporter of a proxy, which logs to the second.
func reportsTo(t *testing.T, managerURL, token string) (*reporter, *logged) {
	t.Helper()
	c, err := client.New(managerURL, token, client.Options{Timeout: reportTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	log := &logged{}
	return &reporter{
		manager: c, url: managerURL, service: "prices",
		log: log.logger(t),
	}, log
}

func ended(outcome switchgear.Outcome) httpbreaker.Operation {
	return httpbreaker.Operation{Outcome: outcome, Duration: time.Millisecond}
}

// TestReporter_IsCountedOnceHoweverOftenTheAnswerIsLost has the manager behind
// a line that cuts every other answer, after the manager has counted.
func TestReporter_IsCountedOnceHoweverOftenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	if _, err := m.PutService(t.Context(), "prices", config.Service{}, ""); err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(m.url)
	if err != nil {
		t.Fatal(err)
	}
	var posts, lost atomic.Int64
	line := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(*http.Response) error {
			if posts.Add(1)%2 == 1 {
				lost.Add(1)
				panic(http.ErrAbortHandler)
			}
			return nil
		},
	})
	t.Cleanup(line.Close)
	r, _ := reportsTo(t, line.URL, fakeToken)
	const operations = 2500
	for range operations {
		r.add(ended(switchgear.Success))
	}
	for r.state().Reported < operations {
		r.next = time.Time{} // its patience is not at test
		if r.report(t.Context()); posts.Load() > 100 {
			t.Fatalf("after %d tries it is at %+v", posts.Load(), r.state())
		}
	}
	e, err := m.Service(t.Context(), "prices")
	if err != nil || e.Operations.Successful != operations || lost.Load() < 3 {
		t.Errorf("the manager counted %+v, %v, with %d answers lost", e.Operations, err, lost.Load())
	}
}

func TestReporter_TheManagerBeingAwayChangesNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	m := manage(t, data, "127.0.0.1:0")
	if _, err := m.PutService(t.Context(), "prices", config.Service{}, ""); err != nil {
		t.Fatal(err)
	}
	r, log := reportsTo(t, m.url, fakeToken)
	failing := atomic.Bool{}
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), switchgear.Config{FailureThreshold: 2}, func(s *sidecar) { s.reporter = r })
	p.get("/")
	counts := func(m managed, want wire.Operations) func() bool {
		return func() bool {
			e, err := m.Service(t.Context(), "prices")
			return err == nil && e.Operations == want
		}
	}
	eventually(t, counts(m, wire.Operations{Total: 1, Successful: 1}))

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
	eventually(t, func() bool { return r.state().Err != nil && log.has("no manager answers") })

	m = manage(t, data, strings.TrimPrefix(m.url, "http://"))
	eventually(t, counts(m, wire.Operations{Total: 3, Successful: 1, Failed: 2}))
	eventually(t, func() bool { return r.state().Reported == 3 })
	if s := r.state(); s.Err != nil || s.Dropped != 0 || s.State == nil || *s.State != "closed" {
		t.Errorf("it is at %+v", s) // the manager's own breaker has another threshold
	}
}

func TestReporter_TellsTheRestWhenTheProxyStops(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	if _, err := m.PutService(t.Context(), "prices", config.Service{}, ""); err != nil {
		t.Fatal(err)
	}
	r, _ := reportsTo(t, m.url, fakeToken)
	p := startProxy(t, newUpstream(t, func(http.ResponseWriter, *http.Request) {}), switchgear.Config{}, func(s *sidecar) { s.reporter = r })
	p.get("/")
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
	p.ended <- nil // for the clean-up
	if e, err := m.Service(t.Context(), "prices"); err != nil || e.Operations.Successful != 1 {
		t.Errorf("the manager counted %+v, %v", e.Operations, err)
	}
}

func TestReporter_SaysWhatIsMissing(t *testing.T) {
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
	try := func(token string, declare *config.Service) (*reporter, string) {
		r, _ := reportsTo(t, m.url, token)
		r.declare = declare
		r.report(t.Context())
		if s := r.state(); s.Err != nil {
			return r, *s.Err
		}
		return r, ""
	}
	for want, err := range map[string]func() (*reporter, string){
		`no service "prices": declare it`: func() (*reporter, string) { return try(agent.Secret, nil) },
		"does not accept the token":       func() (*reporter, string) { return try("nobody-knows-this-token", nil) },
		"takes the role admin":            func() (*reporter, string) { return try(agent.Secret, &config.Service{}) },
		"takes the role agent":            func() (*reporter, string) { return try(viewer.Secret, nil) },
	} {
		if _, got := err(); !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}

	r, text := try(fakeToken, &config.Service{Layer: "edge"})
	if text != "" || r.declare != nil {
		t.Errorf("declaring says %q", text)
	}
	if _, text := try(fakeToken, &config.Service{Layer: "other"}); text != "" { // which is there, and stays
		t.Errorf("declaring again says %q", text)
	}
	if e, err := m.Service(t.Context(), "prices"); err != nil || e.Layer != "edge" {
		t.Errorf("the service is %+v, %v", e, err)
	}
	if _, text := try(agent.Secret, nil); text != "" {
		t.Errorf("an agent's report says %q", text)
	}
}

func TestReporter_KeepsABoundedQueueOfNews(t *testing.T) {
	t.Parallel()
	r, _ := reportsTo(t, "http://127.0.0.1:1", fakeToken)
	for range maxQueued + 7 {
		r.add(ended(switchgear.Failure))
	}
	r.report(t.Context())
	if s := r.state(); s.Queued != maxQueued || s.Dropped != 7 || len(r.pending.outcomes) != maxBatch {
		t.Errorf("it is at %+v", s)
	}
	was := r.pending.key
	r.report(t.Context()) // too early for another try
	r.next = time.Time{}
	if r.report(t.Context()); r.pending.key != was {
		t.Error("the second try has another key")
	}
	if r.backoff != 2*minReportBackoff {
		t.Errorf("it waits up to %v", r.backoff)
	}
	old := time.Now().Add(-maxReportAge - time.Second)
	r.pending.made = old
	for i := range r.queue[:100] {
		r.queue[i].at = old
	}
	r.report(t.Context())
	if s := r.state(); s.Queued != maxQueued-maxBatch-100 || s.Dropped != 7+maxBatch+100 || r.pending != nil {
		t.Errorf("when that is old it is at %+v", s)
	}
}
