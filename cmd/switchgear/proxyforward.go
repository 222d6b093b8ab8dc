package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// forward is the way of a request through the breaker to the upstream and back.
func (s *sidecar) forward(base http.RoundTripper) http.Handler {
	transport := &httpbreaker.Transport{
		Base: &upstream{base: base, timeout: s.timeout}, Breaker: s.breaker, Reject: httpbreaker.Unavailable,
		EndsAtHeader: s.endsAtHeader, Ended: s.ended,
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: s.rewrite, Transport: transport, FlushInterval: -1, ErrorHandler: s.failed,
		BufferPool: &buffers{}, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect: // to be a tunnel to anywhere is not the job
			w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
			s.writeProblem(w, http.StatusMethodNotAllowed, "CONNECT is not proxied")
			return
		case r.Header.Get("Upgrade") != "":
			l := &line{}
			w, r = hijackable{w, l}, r.WithContext(context.WithValue(r.Context(), lineKey{}, l))
		}
		proxy.ServeHTTP(w, r)
	})
}

// endsAtHeader tells answers whose bodies say nothing of how long the upstream
// takes: streams, those of no declared length among them, last as long as
// somebody listens; and in a recovery, where an operation that lasts is a failure,
// every body does as its client reads. Such a body may still break, which is
// then a failure beside.
func (s *sidecar) endsAtHeader(resp *http.Response) bool {
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "text/event-stream" {
		return true // and one that is cut off is asked for again: that is how they live
	}
	if resp.ContentLength >= 0 && s.breaker.State() != switchgear.HalfOpen {
		return false
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, broken: func(err error) { s.bodyBroke(resp, err) }}
	return true
}

// watchedBody is the body of an answer whose operation has ended with the header.
type watchedBody struct {
	io.ReadCloser

	broken func(error) // is called once
}

// Read reads from the answer.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.broken != nil {
		if !errors.Is(err, io.EOF) {
			b.broken(err)
		}
		b.broken = nil
	}
	return n, err
}

// bodyBroke counts a body that the upstream did not bring to its end.
func (s *sidecar) bodyBroke(resp *http.Response, err error) {
	if resp.Request.Context().Err() != nil {
		return // the client has gone, or is cut off
	}
	s.breaker.HandleError(err, 0)
}

// rewrite makes the request to the upstream. What says where a request came
// from is ours to say: whoever sent it could have made it up.
func (s *sidecar) rewrite(r *httputil.ProxyRequest) {
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" || name == "Forwarded" {
			delete(r.Out.Header, name)
		}
	}
	// The query goes on as it came, also where another program would read it
	// otherwise: it is the upstream's to understand.
	r.Out.URL.RawQuery = r.In.URL.RawQuery
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
	s.writeProblem(w, status, detail)
}

// problem is an answer of the proxy's own (RFC 9457).
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Service string `json:"service"`
}

func (s *sidecar) writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{ // the client may have gone
		"about:blank", http.StatusText(status), status, s.breaker.Name() + ": " + detail, s.breaker.Name(),
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
