// Package server is a manager over the network: REST below /api/v2, the live
// stream, the dashboard, /metrics, and what those who run it ask (/healthz, /readyz,
// /version).
//
//	s, err := server.New(server.Deps{Manager: m, Auth: a}, server.Config{})
//	…
//	err = s.Serve(ctx, listener)
//
// A program that has an HTTP server of its own uses the Server as a handler, and
// calls Run for as long as it does.
//
// # Promises
//
//  1. Every answer to a request has the request's ID, forbids sniffing, framing
//     and caching, and where it is an error it is a problem (RFC 9457).
//  2. A page of another origin changes nothing, whatever the browser sends.
//  3. A client that is slow to say what it wants, or to take the answer, is cut
//     off.
//  4. What a page of another origin asked for in vain is in the audit log.
//  5. When the server stops, requests under way are answered, and sockets are
//     told (1001); after ten seconds they are cut off.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server/agents"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/relay"
	"github.com/degenduel/switchgear/server/rest"
	"github.com/degenduel/switchgear/server/ws"
	"github.com/degenduel/switchgear/ui"
	"github.com/degenduel/switchgear/wire"
)

// Authenticator knows the tokens: Set replaces them while it is in use.
type Authenticator = auth.Authenticator

// NewAuthenticator makes an Authenticator that knows the tokens. It returns an
// error for a role or a hash that is none, and for an ID that two tokens share.
// Of two tokens with the same secret the later one counts.
func NewAuthenticator(tokens []fleet.Token) (*Authenticator, error) { return auth.New(tokens) }

// AuthOptions are what an Authenticator is made of, JWTs and limits among it.
type AuthOptions = auth.Options

// JWTOptions say which JWTs are accepted.
type JWTOptions = auth.JWTOptions

// NewAuthenticatorWith makes an Authenticator of everything that it can know. It
// returns an error for tokens and options that cannot be.
func NewAuthenticatorWith(o AuthOptions) (*Authenticator, error) { return auth.NewWith(o) }

// AddressOf is where a request comes from, as the audit log has it.
func AddressOf(r *http.Request) string { return auth.Address(r) }

// HashSecret is what is kept of a token's secret: its SHA-256 in hex.
func HashSecret(secret string) string { return auth.Hash(secret) }

// Deps are what a Server works with.
type Deps struct {
	// Watchers see what the manager tells: those at the beginning. See SetWatchers.
	Watchers

	Manager *fleet.Manager // required
	Auth    *Authenticator // required
	Logger  *slog.Logger   // nil: nothing is logged

	// Tracer makes spans of the requests that give orders, below those that their
	// traceparent names; nil: there are none.
	Tracer trace.Tracer

	// Cluster is what the server is a node of; nil: it is alone. What changes
	// something a node that follows passes on to the one that leads.
	Cluster Cluster

	// ClusterInfo is how that is now; nil with a nil Cluster. It must be quick.
	ClusterInfo func() *wire.ClusterInfo

	// Registry is what /metrics shows; New adds to it. nil: one of its own.
	Registry *prometheus.Registry
}

// Watchers are what a manager that leads has beside it.
type Watchers struct {
	// Series keeps how the services were over time; nil: nobody does, and who
	// asks is told so (503).
	Series *series.Recorder

	// Alerts are the alerts of the manager; nil: nobody watches for them, and who
	// asks is told so (503).
	Alerts *alert.Engine
}

// Cluster is what a server needs to know of the nodes that it is one of.
type Cluster = relay.Cluster

// Config is how a Server works. The zero Config is a good one.
type Config struct {
	// AllowedOrigins are the web pages, beside the server's own, that may open
	// a live stream and give orders, each as a browser says it, such as
	// https://board.example.com.
	AllowedOrigins []string

	// MessagesPerMinute is how many messages of the live stream are accepted of
	// an identity in any minute, and SocketsPerIdentity how many sockets it may
	// have open. Defaults 60 and 20; below 0 there is no limit.
	MessagesPerMinute, SocketsPerIdentity int

	// MaxAgents is how many agents may be connected, and ServicesPerAgent how many
	// services each may have. Defaults 10 000 and 1 000; below 0 there is no limit.
	MaxAgents, ServicesPerAgent int

	// Durations says by what /metrics keeps histograms. Default metrics.Auto.
	Durations metrics.Grouping

	// Version is what /version says. Its Go may be empty.
	Version wire.Version
}

const (
	streamPath = "/api/v2/ws/circuit-breaker"
	agentsPath = "/api/v2/ws/agent"
)

// Server is an http.Handler. It is safe for concurrent use.
type Server struct {
	manager  *fleet.Manager
	auth     *Authenticator
	log      *slog.Logger
	problems *problem.Writer
	stream   *ws.Server
	agents   *agents.Server
	origins  *http.CrossOriginProtection
	mux      *http.ServeMux
	timeouts timeouts
	allowed  []string // origins
	version  wire.Version
	started  time.Time
	watching atomic.Pointer[Watchers]

	clusterInfo func() *wire.ClusterInfo // nil: it is alone

	durations metrics.Grouping
	relay     *relay.Relay // nil: it is alone
}

// New makes a Server.
func New(d Deps, cfg Config) (*Server, error) {
	if d.Manager == nil || d.Auth == nil {
		return nil, errors.New("server: a manager and an authenticator are needed")
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Registry == nil {
		d.Registry = prometheus.NewRegistry()
	}
	s := &Server{
		manager: d.Manager, auth: d.Auth, log: d.Logger, problems: problem.New(d.Logger),
		origins: http.NewCrossOriginProtection(), mux: http.NewServeMux(), timeouts: defaultTimeouts,
		allowed: slices.Clone(cfg.AllowedOrigins), version: cfg.Version, started: time.Now(),
		clusterInfo: d.ClusterInfo, durations: cfg.Durations,
	}
	s.SetWatchers(d.Watchers)
	s.version.Go = cmp.Or(s.version.Go, runtime.Version())
	for _, origin := range cfg.AllowedOrigins {
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
	}
	streamDeps := ws.Deps{Manager: d.Manager, Auth: d.Auth, Logger: d.Logger}
	if d.Cluster != nil {
		s.relay = relay.New(d.Cluster, d.Logger, s.problems.Write)
		streamDeps.Leader = s.relay
		d.Auth.LookAgain(s.lookAgain)
	}
	var err error
	s.stream, err = ws.New(streamDeps, ws.Config{
		AllowedOrigins: cfg.AllowedOrigins, MessagesPerMinute: cfg.MessagesPerMinute, SocketsPerIdentity: cfg.SocketsPerIdentity,
	})
	if err != nil {
		return nil, err
	}
	s.agents, err = agents.New(agents.Deps{Manager: agents.Of(d.Manager), Auth: d.Auth, Logger: d.Logger}, agents.Config{
		AllowedOrigins: cfg.AllowedOrigins, MaxAgents: cfg.MaxAgents, ServicesPerAgent: cfg.ServicesPerAgent,
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.metrics(d.Registry, cfg.Version)
	if err != nil {
		return nil, err
	}
	deps := rest.Deps{
		Manager: d.Manager, Auth: d.Auth, Problems: s.problems, AllowedOrigins: cfg.AllowedOrigins, Info: s.info, Tracer: d.Tracer,
		Series: func() *series.Recorder { return s.watchers().Series },
		Alerts: s.alerts,
	}
	api := rest.New(deps)
	s.mux.Handle("/api/v2", api) // where the mux would send to the one below
	s.mux.Handle("/api/v2/", api)
	s.mux.Handle(streamPath, s.socket(s.stream))
	s.mux.Handle(agentsPath, s.socket(s.agents))
	for _, own := range s.own(shown, s.version) {
		s.mux.Handle("GET "+own.path, own.handler)
	}
	page := ui.Handler()
	for _, place := range ui.Paths() {
		s.mux.Handle("GET "+place, page)
	}
	return s, nil
}

// SetWatchers has the server answer from others from now on.
func (s *Server) SetWatchers(w Watchers) { s.watching.Store(&w) }

func (s *Server) watchers() *Watchers { return s.watching.Load() }

// alerts are those of now; nil rather than an engine that is.
func (s *Server) alerts() rest.Alerts {
	if e := s.watchers().Alerts; e != nil {
		return e
	}
	return nil
}

// route is one of the server's own.
type route struct {
	path    string
	handler http.Handler
}

// own are the routes at the root.
func (s *Server) own(shown http.Handler, version wire.Version) []route {
	return []route{
		{"/metrics", shown},
		{"/healthz", http.HandlerFunc(s.healthz)},
		{"/readyz", http.HandlerFunc(s.readyz)},
		{"/version", showVersion(version)},
	}
}

// Run serves the live streams and the agents, and keeps the keys of JWTs fresh, until ctx ends.
// It closes all of them, and returns nil when they have ended. Without it they
// are told nothing.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.stream.Run(ctx) })
	group.Go(func() error { return s.agents.Run(ctx) })
	group.Go(func() error { return s.auth.Run(ctx) })
	return group.Wait()
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := problem.NewID()
	r = r.WithContext(problem.WithRequestID(r.Context(), id))
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	defer s.recovered(w, r)
	if err := s.origins.Check(r); err != nil {
		s.refuseOrigin(w, r)
		return
	}
	s.limitTime(w) // a socket, when it is one, has deadlines of its own
	if s.relay != nil {
		var done bool
		if w, r, done = s.amongPeers(w, r, id); done {
			return
		}
	}
	handler, pattern := s.mux.Handler(r)
	switch {
	case !clean(r.URL.Path): // the mux would send elsewhere, and a body would be lost on the way
		s.problems.Write(w, r, problem.Status(http.StatusNotFound, "there is nothing at this path"))
	case pattern == "":
		s.problems.Write(w, r, problem.NotRouted(w, r, handler))
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// refuseOrigin answers a page that may not do this, and notes it: somebody's
// browser was made to ask.
func (s *Server) refuseOrigin(w http.ResponseWriter, r *http.Request) {
	err := problem.Status(http.StatusForbidden, "a page of another origin may not do this")
	s.manager.Refused(fleet.AuditEntry{
		At: time.Now(), Actor: "unknown", Address: auth.Address(r), Action: "request of another origin",
		Result: fmt.Sprintf("refused: %d %v", http.StatusForbidden, err),
	})
	s.problems.Write(w, r, err)
}

// clean reports whether a path is one that a mux routes as it is.
func clean(p string) bool {
	return p == path.Clean(p) || p != "/" && strings.TrimSuffix(p, "/") == path.Clean(p)
}

// recovered answers a request whose handler panicked.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		s.problems.Write(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// socket is what opens a socket, which is done with GET.
func (s *Server) socket(open http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			s.problems.Write(w, r, problem.Status(http.StatusMethodNotAllowed, "%s takes GET", r.URL.Path))
			return
		}
		open.ServeHTTP(w, r)
	})
}
