// Package agents is the socket that agents come over: programs whose breakers
// decide by themselves, and tell a manager.
//
// # Promises
//
//  1. What an agent sends is read strictly, and its values are checked, before
//     the manager sees any of it. What is wrong is answered with the field's name
//     and changes nothing; of a report, or a join, the other services count.
//  2. Transitions of one service are told to the manager in their order. An acknowledgement
//     covers everything that came before, and no transition that is not stored.
//  3. The manager never waits for an agent: orders to one that does not take them
//     wait, 1024 at most; one more, and it is closed with 1013. An agent that
//     sends more than it may is made to wait, and no other is.
//  4. Orders about a service come after the answer to its join.
//  5. A token that ends closes its sockets with 4001 within a second.
//  6. When the server stops, agents are told (1001), spread over some time, so
//     that they do not all come back at once.
package agents

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/socket"
)

// Session is what the socket needs of a [fleet.AgentSession].
type Session interface {
	Join(ctx context.Context, services []fleet.AgentService) ([]fleet.AgentJoined, error)
	Leave(ctx context.Context, services []string) error
	Report(states []fleet.InstanceState)
	Transitions(ctx context.Context, service string, ts []switchgear.Transition, after fleet.InstanceState) error
	Heard()
	Result(order uint64, err error, after fleet.InstanceState)
	Close(bye bool)
}

// Manager is what the socket needs of a [fleet.Manager].
type Manager interface {
	Epoch() string
	Attach(ctx context.Context, info fleet.AgentInfo, allowed func(service string) bool, conn fleet.AgentConn) (Session, error)
	Refused(e fleet.AuditEntry)
}

// Of is a [fleet.Manager] as the socket needs it.
func Of(m *fleet.Manager) Manager { return manager{m} }

type manager struct{ *fleet.Manager }

// Attach is the manager's.
func (m manager) Attach(
	ctx context.Context, info fleet.AgentInfo, allowed func(service string) bool, conn fleet.AgentConn,
) (Session, error) {
	s, err := m.Manager.Attach(ctx, info, allowed, conn)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Deps are what a Server works with.
type Deps struct {
	Manager Manager             // required
	Auth    *auth.Authenticator // required
	Logger  *slog.Logger        // nil: nothing is logged
}

// Config is how a Server works. The zero Config is a good one.
type Config struct {
	// AllowedOrigins are the Origins, besides the server's own, of pages that may
	// be agents: scheme, host and port, letter by letter.
	AllowedOrigins []string

	// Node is what this manager's node is called. Default: the host's name.
	Node string

	// MaxAgents is how many agents may be connected. Default 10 000; below 0 there
	// is no limit.
	MaxAgents int

	// ServicesPerAgent is how many services an agent may have. Default 1 000; below
	// 0 there is no limit.
	ServicesPerAgent int

	// HeartbeatInterval is how often, at least, an agent must be heard of, and
	// Silence after how long without a word its connection is closed. Default 5 s
	// and 30 s.
	HeartbeatInterval, Silence time.Duration

	// ReportInterval is how often, at most, an agent is to report a service.
	// Default 1 s.
	ReportInterval time.Duration

	// HelloTimeout is how long an agent may take to say who it is. Default 10 s.
	HelloTimeout time.Duration

	// MessageTimeout is how long a message may take from its first byte to its
	// last. Default 10 s.
	MessageTimeout time.Duration

	// WriteTimeout is how long an agent may take to take 32 KiB. Default 5 s.
	WriteTimeout time.Duration

	// MessagesPerSecond is how many messages of an agent are taken in a second,
	// after Burst of them at once. Defaults 200 and 1 000; below 0 there is no
	// limit.
	MessagesPerSecond, Burst int

	// DrainTime is over how long the agents are let go when the server stops.
	// Default 2 s.
	DrainTime time.Duration
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
	if c.Node == "" {
		c.Node, _ = os.Hostname() // without a name it has none
	}
	orInt(&c.MaxAgents, 10_000)
	orInt(&c.ServicesPerAgent, 1000)
	orDuration(&c.HeartbeatInterval, 5*time.Second)
	orDuration(&c.Silence, 30*time.Second)
	orDuration(&c.ReportInterval, time.Second)
	orDuration(&c.HelloTimeout, 10*time.Second)
	orDuration(&c.MessageTimeout, 10*time.Second)
	orDuration(&c.WriteTimeout, 5*time.Second)
	orInt(&c.MessagesPerSecond, 200)
	orInt(&c.Burst, 1000)
	orDuration(&c.DrainTime, 2*time.Second)
	return c
}

const (
	// readLimit is the largest message of an agent, in bytes.
	readLimit = 1 << 20

	// recheckInterval is how soon a token that has expired ends its sockets. One
	// that is revoked or changed does it at once.
	recheckInterval = 500 * time.Millisecond
)

// Server serves agents. Its methods are safe for concurrent use.
type Server struct {
	manager  Manager
	auth     *auth.Authenticator
	log      *slog.Logger
	problems *problem.Writer
	door     socket.Door
	cfg      Config
	traffic  traffic

	mu      sync.Mutex
	agents  map[*agent]struct{}
	places  int // that are taken
	stopped bool
	serving sync.WaitGroup // the agents
}

// New makes a Server. Agents may come at once; they are let go by Run.
func New(deps Deps, cfg Config) (*Server, error) {
	if deps.Manager == nil || deps.Auth == nil {
		return nil, errors.New("agents: a manager and an authenticator are needed")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		manager: deps.Manager, auth: deps.Auth, log: deps.Logger, problems: problem.New(deps.Logger),
		cfg: cfg.withDefaults(), agents: make(map[*agent]struct{}),
	}
	s.door = socket.Door{
		Auth: deps.Auth, AllowedOrigins: s.cfg.AllowedOrigins, Role: auth.Agent, Name: "agents' socket", Action: "join the fleet",
	}
	return s, nil
}

// Run closes the sockets of tokens that end until ctx ends. It then lets all
// agents go with 1001, over the DrainTime, waits for their end, a few seconds at
// most, and returns nil.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(recheckInterval)
	defer tick.Stop()
	for {
		changed := s.auth.Changed()
		s.recheck()
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			s.drain()
			return nil
		}
	}
}

// recheck closes the sockets whose token has ended, or is another now.
func (s *Server) recheck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := range s.agents {
		if !s.auth.Active(a.id) {
			a.End(closeAuthenticationEnded, "the token has ended")
		}
	}
}

// taken is how many places are.
func (s *Server) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places
}

// drain lets all agents go, and takes no more.
func (s *Server) drain() {
	s.mu.Lock()
	s.stopped = true
	all := make([]*agent, 0, len(s.agents))
	for a := range s.agents {
		all = append(all, a)
	}
	s.mu.Unlock()
	if len(all) > 0 {
		// A few need no time: together they are no storm.
		const each = 2 * time.Millisecond
		pause := min(s.cfg.DrainTime/time.Duration(len(all)), each)
		tick := time.NewTicker(max(pause, 1))
		defer tick.Stop()
		for _, a := range all {
			a.End(socket.CloseGoingAway, "the server is shutting down")
			<-tick.C
		}
	}
	s.serving.Wait()
}

// ServeHTTP takes an agent in. It returns at once; Run waits for the agent.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, protocol, err := s.door.Enter(w, r)
	if err == nil {
		err = s.admit()
	}
	if err != nil {
		s.refused(w, r, id, err)
		return
	}
	conn, from, err := socket.Accept(w, r, protocol, s.cfg.WriteTimeout)
	if err != nil {
		s.leave(nil)
		s.problems.Write(w, r, err)
		return
	}
	a := newAgent(s, id, auth.Address(r))
	a.Take(conn, from)
	s.join(a)
	ctx := context.WithoutCancel(r.Context())
	go func() {
		defer s.leave(a)
		a.run(ctx)
	}()
}

// refused answers a handshake that comes to nothing.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, id auth.Identity, err error) {
	status, _ := problem.Describe(err)
	s.traffic.statuses.Add(status, 1)
	if e, ok := s.door.Refused(r, id, err); ok {
		s.manager.Refused(e)
	}
	s.problems.Write(w, r, err)
}

// admit takes a place for an agent.
func (s *Server) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return socket.Refuse(fleet.Unavailable, "the server is shutting down")
	case s.cfg.MaxAgents >= 0 && s.places >= s.cfg.MaxAgents:
		return socket.Refuse(fleet.Exhausted, "there are as many agents as there may be")
	}
	s.places++
	s.serving.Add(1)
	return nil
}

// join has the agent told of its end, also of one that came meanwhile.
func (s *Server) join(a *agent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agents[a] = struct{}{}
	switch {
	case s.stopped:
		a.End(socket.CloseGoingAway, "the server is shutting down")
	case !s.auth.Active(a.id):
		a.End(closeAuthenticationEnded, "the token has ended")
	}
}

// leave gives back the place of an agent.
func (s *Server) leave(a *agent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.agents, a)
	s.places--
	s.serving.Done()
}
