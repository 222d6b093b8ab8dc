package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear/httpbreaker"
	"github.com/degenduel/switchgear/wire"
)

// newUpstreamTransport makes what carries requests to the upstream. Nothing of
// it limits how long an answer lasts.
func newUpstreamTransport(headerTimeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: headerTimeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   256, // all of them go to one host
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // the client says what it can read
	}
}

// forward is the way of a request through the breaker to the upstream and back.
func (s *sidecar) forward(base http.RoundTripper) http.Handler {
	transport := &httpbreaker.Transport{
		Base: base, Breaker: s.breaker, Reject: httpbreaker.Unavailable, EndsAtHeader: isEventStream,
	}
	if s.reporter != nil {
		transport.Ended = s.reporter.add
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: s.rewrite, Transport: transport, FlushInterval: -1, ErrorHandler: s.failed,
		BufferPool: &buffers{}, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect { // to be a tunnel to anywhere is not the job
			w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
			writeProblem(w, http.StatusMethodNotAllowed, "CONNECT is not proxied")
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// isEventStream tells answers that last as long as somebody listens.
func isEventStream(resp *http.Response) bool {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media == "text/event-stream"
}

// rewrite makes the request to the upstream. What says where a request came
// from is ours to say: whoever sent it could have made it up.
func (s *sidecar) rewrite(r *httputil.ProxyRequest) {
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" || name == "Forwarded" {
			delete(r.Out.Header, name)
		}
	}
	r.SetURL(s.upstream)
	r.SetXForwarded()
}

// failed answers a request that the upstream did not.
func (s *sidecar) failed(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := http.StatusBadGateway, "the upstream could not be reached, or broke off"
	var timeout net.Error
	switch {
	case r.Context().Err() != nil: // the client has gone, or is cut off
		detail = "the request was given up"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		status, detail = http.StatusGatewayTimeout, "the upstream did not answer in time"
	}
	s.log.DebugContext(r.Context(), "a request failed", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	writeProblem(w, status, detail)
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.Problem{ // the client may have gone
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail,
	})
}

// buffers are what answers are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get is that of an httputil.BufferPool.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put is that of an httputil.BufferPool.
func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
