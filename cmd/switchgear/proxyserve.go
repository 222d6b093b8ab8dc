package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
)

// The ten seconds of a stop: requests end, what has not is cut off, and the
// manager is told the rest.
const (
	drainTimeout = 7 * time.Second
	cutTimeout   = time.Second
	flushTimeout = 1500 * time.Millisecond
)

// sidecar is a reverse proxy behind a breaker.
type sidecar struct {
	breaker  *switchgear.Breaker
	upstream *url.URL
	timeout  time.Duration // of the upstream, until its header
	patience time.Duration // with requests, when it stops
	log      *slog.Logger
	flights  flights

	agent      *agent.Agent // nil: there is no manager
	managerURL string

	impatience impatience
}

func newSidecar(b *switchgear.Breaker, upstream *url.URL, timeout time.Duration, log *slog.Logger) *sidecar {
	return &sidecar{
		breaker: b, upstream: upstream, timeout: timeout, patience: drainTimeout, log: log,
		impatience: impatience{window: max(b.Config().Resolved().MonitoringWindow, time.Minute)},
	}
}

// listenAndServe serves until ctx ends.
func (s *sidecar) listenAndServe(ctx context.Context, address, adminAddress string, stdout io.Writer) error {
	front, err := listen(ctx, "--listen", address)
	if err != nil {
		return err
	}
	admin, err := listen(ctx, "--admin", adminAddress)
	if err != nil {
		return errors.Join(err, front.Close())
	}
	if _, err := fmt.Fprintf(stdout, "listening on http://%s\nstate on http://%s/state\n", front.Addr(), admin.Addr()); err != nil {
		return errors.Join(err, front.Close(), admin.Close())
	}
	return s.serve(ctx, front, admin)
}

// serve serves what comes over the listeners, and closes them, until ctx ends.
func (s *sidecar) serve(ctx context.Context, front, admin net.Listener) error {
	stopWatching := s.breaker.Observe(s.tell)
	defer stopWatching()
	whatever := context.WithoutCancel(ctx)
	requests, cut := context.WithCancelCause(whatever)
	defer cut(nil)
	transport := newUpstreamTransport(s.timeout)
	defer transport.CloseIdleConnections()
	quiet := slog.NewLogLogger(s.log.Handler(), slog.LevelDebug) // what clients do wrong
	frontServer := &http.Server{
		Handler:           s.flights.count(s.forward(transport)),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: quiet,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	adminServer := &http.Server{
		Handler:           s.admin(admin.Addr()),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, ErrorLog: quiet,
	}

	group, ended := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntilClosed(frontServer, front) })
	group.Go(func() error { return serveUntilClosed(adminServer, admin) })
	group.Go(func() error {
		<-ended.Done()
		s.drain(whatever, frontServer, cut)
		return adminServer.Close()
	})
	return group.Wait()
}

func serveUntilClosed(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain lets the requests under way end, and cuts off those that do not, and
// connections that are not HTTP any more: nobody knows how long they last.
func (s *sidecar) drain(ctx context.Context, server *http.Server, cut context.CancelCauseFunc) {
	s.log.InfoContext(ctx, "stopping", slog.Int("requests", s.flights.now()))
	waiting, stop := context.WithTimeout(ctx, s.patience)
	defer stop()
	if err := server.Shutdown(waiting); err != nil {
		s.log.WarnContext(ctx, "requests are cut off that did not end in time", slog.Duration("after", s.patience), slog.Int("requests", s.flights.now()))
	}
	cut(errCut)
	_ = server.Close() // its listener is closed already
	select {
	case <-s.flights.landed():
	case <-time.After(cutTimeout):
	}
}

// tell logs a transition.
func (s *sidecar) tell(t switchgear.Transition) {
	level := slog.LevelInfo
	if t.To == switchgear.Open {
		level = slog.LevelWarn
	}
	s.log.LogAttrs(context.Background(), level, "the circuit has changed",
		slog.String("service", s.breaker.Name()), slog.String("from", t.From.String()), slog.String("to", t.To.String()),
		slog.String("rule", t.Evidence.Rule), slog.Uint64("failures", t.Evidence.Failures), slog.Uint64("successes", t.Evidence.Successes),
		slog.Uint64("slow", t.Evidence.Slow), slog.Duration("open_for", t.Evidence.OpenTime), slog.String("error", t.Evidence.LastError))
}

// flights are the requests under way, also those whose connections were
// hijacked, of which an http.Server knows nothing.
type flights struct {
	mu      sync.Mutex
	n       int
	waiting chan struct{} // closed when n is zero; nil: nobody waits
}

func (f *flights) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.add(1)
		defer f.add(-1)
		h.ServeHTTP(w, r)
	})
}

func (f *flights) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n += n
	if f.n == 0 && f.waiting != nil {
		close(f.waiting)
		f.waiting = nil
	}
}

func (f *flights) now() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// landed is closed when none is under way. One may wait.
func (f *flights) landed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{})
	if f.n == 0 {
		close(c)
		return c
	}
	f.waiting = c
	return c
}
