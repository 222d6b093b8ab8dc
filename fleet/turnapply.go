package fleet

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear"
)

// join takes in a service that an agent brings, or brings back.
func (t *turn) join(it *item) {
	who := it.session.who
	if who.session.Load() != it.session {
		it.err = errEnded("join")
		return
	}
	at, i := find(t.all, who.id)
	if i != nil && i.who != who { // of another process, which has ended
		t.retire(i)
		at, i = find(t.all, who.id)
	}
	if i == nil {
		i = t.newcomer(it, who)
		t.all = slices.Insert(t.all, at, i)
		t.fresh = append(t.fresh, i)
		it.inst = i
	} else {
		if o := t.origin[i]; o != nil {
			it.inst = o
		} else if it.inst = i; !slices.Contains(t.fresh, i) {
			i = t.edit(i)
		}
		i.take(it.after, t.now)
	}
	i.left, i.unsaved, i.hasCheck, i.told = false, true, it.join.HasCheck, toldNothing
	t.count()
}

// newcomer is an instance that nobody knows. A fresh breaker goes on where the
// whole is; what another has done before is told when its transitions come.
func (t *turn) newcomer(it *item, who *process) *instance {
	i := &instance{who: who, joinedAt: t.now.UnixNano(), state: it.after}
	s := &i.state.Snapshot
	if !it.join.Fresh && t.gone.Operations != (switchgear.Operations{}) {
		base := i.totals() // it may be among those that are gone
		i.base = &base
	}
	switch {
	case s.Transitions > 0:
		i.ahead = &ahead{it.after, t.now}
		s.State, s.Transitions, s.Trip, s.Outage = switchgear.Closed, 0, nil, nil
		s.OpenedAt, s.NextAttemptAt, s.ClosesAt = time.Time{}, time.Time{}, time.Time{}
	case it.join.Fresh:
		if it.joined.State = t.beginning(&it.after.Snapshot); it.joined.State != nil {
			*s = *it.joined.State
		}
	}
	return i
}

// beginning is what a fresh breaker begins with: the circuit of the one that
// opened last of those that are as the whole is, with its own counts; nil: closed.
func (t *turn) beginning(own *switchgear.Snapshot) *switchgear.Snapshot {
	if t.state == switchgear.Closed {
		return nil
	}
	var of *switchgear.Snapshot
	for _, i := range t.all {
		s := &i.state.Snapshot
		if s.State == t.state && (of == nil || s.OpenedAt.After(of.OpenedAt)) {
			of = s
		}
	}
	if of == nil {
		return nil
	}
	s := *of
	s.Mode, s.Override, s.At = switchgear.Auto, nil, own.At
	s.Operations, s.Performance, s.Transitions = own.Operations, own.Performance, own.Transitions
	s.Failures, s.Successes, s.Slow = own.Failures, own.Successes, own.Slow
	if s.Trip == nil {
		s.Outage = nil
	}
	if o := s.Outage; o != nil && o.Openings != s.FailedRecoveries && o.Openings != s.FailedRecoveries+1 {
		s.FailedRecoveries = max(o.Openings-1, 0)
	}
	return &s
}

// rows are the instances that the turn has written to, and those that go.
func (t *turn) rows() (rows []InstanceRow, gone []InstanceKey) {
	t.numbers = make(map[*instance]uint64)
	for _, i := range t.all {
		o := t.origin[i]
		if o == nil && slices.Contains(t.fresh, i) {
			o = i
		}
		if o == nil {
			continue
		}
		t.numbers[o] = i.number
		if i.unsaved {
			rows = append(rows, t.c.instanceRow(i, t.now))
		}
	}
	for _, i := range t.retired {
		gone = append(gone, InstanceKey{t.c.name, i.who.id})
	}
	return rows, gone
}

// stored notes which transitions the store has.
func (t *turn) stored() {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	for i, n := range t.numbers {
		i.stored = max(i.stored, n)
	}
}

// told tells those who wait.
func (t *turn) told(bool) {
	for _, it := range t.items {
		close(it.done)
	}
}

// apply puts in force what was planned, with what was heard since.
func (t *turn) apply() {
	c, m, s := t.c, t.c.m, t.c.member
	m.unheard.Add(t.missed)
	m.mu.Lock()
	c.mu.Lock()
	t.replace()
	c.gone, c.state, c.number, c.openings, c.opening, c.movedAt, c.verdict = t.gone, t.state, t.number, t.openings, t.opening, t.movedAt, t.verdict
	for from := range t.edges {
		for to, n := range t.edges[from] {
			c.edges[from][to] += n
		}
	}
	s.number = c.number
	if c.state == switchgear.Closed {
		s.tripEvent, s.outageEvent = 0, 0
	}
	if t.expired != nil && sameOverride(c.override, t.expired) {
		c.past, c.override = t.expired, nil
		s.ended, s.override = t.expired, nil
	}
	if t.health != nil {
		s.edge.Lock()
		s.healthKnown, s.healthy = true, t.health.Healthy
		s.edge.Unlock()
	}
	for _, it := range t.items {
		t.answer(it)
	}
	orders := t.orders()
	c.pending, c.flying, c.turning = nil, nil, false
	c.changed(time.Now())
	var next *change
	if len(c.inbox) > 0 {
		next = c.begin()
	}
	c.mu.Unlock()
	m.mu.Unlock()
	send(orders)
	if next != nil { // which the sequencer cannot send to itself
		time.AfterFunc(0, func() {
			select {
			case m.changes <- next:
			case <-m.done:
			}
		})
	}
}

// replace puts what was written to in the place of what was copied.
func (t *turn) replace() {
	c := t.c
	for n, i := range t.all {
		o := t.origin[i]
		if o == nil {
			continue
		}
		if o.changes != t.before[o] { // something was heard meanwhile
			i.take(o.state, t.now)
			if o.ahead != nil {
				i.take(o.ahead.InstanceState, t.now)
			}
		}
		i.stored = max(i.stored, o.stored)
		*o = *i
		t.all[n] = o
	}
	c.all = t.all
	for _, i := range t.fresh {
		c.m.agents.refer(i.who, 1)
	}
	for _, i := range t.retired {
		c.m.agents.refer(i.who, -1)
	}
}

// answer seats who has joined, and says what it is to put in force.
func (t *turn) answer(it *item) {
	if it.join == nil || it.err != nil {
		return
	}
	c, s := t.c, t.c.member
	it.joined.Service, it.joined.Config, it.joined.Version = c.name, s.config, s.version
	it.joined.Override, it.joined.Known = c.override, it.inst.stored
	if w, ok := t.said[it.inst]; ok { // with the answer, rather than before it
		it.joined.Fleet = w.String()
		delete(t.said, it.inst)
	}
	it.session.mu.Lock()
	defer it.session.mu.Unlock()
	if it.session.seats[c.name] != nil {
		it.session.seats[c.name] = &seat{crowd: c, inst: it.inst}
	}
}
