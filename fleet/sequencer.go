package fleet

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// change is something for the sequencer: an order, which is refused unless it
// can be stored, or a fact, which has happened and is told in any case.
type change struct {
	service string // whose; an order shares its batch with no other of its service
	member  *member
	fact    bool

	// plan adds what the store must have to the batch; its error refuses the
	// change. errNotYet puts it off.
	plan func(b *Batch) error
	// apply does what was planned, once it is stored.
	apply func()
	// inMemory lets an order take effect although the store is away.
	inMemory bool
	// discard lets go of what plan made, where it is not applied.
	discard func()
	// graph is an order that was judged by who depends on whom: of those one at
	// most is in a batch.
	graph bool

	events  []*Event // what plan added, for telling
	first   int      // where they begin in the batch
	batch   Batch    // what plan added, for the backlog
	err     error
	putOffs int
	wait    chan struct{} // closed when it is told or refused; nil if nobody waits
}

// do sends an order to the sequencer and waits for its end.
func (m *Manager) do(ctx context.Context, op string, c *change) error {
	c.wait = make(chan struct{})
	select {
	case <-m.done:
		return errorf(Unavailable, op, "the manager has stopped")
	case m.changes <- c:
	default:
		return errorf(Exhausted, op, "more than %d changes are waiting", maxWaiting)
	}
	select {
	case <-c.wait:
		return c.err
	case <-m.done:
		select {
		case <-c.wait:
			return c.err
		default:
			return errorf(Unavailable, op, "the manager has stopped")
		}
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Op: op, Err: ctx.Err()}
	}
}

// happened sends a fact. It may wait, but not longer than the manager runs.
func (m *Manager) happened(c *change) {
	c.fact = true
	select {
	case m.changes <- c:
	case <-m.done:
	}
}

// process stores the changes in one transaction, applies and tells them.
func (m *Manager) process(ctx context.Context, changes []*change) {
	batch := &Batch{}
	var planned, later []*change
	ordered := make(map[string]bool)
	m.arriving = 0
	graph := false
	for _, c := range changes {
		if !c.fact && ordered[c.service] || c.graph && graph {
			later = append(later, c)
			continue
		}
		ordered[c.service] = !c.fact || ordered[c.service]
		graph = graph || c.graph
		if c.err = m.plan(batch, c); c.err != nil {
			c.drop()
		}
		switch {
		case c.err == errNotYet: //nolint:errorlint // it is never wrapped
			m.putOff(c)
		case c.err != nil:
			c.finish()
		default:
			planned = append(planned, c)
		}
	}
	err := m.commit(ctx, batch)
	if err != nil && KindOf(err) == Conflict {
		m.resync(ctx, batch.Configs)
		if len(planned) > 1 { // one of them is refused, and not for the others to suffer
			for _, c := range planned {
				c.drop()
				m.process(ctx, []*change{c})
			}
			planned = nil
		}
	}
	m.settleAll(planned, batch, err)
	if len(later) > 0 {
		m.process(ctx, later)
	}
}

// settleAll applies and tells what was planned, as far as the store's answer
// lets it, and tells those who wait.
func (m *Manager) settleAll(planned []*change, batch *Batch, err error) {
	for _, c := range planned {
		switch {
		case err == nil:
			m.durable(batch, c)
		case c.fact || c.inMemory:
			m.keepForLater(c)
		default:
			c.err = &Error{Kind: KindOf(err), Op: "store", Err: err}
			c.drop()
			if c.member != nil {
				c.member.stored = nil // it may have been written all the same
			}
			continue
		}
		if c.apply != nil {
			c.apply()
		}
	}
	m.tell(planned)
	for _, c := range planned {
		c.finish()
	}
}

// resync puts in force the newest stored versions of configs that the store
// refused: a write whose answer was lost may have put them there.
func (m *Manager) resync(ctx context.Context, refused []ConfigVersion) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	for _, v := range refused {
		newest, err := m.store.ConfigVersions(ctx, v.Service, 0, 1)
		if err != nil || len(newest) == 0 {
			continue
		}
		m.versions[v.Service] = newest[0].Version
		s := m.find(v.Service)
		if s == nil || s.version >= newest[0].Version {
			continue
		}
		cfg, err := s.config.Replace(newest[0].Config)
		if err != nil {
			m.log.ErrorContext(ctx, "a stored config is bad", slog.String("service", s.name), slog.Any("error", err))
			continue
		}
		cfg.Version = newest[0].Version
		m.configure(s, cfg)
	}
}

// maxPutOff is how often a change is put off, a millisecond each time.
const maxPutOff = 1000

// putOff tries a change again later that came too early.
func (m *Manager) putOff(c *change) {
	c.putOffs++
	if c.putOffs > maxPutOff {
		c.err = errorf(Unavailable, "order", "the state of %s changes too fast", c.service)
		c.finish()
		return
	}
	time.AfterFunc(time.Millisecond, func() {
		select {
		case m.changes <- c:
		case <-m.done:
		}
	})
}

func (c *change) drop() {
	if c.discard != nil {
		c.discard()
	}
}

func (c *change) finish() {
	if c.wait != nil {
		close(c.wait)
	}
}

// plan lets the change add to the batch, or leaves the batch as it was.
func (m *Manager) plan(batch *Batch, c *change) error {
	if m.stopping && !c.fact {
		return errorf(Unavailable, "order", "the manager is stopping")
	}
	var own Batch
	if err := c.plan(&own); err != nil {
		return err
	}
	c.first = len(batch.Events)
	c.batch = own
	for i := range own.Events {
		own.Events[i].Seq = m.nextSeq()
	}
	batch.add(&own)
	return nil
}

// commit writes the batch, behind what is waiting from when the store was
// away. While it is away the store is asked once a second only.
func (m *Manager) commit(ctx context.Context, batch *Batch) error {
	if batch.empty() {
		return nil
	}
	if time.Now().Before(m.storeRetry) {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return m.storeErr
	}
	if err := m.writeBacklog(ctx); err != nil {
		return err
	}
	return m.write(ctx, batch)
}

func (m *Manager) write(ctx context.Context, batch *Batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := m.store.Commit(ctx, batch)
	if KindOf(err) == Conflict && err != nil {
		return err // the store is well: it has judged
	}
	m.storeAnswered(ctx, err)
	return err
}

func (m *Manager) storeAnswered(ctx context.Context, err error) {
	m.mu.Lock()
	before := m.storeErr
	m.storeErr = err
	m.mu.Unlock()
	switch {
	case err != nil:
		m.storeRetry = time.Now().Add(time.Second)
		if before == nil {
			m.log.ErrorContext(ctx, "the store does not take writes: changes are told, and wait to be stored", slog.Any("error", err))
		}
	case before != nil:
		m.storeRetry = time.Time{}
		m.log.InfoContext(ctx, "the store takes writes again")
	}
}

// durable hands the IDs that the store gave to the change's events.
func (m *Manager) durable(batch *Batch, c *change) {
	for i := range c.batch.Events {
		e := batch.Events[c.first+i]
		e.Durable = true
		c.events = append(c.events, &e)
	}
}

// maxBacklog is how many events wait for a store that is away. Above it the
// oldest are dropped and counted; the services' states are kept in any case.
const maxBacklog = 10_000

func (m *Manager) keepForLater(c *change) {
	for i := range c.batch.Events {
		e := c.batch.Events[i]
		c.events = append(c.events, &e)
	}
	m.backlog = append(m.backlog, c)
	if over := len(m.backlog) - maxBacklog; over > 0 {
		m.mu.Lock()
		m.dropped += uint64(over)
		m.mu.Unlock()
		m.backlog = append([]*change(nil), m.backlog[over:]...)
	}
}

// retryBacklog tries to write what waits, and asks after a store that was away
// when nothing does.
func (m *Manager) retryBacklog(ctx context.Context) {
	m.mu.RLock()
	away := m.storeErr != nil
	m.mu.RUnlock()
	switch {
	case time.Now().Before(m.storeRetry):
	case len(m.backlog) > 0:
		_ = m.writeBacklog(ctx) // storeAnswered has it
	case away:
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		m.storeAnswered(ctx, m.store.Ping(ctx))
	}
}

// dropWritten takes out of the backlog what the store has after all: the answer
// to a write may be lost, and the write done.
func (m *Manager) dropWritten(ctx context.Context) error {
	if len(m.backlog) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	newest, err := m.store.Events(ctx, EventQuery{Limit: 1})
	if err != nil {
		m.storeAnswered(ctx, err)
		return err
	}
	m.backlog = slices.DeleteFunc(m.backlog, func(c *change) bool {
		last := len(c.batch.Events) - 1
		return len(newest) > 0 && last >= 0 && c.batch.Events[last].Seq <= newest[0].Seq
	})
	return nil
}

// writeBacklog stores what waits, in order.
func (m *Manager) writeBacklog(ctx context.Context) error {
	if err := m.dropWritten(ctx); err != nil {
		return err
	}
	for len(m.backlog) > 0 {
		part := m.backlog[:min(len(m.backlog), maxBatch)]
		var batch Batch
		for _, c := range part {
			batch.add(&c.batch)
		}
		if err := m.write(ctx, &batch); err != nil {
			return err
		}
		for i := range batch.Events {
			m.noteTrip(&batch.Events[i])
		}
		m.backlog = m.backlog[len(part):]
	}
	m.backlog = nil
	return nil
}
