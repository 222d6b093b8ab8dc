package agents

import (
	"sync"

	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxAnswers is how many messages wait for the writer before who answers an
	// agent waits too, and so does the agent: for itself.
	maxAnswers = 16

	// maxWaiting is how many messages wait for the writer at most: one more order,
	// and the connection is closed.
	maxWaiting = 1024
)

// outbox is what waits for an agent's writer. What is only the latest of its kind,
// an acknowledgement or the answer to a heartbeat, waits once.
type outbox struct {
	wake chan struct{} // there is something

	mu      sync.Mutex
	room    sync.Cond // there is room, or the outbox is closed
	queue   []socket.Frame
	held    []socket.Frame // orders that came while a join was being answered
	holding bool
	closed  bool

	acknowledged uint64 // 0: there is nothing to acknowledge
	heartbeat    bool
}

func newOutbox() *outbox {
	o := &outbox{wake: make(chan struct{}, 1)}
	o.room.L = &o.mu
	return o
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default: // it has been told so already
	}
}

// order puts an order there, and reports whether there was room. It never waits.
func (o *outbox) order(f socket.Frame) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed || len(o.queue)+len(o.held) >= maxWaiting:
		return false
	case o.holding:
		o.held = append(o.held, f)
	default:
		o.queue = append(o.queue, f)
		o.nudge()
	}
	return true
}

// answer puts an answer there, when there is room; a closed outbox needs none.
func (o *outbox) answer(f socket.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) >= maxAnswers && !o.closed {
		o.room.Wait()
	}
	if !o.closed {
		o.queue = append(o.queue, f)
		o.nudge()
	}
}

// hold keeps orders back until release: they are about services of which the
// agent has yet to be told that they have joined.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = true
}

// release lets the orders that were held go.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue, o.held, o.holding = append(o.queue, o.held...), nil, false
	o.nudge()
}

// acknowledge says that all up to the ID is known.
func (o *outbox) acknowledge(id uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acknowledged = max(o.acknowledged, id)
	o.nudge()
}

// beat answers a heartbeat.
func (o *outbox) beat() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heartbeat = true
	o.nudge()
}

// take is all that waits, in its order.
func (o *outbox) take() ([]socket.Frame, error) {
	o.mu.Lock()
	frames, id, heartbeat := o.queue, o.acknowledged, o.heartbeat
	o.queue, o.acknowledged, o.heartbeat = nil, 0, false
	o.room.Broadcast()
	o.mu.Unlock()
	if id > 0 {
		f, err := socket.Message(wire.AgentAck{Type: wire.TypeAgentAck, Timestamp: now(), ID: id})
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	if heartbeat {
		f, err := socket.Message(wire.AgentHeartbeat{Type: wire.TypeAgentHeartbeat, Timestamp: now()})
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// close lets nobody wait any more. What waits can still be taken.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.room.Broadcast()
}
