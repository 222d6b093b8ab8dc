package httpbreaker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// These are about what another round tripper, or the same one by chance, does.

func TestTransport_ARequestBodyThatIsClosedByTheBaseDoesNotExcuseIt(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, steady)
	tr := &httpbreaker.Transport{Breaker: b, Base: base(func(r *http.Request) (*http.Response, error) {
		_ = r.Body.Close()
		_, _ = r.Body.Read(make([]byte, 1)) // an error, as of a sender that was told too late
		return nil, io.ErrUnexpectedEOF
	})}
	piped, _ := io.Pipe()
	if _, err := tr.RoundTrip(httptest.NewRequest(http.MethodPost, "/", piped)); !errors.Is(err, io.ErrUnexpectedEOF) { //nolint:bodyclose // there is no answer
		t.Errorf("the error is %v", err)
	}
	wantOperations(t, b, switchgear.Operations{Failed: 1})
}

func TestTransport_ADeadlineThatLooksLikeACancellationIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, steady)
	tr := &httpbreaker.Transport{Breaker: b, Base: base(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Canceled // as of a dialer that stopped
	})}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := tr.RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx)); !errors.Is(err, context.Canceled) { //nolint:bodyclose // there is no answer
		t.Errorf("the error is %v", err)
	}
	wantOperations(t, b, switchgear.Operations{Failed: 1})
}

func TestTransport_ABodyThatCanBeWrittenToStillCan(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, steady)
	near, far := net.Pipe()
	tr := &httpbreaker.Transport{Breaker: b, Base: base(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: near}, nil
	})}
	resp, err := tr.RoundTrip(httptest.NewRequest(http.MethodConnect, "/", http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	tunnel, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T", resp.Body)
	}
	go func() { _, _ = io.Copy(far, far) }() // ends with the tunnel
	if _, err := io.WriteString(tunnel, "echo"); err != nil {
		t.Error(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(tunnel, got); err != nil || string(got) != "echo" {
		t.Errorf("the tunnel says %q, %v", got, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	wantOperations(t, b, switchgear.Operations{Successful: 1})
}

func TestTransport_ADateWithoutADateIsMeasuredFromNow(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		w.Header().Set("Retry-After", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, Jitter: -1})
	c, _ := newClient(t, s, b)
	finish(t, mustGet(t, c, s.URL))
	if got := b.Snapshot().OpenTime; got <= 9*time.Minute || got > 10*time.Minute {
		t.Errorf("it is open for %v", got)
	}
}

func TestTransport_LetsTheBaseCloseWhatIsIdle(t *testing.T) {
	t.Parallel()
	idle := &idleBase{}
	c := &http.Client{Transport: &httpbreaker.Transport{Base: idle}}
	c.CloseIdleConnections()
	if !idle.closed {
		t.Error("the base was not told")
	}
	(&httpbreaker.Transport{Base: base(nil)}).CloseIdleConnections() // which cannot
}

type idleBase struct {
	base

	closed bool
}

func (b *idleBase) CloseIdleConnections() { b.closed = true }
