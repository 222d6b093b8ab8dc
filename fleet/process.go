package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// AgentHeartbeat is how often an agent is to be heard of at least.
	AgentHeartbeat = 5 * time.Second

	// AgentReportInterval is how often an agent reports a service at most.
	AgentReportInterval = time.Second

	// silentAfter is after how long an instance is stale that nothing was heard
	// of: three heartbeats.
	silentAfter = 3 * AgentHeartbeat

	defaultMaxAgents        = 10_000
	defaultMaxAgentServices = 1000
	defaultForgetInstances  = time.Hour

	codeGoingAway = 1001 // of one whose manager does not lead any more
	codeTakenOver = 4009 // of a connection whose process has connected anew
	codeTryLater  = 1013 // of one that does not take what it is sent
)

// process is one that has joined, over all its connections. What is known of it
// is the same for all its services.
type process struct {
	id      string
	boot    string // the hash of its secret
	info    atomic.Pointer[AgentInfo]
	session atomic.Pointer[AgentSession] // nil: it is not connected
	heard   atomic.Int64                 // the manager's uptime then

	refs int // how many instances are of it; the registry's mutex guards it
}

func (p *process) heardAt() time.Duration { return time.Duration(p.heard.Load()) }

// stale reports whether nothing was heard for too long.
func (p *process) stale(uptime time.Duration) bool { return uptime-p.heardAt() > silentAfter }

// processes are those that are connected, or of which there are instances.
type processes struct {
	mu        sync.Mutex
	byID      map[string]*process
	connected int
	refused   map[string]uint64 // by reason
}

// uptime is how long the manager has been there, by a clock that nobody sets.
func (m *Manager) uptime() time.Duration { return time.Since(m.began) }

var instanceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

const maxAgentText = 128 // bytes

func (i *AgentInfo) validate() error {
	switch {
	case !instanceForm.MatchString(i.Instance):
		return errorf(Invalid, "attach", "instance: %.80q does not match %s", i.Instance, instanceForm)
	case len(i.Boot) < 16 || len(i.Boot) > maxAgentText:
		return errorf(Invalid, "attach", "boot: it has %d bytes, which is not 16 to %d", len(i.Boot), maxAgentText)
	}
	for field, text := range map[string]string{"name": i.Name, "program": i.Program, "library": i.Library} {
		if len(text) > maxAgentText {
			return errorf(Invalid, "attach", "%s: it has %d bytes, which is above %d", field, len(text), maxAgentText)
		}
	}
	return nil
}

func bootHash(boot string) string {
	sum := sha256.Sum256([]byte(boot))
	return hex.EncodeToString(sum[:16])
}

// Attach begins a session. A process that is there already is taken over: its
// old connection is closed with code 4009. Conflict if the instance is held by
// another process that is not stale, Exhausted if there are too many agents,
// Invalid for an info that cannot be. allowed judges each service by its name;
// nil: all are.
func (m *Manager) Attach(ctx context.Context, info AgentInfo, allowed func(service string) bool, conn AgentConn) (*AgentSession, error) {
	if m.follows() {
		return nil, m.errNotLeader("attach")
	}
	if err := info.validate(); err != nil {
		return nil, err
	}
	boot := bootHash(info.Boot)
	info.Boot = ""
	s := &AgentSession{m: m, conn: conn, allowed: allowed, seats: make(map[string]*seat), pending: make(map[uint64]pending)}
	old, err := m.admit(&info, boot, s)
	if err != nil {
		m.log.WarnContext(ctx, "an agent was refused", slog.String("instance", info.Instance), slog.String("name", info.Name),
			slog.String("program", info.Program), slog.String("address", info.Address), slog.Any("error", err))
		return nil, err
	}
	if old != nil {
		old.drop()
		old.conn.Close(codeTakenOver, "taken over by a newer connection of the same process")
	}
	if m.follows() { // since just now: it may have come behind the end of all sessions
		s.Close(false)
		return nil, m.errNotLeader("attach")
	}
	return s, nil
}

// admit gives the session its process, and returns the session that it takes over.
func (m *Manager) admit(info *AgentInfo, boot string, s *AgentSession) (old *AgentSession, err error) {
	a := &m.agents
	a.mu.Lock()
	defer a.mu.Unlock()
	refuse := func(kind Kind, reason, format string, args ...any) error {
		if a.refused == nil {
			a.refused = make(map[string]uint64)
		}
		a.refused[reason]++
		return errorf(kind, "attach", format, args...)
	}
	p := a.byID[info.Instance]
	another := p != nil && p.boot != boot
	if another && !p.stale(m.uptime()) {
		return nil, refuse(Conflict, "held", "the instance %s is held by another process, %q at %s", info.Instance, p.info.Load().Name, p.info.Load().Address)
	}
	if (p == nil || p.session.Load() == nil) && a.connected >= m.cfg.MaxAgents {
		return nil, refuse(Exhausted, "full", "there are %d agents, which is the cap", m.cfg.MaxAgents)
	}
	if p == nil || another {
		if another {
			old = p.session.Swap(nil)
		}
		p = &process{id: info.Instance, boot: boot}
		if a.byID == nil {
			a.byID = make(map[string]*process)
		}
		a.byID[info.Instance] = p
	}
	p.info.Store(info)
	s.who = p
	p.heard.Store(int64(m.uptime()))
	if before := p.session.Swap(s); before != nil {
		old = before
	}
	if old == nil {
		a.connected++
	}
	return old, nil
}

// release ends a session in the registry.
func (m *Manager) release(s *AgentSession) bool {
	a := &m.agents
	a.mu.Lock()
	defer a.mu.Unlock()
	if !s.who.session.CompareAndSwap(s, nil) {
		return false
	}
	a.connected--
	a.forget(s.who)
	return true
}

// forget lets go of a process that nobody needs. The mutex is held.
func (a *processes) forget(p *process) {
	if p.refs == 0 && p.session.Load() == nil && a.byID[p.id] == p {
		delete(a.byID, p.id)
	}
}

// refer counts instances of a process.
func (a *processes) refer(p *process, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.refs += n
	a.forget(p)
}

// recall is the process of an instance that comes back from the store.
func (a *processes) recall(info *AgentInfo, boot string) *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[info.Instance]
	if p == nil {
		if a.byID == nil {
			a.byID = make(map[string]*process)
		}
		p = &process{id: info.Instance, boot: boot}
		p.info.Store(info)
		a.byID[info.Instance] = p
	}
	p.refs++
	return p
}

func (a *processes) measure(out *Measures) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out.Agents, out.AgentsRefused = a.connected, maps.Clone(a.refused)
}

// greet takes all for heard of now: they may come back.
func (a *processes) greet(uptime time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.byID {
		p.heard.Store(int64(uptime))
	}
}

// closeAgents ends all sessions and forgets who was there.
func (m *Manager) closeAgents() {
	a := &m.agents
	a.mu.Lock()
	var open []*AgentSession
	for _, p := range a.byID {
		if s := p.session.Swap(nil); s != nil {
			open = append(open, s)
		}
	}
	a.byID, a.connected = nil, 0
	a.mu.Unlock()
	for _, s := range open {
		s.drop()
		s.conn.Close(codeGoingAway, "another manager leads")
	}
}

// MaxAgentServices is how many services an agent may bring in.
func (m *Manager) MaxAgentServices() int { return m.cfg.MaxAgentServices }
