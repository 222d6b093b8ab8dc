package link

import (
	"sync"

	"github.com/degenduel/switchgear/fleet"
)

// queueSize is how many hints wait in a queue. A hint of a place in the stream
// stands for all that came before it, so what is lost beyond it is only which
// services they were of.
const queueSize = 4096

// queue is a bounded queue of hints. Where it is full the oldest goes: the newest
// tells how far to look.
type queue struct {
	wake chan struct{} // has a token whenever there may be something new

	mu    sync.Mutex
	ring  [queueSize]fleet.Hint
	first uint64 // the number of the oldest; its place is that modulo the size
	next  uint64
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a hint, and reports whether the oldest went for it.
func (q *queue) put(h fleet.Hint) (dropped bool) {
	q.mu.Lock()
	if dropped = q.next-q.first == queueSize; dropped {
		q.first++
	}
	q.ring[q.next%queueSize] = h
	q.next++
	q.mu.Unlock()
	q.nudge()
	return dropped
}

// nudge wakes whoever waits.
func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take takes up to most of the oldest hints out.
func (q *queue) take(most int) []fleet.Hint {
	q.mu.Lock()
	defer q.mu.Unlock()
	hints := make([]fleet.Hint, 0, min(int(q.next-q.first), most)) //nolint:gosec // it is at most queueSize
	for len(hints) < cap(hints) {
		at := &q.ring[q.first%queueSize]
		hints = append(hints, *at)
		*at = fleet.Hint{} // lets go of its texts
		q.first++
	}
	return hints
}
