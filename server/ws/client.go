package ws

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

const (
	// batch is how many changes are written together.
	batch = 32

	// maxAnswers is how many answers wait for the writer. Above it the reader
	// waits, and so does the client: for itself.
	maxAnswers = 16

	// maxVoid is how often in a row a client may be given a fresh snapshot
	// because it was too slow to follow.
	maxVoid = 3

	closeAuthenticationEnded = wire.CodeAuthenticationEnded
)

// client is one socket. Its reader takes messages and gives answers to its
// writer, which is the only one to send data.
type client struct {
	*socket.Link

	server  *Server
	id      auth.Identity
	address string
	account *account
	epoch   epoch
	release func() // gives back the place among the identity's sockets

	wake    chan struct{} // there is news
	answers chan answer

	// The reader's.
	messages   meter
	refusal    time.Time // when one was logged last
	orders     sync.WaitGroup
	orderSlots chan struct{}

	reached atomic.Uint64 // the cursor, for others to see

	// The writer's.
	cursor uint64 // everything up to it was sent
	placed bool   // false: the client needs a snapshot
	voids  int    // snapshots since it had everything
	filter filter
}

// answer is what the reader has for the writer: a message, and what is to be
// done before what follows it.
type answer struct {
	frame socket.Frame
	then  func(c *client)
}

func newClient(s *Server, id auth.Identity, address string) *client {
	c := &client{
		server: s, id: id, address: address, epoch: s.hub.epochOf(id), release: func() {},
		wake: make(chan struct{}, 1), answers: make(chan answer, maxAnswers), orderSlots: make(chan struct{}, maxOrders),
	}
	c.Link = socket.NewLink(socket.Options{
		ReadLimit: readLimit, MessageTimeout: s.cfg.MessageTimeout, WriteTimeout: s.cfg.WriteTimeout, Sent: s.traffic.count,
		Ended: func(code int) { s.traffic.closed.Add(code, 1) },
		Gone:  func() { c.release() }, // so that it can come back at once
	})
	c.reached.Store(s.hub.at())
	if id.Limited() {
		c.filter.sees = id.Sees
	}
	return c
}

// run serves the client until it has gone. It returns when all that it started
// has ended.
func (c *client) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() { c.Read(func(data []byte) { c.receive(ctx, data) }) })
	c.write(ctx)
	<-c.Closing()
	cancel()
	c.farewell(ctx)
	reading.Wait()
	c.release()
	c.Dispose()
	c.orders.Wait()
}

// farewell says why the socket is closed.
func (c *client) farewell(ctx context.Context) {
	if code, reason, left := c.Why(); !left {
		c.server.log.LogAttrs(ctx, slog.LevelInfo, "stream closed", slog.Int("code", code), slog.String("reason", reason),
			slog.String("identity", c.id.Name), slog.String("remote", c.address))
	}
	c.Farewell()
}

// write sends what the client is to have until it is closing.
func (c *client) write(ctx context.Context) {
	heartbeat := time.NewTicker(c.server.cfg.HeartbeatInterval)
	defer heartbeat.Stop()
	recs := make([]*record, 0, batch)
	due := false // a heartbeat: it has to wait until the client has everything
	err := c.greet()
	for err == nil {
		select {
		case <-c.Closing():
			c.drain()
			return
		default:
		}
		var more bool
		if more, err = c.follow(recs); err != nil {
			break
		}
		switch {
		case more: // only look whether there is something else to do
			c.nudge()
		case due:
			due = false
			err = c.Send(c.heartbeat())
			continue
		}
		select {
		case <-c.Closing():
			c.drain()
			return
		case a := <-c.answers:
			err = c.answer(a)
		case now := <-heartbeat.C:
			due = true
			err = c.Ping(now, c.server.cfg.PingInterval, c.server.cfg.PongTimeout)
		case <-c.wake:
		}
	}
	c.failed(ctx, err)
}

// failed ends a client that cannot be written to.
func (c *client) failed(ctx context.Context, err error) {
	known, slow := c.Failed(err)
	if slow {
		c.server.traffic.slow.Add(1)
	}
	if !known {
		c.server.log.LogAttrs(ctx, slog.LevelError, "a change cannot be encoded", slog.Any("error", err))
		c.End(socket.CloseInternal, "internal error")
	}
}

// nudge has the writer look at the log again. It never waits.
func (c *client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been told so already
	}
}

// greet sends the first message: where the stream is, for this client.
func (c *client) greet() error {
	if !c.placed {
		c.cursor = c.server.hub.at()
	}
	f, err := socket.Message(wire.ConnectionStatus{
		Type: wire.TypeConnectionStatus, Timestamp: wire.Time{Time: time.Now()}, Status: "connected",
		Role: c.id.Role.String(), Epoch: c.epoch.name, Seq: c.cursor,
		HeartbeatMs: c.server.cfg.HeartbeatInterval.Milliseconds(), ReconnectMs: socket.ComeBack(c.server.Clients()).Milliseconds(),
	})
	if err != nil {
		return err
	}
	return c.Send(f)
}

// follow sends the next changes, or a snapshot to a client without a place in
// the log; more is true if there may be others.
func (c *client) follow(recs []*record) (more bool, err error) {
	if !c.placed {
		return true, c.snapshot()
	}
	recs, reached, ok := c.server.hub.read(c.cursor, &c.filter, recs)
	if !ok {
		c.server.traffic.slow.Add(1)
		c.server.traffic.renewed.Add(1)
		if c.voids++; c.voids > maxVoid {
			return false, socket.ErrSlow
		}
		c.placed = false
		return true, nil
	}
	frames := make([]socket.Frame, 0, len(recs))
	for _, r := range recs {
		f, err := r.frameIn(&c.epoch, c.filter.sees)
		if err != nil {
			return false, err
		}
		frames = append(frames, f)
	}
	if err := c.Send(frames...); err != nil {
		return false, err
	}
	c.cursor = reached
	c.reached.Store(reached)
	if len(recs) < cap(recs) {
		c.voids = 0
	}
	return len(recs) == cap(recs), nil
}

func (c *client) snapshot() error {
	snap, err := c.server.snapshots.of(&c.filter, &c.epoch)
	if err != nil {
		return err
	}
	c.Limit(time.Now().Add(c.server.cfg.SnapshotTimeout))
	defer c.Limit(time.Time{})
	for i := range snap.pages() {
		if err := c.Send(c.server.snapshots.take(&snap, i)); err != nil {
			return err
		}
	}
	c.cursor, c.placed = snap.seq, true
	c.reached.Store(snap.seq)
	return nil
}

func (c *client) answer(a answer) error {
	if err := c.Send(a.frame); err != nil {
		return err
	}
	if a.then != nil {
		a.then(c)
	}
	return nil
}

// drain sends the answers that were given before the end, so that a client which
// is closed for one message has the answers to those before it.
func (c *client) drain() {
	for {
		select {
		case a := <-c.answers:
			if c.Send(a.frame) != nil {
				return // it cannot be told why it is closed either
			}
		default:
			return
		}
	}
}

func (c *client) heartbeat() socket.Frame {
	b := place{wire.TypeHeartbeat, time.Now(), c.epoch.json, c.cursor}.append(socket.NewFrame(placeSize))
	return socket.Seal(append(b, '}'))
}
