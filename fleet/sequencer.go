package fleet

import (
	"context"
	"slices"
	"time"
)

// change is something for the sequencer: an order, which is refused unless it
// can be stored, or a fact, which has happened and is told in any case.
type change struct {
	service string // whose; an order shares its batch with no other of its service
	member  *member
	fact    bool

	// plan adds what the store must have to the draft; its error refuses the
	// change. errNotYet puts it off.
	plan func(d *draft) error
	// apply does what was planned, once it is stored.
	apply func()
	// inMemory lets an order take effect although the store is away.
	inMemory bool
	// discard lets go of what plan made, where it is not applied.
	discard func()
	// alone is a fact that shares its batch with nothing else of its service.
	alone bool
	// graph is an order that was judged by who depends on whom: of those one at
	// most is in a batch.
	graph bool

	alerts []Alert            // to tell (a Revision is the seq to tell it with), behind the events of the batch
	told   func(durable bool) // is called when all that is told; nil: nobody asks
	stored func()             // is called when the store has what plan added, or never will; nil: nobody asks

	events   []*Event // what plan added, for telling
	first    int      // where they begin in the batch
	draft    draft    // what plan added
	err      error
	putOffs  int
	refusals int // by a store that is well
	orphan   *Orphan
	wait     chan struct{} // closed when it is told or refused; nil if nobody waits
}

// stands reports whether a change is in force although it is not stored.
func (c *change) stands() bool { return c.fact || c.inMemory }

// do sends an order to the sequencer and waits for its end.
func (m *Manager) do(ctx context.Context, op string, c *change) error {
	if m.follows() {
		return m.errNotLeader(op)
	}
	c.wait = make(chan struct{})
	select {
	case <-m.done:
		return errorf(Unavailable, op, "the manager has stopped")
	case m.changes <- c:
	default:
		m.crowdedOut.Add(1)
		return errorf(Exhausted, op, "more than %d changes are waiting", maxWaiting)
	}
	return m.outcome(ctx, op, c)
}

// submit sends an order to the sequencer, and waits until there is room for it.
func (m *Manager) submit(ctx context.Context, op string, c *change) error {
	if m.follows() {
		return m.errNotLeader(op)
	}
	c.wait = make(chan struct{})
	select {
	case <-m.done:
		return errorf(Unavailable, op, "the manager has stopped")
	case m.changes <- c:
		return nil
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Op: op, Err: ctx.Err()}
	}
}

// outcome waits for the end of an order that was sent.
func (m *Manager) outcome(ctx context.Context, op string, c *change) error {
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
	if m.follows() {
		return // nothing happens here: this is from before
	}
	select {
	case m.changes <- c:
	case <-m.done:
	}
}

// gather takes what waits, up to a batch.
func (m *Manager) gather(first *change) []*change {
	batch := []*change{first}
	for len(batch) < maxBatch {
		select {
		case c := <-m.changes:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// process stores the changes in one transaction, applies and tells them.
func (m *Manager) process(ctx context.Context, changes []*change) {
	err := m.findOut(ctx) // what the store has decides what can be planned
	all := &draft{}
	var planned, later []*change
	ordered := make(map[string]bool)
	m.arriving = 0
	graph := false
	for _, c := range changes {
		if m.deposed || c.member != nil && c.member.term != m.term {
			m.turnAway(c)
			continue
		}
		if (!c.fact || c.alone) && ordered[c.service] || c.graph && graph {
			later = append(later, c)
			continue
		}
		ordered[c.service] = !c.fact || c.alone || ordered[c.service]
		graph = graph || c.graph
		if c.err = m.plan(all, c); c.err != nil {
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
	m.reviseAll(all, planned)
	if err == nil || all.nothing() { // else commit could find it out now, and it would be told before what has its seqs
		err = m.commit(ctx, all)
	}
	if err != nil && KindOf(err) != Unavailable && KindOf(err) != Deposed && m.judgedAnew(ctx, planned, all, err) {
		planned = nil
	}
	if KindOf(err) == Deposed && err != nil {
		for _, c := range planned {
			m.turnAway(c)
		}
		planned = nil
	}
	m.settleAll(planned, all, err)
	m.allWritten()
	if len(later) > 0 {
		m.process(ctx, later)
	}
}

// judgedAnew deals with a batch that the store has judged and not written: one
// of the changes is to blame, and not for the others to suffer. It reports
// whether there was anything to do.
func (m *Manager) judgedAnew(ctx context.Context, planned []*change, all *draft, err error) bool {
	if KindOf(err) == Conflict {
		m.resync(ctx, all.Configs)
	}
	switch {
	case len(planned) > 1:
	case KindOf(err) == Conflict && len(all.reported) > 0: // the store has one of them after all
		m.saved(&draft{reported: all.reported})
	default:
		return false
	}
	for _, c := range planned {
		c.drop()
		m.process(ctx, []*change{c})
	}
	return true
}

// plan lets the change add to the draft, or leaves the draft as it was.
func (m *Manager) plan(all *draft, c *change) error {
	if m.stopping && !c.fact {
		return errorf(Unavailable, "order", "the manager is stopping")
	}
	c.draft = draft{}
	if err := c.plan(&c.draft); err != nil {
		return err
	}
	if !c.fact && m.unsaved.known(c.draft.Requests) {
		return errorf(Conflict, "order", "a request with this key was carried out already")
	}
	c.first = len(all.Events)
	for i := range c.draft.Events {
		c.draft.Events[i].Seq = m.nextSeq()
	}
	all.add(&c.draft)
	return nil
}

// settleAll applies and tells what was planned, as far as the store's answer
// lets it, and tells those who wait.
func (m *Manager) settleAll(planned []*change, all *draft, err error) {
	doubt := m.inDoubt(all)
	if doubt {
		m.unsure.changes = planned
	}
	var inForce []*change
	for _, c := range planned {
		switch {
		case err == nil:
			m.durable(all, c)
			c.wasStored()
		case c.fact || c.inMemory && KindOf(err) == Unavailable:
			m.keepForLater(c)
		default:
			c.err = &Error{Kind: KindOf(err), Op: "store", Err: err}
			if !doubt {
				c.drop()
			}
			continue
		}
		if c.apply != nil {
			c.apply()
		}
		inForce = append(inForce, c)
	}
	m.tell(inForce)
	for _, c := range inForce {
		if c.told != nil {
			c.told(err == nil && len(m.backlog) == 0) // of nothing to store there is no error
		}
	}
	for _, c := range planned {
		c.finish()
	}
}

// durable hands the IDs that the store gave to the change's events.
func (m *Manager) durable(all *draft, c *change) {
	for i := range c.draft.Events {
		e := all.Events[c.first+i]
		e.Durable = true
		c.events = append(c.events, &e)
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

// drop takes back what plan has done.
func (c *change) drop() {
	c.draft.release()
	if c.discard != nil {
		c.discard()
	}
}

func (c *change) wasStored() {
	if c.stored != nil {
		c.stored()
	}
}

func (c *change) finish() {
	if c.wait != nil {
		close(c.wait)
	}
}

// maxBacklog is how many changes wait for a store that is away. Above it the
// oldest are dropped and counted; the services' states are kept in any case.
const maxBacklog = 10_000

func (m *Manager) keepForLater(c *change) {
	for i := range c.draft.Events {
		e := c.draft.Events[i]
		c.events = append(c.events, &e)
	}
	m.unsaved.add(c.draft.Requests)
	m.backlog = append(m.backlog, c)
	if over := len(m.backlog) - maxBacklog; over > 0 {
		for _, c := range m.backlog[:over] {
			m.lose(c)
		}
		m.backlog = slices.Clone(m.backlog[over:])
	}
}

// lose gives up what the store did not take: its events and alerts are lost.
func (m *Manager) lose(c *change) {
	c.draft.release()
	c.wasStored()
	for _, r := range c.draft.Requests {
		m.unsaved.remove(r.Key)
	}
	m.mu.Lock()
	m.dropped += uint64(len(c.draft.Events))
	m.alertsDropped += uint64(len(c.draft.Alerts.Alerts) + len(c.draft.Alerts.Deliveries))
	m.mu.Unlock()
	if c.member != nil {
		c.member.current().stored = nil
	}
}
