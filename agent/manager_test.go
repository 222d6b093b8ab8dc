package agent_test

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

const patience = 20 * time.Second

// manager is a manager of the agents' messages and of nothing else: what it
// holds outlives its connections and its listener.
type manager struct {
	t       *testing.T
	address string

	mu          sync.Mutex
	changed     chan struct{}
	server      *http.Server
	listener    net.Listener
	refuse      int  // an HTTP status; 0: it takes connections
	closeWith   int  // a close code that answers a hello; 0: a welcome does
	storeAway   bool // nothing is acknowledged
	mute        bool // it reads and answers nothing after the welcome
	rejectWith  int  // a code that answers transitions; 0: it takes them
	connections map[*connection]bool
	opened      int
	hellos      []wire.AgentHello
	byes        int
	beats       int
	leaves      []string
	services    map[string]*remembered
	reports     int
	rejects     int
	results     []wire.AgentResult
}

// remembered is a service, as one instance had it.
type remembered struct {
	refusal   *wire.AgentError // to each join
	config    json.RawMessage  // nil: what the program says
	version   int
	override  *wire.Override
	fleet     string           // what the fleet rule wants of who joins
	begin     *wire.AgentState // for a fresh one
	joins     []wire.JoinService
	stored    map[string][]uint64 // by instance, the numbers in the order in which they came first
	doubled   int                 // transitions that were told again after they were acknowledged
	messages  int                 // of transitions
	untimely  int                 // reports that showed a transition before it was told
	told      uint64              // the number of the last one that came in this connection, or was there at the join
	state     wire.AgentState
	states    []wire.AgentState
	evidences []json.RawMessage
}

type connection struct {
	ws       *websocket.Conn
	instance string
	orders   uint64
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, changed: make(chan struct{}), connections: make(map[*connection]bool), services: make(map[string]*remembered)}
	m.address = "127.0.0.1:0"
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *manager) url() string { return "http://" + m.address }

// start listens where it listened before.
func (m *manager) start() {
	m.t.Helper()
	l, err := new(net.ListenConfig).Listen(m.t.Context(), "tcp", m.address)
	if err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.address, m.listener = l.Addr().String(), l
	m.server = &http.Server{Handler: m}
	go func(s *http.Server) { _ = s.Serve(l) }(m.server)
}

// stop closes everything as a death does.
func (m *manager) stop() {
	m.mu.Lock()
	s := m.server
	m.server = nil
	m.mu.Unlock()
	if s != nil {
		_ = s.Close()
		_ = m.listener.Close() // if the server has not come to know it yet
	}
	m.cut()
}

// cut ends the connections without a word.
func (m *manager) cut() {
	m.mu.Lock()
	open := maps.Clone(m.connections)
	m.mu.Unlock()
	for c := range open {
		_ = c.ws.CloseNow()
	}
	m.await("the connections are gone", func() bool { return len(m.connections) == 0 })
}

// locked changes the manager.
func (m *manager) locked(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until it is so, which is asked under the mutex.
func (m *manager) await(what string, so func() bool) {
	m.t.Helper()
	late := time.After(patience)
	for {
		m.mu.Lock()
		if so() {
			m.mu.Unlock()
			return
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			m.t.Fatalf("it did not come to be that %s", what)
		}
	}
}

// service is what is remembered of one. The mutex is held.
func (m *manager) service(name string) *remembered {
	s := m.services[name]
	if s == nil {
		s = &remembered{version: 1, stored: make(map[string][]uint64)}
		m.services[name] = s
	}
	return s
}

// look is a copy of what is remembered of a service now.
func (m *manager) look(name string) remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := *m.service(name)
	s.stored = maps.Clone(s.stored)
	return s
}

// told are the numbers of a service's transitions that the first agent told.
func (m *manager) told(name string) []uint64 {
	return m.look(name).stored[m.hello(0).Instance]
}

func (m *manager) hello(i int) wire.AgentHello {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hellos[i]
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	refuse := m.refuse
	m.opened++
	m.mu.Unlock()
	if r.URL.Path != "/api/v2/ws/agent" || r.Header.Get("Authorization") != "Bearer token" {
		refuse = http.StatusUnauthorized
	}
	if refuse != 0 {
		w.WriteHeader(refuse)
		m.locked(func() {})
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		m.t.Error(err)
		return
	}
	ws.SetReadLimit(1 << 20)
	c := &connection{ws: ws}
	m.locked(func() { m.connections[c] = true })
	defer m.locked(func() { delete(m.connections, c) })
	defer ws.CloseNow() //nolint:errcheck // it may be closed already
	for m.read(context.WithoutCancel(r.Context()), c) {
	}
}

// read takes one message and answers it.
func (m *manager) read(ctx context.Context, c *connection) bool {
	_, data, err := c.ws.Read(ctx)
	if err != nil {
		return false
	}
	var answer any
	m.locked(func() { answer = m.take(c, data) })
	m.mu.Lock()
	code, mute := m.closeWith, m.mute
	m.mu.Unlock()
	if code != 0 {
		_ = c.ws.Close(websocket.StatusCode(code), "refused")
		return false
	}
	if answer != nil && m.say(ctx, c, answer) != nil {
		return false
	}
	if mute {
		m.await("it may speak", func() bool { return !m.mute })
	}
	return true
}

func (m *manager) say(ctx context.Context, c *connection, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.ws.Write(ctx, websocket.MessageText, data)
}

// take does what a message says and returns the answer, or nil.
func (m *manager) take(c *connection, data []byte) any {
	var head struct {
		Type string
		ID   uint64
	}
	read := func(v any) {
		if err := json.Unmarshal(data, v); err != nil {
			m.t.Errorf("%s: %v", data, err)
		}
	}
	read(&head)
	ack := wire.AgentAck{Type: wire.TypeAgentAck, ID: head.ID}
	switch head.Type {
	case wire.TypeAgentHello:
		var hello wire.AgentHello
		read(&hello)
		m.hellos = append(m.hellos, hello)
		c.instance = hello.Instance
		return wire.AgentWelcome{Type: wire.TypeAgentWelcome, Epoch: "e", HeartbeatMs: 300, ReportMs: 20}
	case wire.TypeAgentJoin:
		var join wire.AgentJoin
		read(&join)
		joined := wire.AgentJoined{Type: wire.TypeAgentJoined, ID: join.ID, Timestamp: wire.Time{Time: time.Now()}}
		for _, j := range join.Services {
			joined.Services = append(joined.Services, m.joined(c, j))
		}
		return joined
	case wire.TypeAgentTransitions:
		var ts wire.AgentTransitions
		read(&ts)
		if m.rejectWith != 0 {
			id := wire.RequestID(strconv.FormatUint(ts.ID, 10))
			m.rejects++
			return wire.Error{Type: wire.TypeError, Code: m.rejectWith, Message: "no", RequestID: id}
		}
		m.transitions(c, &ts)
		if m.storeAway {
			return nil
		}
		return ack
	case wire.TypeAgentReport:
		var r wire.AgentReport
		read(&r)
		m.reports++
		for _, s := range r.Services {
			known := m.service(s.Service)
			if s.CircuitBreaker.Transitions > known.told {
				known.untimely++
			}
			known.state = s
			known.states = append(known.states, s)
		}
		if m.storeAway {
			return nil
		}
		return ack
	case wire.TypeAgentResult:
		var r wire.AgentResult
		read(&r)
		m.results = append(m.results, r)
	case wire.TypeAgentLeave:
		var l wire.AgentLeave
		read(&l)
		m.leaves = append(m.leaves, l.Services...)
	case wire.TypeAgentBye:
		m.byes++
	case wire.TypeAgentHeartbeat:
		m.beats++
		return wire.AgentHeartbeat{Type: wire.TypeAgentHeartbeat}
	default:
		m.t.Errorf("an agent says %s", data)
	}
	return nil
}

func (m *manager) joined(c *connection, j wire.JoinService) wire.JoinedService {
	s := m.service(j.Service)
	s.joins = append(s.joins, j)
	if s.refusal != nil {
		return wire.JoinedService{Service: j.Service, Error: s.refusal}
	}
	out := wire.JoinedService{Service: j.Service, Config: s.config, ConfigVersion: s.version, Override: s.override, Fleet: s.fleet}
	if s.config == nil {
		out.Config = j.Config
	}
	if numbers := s.stored[c.instance]; len(numbers) > 0 {
		out.Known = numbers[len(numbers)-1]
	}
	if j.Fresh {
		out.State = s.begin
	}
	s.state, s.told = j.State, max(out.Known, j.State.CircuitBreaker.Transitions)
	return out
}

func (m *manager) transitions(c *connection, ts *wire.AgentTransitions) {
	s := m.service(ts.Service)
	s.messages++
	for i, t := range ts.Transitions {
		if i > 0 && t.Number != ts.Transitions[i-1].Number+1 {
			m.t.Errorf("number %d follows %d in a message", t.Number, ts.Transitions[i-1].Number)
		}
		numbers := s.stored[c.instance]
		if len(numbers) > 0 && t.Number <= numbers[len(numbers)-1] {
			s.doubled++
			continue
		}
		s.stored[c.instance] = append(numbers, t.Number)
		s.evidences = append(s.evidences, t.Evidence)
	}
	s.told = max(s.told, ts.State.CircuitBreaker.Transitions)
	s.state = ts.State
}

// order gives an order over the one connection that there is, and returns the
// answer.
func (m *manager) order(o wire.AgentOrder) wire.AgentResult {
	m.t.Helper()
	var c *connection
	before := 0
	m.locked(func() {
		for c = range m.connections {
			c.orders++
			o.Order = c.orders
		}
		before = len(m.results)
	})
	o.Type, o.Timestamp = wire.TypeAgentOrder, wire.Time{Time: time.Now()}
	if err := m.say(m.t.Context(), c, o); err != nil {
		m.t.Fatal(err)
	}
	m.await("the order is answered", func() bool { return len(m.results) > before })
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[before]
}

// shown waits for the state of a service to be so.
func (m *manager) shown(name, what string, so func(*wire.AgentState) bool) {
	m.t.Helper()
	m.await(name+" is shown "+what, func() bool { return so(&m.service(name).state) })
}
