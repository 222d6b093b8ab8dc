package httpbreaker_test

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// Code that knows statuses only, such as a reverse proxy, gets a rejection as an
// answer.
func ExampleUnavailable() {
	b, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 1, ResetTimeout: 1500 * time.Millisecond, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &httpbreaker.Transport{Breaker: b, Reject: httpbreaker.Unavailable}}

	b.HandleError(errors.New("connection refused"), 0)
	resp, err := client.Get("http://prices.example.com/SOL")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	fmt.Println(resp.Status, "Retry-After:", resp.Header.Get("Retry-After"))
	// Output: 503 Service Unavailable Retry-After: 2
}
