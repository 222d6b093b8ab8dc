package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
)

// recoverProxy runs a proxy whose upstream was sick and is well, and answers as
// h: its circuit is half-open, and whatever lasts longer than two seconds fails it.
// The next of the states that it comes into can be awaited.
func recoverProxy(t *testing.T, h http.HandlerFunc) (p *runningProxy, next func() switchgear.State) {
	t.Helper()
	var well atomic.Bool
	p = startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		h(w, r)
	}), switchgear.Config{
		FailureThreshold: 1, ResetTimeout: 50 * time.Millisecond, ProbeTimeout: 2 * time.Second, MinHealthyPeriod: 2500 * time.Millisecond, Jitter: -1,
	}, func(s *sidecar) { s.patience = 100 * time.Millisecond })
	moved := make(chan switchgear.State, 100)
	t.Cleanup(p.breaker.Observe(func(tr switchgear.Transition) { moved <- tr.To }))
	next = func() switchgear.State {
		t.Helper()
		select {
		case to := <-moved:
			return to
		case <-time.After(patient):
			t.Fatal("nothing moves")
			return 0
		}
	}
	p.get("/")
	well.Store(true)
	if a, b := next(), next(); a != switchgear.Open || b != switchgear.HalfOpen {
		t.Fatalf("it is %v, %v", a, b)
	}
	return p, next
}

func TestProxy_AClientThatDoesNotReadFailsNoRecovery(t *testing.T) {
	t.Parallel()
	block := make([]byte, 1<<20)
	for name, h := range map[string]http.HandlerFunc{
		"a large answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(wellTaken))
			for range wellTaken / len(block) {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"a stream": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, next := recoverProxy(t, h)
			_, _ = fmt.Fprint(p.dial(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if to := next(); to != switchgear.Closed {
				t.Errorf("it becomes %v: %s", to, p.breaker.Snapshot().LastError)
			}
		})
	}
}

func TestProxy_AClientThatDoesNotSendFailsNoRecovery(t *testing.T) {
	t.Parallel()
	p, next := recoverProxy(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	_, _ = fmt.Fprint(p.dial(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
	eventually(t, func() bool { return p.breaker.Operations().Ignored == 1 })
	if got := p.get("/"); got.status != http.StatusOK { // the probe's place is free
		t.Errorf("the next one is answered with %d", got.status)
	}
	if to := next(); to != switchgear.Closed {
		t.Errorf("it becomes %v: %s", to, p.breaker.Snapshot().LastError)
	}
}

func TestProxy_ABodyThatBreaksAfterItsHeaderIsAFailureBeside(t *testing.T) {
	t.Parallel()
	p, next := recoverProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	resp, err := p.client.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the body ended well")
	}
	_ = resp.Body.Close()
	if to := next(); to != switchgear.Open {
		t.Errorf("it becomes %v", to)
	}
	if got := p.breaker.Operations(); got != (switchgear.Operations{Successful: 1, Failed: 2}) {
		t.Errorf("its breaker counted %+v", got)
	}
}

func TestProxy_AClientThatLeavesAStreamIsNoFailure(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "{}\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	}), switchgear.Config{}, nil)
	c := p.dial()
	_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = bufio.NewReader(c).ReadString('}')
	_ = c.Close()
	<-left
	eventually(t, func() bool { return p.flights.now() == 0 })
	if got := p.breaker.Operations(); got != (switchgear.Operations{Successful: 1}) {
		t.Errorf("its breaker counted %+v", got)
	}
}
