package fleet

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// joinCluster makes the manager one that follows: it hears of changes first, and
// then loads, so that it misses none.
func (m *Manager) joinCluster(ctx context.Context) error {
	cluster, ok := m.store.(ClusterStore)
	if !ok {
		return errorf(Invalid, "join", "this store is for one manager alone")
	}
	node := &m.cfg.Node
	node.LeaseTTL = cmp.Or(node.LeaseTTL, defaultLeaseTTL)
	if node.LeaseTTL < minLeaseTTL || node.LeaseTTL > maxLeaseTTL {
		return errorf(Invalid, "join", "a lease of %v is not in %v … %v", node.LeaseTTL, minLeaseTTL, maxLeaseTTL)
	}
	m.cfg.FlushInterval = min(m.cfg.FlushInterval, clusterFlush)
	m.cluster, m.soon = cluster, make(map[*member]bool)
	m.role.Store(uint32(Following))
	if m.bus != nil {
		leave, err := m.bus.Subscribe(func(h Hint) {
			if h.From != node.ID {
				m.wake()
			}
		}, m.wake)
		if err != nil {
			return err
		}
		m.leaveBus = leave
	}
	if err := m.reload(ctx); err != nil {
		m.partBus()
		return err
	}
	m.epoch = m.leaseSeen.Load().Epoch
	return nil
}

// partBus ends the hints, once.
func (m *Manager) partBus() {
	m.parting.Do(func() {
		if m.leaveBus != nil {
			m.leaveBus()
		}
	})
}

// runClustered is Run of one of several.
func (m *Manager) runClustered(ctx, work context.Context) error {
	defer m.partBus()
	for {
		lease, won := m.follow(ctx)
		if !won {
			m.writeNoted(work)
			return nil
		}
		if ended, err := m.lead(ctx, work, lease); ended {
			return err
		}
	}
}

// follow shows what the leader writes, until this one gets the lease, or ctx ends.
func (m *Manager) follow(ctx context.Context) (Lease, bool) {
	look := time.NewTimer(0)
	defer look.Stop()
	var away bool       // the store did not answer last
	var leave time.Time // until when the lead is left to who had it
	for {
		noted := false
		select {
		case <-ctx.Done():
			return Lease{}, false
		case c := <-m.changes:
			m.turnAway(c)
			continue
		case <-m.woken:
		case <-look.C:
			every := m.cfg.Node.LeaseTTL / 5
			look.Reset(every*3/4 + rand.N(every/2)) //nolint:gosec // no secret
			noted = true
		}
		lease, err := m.fetch(ctx)
		if away && err == nil {
			// Who leads could not renew its lease either, and has what nobody else
			// has: the changes that wait for the store.
			leave = time.Now().Add(m.cfg.Node.LeaseTTL / 2)
		}
		away = err != nil
		free := err == nil && lease.Left <= 0 && !time.Now().Before(leave)
		if free && time.Since(m.failedAt) >= m.cfg.Node.LeaseTTL {
			if lease, err = m.campaign(ctx); err == nil {
				return lease, true
			}
		}
		if noted && err == nil {
			m.writeNoted(ctx)
		}
	}
}

// campaign tries to get the lease.
func (m *Manager) campaign(ctx context.Context) (Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	sent := time.Now()
	lease, err := m.cluster.TakeLease(ctx, m.cfg.Node.ID, m.cfg.Node.Address, m.cfg.Node.LeaseTTL, seqBlock)
	if err != nil {
		return lease, err
	}
	m.sight(lease, sent)
	return lease, nil
}

// fetch gets what the store has and this manager has not, and the lease.
func (m *Manager) fetch(ctx context.Context) (Lease, error) {
	n := m.fetching.Add(1)
	m.fetchAt.Store(int64(m.uptime()))
	lease, err := m.fetchAll(ctx)
	m.mu.Lock()
	before := m.storeErr
	if m.storeErr = err; err != nil && KindOf(err) != Unavailable {
		m.storeErr = &Error{Kind: Unavailable, Op: "store", Err: err}
	}
	m.mu.Unlock()
	switch {
	case err == nil:
		m.fetched.Store(n)
		m.announce()
		if before != nil {
			m.log.InfoContext(ctx, "the store can be read again")
		}
	case before == nil && ctx.Err() == nil:
		m.log.ErrorContext(ctx, "the store cannot be read: what is shown grows old", slog.Any("error", err))
	}
	return lease, err
}

func (m *Manager) fetchAll(ctx context.Context) (Lease, error) {
	if m.stale {
		if err := m.reload(ctx); err != nil {
			return Lease{}, err
		}
	}
	for {
		some, cancel := context.WithTimeout(ctx, storeTimeout)
		c, err := m.cluster.Changes(some, m.cursor, changesLimit)
		cancel()
		if err != nil {
			return Lease{}, err
		}
		m.take(ctx, &c)
		if c.More {
			continue
		}
		if c.Lease.Revision != m.revision {
			if err := m.reloadTokens(ctx); err != nil {
				return Lease{}, err
			}
			m.revision = c.Lease.Revision
		}
		m.saw(c.Lease)
		return c.Lease, nil
	}
}

func (m *Manager) reloadTokens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	tokens, err := m.store.Tokens(ctx)
	if err == nil {
		m.setTokens(tokens)
	}
	return err
}

// announce lets go on who waits for news.
func (m *Manager) announce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.told)
	m.told = make(chan struct{})
}

// news is one of Changes.
type news struct {
	seq   uint64
	event *Event
	row   *ServiceRow
	alert *Alert
}

// take tells what was fetched, in order.
func (m *Manager) take(ctx context.Context, c *Changes) {
	all := make([]news, 0, len(c.Events)+len(c.Services)+len(c.Alerts))
	for i := range c.Events {
		c.Events[i].Durable = true
		all = append(all, news{seq: c.Events[i].Seq, event: &c.Events[i]})
	}
	for i := range c.Services {
		all = append(all, news{seq: c.Services[i].Revision, row: &c.Services[i]})
	}
	for i := range c.Alerts {
		all = append(all, news{seq: c.Alerts[i].Revision, alert: &c.Alerts[i]})
	}
	slices.SortStableFunc(all, func(a, b news) int { return cmp.Compare(a.seq, b.seq) })
	for i := range all {
		if all[i].event != nil {
			m.noteTrip(all[i].event)
		}
		m.takeOne(ctx, &all[i])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Seq > m.seq {
		m.push(Change{Seq: c.Seq})
	}
	m.cursor = c.Seq
}

// takeOne tells one thing, unless it was told here: by the leader that this
// manager was.
func (m *Manager) takeOne(ctx context.Context, n *news) {
	m.mu.Lock()
	defer m.mu.Unlock()
	news := n.seq > m.seq
	tell := func(c Change) {
		if c.Seq = n.seq; news {
			m.push(c)
		}
	}
	switch {
	case n.event != nil:
		tell(Change{Service: n.event.Service, Event: n.event})
		if old := m.members[n.event.Service]; n.event.Kind == EventRemoved && old != nil {
			m.place(old.name, nil)
			old.removed = true
			tell(Change{Service: old.name, Removed: true})
		}
	case n.alert != nil:
		tell(Change{Service: n.alert.Service, Alert: n.alert})
	default:
		old := m.members[n.row.Service]
		s, err := mirrorOf(*n.row, old)
		if err != nil {
			m.log.ErrorContext(ctx, "the state of a service cannot be read: it is shown as it was", slog.String("service", n.row.Service), slog.Any("error", err))
			return
		}
		m.place(s.name, s)
		tell(Change{Service: s.name, View: s.shown})
	}
}

// reload puts what the store has in the place of all that is known. What of it
// was told otherwise is told, with seqs of this manager's own that are left over
// from when it led.
func (m *Manager) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*storeTimeout)
	defer cancel()
	if err := m.settleDoubt(ctx); err != nil {
		return err
	}
	lease, err := m.cluster.Lease(ctx) // before the rest, which then has all up to Through
	if err != nil {
		return err
	}
	stored, err := m.load(ctx)
	if err != nil {
		return err
	}
	m.saw(lease)
	m.revision = lease.Revision
	m.restored = nil
	cursor := lease.Through
	if m.joined { // of its own block it has told all; what others wrote is above
		cursor = max(m.cursor, m.reserved.Load())
	}
	m.joined = true
	m.mu.Lock()
	defer m.mu.Unlock()
	there := make(map[string]bool, len(stored.Services))
	for _, row := range stored.Services {
		old := m.members[row.Service]
		s, err := mirrorOf(row, old)
		if err != nil {
			m.log.ErrorContext(ctx, "the stored state of a service cannot be read: it is not shown", slog.String("service", row.Service), slog.Any("error", err))
			continue
		}
		there[s.name] = true
		m.place(s.name, s)
		if row.Revision <= cursor && (old == nil || !same(old.shown, s.shown)) {
			m.pushOwn(Change{Service: s.name, View: s.shown})
		}
	}
	for name, old := range m.members {
		if !there[name] {
			m.place(name, nil)
			old.removed = true
			m.pushOwn(Change{Service: name, Removed: true})
		}
	}
	if m.cursor = cursor; m.cursor > m.seq {
		m.push(Change{Seq: m.cursor})
	}
	m.stale = false
	return nil
}

func same(a, b *View) bool {
	if a == nil {
		return false
	}
	state, statistics := a.sameAs(b)
	return state && statistics
}

// pushOwn tells something with a seq that nobody else gives. Who never led has
// none, and nobody whom it has told otherwise. The mutex is held.
func (m *Manager) pushOwn(c Change) {
	if m.lastSeq == 0 || m.lastSeq >= m.reserved.Load() {
		return
	}
	c.Seq = m.nextSeq()
	m.push(c)
}

// settleDoubt finds out what became of the last write of a leader that is none
// any more. Orders that were stored are in force: their events are told.
func (m *Manager) settleDoubt(ctx context.Context) error {
	a := m.unsure
	if a == nil {
		return nil
	}
	has, err := m.has(ctx, a.draft)
	if err != nil {
		return &Error{Kind: Unavailable, Op: "store", Err: err}
	}
	m.unsure = nil
	if !has {
		m.refusals.putBack(a.refusals)
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range a.changes {
		if c.stands() || c.wait == nil {
			continue
		}
		for i := range c.draft.Events {
			e := c.draft.Events[i]
			e.ID, e.Durable = a.draft.Events[c.first+i].ID, true
			e.Seq = m.lastSeq + 1
			m.pushOwn(Change{Service: e.Service, Event: &e})
		}
	}
	return nil
}

// writeNoted writes what was refused here: entries of the audit log need no lead.
func (m *Manager) writeNoted(ctx context.Context) {
	entries := m.refusals.take(false)
	if len(entries) == 0 {
		return
	}
	b := &Batch{}
	for _, n := range entries {
		b.Audit = append(b.Audit, n.AuditEntry)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := m.store.Commit(ctx, b); err != nil {
		m.refusals.putBack(entries)
	}
}
