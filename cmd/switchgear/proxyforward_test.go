package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
)

func TestProxy_TheQueryReachesTheUpstreamAsItWas(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }), switchgear.Config{}, nil)
	for _, want := range []string{"/?p=repo.git;a=summary", "/?q=100%&x=1", "/?a=1;b=2&c=3", "/a%2Fb//c?x=1", "/?", "/", "/?x=%zz", "/?b=2&a=1&b=1"} {
		c := p.dial()
		_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", want)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != want {
			t.Errorf("of %q the upstream sees %q, %v", want, got, err)
		}
	}
}

func TestProxy_ShowsItselfToTheMachineHoweverItIsSpelt(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "http://127.0.0.1:1", switchgear.Config{}, nil)
	for host, want := range map[string]int{
		"localhost": 200, "LocalHost": 200, "LOCALHOST:80": 200, "[::1]:9": 200, "127.0.0.1": 200,
		"localhost.example.com": 403, "127.0.0.1.example.com": 403, "Example.com": 403,
	} {
		got := fetch(t, p.client, p.admin+"/state", func(r *http.Request) { r.Host = host })
		if got.status != want {
			t.Errorf("to %s it answers %d, want %d", host, got.status, want)
		}
	}
}

func TestProxy_ShowsWhatSlowCallsOpenedAndForHowLong(t *testing.T) {
	t.Parallel()
	log := &logged{}
	p := startProxy(t, "http://127.0.0.1:1", switchgear.Config{
		SlowCallDuration: time.Second, SlowCallRateThreshold: 0.5, MinimumOperations: 2, Jitter: -1,
	}, func(s *sidecar) { s.log = log.logger(t) })
	opened := make(chan struct{})
	defer p.breaker.Observe(func(switchgear.Transition) { close(opened) })()
	fetch(t, p.client, p.admin+"/healthz", nil) // it has begun
	p.breaker.RecordSuccess(time.Second)        // as if they had lasted so long
	p.breaker.RecordSuccess(time.Second)
	<-opened
	eventually(t, func() bool {
		return log.has("rule=slow_calls failures=0 successes=2 slow=2 open_for=1m0s")
	})
	state := fetch(t, p.client, p.admin+"/state", nil).body
	for _, want := range []string{
		`"slow":2,`, `"open_ms":60000,`, `"trip":{"rule":"slow_calls","failures":0,"successes":2,"slow":2,"last_error":null}`,
	} {
		if !strings.Contains(state, want) {
			t.Errorf("its state has no %s in %s", want, state)
		}
	}
	metrics := fetch(t, p.client, p.admin+"/metrics", nil).body
	for _, want := range []string{
		"switchgear_proxy_open_seconds 60\n", `switchgear_proxy_trip_operations{kind="slow"} 2` + "\n",
		`switchgear_proxy_trip_operations{kind="success"} 2` + "\n", `switchgear_proxy_trip_operations{kind="failure"} 0` + "\n",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s in\n%s", want, metrics)
		}
	}
}
