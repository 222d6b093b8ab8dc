package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lead does the work under the lease, until that is another's, or ctx ends:
// ended says that it is that, with what Run returns.
func (m *Manager) lead(ctx, work context.Context, lease Lease) (ended bool, err error) {
	keeping, stop := context.WithCancel(work)
	lost := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { m.keepLease(keeping, Fence{Holder: lease.Holder, Term: lease.Term}, lost) })
	defer keeper.Wait()
	defer stop()
	if err := m.takeUp(work, lease); err != nil {
		m.log.ErrorContext(ctx, "the lead cannot be taken up", slog.Any("error", err))
		stop()
		keeper.Wait()
		m.lease(work, func(ctx context.Context) {
			_ = m.cluster.ReleaseLease(ctx, Fence{Holder: lease.Holder, Term: lease.Term})
		})
		m.failedAt = time.Now() // nothing has changed: it still follows
		return false, nil
	}
	m.log.InfoContext(ctx, "this manager leads", slog.Uint64("term", lease.Term))
	if m.onRole != nil {
		m.onRole(RoleChange{Role: Leading, Term: lease.Term})
	}
	if m.work(ctx, work, lost) {
		m.stepDown(work)
		return false, nil
	}
	err = m.shutdown(work)
	m.allWritten()
	m.role.Store(uint32(Following))
	stop()
	keeper.Wait()
	m.lease(work, func(ctx context.Context) {
		if e := m.cluster.ReleaseLease(ctx, *m.fence(m.idle())); e == nil {
			m.hint("released")
		}
	})
	return true, err
}

// lease does something with it that must not take long.
func (m *Manager) lease(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	do(ctx)
}

// work is the loop of a leader. It reports whether it was deposed.
func (m *Manager) work(ctx, work context.Context, lost <-chan struct{}) (deposed bool) {
	refresh := time.NewTicker(refreshInterval)
	defer refresh.Stop()
	flush := time.NewTicker(m.cfg.FlushInterval)
	defer flush.Stop()
	for !m.deposed && m.lastSeq < m.reserved.Load() {
		m.waiting.Store(int64(len(m.backlog)))
		select {
		case c := <-m.changes:
			m.process(work, m.gather(c))
		case <-refresh.C:
			m.retryBacklog(work)
			m.writeRefusals(work, false)
			m.refresh(work)
		case <-flush.C:
			m.flush(work)
		case <-m.soonC:
			m.flushSoon(work)
		case <-lost:
			return true
		case <-ctx.Done():
			return false
		}
		m.allWritten()
	}
	return true
}

// keepLease renews the lease until ctx ends; it closes lost when another has it.
// It begins before the lead is taken up, which may take longer than the lease lasts.
func (m *Manager) keepLease(ctx context.Context, f Fence, lost chan<- struct{}) {
	ticker := time.NewTicker(m.cfg.Node.LeaseTTL / 5)
	defer ticker.Stop()
	marked := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if m.Role() == Leading { // else they are of an earlier term
			f.Through = m.through.Load()
			f.Reserve = m.ahead(f.Through)
		}
		var l Lease
		var err error
		sent := time.Now()
		m.lease(ctx, func(ctx context.Context) { l, err = m.cluster.RenewLease(ctx, f, m.cfg.Node.LeaseTTL) })
		switch {
		case err == nil:
			m.sight(l, sent)
			m.haveReserved(f.Reserve)
			if f.Through > marked {
				marked = f.Through
				m.hint("mark")
			}
		case KindOf(err) == Deposed:
			close(lost)
			return
		}
	}
}

// takeUp begins to lead: it tells what the leader before has written, and brings
// back the services from the store as a start does.
func (m *Manager) takeUp(ctx context.Context, lease Lease) error {
	now, err := m.fetch(ctx)
	if err != nil {
		return err
	}
	if now.Holder != lease.Holder || now.Term != lease.Term { // its seqs are above those of this lease
		return &Error{Kind: Deposed, Op: "lead", Err: errDeposed}
	}
	loading, cancel := context.WithTimeout(ctx, 5*storeTimeout)
	defer cancel()
	stored, err := m.load(loading)
	if err != nil {
		return err
	}
	m.term, m.deposed = lease.Term, false
	m.lastSeq = lease.Through
	m.reserved.Store(lease.SeqReserved)
	m.through.Store(lease.Through)
	m.storeRetry = time.Time{}
	m.restoreDeclared(ctx, stored.Instances)
	m.agents.greet(m.uptime())
	m.mu.Lock()
	for name, s := range m.members {
		if s.mirrored { // nobody can run it here
			m.place(name, nil)
			s.removed = true
			m.push(Change{Seq: m.nextSeq(), Service: name, Removed: true})
		}
	}
	m.mu.Unlock()
	m.running = true
	for _, s := range m.all() {
		s.guard.Start()
		m.mu.Lock()
		if live := s.guard.Snapshot(); s.told(&live) {
			v := m.viewOf(s, live)
			s.shown, s.seenAt = &v, live.At
			m.push(Change{Seq: m.nextSeq(), Service: s.name, View: &v})
		}
		m.mu.Unlock()
	}
	m.role.Store(uint32(Leading))
	m.announce()
	return nil
}

// stepDown makes a manager that led one that follows. What waits is given up:
// another writes now.
func (m *Manager) stepDown(ctx context.Context) {
	m.role.Store(uint32(Following))
	m.stale, m.running, m.deposed = true, false, false
	term := m.term
	m.term = 0
	orphans := m.giveUp()
	m.closeAgents()
	all := m.all()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.stopServices(ctx, all)
		for _, s := range all {
			s.unobserve()
		}
	}()
	for stopped := false; !stopped; {
		select {
		case c := <-m.changes:
			m.turnAway(c)
		case <-ended:
			stopped = true
		}
	}
	m.mirrorAll(all)
	m.log.WarnContext(ctx, "this manager does not lead any more", slog.Uint64("term", term))
	if m.onRole != nil {
		m.onRole(RoleChange{Role: Following, Term: term, Orphans: orphans})
	}
	m.wake()
}

// giveUp lets go of what the store has not taken, and returns the orders in it.
func (m *Manager) giveUp() []Orphan {
	var orphans []Orphan
	seen := make(map[string]int)
	for _, c := range m.backlog {
		m.lose(c)
		if c.orphan == nil {
			continue
		}
		if i, ok := seen[c.orphan.Service]; ok {
			orphans[i] = *c.orphan
			continue
		}
		seen[c.orphan.Service] = len(orphans)
		orphans = append(orphans, *c.orphan)
	}
	m.backlog = nil
	m.waiting.Store(0)
	m.unsaved.forget()
	m.soon, m.soonC = make(map[*member]bool), nil
	return orphans
}

// mirrorAll shows all services as they were told last. Those that were never
// told are not there.
func (m *Manager) mirrorAll(all []*member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, old := range all {
		old.removed = true // nothing of it is written any more
		if old.shown == nil {
			m.place(old.name, nil)
			continue
		}
		s := &member{
			name: old.name, mirrored: true, source: old.source, def: old.def, definition: old.definition, filed: old.filed, differs: old.differs,
			config: old.config, version: old.version, number: old.number, override: old.override,
			tripEvent: old.tripEvent, outageEvent: old.outageEvent, shown: old.shown,
		}
		s.guard = mirror{s}
		m.place(s.name, s)
	}
	close(m.told)
	m.told = make(chan struct{})
}

// turnAway refuses an order, and drops a fact: another leads.
func (m *Manager) turnAway(c *change) {
	if c.fact {
		m.mu.Lock()
		m.dropped += uint64(len(c.draft.Events))
		m.alertsDropped += uint64(len(c.draft.Alerts.Alerts) + len(c.draft.Alerts.Deliveries))
		m.mu.Unlock()
	}
	c.drop()
	c.wasStored()
	c.err = m.errNotLeader("order")
	if m.deposed {
		c.err = &Error{Kind: Deposed, Op: "order", Err: errDeposed}
	}
	c.finish()
}
