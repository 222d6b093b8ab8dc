package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// run runs an app until the test has ended. Its file has the service web, which is
// checked at the upstream.
func run(t *testing.T, upstream string, settings config.Settings) *process {
	t.Helper()
	return runAt(t, place(t, upstream), settings)
}

// runAt is run over a data directory beside which the file is.
func runAt(t *testing.T, data string, settings config.Settings) *process {
	t.Helper()
	settings.Listen, settings.Data = "127.0.0.1:0", data
	a, err := app.New(t.Context(), app.Options{
		Settings: settings, ConfigPath: filepath.Join(data, "..", "switchgear.yaml"), AdminToken: token,
		Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c, err := client.New(a.URL(), token, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	p := &process{Client: c}
	p.await(t, func(wire.Entry) bool { return true }) // it runs
	return p
}

// upstreamOn is a server on an address of this machine; came counts its requests.
func upstreamOn(t *testing.T, address string, answer http.HandlerFunc) (url string, came *atomic.Int64) {
	t.Helper()
	came = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		answer(w, r)
	}))
	_ = s.Listener.Close() // another takes its place
	var err error
	if s.Listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", address+":0"); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, came
}

func well(http.ResponseWriter, *http.Request) {}

// checked is a service that is only checked when somebody asks.
func checked(t *testing.T, url string) config.Service {
	t.Helper()
	s, err := config.DecodeService(fmt.Appendf(nil,
		`{"config":{"healthCheckIntervalMs":0},"healthCheck":{"http":{"url":%q},"timeoutMs":1000}}`, url), config.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTargets_OfTheAPIAreNotThoseOfTheFile(t *testing.T) {
	t.Parallel()
	url, came := upstreamOn(t, "127.0.0.1", well)
	p := run(t, url, config.Settings{})
	p.await(t, func(e wire.Entry) bool { return e.Status == "healthy" })
	if came.Load() == 0 {
		t.Error("the file's check came to nobody")
	}
	for name, target := range map[string]string{"api": url, "web": url + "/other"} { // the second is the file's
		_, err := p.PutService(t.Context(), name, checked(t, target), "")
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest ||
			len(refused.Problem.Errors) != 1 || refused.Problem.Errors[0].Field != "healthCheck.http.url" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := p.Service(t.Context(), "api")
	if kind, ok := client.KindOf(err); !ok || kind != client.NotFound {
		t.Errorf("what was refused is there: %v", err)
	}
}

func TestTargets_AreThoseThatTheSettingsAllow(t *testing.T) {
	t.Parallel()
	url, came := upstreamOn(t, "127.0.0.1", well)
	p := run(t, url, config.Settings{AllowedTargets: []string{"loopback"}})
	if _, err := p.PutService(t.Context(), "api", checked(t, url), ""); err != nil {
		t.Fatal(err)
	}
	before := came.Load()
	if got, err := p.CheckHealth(t.Context(), "api"); err != nil || !got.Healthy || came.Load() == before {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestTargets_AreNotLeftByARedirect has an upstream that is allowed send checks
// on to one that is not.
func TestTargets_AreNotLeftByARedirect(t *testing.T) {
	t.Parallel()
	away, came := upstreamOn(t, "127.0.0.1", well)
	url, asked := upstreamOn(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, away, http.StatusFound)
	})
	p := run(t, "http://127.0.0.1:1/", config.Settings{AllowedTargets: []string{"127.0.0.2"}})
	if _, err := p.PutService(t.Context(), "api", checked(t, url), ""); err != nil {
		t.Fatal(err)
	}
	got, err := p.CheckHealth(t.Context(), "api")
	if err != nil || got.Healthy || got.Error == nil || !strings.Contains(*got.Error, "redirect") {
		t.Errorf("%v, %+v", err, got)
	}
	if asked.Load() == 0 || came.Load() != 0 {
		t.Errorf("%d came to the first, %d to the second", asked.Load(), came.Load())
	}
}
