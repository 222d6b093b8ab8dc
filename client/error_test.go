package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestError_KnowsItsKind(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]client.Kind{
		http.StatusBadRequest:            client.Invalid,
		http.StatusUnauthorized:          client.Unauthorized,
		http.StatusForbidden:             client.Forbidden,
		http.StatusNotFound:              client.NotFound,
		http.StatusMethodNotAllowed:      client.Invalid,
		http.StatusConflict:              client.Conflict,
		http.StatusPreconditionFailed:    client.Precondition,
		http.StatusRequestEntityTooLarge: client.Invalid,
		http.StatusUnsupportedMediaType:  client.Invalid,
		http.StatusPreconditionRequired:  client.Precondition,
		http.StatusTooManyRequests:       client.Exhausted,
		http.StatusInternalServerError:   client.Internal,
		http.StatusBadGateway:            client.Unavailable,
		http.StatusServiceUnavailable:    client.Unavailable,
		http.StatusGatewayTimeout:        client.Unavailable,
		http.StatusFound:                 client.Internal,
	} {
		c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), client.Options{})
		_, err := c.State(t.Context())
		if got, ok := client.KindOf(err); got != want || !ok {
			t.Errorf("%d is %v, %t; want %v", status, got, ok, want)
		}
		if err != nil && !strings.Contains(err.Error(), http.StatusText(status)) {
			t.Errorf("%d says %q", status, err)
		}
	}
	if _, ok := client.KindOf(io.EOF); ok {
		t.Error("io.EOF has a kind")
	}
}

func TestError_NamesEveryBadField(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"jitter: 2 is not in 0 … 1 (and 1 more)",
			"request_id":"r1","errors":[{"field":"jitter","message":"2 is not in 0 … 1"},{"field":"","message":"and more"}]}`)
	}), client.Options{})
	_, err := c.State(t.Context())
	var got *client.Error
	if !errors.As(err, &got) {
		t.Fatalf("State returned %v", err)
	}
	want := &client.Error{
		Status: 400, Kind: client.Invalid, RetryAfter: 3 * time.Second,
		Problem: wire.Problem{
			Type: "about:blank", Title: "Bad Request", Status: 400, Detail: "jitter: 2 is not in 0 … 1 (and 1 more)", RequestID: "r1",
			Errors: []wire.FieldMessage{{Field: "jitter", Message: "2 is not in 0 … 1"}, {Message: "and more"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if want := "jitter: 2 is not in 0 … 1; and more"; err.Error() != want {
		t.Errorf("it says %q, want %q", err, want)
	}
}

func TestError_NamesTheRequestThatTheLogKnows(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"title":"Internal Server Error","detail":"internal error","request_id":"r1"}`)
	}), client.Options{})
	_, err := c.State(t.Context())
	if err == nil || err.Error() != "internal error (request r1)" {
		t.Errorf("State returned %v", err)
	}
}
