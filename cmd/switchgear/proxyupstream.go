package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// connectTimeout is how long a connection to the upstream may take, and its TLS
// handshake as long again.
const connectTimeout = 5 * time.Second

// upstream carries requests to the upstream. Nothing of it limits how long an
// answer lasts.
type upstream struct {
	base    http.RoundTripper
	timeout time.Duration
}

func newUpstreamTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: timeout, // which begins when the request is sent
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   256, // all of them go to one host
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // the client says what it can read
	}
}

// RoundTrip is that of an http.RoundTripper. It gives up a request of whose body
// the upstream has taken nothing for the timeout, until it answers. Such a
// client is not watched by the server, so this is also how long one is not
// missed that has gone meanwhile.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		resp, err := u.base.RoundTrip(r)
		return u.switching(r, resp, err)
	}
	ctx, cancel := context.WithCancelCause(r.Context()) // an answer lasts as long as the request's
	out := r.WithContext(ctx)
	body := &takenBody{ReadCloser: r.Body, timeout: u.timeout}
	body.watch(2*connectTimeout+u.timeout, func() { cancel(errStalled) })
	out.Body = body
	resp, err := u.base.RoundTrip(out)
	switch stalled := !body.end(); {
	case stalled && err == nil:
		_ = resp.Body.Close() // too late: its request is cancelled
		return nil, errStalled
	case stalled:
		return nil, errStalled
	case err != nil:
		cancel(nil)
	}
	return u.switching(r, resp, err)
}

// errStalled is the failure of an upstream that does not take what is sent.
var errStalled error = stalledError{}

type stalledError struct{}

func (stalledError) Error() string {
	return "the upstream took no more of the request in time, and did not answer"
}

// Timeout is that of a net.Error.
func (stalledError) Timeout() bool { return true }

// Temporary is that of a net.Error.
func (stalledError) Temporary() bool { return true }

// takenBody is the body of a request, with a bound on how long the upstream may
// take for each piece of it.
type takenBody struct {
	io.ReadCloser

	timeout time.Duration

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

// Read waits for the client for as long as that takes, and then gives the
// upstream its time anew.
func (b *takenBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.timer.Stop()
	b.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.timer.Reset(b.timeout)
	}
	return n, err
}

// watch calls stalled if the first piece is not asked for in time, or one of the
// others not taken.
func (b *takenBody) watch(first time.Duration, stalled func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(first, func() {
		if b.end() {
			stalled()
		}
	})
}

// end ends the watch over it, and reports whether nothing has before.
func (b *takenBody) end() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	first := !b.ended
	b.ended = true
	return first
}
