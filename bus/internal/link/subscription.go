package link

import (
	"sync"
	"sync/atomic"

	"github.com/degenduel/switchgear/fleet"
)

// subscription hands hints to one subscriber, on a goroutine of its own.
type subscription struct {
	got func(fleet.Hint)
	gap func()

	queue  *queue
	missed atomic.Bool // gap is to be called, before any hint

	stopping sync.Once
	stopped  chan struct{} // closed when it is to end
	done     chan struct{} // closed when it has
}

func subscribe(got func(fleet.Hint), gap func()) *subscription {
	s := &subscription{got: got, gap: gap, queue: newQueue(), stopped: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

// put adds a hint, and reports whether an older one went for it.
func (s *subscription) put(h fleet.Hint) (dropped bool) {
	if dropped = s.queue.put(h); dropped {
		s.missed.Store(true)
	}
	return dropped
}

// miss says that hints may have been missed.
func (s *subscription) miss() {
	s.missed.Store(true)
	s.queue.nudge()
}

func (s *subscription) run() {
	defer close(s.done)
	for {
		select {
		case <-s.stopped:
			return
		case <-s.queue.wake:
		}
		for s.step() {
		}
	}
}

// step makes one call, and reports whether there may be another to make.
func (s *subscription) step() bool {
	select {
	case <-s.stopped:
		return false
	default:
	}
	if s.missed.Swap(false) {
		s.gap()
		return true
	}
	for _, h := range s.queue.take(1) {
		s.got(h)
		return true
	}
	return false
}

// end ends it, and waits until none of its calls runs.
func (s *subscription) end() {
	s.stopping.Do(func() { close(s.stopped) })
	<-s.done
}
