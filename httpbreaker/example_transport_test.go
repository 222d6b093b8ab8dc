package httpbreaker_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// A client has one transport, and each host its own breaker, so that one that
// fails is left alone while the other is asked as before.
func ExampleTransport() {
	prices := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer prices.Close()
	scores := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer scores.Close()

	hosts, err := switchgear.NewKeyed("upstreams", switchgear.KeyedConfig{
		Config: switchgear.Config{FailureThreshold: 2, Jitter: -1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &httpbreaker.Transport{
		For: func(r *http.Request) *switchgear.Breaker { return hosts.Breaker(httpbreaker.HostKey(r)) },
	}}
	defer client.CloseIdleConnections()

	for _, url := range []string{prices.URL, scores.URL, scores.URL, scores.URL, prices.URL} {
		resp, err := client.Get(url)
		if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
			fmt.Println("one of the", open.Service, "is not asked for", open.RetryAfter().Round(1e9))
			continue
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		_ = resp.Body.Close() // which ends the operation
		fmt.Println(resp.Status)
	}
	// Output:
	// 200 OK
	// 503 Service Unavailable
	// 503 Service Unavailable
	// one of the upstreams is not asked for 2m0s
	// 200 OK
}
