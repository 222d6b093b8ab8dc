package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// fault is how an upstream misbehaves.
type fault int32

const (
	well        fault = iota
	failingWork       // /work answers 500, and /health goes on saying 200
	failing           // everything answers 500
	hanging           // requests are taken and never answered
	resetting         // connections are reset
	slow              // answers take their time
)

const (
	workPath   = "/work"
	healthPath = "/health"

	closeTimeout = 2 * time.Second
)

// upstream is an HTTP server on loopback that misbehaves to order.
type upstream struct {
	url     string
	latency time.Duration
	slow    time.Duration // the latency of one that is slow
	fault   atomic.Int32
	answers atomic.Uint64

	server *http.Server
	hangUp context.CancelFunc // ends the requests that hang
	ended  chan struct{}
}

// newUpstream listens and serves until close.
func newUpstream(ctx context.Context, latency, slowLatency time.Duration) (*upstream, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	base, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	u := &upstream{
		url: "http://" + listener.Addr().String(), latency: latency, slow: slowLatency,
		hangUp: hangUp, ended: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+workPath, u.serve)
	mux.HandleFunc("GET "+healthPath, u.serve)
	u.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() {
		defer close(u.ended)
		_ = u.server.Serve(listener) // returns when close closes the listener
	}()
	return u, nil
}

// close ends every request and waits for it, whether ctx has ended or not.
func (u *upstream) close(ctx context.Context) error {
	u.hangUp()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := u.server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = u.server.Close()
	}
	<-u.ended
	return err
}

func (u *upstream) inflict(f fault) { u.fault.Store(int32(f)) }

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	latency := u.latency / 2 * time.Duration(1+u.answers.Add(1)%5) // so that the percentiles differ
	switch fault(u.fault.Load()) {
	case failingWork:
		if r.URL.Path == workPath {
			http.Error(w, "it has come to grief", http.StatusInternalServerError)
			return
		}
	case failing:
		http.Error(w, "it has come to grief", http.StatusInternalServerError)
		return
	case hanging:
		<-r.Context().Done() // the client has gone
		panic(http.ErrAbortHandler)
	case resetting:
		reset(w)
		return
	case slow:
		latency = u.slow
	case well:
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return
	case <-timer.C:
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true}`+"\n") // a client that has gone needs no answer
}

// reset ends the connection without a farewell.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it, the connection only closes
	}
	_ = conn.Close()
}

// get asks the upstream for a page, as its callers do. An answer that does not
// come within the timeout, and one that is not 200, is an error.
func (u *upstream) get(ctx context.Context, client *http.Client, path string, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, u.url+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	switch {
	case err == nil:
	case ctx.Err() == nil && limited.Err() != nil:
		return fmt.Errorf("GET %s: no answer within %s", path, short(timeout))
	default:
		return fmt.Errorf("GET %s: %w", path, withoutAddress(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return nil
}

// withoutAddress is err without the addresses on loopback, which say nothing to
// anybody.
func withoutAddress(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err
	}
	if network := (*net.OpError)(nil); errors.As(err, &network) {
		err = network.Err
	}
	return err
}
