package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	drainTimeout   = 10 * time.Second
)

// timeouts are how long a client may take to say what it wants, and to take the
// answer.
type timeouts struct {
	header time.Duration
	read   time.Duration // the body, from when the request is known
	write  time.Duration // the answer: the board of a large fleet, over a slow line
}

var defaultTimeouts = timeouts{header: 5 * time.Second, read: 15 * time.Second, write: time.Minute}

// limitTime is for requests one by one: a timeout of the whole http.Server
// would end the live streams.
func (s *Server) limitTime(w http.ResponseWriter) {
	c, now := http.NewResponseController(w), time.Now()
	_ = c.SetReadDeadline(now.Add(s.timeouts.read)) // where there are no deadlines, there is no line either
	_ = c.SetWriteDeadline(now.Add(s.timeouts.write))
}

// Serve answers what comes over the listener, and closes that, until ctx ends:
// then it takes no more, lets what is under way end, ten seconds at most, and
// returns nil. It does what Run does.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: s.timeouts.header, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong below HTTP
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(ctx) })
	group.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return s.drain(context.WithoutCancel(ctx), srv)
	})
	return group.Wait()
}

func (s *Server) drain(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "requests are cut off that did not end in time", slog.Duration("after", drainTimeout))
		return srv.Close()
	}
	return err
}
