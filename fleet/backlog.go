package fleet

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// maxStoreRefusals is how often a store that is well may refuse a fact before
// it is given up: it would keep all that is behind it from being stored.
const maxStoreRefusals = 3

// retryBacklog tries to write what waits, and asks after a store that was away
// when nothing does.
func (m *Manager) retryBacklog(ctx context.Context) {
	m.mu.RLock()
	away := m.storeErr != nil
	m.mu.RUnlock()
	switch {
	case m.awaited() != nil:
	case m.unsure != nil || len(m.backlog) > 0:
		_ = m.writeBacklog(ctx) // storeAnswered has it
	case away:
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		m.storeAnswered(ctx, m.store.Ping(ctx))
	}
}

// writeBacklog stores what waits, in order. Its error is Unavailable.
func (m *Manager) writeBacklog(ctx context.Context) error {
	if err := m.findOut(ctx); err != nil {
		return err
	}
	err := m.writeAll(ctx, &m.backlog)
	if len(m.backlog) == 0 {
		m.backlog = nil
	}
	return err
}

// writeAll stores changes, in order and in large parts, and takes them from the
// queue. What the store will not have is found by halving, and given up when it
// was refused alone too often. The error is Unavailable: the rest waits.
func (m *Manager) writeAll(ctx context.Context, queue *[]*change) error {
	size := maxBatch
	for len(*queue) > 0 {
		part := slices.Clone(partOf(*queue, size))
		all := &draft{}
		for _, c := range part {
			c.first = len(all.Events)
			all.add(&c.draft)
		}
		all.last = queue != &m.backlog && len(part) == len(*queue) && len(m.backlog) == 0
		err := m.write(ctx, all)
		switch {
		case err == nil:
			m.partWritten(part, all)
			*queue = (*queue)[len(part):]
			size = min(2*size, maxBatch)
		case KindOf(err) == Unavailable:
			m.unsure.changes = part
			return err
		case KindOf(err) == Deposed:
			return err
		case len(part) > 1:
			size = max(1, len(part)/2)
		case KindOf(err) == Conflict && m.withoutRequests(part[0]):
		default:
			if !m.refusedAlone(ctx, part[0], err) {
				err = &Error{Kind: Unavailable, Op: "store", Err: err}
				m.storeAnswered(ctx, err)
				return err
			}
			*queue = (*queue)[1:]
		}
	}
	return nil
}

// partOf is the beginning of a queue that goes into one transaction: so many
// changes, and no more instances than that with them, for it must be written
// before the store's time is up.
func partOf(queue []*change, size int) []*change {
	n, weight := 0, 0
	for n < min(len(queue), size) {
		if weight += 1 + len(queue[n].draft.Instances); weight > maxBatch && n > 0 {
			break
		}
		n++
	}
	return queue[:n]
}

func (m *Manager) partWritten(part []*change, all *draft) {
	for _, c := range part {
		for i := range c.draft.Events {
			c.draft.Events[i].ID = all.Events[c.first+i].ID
		}
		m.noteTrips(c)
		c.wasStored()
		if !c.stands() {
			c.apply()
		}
	}
}

// withoutRequests takes from a change that the store refused the requests that
// are there already, and reports whether there were any.
func (m *Manager) withoutRequests(c *change) bool {
	if len(c.draft.Requests)+len(c.draft.reported) == 0 {
		return false
	}
	m.saved(&c.draft)
	c.draft.Requests, c.draft.reported = nil, nil
	return true
}

// refusedAlone gives up a change that the store refuses for good, and reports
// whether it did.
func (m *Manager) refusedAlone(ctx context.Context, c *change, err error) bool {
	c.refusals++
	if c.stands() && KindOf(err) != Conflict && c.refusals < maxStoreRefusals {
		return false
	}
	m.lose(c)
	if !c.stands() {
		c.apply() // not to be tried again before it has changed
	}
	m.mu.Lock()
	m.abandoned++
	m.mu.Unlock()
	m.log.ErrorContext(ctx, "the store refuses a change for good: it is lost",
		slog.String("service", c.service), slog.Int("events", len(c.draft.Events)), slog.Int("alerts", len(c.draft.Alerts.Alerts)), slog.Any("error", err))
	return true
}

// noteTrips keeps which of the change's events opened a circuit.
func (m *Manager) noteTrips(c *change) {
	for i := range c.draft.Events {
		m.noteTrip(&c.draft.Events[i])
	}
}

// flush stores the states that changed since they were stored last. Those of a
// large fleet take seconds: what has happened meanwhile, and who orders, goes
// between two batches of them.
func (m *Manager) flush(ctx context.Context) {
	if m.awaited() != nil || m.writeBacklog(ctx) != nil {
		return
	}
	now := time.Now()
	var rows []*change
	weight := 0
	written := func() bool {
		if weight < maxBatch {
			return true
		}
		err := m.writeRows(ctx, rows)
		rows, weight = nil, 0
		return err == nil
	}
	for _, s := range m.all() {
		if len(rows) == 0 && !m.giveWay(ctx) {
			return
		}
		if s.removed || s.heir != nil { // meanwhile
			continue
		}
		if c := m.changedState(ctx, s, now); c != nil {
			rows, weight = append(rows, c), weight+1
		}
		for _, c := range m.changedInstances(s, now) {
			if rows, weight = append(rows, c), weight+len(c.draft.Instances); !written() {
				return
			}
		}
		if !written() {
			return
		}
	}
	_ = m.writeRows(ctx, rows) // storeAnswered has it
}

// giveWay does what waits for the sequencer, while nothing that was read is yet
// to be written. It reports whether the store takes what comes after it.
func (m *Manager) giveWay(ctx context.Context) bool {
	if m.cluster != nil && m.lastSeq >= m.reserved.Load() {
		return true // nothing may be told now
	}
	select {
	case c := <-m.changes:
		m.process(ctx, m.gather(c))
	default:
	}
	return !m.deposed && m.unsure == nil && len(m.backlog) == 0
}

// changedState is the writing of a state that the store does not have, or nil.
func (m *Manager) changedState(ctx context.Context, s *member, now time.Time) *change {
	live := s.read()
	if !s.told(&live.Snapshot) {
		return nil // it comes with what is on its way
	}
	m.mu.RLock()
	v := m.viewOf(s, live.Snapshot)
	m.mu.RUnlock()
	if said := s.crowd.spoke(); s.stored != nil && sameStored(s.stored, &v) && len(live.reported) == 0 && !said {
		return nil
	}
	row, err := s.row(&v, now, "")
	if err != nil {
		m.log.ErrorContext(ctx, "a state cannot be stored", slog.String("service", s.name), slog.Any("error", err))
		return nil
	}
	c := &change{service: s.name, member: s, apply: func() { s.stored = &v }}
	c.draft.addRow(row, live.reported)
	return c
}

func (m *Manager) writeRows(ctx context.Context, rows []*change) error {
	for _, c := range rows {
		m.revise(&c.draft)
	}
	queue := rows
	err := m.writeAll(ctx, &queue)
	if m.unsure != nil { // of those in doubt nothing is taken back before that is found out
		queue = queue[len(m.unsure.changes):]
	}
	for _, c := range queue {
		c.drop()
	}
	return err
}
