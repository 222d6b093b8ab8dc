package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// Options are what an Agent can be told. The zero value is good.
type Options struct {
	// Name is this instance's for people. Up to 128 bytes; default the host's.
	Name string

	// Program is what runs here, with its version. Up to 128 bytes; the default
	// is what the Go build knows of it.
	Program string

	// Nodes are the URLs of further nodes of the same manager, tried in turn
	// with the first. The token is shown to each.
	Nodes []string

	// Dir is a folder for the last good config of each service, one file each.
	// It is made if it is not there. Empty: nothing is kept.
	Dir string

	// Logger is told of what happens to the connection, and of configs that
	// cannot be taken. nil: nobody is.
	Logger *slog.Logger

	// Transport carries the connection, for example with a TLS config of your
	// own; it must speak HTTP/1.1. nil: the client's own, through the proxy of
	// the environment, if there is one.
	Transport http.RoundTripper
}

// Member is a service and what people are told of it.
type Member struct {
	Service *switchgear.Service

	// Layer, Description and Dependencies are as in a config file: [a-z0-9_-]
	// and up to 64 bytes, up to 1 024 bytes, up to 100 names of services. The
	// manager looks at the rest of the rules, and takes them when the service is
	// first told.
	Layer        string
	Description  string
	Dependencies []string
}

// ErrClosed is the answer of an agent that was closed, or whose context ended.
var ErrClosed = errors.New("agent: closed")

// Agent is this program at a manager. All methods are safe for concurrent use.
type Agent struct {
	log    *slog.Logger
	hello  wire.AgentHello
	nodes  []node
	keeper *keeper // nil: configs are not kept

	leaving context.CancelFunc // says goodbye
	cut     context.CancelFunc // ends without it
	wake    chan struct{}      // of one place: there is something to send
	ended   chan struct{}      // closed when no goroutine is left

	mu      sync.Mutex
	members map[string]*member
	left    map[string]bool // services that the manager is yet to be told have left
	link    link
	parting error         // what Close answers
	moved   chan struct{} // closed, and made anew, when something changes that Connected waits for
}

// node is one of the manager's.
type node struct {
	url    string
	client *client.Client
}

// Join makes the services members of the fleet of the manager at url, until
// ctx ends or Close is called. It returns at once, whether the manager answers
// or not; its error is one of the arguments'. The token's role is agent, or
// admin. It starts the services, and never stops them: that is the program's.
func Join(ctx context.Context, url, token string, services ...*switchgear.Service) (*Agent, error) {
	members := make([]Member, len(services))
	for i, s := range services {
		members[i].Service = s
	}
	return JoinWith(ctx, url, token, Options{}, members...)
}

// JoinWith is Join with more to say.
func JoinWith(ctx context.Context, url, token string, opts Options, members ...Member) (*Agent, error) {
	hello, err := identity(opts)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		log: opts.Logger, hello: hello, wake: make(chan struct{}, 1), ended: make(chan struct{}),
		members: make(map[string]*member), left: make(map[string]bool), moved: make(chan struct{}),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	for _, u := range append([]string{url}, opts.Nodes...) {
		c, err := client.New(u, token, client.Options{Transport: opts.Transport, UserAgent: hello.Library})
		if err != nil {
			return nil, fmt.Errorf("agent: %w", err)
		}
		a.nodes = append(a.nodes, node{u, c})
	}
	if a.keeper, err = newKeeper(opts.Dir, a.log); err != nil {
		return nil, err
	}
	if err := a.Add(members...); err != nil {
		return nil, err
	}
	alive, leaving := context.WithCancel(ctx)
	whatever, cut := context.WithCancel(context.WithoutCancel(ctx))
	a.leaving, a.cut = leaving, cut
	go a.run(alive, whatever)
	return a, nil
}

// Add brings services in that Join was not given, and starts them. The error is of a service that
// is nil, of a name that is there already, or of something too long, and then
// none is added; or ErrClosed.
func (a *Agent) Add(members ...Member) error {
	names := make(map[string]bool)
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, m := range members {
		switch {
		case a.isOver():
			return ErrClosed
		case m.Service == nil:
			return fmt.Errorf("agent: service %d of %d is nil", i+1, len(members))
		case a.members[m.Service.Name()] != nil, names[m.Service.Name()]:
			return fmt.Errorf("agent: there are two services %q", m.Service.Name())
		}
		if err := m.check(); err != nil {
			return err
		}
		names[m.Service.Name()] = true
	}
	for _, about := range members {
		m := newMember(about)
		a.members[m.name] = m
		delete(a.left, m.name)
		if kept := a.keeper.read(m); kept != nil {
			m.restore(kept, a.log)
		}
		m.stop = m.service.Breaker().Observe(func(t switchgear.Transition) { a.heard(m, &t) })
		m.heard = m.service.Breaker().Snapshot().Transitions
		m.service.Start() // what is not started says that it does not run
	}
	a.stir()
	return nil
}

// Leave takes services out, without waiting for anybody. The breakers go on as
// they are; what the manager did not yet know of them it will not hear. A name
// that is not there is passed over.
func (a *Agent) Leave(services ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range services {
		if m := a.members[name]; m != nil {
			m.stop()
			m.release()
			delete(a.members, name)
			a.left[name] = true
		}
	}
	a.stir()
}

// Close ends the agent: the manager is told what it does not know yet, and that
// this is no failure. It takes two seconds at most, or until ctx ends. The error
// says what the manager will not hear of. Closing again, or after the end of
// Join's context, waits for the same end.
func (a *Agent) Close(ctx context.Context) error {
	a.leaving()
	defer context.AfterFunc(ctx, a.cut)()
	<-a.ended
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parting
}

// isOver reports whether the agent has ended. The mutex is held.
func (a *Agent) isOver() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

// stir tells the session that there is something to send, and those who wait
// that something changed. The mutex is held.
func (a *Agent) stir() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
	a.tell()
}

// tell wakes those who wait in Connected. The mutex is held.
func (a *Agent) tell() {
	close(a.moved)
	a.moved = make(chan struct{})
}

// sorted are the members by name. The mutex is held.
func (a *Agent) sorted() []*member {
	all := make([]*member, 0, len(a.members))
	for _, m := range a.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y *member) int { return cmp.Compare(x.name, y.name) })
	return all
}
