package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// TestProxy_CarriesTheLiveStreamOfAManager has a manager behind it: REST, and a
// WebSocket that lives until the proxy stops.
func TestProxy_CarriesTheLiveStreamOfAManager(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	p := startProxy(t, m.url, switchgear.Config{}, nil)
	c, err := client.New(p.url, fakeToken, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Stream(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, s, wire.TypeConnectionStatus)
	await(ctx, t, s, wire.TypeServicesState)
	if _, err := c.PutService(ctx, "web", config.Service{}, "it is new"); err != nil {
		t.Fatal(err)
	}
	if got := await(ctx, t, s, wire.TypeServiceEvent); got.Event.Kind != "registered" {
		t.Errorf("the event is %+v", got.Event)
	}
	begun := time.Now()
	p.stop()
	if err := <-p.ended; err != nil || time.Since(begun) > drainTimeout {
		t.Errorf("it stopped after %v with %v", time.Since(begun), err)
	}
	if n := p.flights.now(); n != 0 {
		t.Errorf("it has left %d requests behind", n)
	}
	p.ended <- nil // for the clean-up
	for err == nil {
		_, err = s.Next(ctx) // until the stream is cut
	}
	if got := p.breaker.Operations(); got.Failed != 0 || got.Successful < 2 {
		t.Errorf("its breaker counted %+v", got)
	}
}

func TestProxy_CutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), switchgear.Config{}, func(s *sidecar) { s.patience = 50 * time.Millisecond })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	p.stop()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stream ended well")
	}
}

func TestProxy_LetsRequestsEndWhenItStops(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan struct{}), make(chan struct{})
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		_, _ = io.WriteString(w, "done")
	}), switchgear.Config{}, nil)
	var asking sync.WaitGroup
	asking.Go(func() {
		if got := p.get("/"); got.body != "done" {
			t.Errorf("the last answer is %+v", got)
		}
	})
	<-arrived
	p.stop()
	eventually(t, func() bool { // it takes no more
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(answer)
	asking.Wait()
}
