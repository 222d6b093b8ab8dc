package ws

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/degenduel/switchgear/server/internal/auth"
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

	// endTimeout is how long a client has to answer a close frame, or to take
	// what was on its way before it.
	endTimeout = 3 * time.Second

	// graceTimeout is how much longer than it may a write can take and the
	// client still be told why it is closed.
	graceTimeout = 3 * time.Second

	closeAuthenticationEnded = wire.CodeAuthenticationEnded
)

// client is one socket. Its reader takes messages and gives answers to its
// writer, which is the only one to send data.
type client struct {
	server  *Server
	id      auth.Identity
	address string
	account *account
	conn    *conn
	in      incoming
	epoch   epoch
	release func() // gives back the place among the identity's sockets

	wake    chan struct{} // there is news
	answers chan answer
	closing chan struct{} // closed by end

	endOnce    sync.Once
	code       int
	reason     string
	left       bool // it has gone by itself
	severTimer *time.Timer
	departed   atomic.Bool // its close frame has come, or its connection has gone
	ponged     atomic.Bool // since it was pinged

	// The reader's.
	messages   meter
	controls   ring
	refusal    time.Time // when one was logged last
	orders     sync.WaitGroup
	orderSlots chan struct{}

	reached atomic.Uint64 // the cursor, for others to see

	// The writer's.
	cursor uint64 // everything up to it was sent
	placed bool   // false: the client needs a snapshot
	voids  int    // snapshots since it had everything
	filter filter
	pinged time.Time
	asked  bool // a pong is awaited
}

// answer is what the reader has for the writer: a message, and what is to be
// done before what follows it.
type answer struct {
	frame frame
	then  func(c *client)
}

func newClient(s *Server, id auth.Identity, address string) *client {
	c := &client{
		server: s, id: id, address: address, epoch: s.hub.epochOf(id), release: func() {},
		conn: &conn{timeout: s.cfg.WriteTimeout, grace: graceTimeout, traffic: &s.traffic},
		wake: make(chan struct{}, 1), answers: make(chan answer, maxAnswers), closing: make(chan struct{}),
		orderSlots: make(chan struct{}, maxOrders),
	}
	c.reached.Store(s.hub.at())
	if id.Limited() {
		c.filter.sees = id.Sees
	}
	c.in = incoming{control: c.control, empty: c.countControl, timeout: s.cfg.MessageTimeout, overdue: func() {
		c.end(closePolicy, "a message took too long to come")
	}}
	return c
}

// end has the socket closed with the code. The first call, of this and of leave,
// counts.
func (c *client) end(code int, reason string) { c.close(code, reason, false) }

// leave is end for a client that has gone by itself.
func (c *client) leave(code int, reason string) { c.close(code, reason, true) }

func (c *client) close(code int, reason string, left bool) {
	c.endOnce.Do(func() {
		c.code, c.reason, c.left = code, reason, left
		if !left {
			c.server.traffic.closed.add(code, 1)
		}
		c.severTimer = time.AfterFunc(endTimeout, c.conn.sever)
		close(c.closing)
	})
}

// run serves the client until it has gone. It returns when all that it started
// has ended.
func (c *client) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() { c.read(ctx) })
	c.write(ctx)
	<-c.closing
	cancel()
	c.farewell(ctx)
	reading.Wait()
	c.release()
	c.conn.sever()
	c.severTimer.Stop()
	c.orders.Wait()
}

// farewell says why the socket is closed, or gives the client's own close frame
// back.
func (c *client) farewell(ctx context.Context) {
	if !c.left {
		c.server.log.LogAttrs(ctx, slog.LevelInfo, "stream closed", slog.Int("code", c.code), slog.String("reason", c.reason),
			slog.String("identity", c.id.Name), slog.String("remote", c.address))
	}
	err := c.conn.control(gobwas.OpClose, closePayload(c.code, c.reason)) // whoever is gone need not be told
	if err == nil && !c.departed.Load() {
		c.conn.hangUp()
	}
}

// write sends what the client is to have until it is closing.
func (c *client) write(ctx context.Context) {
	heartbeat := time.NewTicker(c.server.cfg.HeartbeatInterval)
	defer heartbeat.Stop()
	c.pinged = time.Now()
	recs := make([]*record, 0, batch)
	due := false // a heartbeat: it has to wait until the client has everything
	err := c.greet()
	for err == nil {
		select {
		case <-c.closing:
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
			err = c.conn.send(c.heartbeat())
			continue
		}
		select {
		case <-c.closing:
			c.drain()
			return
		case a := <-c.answers:
			err = c.answer(a)
		case now := <-heartbeat.C:
			due = true
			err = c.ping(now)
		case <-c.wake:
		}
	}
	c.failed(ctx, err)
}

// failed ends a client that cannot be written to.
func (c *client) failed(ctx context.Context, err error) {
	var lost net.Error
	switch {
	case errors.Is(err, errSlow):
		c.server.traffic.slow.Add(1)
		c.end(closeTryLater, "too slow")
	case errors.Is(err, errNoPong):
		c.end(closeGoingAway, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded): // a frame was cut: there can be no other after it
		c.server.traffic.slow.Add(1)
		c.end(closeTryLater, "too slow")
		c.conn.sever()
	case errors.As(err, &lost), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		c.departed.Store(true)
		c.leave(closeNone, "")
		c.conn.sever()
	default:
		c.server.log.LogAttrs(ctx, slog.LevelError, "a change cannot be encoded", slog.Any("error", err))
		c.end(closeInternal, "internal error")
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
	f, err := message(wire.ConnectionStatus{
		Type: wire.TypeConnectionStatus, Timestamp: wire.Time{Time: time.Now()}, Status: "connected",
		Role: c.id.Role.String(), Epoch: c.epoch.name, Seq: c.cursor,
		HeartbeatMs: c.server.cfg.HeartbeatInterval.Milliseconds(),
	})
	if err != nil {
		return err
	}
	return c.conn.send(f)
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
			return false, errSlow
		}
		c.placed = false
		return true, nil
	}
	frames := make([]frame, 0, len(recs))
	for _, r := range recs {
		f, err := r.frameIn(&c.epoch, c.filter.sees)
		if err != nil {
			return false, err
		}
		frames = append(frames, f)
	}
	if err := c.conn.send(frames...); err != nil {
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
	c.conn.limit(time.Now().Add(c.server.cfg.SnapshotTimeout))
	defer c.conn.limit(time.Time{})
	for i := range snap.pages() {
		if err := c.conn.send(c.server.snapshots.take(&snap, i)); err != nil {
			return err
		}
	}
	c.cursor, c.placed = snap.seq, true
	c.reached.Store(snap.seq)
	return nil
}

func (c *client) answer(a answer) error {
	if err := c.conn.send(a.frame); err != nil {
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
			if c.conn.send(a.frame) != nil {
				return // it cannot be told why it is closed either
			}
		default:
			return
		}
	}
}

func (c *client) heartbeat() frame {
	b := place{wire.TypeHeartbeat, time.Now(), c.epoch.json, c.cursor}.append(newFrame(placeSize))
	return seal(append(b, '}'))
}

var errNoPong = errors.New("no pong")

// ping asks, now and then, whether the client is still there.
func (c *client) ping(now time.Time) error {
	switch since := now.Sub(c.pinged); {
	case c.asked && c.ponged.Load():
		c.asked = false
	case c.asked && since >= c.server.cfg.PongTimeout:
		return errNoPong
	}
	if c.asked || now.Sub(c.pinged) < c.server.cfg.PingInterval {
		return nil
	}
	c.pinged, c.asked = now, true
	c.ponged.Store(false)
	return c.conn.control(gobwas.OpPing, nil)
}
