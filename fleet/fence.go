package fleet

import (
	"context"
	"time"
)

// ahead is what is to be reserved when seqs up to at were given; 0: there are
// enough.
func (m *Manager) ahead(at uint64) uint64 {
	if at+seqBlock/2 < m.reserved.Load() {
		return 0
	}
	return at + seqBlock
}

func (m *Manager) haveReserved(upTo uint64) {
	for {
		has := m.reserved.Load()
		if upTo <= has || m.reserved.CompareAndSwap(has, upTo) {
			return
		}
	}
}

// seqsLow reports whether what can be done without is to give no seqs.
func (m *Manager) seqsLow() bool {
	return m.cluster != nil && m.lastSeq+seqsLow > m.reserved.Load()
}

// fence is what the next batch is written under; last says that nothing waits
// with a lower seq.
func (m *Manager) fence(last bool) *Fence {
	if m.cluster == nil {
		return nil
	}
	f := &Fence{Holder: m.cfg.Node.ID, Term: m.term, Reserve: m.ahead(m.lastSeq)}
	if last {
		f.Through = m.lastSeq
	}
	return f
}

// wrote notes that the store has a batch.
func (m *Manager) wrote(b *Batch) {
	if b.Fence != nil {
		m.haveReserved(b.Fence.Reserve)
		m.hint("commit")
	}
}

// idle reports whether nothing waits to be written that has a seq.
func (m *Manager) idle() bool { return m.unsure == nil && len(m.backlog) == 0 }

// allWritten notes it where nothing waits.
func (m *Manager) allWritten() {
	if m.cluster != nil && m.idle() {
		m.through.Store(m.lastSeq)
	}
}

func (m *Manager) hint(kind string) {
	if m.bus != nil { // one that is lost is made up for
		_ = m.bus.Publish(Hint{Epoch: m.epoch, Seq: m.through.Load(), From: m.cfg.Node.ID, Kind: kind})
	}
}

// revise gives the states of a draft their revisions.
func (m *Manager) revise(d *draft) {
	if m.cluster == nil {
		return
	}
	for i := range d.Services {
		d.Services[i].Revision = m.nextSeq()
	}
	for i := range d.Alerts.Alerts {
		d.Alerts.Alerts[i].Revision = m.nextSeq()
	}
	for i := range d.Alerts.Acknowledged {
		d.Alerts.Acknowledged[i].Revision = m.nextSeq()
	}
}

// reviseAll revises a batch and what it was made of, behind all its events.
func (m *Manager) reviseAll(all *draft, planned []*change) {
	if m.cluster == nil {
		return
	}
	m.revise(all)
	revisions := make(map[string]uint64, len(all.Services))
	for i := range all.Services {
		revisions[all.Services[i].Service] = all.Services[i].Revision
	}
	alerts, acks := all.Alerts.Alerts, all.Alerts.Acknowledged
	for _, c := range planned {
		for i := range c.draft.Services {
			c.draft.Services[i].Revision = revisions[c.draft.Services[i].Service]
		}
		of := c.draft.Alerts.Alerts
		alerts = alerts[copyRevisions(of, alerts):]
		if len(c.alerts) == len(of) {
			copyRevisions(c.alerts, of)
		}
		for i := range c.draft.Alerts.Acknowledged {
			c.draft.Alerts.Acknowledged[i].Revision = acks[i].Revision
		}
		acks = acks[len(c.draft.Alerts.Acknowledged):]
	}
}

func copyRevisions(to, from []Alert) int {
	for i := range to {
		to[i].Revision = from[i].Revision
	}
	return len(to)
}

// writeSoon has the row of a service written that no batch has. The mutex is
// held.
func (m *Manager) writeSoon(s *member) {
	if m.cluster == nil {
		return
	}
	m.soon[s] = true
	if m.soonC == nil {
		m.soonC = time.After(soonInterval)
	}
}

func (m *Manager) flushSoon(ctx context.Context) {
	m.mu.Lock()
	soon := m.soon
	m.soon, m.soonC = make(map[*member]bool), nil
	m.mu.Unlock()
	if m.awaited() != nil || m.writeBacklog(ctx) != nil {
		return // the next flush has them
	}
	var rows []*change
	for s := range soon {
		if s.removed || s.heir != nil {
			continue
		}
		if c := m.changedState(ctx, s, time.Now()); c != nil {
			rows = append(rows, c)
		}
	}
	for len(rows) > 0 {
		part := rows[:min(len(rows), maxBatch)]
		if m.writeRows(ctx, part) != nil {
			return
		}
		rows = rows[len(part):]
	}
}
