package fleet

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// attempt is a transaction whose answer was lost: the store may have it or not.
// There is one at most, for nothing is written before that is found out.
type attempt struct {
	draft    *draft
	changes  []*change
	refusals []noted
}

// inDoubt reports whether nobody knows if the draft was written.
func (m *Manager) inDoubt(d *draft) bool { return m.unsure != nil && m.unsure.draft == d }

// commit writes the draft, behind what is waiting from when the store was
// away. While it is away the store is asked once a second only. The error is
// Unavailable, or the store's judgement, which has then written nothing.
func (m *Manager) commit(ctx context.Context, d *draft) error {
	if d.nothing() {
		return nil
	}
	if err := m.awaited(); err != nil {
		return err
	}
	if err := m.writeBacklog(ctx); err != nil {
		return err
	}
	d.last = true
	return m.write(ctx, d)
}

// awaited is an error while the store need not be asked again.
func (m *Manager) awaited() error {
	if !time.Now().Before(m.storeRetry) {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.storeErr
}

// write commits a draft. An error other than Unavailable means that nothing was
// written.
func (m *Manager) write(ctx context.Context, d *draft) error {
	commit, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	began := time.Now()
	b := d.whole()
	b.Fence = m.fence(d.last)
	err := m.store.Commit(commit, b)
	m.commits.add(time.Since(began))
	switch kind := KindOf(err); {
	case err == nil:
		m.saved(d)
		m.wrote(b)
	case kind == Deposed:
		m.deposed = true
		return err
	case kind == Conflict:
		return err // the store is well: it has judged
	case kind != Unavailable: // as well as it can be, but it may have written all the same
		if has, e := m.has(ctx, d); e == nil {
			if has {
				m.saved(d)
				err = nil
			}
			return err
		}
		err = &Error{Kind: Unavailable, Op: "store", Err: err}
		fallthrough
	default:
		m.unsure = &attempt{draft: d}
	}
	m.storeAnswered(ctx, err)
	return err
}

func (m *Manager) storeAnswered(ctx context.Context, err error) {
	if err != nil && KindOf(err) != Unavailable {
		err = &Error{Kind: Unavailable, Op: "store", Err: err}
	}
	m.mu.Lock()
	before := m.storeErr
	m.storeErr = err
	if err != nil {
		m.storeFailures++
	}
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

// findOut asks the store whether it has what was sent to it last, where the
// answer was lost, and does what follows from it.
func (m *Manager) findOut(ctx context.Context) error {
	a := m.unsure
	if a == nil {
		return nil
	}
	if err := m.awaited(); err != nil {
		return err
	}
	has, err := m.has(ctx, a.draft)
	if err != nil {
		err = &Error{Kind: Unavailable, Op: "store", Err: err}
		m.storeAnswered(ctx, err)
		return err
	}
	m.unsure = nil
	m.storeAnswered(ctx, nil)
	if has {
		m.wasWritten(ctx, a)
	} else {
		m.wasNotWritten(a)
	}
	return nil
}

// has reports whether the store has a draft, and then fills in the IDs of its
// events. States alone count as not written: to write them again is no harm.
func (m *Manager) has(ctx context.Context, d *draft) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := m.store.Ping(ctx); err != nil { // behind it nothing is on its way any more
		return false, err
	}
	var key string
	switch {
	case len(d.Events) > 0:
		return m.hasEvents(ctx, d.Events)
	case len(d.Requests) > 0:
		key = d.Requests[0].Key
	case len(d.reported) > 0:
		key = d.reported[0].Key
	case len(d.Audit) > 0:
		return m.hasAudit(ctx, d.Audit[len(d.Audit)-1])
	default:
		return false, nil
	}
	_, err := m.store.Request(ctx, key)
	if err != nil && KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// hasEvents looks for events by their seqs, of which nobody else gives any.
func (m *Manager) hasEvents(ctx context.Context, events []Event) (bool, error) {
	bySeq := make(map[uint64]*Event, len(events))
	for i := range events {
		bySeq[events[i].Seq] = &events[i]
	}
	found := 0
	for q := (EventQuery{Limit: 1000}); found < len(events); {
		stored, err := m.store.Events(ctx, q)
		if err != nil {
			return false, err
		}
		for i := range stored {
			if e := bySeq[stored[i].Seq]; e != nil {
				e.ID = stored[i].ID
				found++
			}
		}
		if len(stored) < q.Limit || stored[len(stored)-1].Seq <= events[0].Seq {
			break
		}
		q.Before = stored[len(stored)-1].ID
	}
	return found == len(events), nil
}

func (m *Manager) hasAudit(ctx context.Context, e AuditEntry) (bool, error) {
	newest, err := m.store.Audit(ctx, AuditQuery{Limit: 1})
	if err != nil || len(newest) == 0 {
		return false, err
	}
	n := &newest[0]
	return n.At.Sub(e.At).Abs() < time.Millisecond && n.Actor == e.Actor && n.Address == e.Address && n.Action == e.Action &&
		n.Service == e.Service && n.Reason == e.Reason && n.Result == e.Result, nil
}

// wasWritten does what would have been done if the answer had come in time. What
// was told of it is not told again; orders come into force now, and are told.
func (m *Manager) wasWritten(ctx context.Context, a *attempt) {
	m.saved(a.draft)
	var late []*change
	for _, c := range a.changes {
		for i := range c.draft.Events {
			c.draft.Events[i].ID = a.draft.Events[c.first+i].ID
		}
		switch {
		case c.stands():
			m.noteTrips(c)
			c.wasStored()
			m.backlog = slices.DeleteFunc(m.backlog, func(o *change) bool { return o == c })
			continue
		case c.wait == nil: // a flush
			c.apply()
			continue
		}
		for _, e := range c.draft.Events {
			e.Seq, e.Durable = m.nextSeq(), true // what was told since has the seqs before
			c.events = append(c.events, &e)
		}
		if c.apply != nil {
			c.apply()
		}
		m.log.InfoContext(ctx, "an order that was refused for the store's sake was stored all the same: it is in force",
			slog.String("service", c.service))
		late = append(late, c)
	}
	m.tell(late)
	for _, c := range late {
		m.refreshBacklog(ctx, c)
	}
}

// refreshBacklog puts the present state in place of those that were planned
// before a late order came into force.
func (m *Manager) refreshBacklog(ctx context.Context, c *change) {
	waiting := false
	for _, o := range m.backlog {
		if o.member != nil && c.member != nil && o.service == c.service {
			o.draft.Services, waiting = nil, true
		}
	}
	if c.member == nil {
		return
	}
	s := c.member.current()
	s.stored = nil
	if !waiting || s.removed {
		return
	}
	row := &change{service: s.name, member: s, fact: true}
	if err := m.planRow(s, s.read(), &row.draft, ""); err != nil {
		m.log.ErrorContext(ctx, "a state cannot be stored", slog.String("service", s.name), slog.Any("error", err))
		return
	}
	m.revise(&row.draft)
	m.backlog = append(m.backlog, row)
}

func (m *Manager) wasNotWritten(a *attempt) {
	for _, c := range a.changes {
		if !c.stands() {
			c.drop()
		}
	}
	m.refusals.putBack(a.refusals)
}

// resync puts in force the newest stored versions of configs that the store
// refused: another program may have put them there.
func (m *Manager) resync(ctx context.Context, refused []ConfigVersion) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
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
