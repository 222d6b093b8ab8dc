// Package ws is the live stream: every service's state and what happens to it,
// over WebSocket.
//
// # Promises
//
//  1. services:state at a seq, then every change after it: no gap, no repeat,
//     never back in time. An update may be left out for a newer one of the
//     same service, an event never.
//  2. Nobody waits for a slow client. It has no queue: it reads the one log
//     that all read, at a cursor of its own. Where the log does not reach back
//     to the cursor, it is given a fresh services:state; one that cannot take
//     even that is closed with 1013.
//  3. A change is encoded once for all clients, and so is a snapshot for all
//     who want it at the same time.
//  4. What a client sends cannot hurt another: messages, their size, pings and
//     orders under way are bounded for each.
package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/relay"
	"github.com/degenduel/switchgear/server/internal/socket"
)

// Manager is what the stream needs of a [fleet.Manager].
type Manager interface {
	Epoch() string
	Watch(tell func(fleet.Change)) (seq uint64, states []fleet.View, stop func())
	Reset(ctx context.Context, name string, to switchgear.State, by fleet.Actor) (fleet.View, error)
	CheckHealthBy(ctx context.Context, name string, by fleet.Actor) (switchgear.Health, fleet.View, error)
	Instances(service string) ([]fleet.InstanceView, error)
	Refused(e fleet.AuditEntry)
}

// Deps are what a Server works with.
type Deps struct {
	Manager Manager             // required
	Auth    *auth.Authenticator // required
	Logger  *slog.Logger        // nil: nothing is logged

	// Leader carries out the orders that come over the sockets of a node that
	// follows; nil: this node is alone.
	Leader Leader
}

// Leader is what the stream needs of the node that leads.
type Leader interface {
	// Leading reports whether it is this one.
	Leading() bool
	// Do has it carry out a request.
	Do(ctx context.Context, q relay.Request) (status int, body []byte, err error)
	// CatchUp waits until this node knows of everything up to seq.
	CatchUp(ctx context.Context, seq uint64) error
}

// Config is how a Server works. The zero Config is a good one.
type Config struct {
	// AllowedOrigins are the Origins, besides the server's own, whose pages
	// may open the stream: scheme, host and port, letter by letter.
	AllowedOrigins []string

	// HeartbeatInterval is how often a client is told up to where it has
	// everything. Default 5 s.
	HeartbeatInterval time.Duration

	// WriteTimeout is how long a client may take to take 32 KiB. Default 5 s.
	WriteTimeout time.Duration

	// SnapshotTimeout is how long a client may take to take all pages of a
	// services:state. Default 60 s.
	SnapshotTimeout time.Duration

	// MessageTimeout is how long a message of a client may take from its first
	// byte to its last. Default 10 s.
	MessageTimeout time.Duration

	// PingInterval is how often a client must show that it is there, and
	// PongTimeout how long it may take. Default 30 s and 10 s.
	PingInterval, PongTimeout time.Duration

	// MessagesPerMinute is how many messages are accepted of an identity, all
	// its sockets together, in any minute. Default 60; below 0 there is no
	// limit.
	MessagesPerMinute int

	// SocketsPerIdentity is how many sockets an identity may have open. Default
	// 20; below 0 there is no limit.
	SocketsPerIdentity int

	// KeptEvents is how many events are kept for clients that are slow or come
	// back. Default 10 000.
	KeptEvents int

	// PageSize is how many bytes of services go into one services:state, unless
	// one service alone is larger. Default 256 KiB.
	PageSize int
}

func (c Config) withDefaults() Config {
	orInt := func(v *int, byDefault int) {
		if *v == 0 {
			*v = byDefault
		}
	}
	orDuration := func(v *time.Duration, byDefault time.Duration) {
		if *v == 0 {
			*v = byDefault
		}
	}
	orDuration(&c.HeartbeatInterval, 5*time.Second)
	orDuration(&c.WriteTimeout, 5*time.Second)
	orDuration(&c.SnapshotTimeout, time.Minute)
	orDuration(&c.MessageTimeout, 10*time.Second)
	orDuration(&c.PingInterval, 30*time.Second)
	orDuration(&c.PongTimeout, 10*time.Second)
	orInt(&c.MessagesPerMinute, 60)
	orInt(&c.SocketsPerIdentity, 20)
	orInt(&c.KeptEvents, 10_000)
	orInt(&c.PageSize, 256<<10)
	return c
}

const (
	// readLimit is the largest message of a client, in bytes.
	readLimit = 16 << 10

	// recheckInterval is how soon a token that has expired ends its sockets. One
	// that is revoked or changed does it at once.
	recheckInterval = 500 * time.Millisecond
)

// Server serves the stream. Its methods are safe for concurrent use.
type Server struct {
	manager  Manager
	auth     *auth.Authenticator
	log      *slog.Logger
	problems *problem.Writer
	door     socket.Door
	leader   Leader // nil: this node is alone
	cfg      Config

	hub          *hub
	snapshots    *snapshots
	stopWatching func()
	refusals     refusals
	traffic      traffic

	mu       sync.RWMutex
	clients  map[*client]struct{}
	accounts map[string]*account // by the identity's key
	stopped  bool
	serving  sync.WaitGroup // the clients
}

// New makes a Server that watches the manager from now on. Clients may come at
// once; they are told of changes, and let go, by Run.
func New(deps Deps, cfg Config) (*Server, error) {
	if deps.Manager == nil || deps.Auth == nil {
		return nil, errors.New("ws: the stream needs a manager and an authenticator")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		manager: deps.Manager, auth: deps.Auth, log: deps.Logger, problems: problem.New(deps.Logger), leader: deps.Leader,
		cfg: cfg.withDefaults(), clients: make(map[*client]struct{}), accounts: make(map[string]*account),
	}
	s.door = socket.Door{
		Auth: deps.Auth, AllowedOrigins: s.cfg.AllowedOrigins, Role: auth.Viewer, Name: "stream", Action: "open stream", Pages: true,
	}
	var err error
	if s.hub, s.stopWatching, err = newHub(deps.Manager, s.cfg.KeptEvents); err != nil {
		return nil, err
	}
	s.snapshots = &snapshots{hub: s.hub, pageSize: s.cfg.PageSize}
	return s, nil
}

// Clients is how many clients there are.
func (s *Server) Clients() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.clients)
}

// Run tells the clients of changes until ctx ends. It then closes all sockets
// with 1001, waits for their end, a few seconds at most, and returns nil.
func (s *Server) Run(ctx context.Context) error {
	defer s.stopWatching()
	tick := time.NewTicker(recheckInterval)
	defer tick.Stop()
	for {
		changed := s.auth.Changed()
		s.recheck()
		for unchanged := true; unchanged; {
			select {
			case <-s.hub.news:
				s.wake()
			case <-changed:
				unchanged = false
			case now := <-tick.C:
				s.recheck()
				s.sweep(now)
			case <-ctx.Done():
				s.shutdown()
				return nil
			}
		}
	}
}

func (s *Server) wake() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.clients {
		c.nudge()
	}
}

// recheck closes the sockets whose token has ended, or has another role now.
func (s *Server) recheck() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.clients {
		if !s.auth.Active(c.id) {
			c.End(closeAuthenticationEnded, "the token has ended")
		}
	}
}

// sweep forgets what is not needed any more.
func (s *Server) sweep(now time.Time) {
	s.snapshots.forget(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range s.accounts {
		if a.idle(now) {
			delete(s.accounts, id)
		}
	}
}

func (s *Server) shutdown() {
	s.mu.Lock()
	s.stopped = true
	for c := range s.clients {
		c.End(socket.CloseGoingAway, "the server is shutting down")
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// ServeHTTP takes a client in. It returns at once, so that nothing of the request
// is kept for as long as the client stays; Run waits for the client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, protocol, err := s.door.Enter(w, r)
	if err != nil {
		s.refused(w, r, id, err)
		return
	}
	c := newClient(s, id, auth.Address(r))
	if err := s.admit(c); err != nil {
		s.refused(w, r, id, err)
		return
	}
	if epoch, seq, ok := socket.ComesFrom(r); ok {
		c.catchUp(r.Context(), epoch, seq)
		c.goOn(epoch, seq)
	}
	conn, from, err := socket.Accept(w, r, protocol, s.cfg.WriteTimeout)
	if err != nil {
		s.leave(c)
		s.problems.Write(w, r, err)
		return
	}
	c.Take(conn, from)
	s.join(c)
	ctx := context.WithoutCancel(r.Context())
	go func() {
		defer s.leave(c)
		c.run(ctx)
	}()
}

// refused answers a handshake that comes to nothing.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, id auth.Identity, err error) {
	s.traffic.refused.Add(1)
	status, _ := problem.Describe(err)
	s.traffic.statuses.Add(status, 1)
	if e, ok := s.door.Refused(r, id, err); ok {
		s.manager.Refused(e)
	}
	s.problems.Write(w, r, err)
}

// admit gives the client a place.
func (s *Server) admit(c *client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return socket.Refuse(fleet.Unavailable, "the server is shutting down")
	}
	key := c.id.Key()
	a := s.accounts[key]
	if a == nil {
		a = &account{}
		s.accounts[key] = a
	}
	if !a.open(s.cfg.SocketsPerIdentity) {
		return socket.Refuse(fleet.Exhausted, "this identity has as many sockets as it may have")
	}
	c.account, c.release = a, sync.OnceFunc(a.close)
	s.serving.Add(1)
	return nil
}

// join has the client told of everything, also of an end that came meanwhile.
func (s *Server) join(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c] = struct{}{}
	switch {
	case s.stopped:
		c.End(socket.CloseGoingAway, "the server is shutting down")
	case !s.auth.Active(c.id):
		c.End(closeAuthenticationEnded, "the token has ended")
	}
}

// leave is for a client with a place.
func (s *Server) leave(c *client) {
	c.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.serving.Done()
}
