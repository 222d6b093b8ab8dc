package fleet

import (
	"context"
	"sync"
	"time"
)

// settling are the clients that wait to be told again what only the leader has
// told so far. Many that come at once are one.
type settling struct {
	mu      sync.Mutex
	lo, hi  uint64        // the places that they have
	waiting chan struct{} // closed when they are settled; nil: nobody waits
}

const (
	settleInterval = 20 * time.Millisecond
	settleTimeout  = 5 * time.Second
)

// settleAt returns when whoever had everything up to seq, perhaps of another node,
// can go on from there at this one, which leads. A leader tells statistics, and what follows from
// the clock, before they are stored, and a node that follows knows them when they
// are: with events behind them, perhaps, which a client of it has. What it can have
// missed so is told again. Unavailable if that was not done before ctx ended.
func (m *Manager) settleAt(ctx context.Context, seq uint64) error {
	s := &m.settling
	s.mu.Lock()
	first := s.waiting == nil
	if first {
		s.waiting, s.lo, s.hi = make(chan struct{}), seq, seq
	}
	s.lo, s.hi = min(s.lo, seq), max(s.hi, seq)
	done := s.waiting
	s.mu.Unlock()
	if first {
		return m.settleAllOf(context.WithoutCancel(ctx)) // for the others too
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Op: "catch up", Err: ctx.Err()}
	}
}

// settleAllOf waits for those who come with the first, and settles them.
func (m *Manager) settleAllOf(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	more := time.NewTimer(settleInterval)
	defer more.Stop()
	select {
	case <-more.C:
	case <-m.done:
	}
	s := &m.settling
	s.mu.Lock()
	lo, hi, done := s.lo, s.hi, s.waiting
	s.waiting = nil
	s.mu.Unlock()
	defer close(done)
	c := &change{fact: true, plan: func(*draft) error { return nil }, apply: func() { m.tellAgain(lo, hi) }}
	if err := m.submit(ctx, "catch up", c); err != nil {
		return err
	}
	return m.outcome(ctx, "catch up", c)
}

// tellAgain tells the states that somebody who has everything up to one of these
// seqs need not have: told before, and stored later, or not yet. It is the
// sequencer's.
func (m *Manager) tellAgain(lo, hi uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.members {
		if s.shown == nil || s.mirrored || s.toldSeq > hi {
			continue
		}
		if s.rowSeq <= lo && s.stored != nil && sameStored(s.stored, s.shown) {
			continue
		}
		if m.seqsLow() {
			return // more are on their way; until then the next change of each tells it
		}
		s.toldSeq = m.nextSeq()
		m.push(Change{Seq: s.toldSeq, Service: s.name, View: s.shown})
	}
}
