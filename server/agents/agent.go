package agents

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxFlights is how many messages with transitions of one agent are taken in
	// side by side. Above it the reader waits, and so does the agent.
	maxFlights = 64

	// lookInterval is how often the writer looks whether the agent is still there.
	lookInterval = time.Second

	closeAuthenticationEnded = wire.CodeAuthenticationEnded
)

// agent is one socket. Its reader takes messages in and gives answers to its
// writer, which is the only one to send data.
type agent struct {
	*socket.Link

	server  *Server
	id      auth.Identity
	address string
	out     *outbox
	ledger  ledger

	session atomic.Pointer[attached] // nil before the hello was taken
	busy    atomic.Bool              // the reader waits for the manager
	heard   atomic.Int64             // when the last message came, in ns since began
	began   time.Time

	// The reader's.
	name     string // of the instance, for the log
	pace     pace
	lastID   uint64
	services map[string]bool // that have joined
	bye      bool
	flights  flights
}

// attached is the session, to be shared.
type attached struct{ Session }

func newAgent(s *Server, id auth.Identity, address string) *agent {
	a := &agent{
		server: s, id: id, address: address, out: newOutbox(), began: time.Now(), services: make(map[string]bool),
		pace: pace{burst: max(s.cfg.Burst, 1)}, flights: flights{of: make(map[string]chan struct{}), room: make(chan struct{}, maxFlights)},
	}
	if n := s.cfg.MessagesPerSecond; n > 0 {
		a.pace.every = time.Second / time.Duration(n)
	}
	a.Link = socket.NewLink(socket.Options{
		ReadLimit: readLimit, MessageTimeout: s.cfg.MessageTimeout, WriteTimeout: s.cfg.WriteTimeout, Sent: s.traffic.count,
		Ended: func(code int) { s.traffic.closed.Add(code, 1) },
	})
	return a
}

// run serves the agent until it has gone. It returns when all that it started
// has ended.
func (a *agent) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() {
		a.Read(func(message []byte) { a.receive(ctx, message) })
		a.flights.wait()
		if s := a.session.Load(); s != nil {
			s.Close(a.bye)
		}
	})
	a.write(ctx)
	<-a.Closing()
	cancel()
	a.out.close()
	if code, reason, left := a.Why(); !left {
		a.server.log.LogAttrs(ctx, slog.LevelInfo, "agent closed", slog.Int("code", code), slog.String("reason", reason),
			slog.String("identity", a.id.Name), slog.String("remote", a.address))
	}
	a.Farewell()
	reading.Wait()
	a.Dispose()
}

// write sends what the agent is to have until it is closing.
func (a *agent) write(ctx context.Context) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		if err := a.flush(); err != nil {
			a.failed(ctx, err)
			return
		}
		select {
		case <-a.Closing():
			_ = a.flush() // why it is closed, and the answers before; who cannot take them is found by the farewell
			return
		case <-a.out.wake:
		case now := <-look.C:
			a.look(now)
		}
	}
}

// flush sends what waits.
func (a *agent) flush() error {
	frames, err := a.out.take()
	if err != nil || len(frames) == 0 {
		return err
	}
	return a.Send(frames...)
}

// failed ends an agent that cannot be written to.
func (a *agent) failed(ctx context.Context, err error) {
	if known, _ := a.Failed(err); !known {
		a.server.log.LogAttrs(ctx, slog.LevelError, "a message to an agent cannot be encoded", slog.Any("error", err))
		a.End(socket.CloseInternal, "internal error")
	}
}

// look ends an agent that says nothing. One whose message the manager takes in is
// alive: it is the manager that it waits for.
func (a *agent) look(now time.Time) {
	s, cfg := a.session.Load(), &a.server.cfg
	silent := now.Sub(a.began) - time.Duration(a.heard.Load())
	switch {
	case s == nil && now.Sub(a.began) >= cfg.HelloTimeout:
		a.End(socket.ClosePolicy, "no "+wire.TypeAgentHello+" came in time")
	case s != nil && a.busy.Load():
		s.Heard()
	case silent >= cfg.Silence:
		a.End(socket.CloseGoingAway, "nothing was heard for "+cfg.Silence.String())
	}
}

// Order sends an order to the agent; it never waits. An error says that there is
// no room, and the connection is closed.
func (a *agent) Order(o fleet.AgentOrder) error {
	f, err := socket.Message(order(&o))
	if err != nil {
		return err
	}
	if !a.out.order(f) {
		a.End(socket.CloseTryLater, "too slow")
		return socket.Refuse(fleet.Unavailable, "the agent does not take its orders")
	}
	return nil
}

// Close ends the connection.
func (a *agent) Close(code int, reason string) { a.End(code, reason) }

// say gives the writer a message, and waits for room.
func (a *agent) say(v any) {
	f, err := socket.Message(v)
	if err != nil { // of types that are always JSON
		a.End(socket.CloseInternal, "internal error")
		return
	}
	a.out.answer(f)
}

// flights are the messages with transitions that are being taken in: of one
// service one at a time.
type flights struct {
	all  sync.WaitGroup
	room chan struct{}

	mu sync.Mutex
	of map[string]chan struct{} // closed when the service's has ended
}

// begin takes a place for the service, when there is one; only the reader begins.
// It reports whether there was one before the end.
func (f *flights) begin(service string, closing <-chan struct{}) bool {
	if !f.await(service, closing) {
		return false
	}
	select {
	case f.room <- struct{}{}:
	case <-closing:
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of[service] = make(chan struct{})
	f.all.Add(1)
	return true
}

func (f *flights) end(service string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.of[service])
	delete(f.of, service)
	<-f.room
	f.all.Done()
}

// await waits until nothing of the service is under way. It reports whether that
// came before the end.
func (f *flights) await(service string, closing <-chan struct{}) bool {
	f.mu.Lock()
	ended := f.of[service]
	f.mu.Unlock()
	if ended == nil {
		return true
	}
	select {
	case <-ended:
		return true
	case <-closing:
		return false
	}
}

// wait waits until nothing is under way.
func (f *flights) wait() { f.all.Wait() }
