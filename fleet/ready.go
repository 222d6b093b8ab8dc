package fleet

import (
	"context"
	"sync"
	"time"
)

// readyFor is how long an answer of the store is passed on. Whoever asks whether
// the manager is ready makes the store write, and anybody may ask.
const readyFor = time.Second

// readiness is what the store said last, for all who ask.
type readiness struct {
	mu     sync.Mutex
	at     time.Time
	err    error
	asking chan struct{} // closed when the store has answered; nil: nobody asks it
}

// Ready is nil if the manager can remember what it is told. The store is asked
// once a second at most, however many want to know.
func (m *Manager) Ready(ctx context.Context) error {
	m.mu.RLock()
	err := m.storeErr
	m.mu.RUnlock()
	if err != nil {
		return err
	}
	r := &m.readiness
	for {
		r.mu.Lock()
		asking := r.asking
		if asking == nil && !r.at.IsZero() && time.Since(r.at) < readyFor {
			err := r.err
			r.mu.Unlock()
			return err
		}
		if asking == nil {
			r.asking = make(chan struct{})
			r.mu.Unlock()
			return m.ask(context.WithoutCancel(ctx)) // others wait for it, too
		}
		r.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return &Error{Kind: Unavailable, Op: "ready", Err: ctx.Err()}
		}
	}
}

// ask asks the store, for all who wait.
func (m *Manager) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := m.store.Ping(ctx)
	r := &m.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.err = time.Now(), err
	close(r.asking)
	r.asking = nil
	return err
}
