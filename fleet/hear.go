package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
)

// item is something that waits for a crowd's turn. Exactly one of join, ts and
// leave is set.
type item struct {
	session *AgentSession // of a join
	join    *AgentService
	inst    *instance // of the others
	ts      []switchgear.Transition
	after   InstanceState
	leave   bool

	joined AgentJoined
	err    error
	done   chan struct{} // closed when it is told, or refused
}

func (it *item) wait(ctx context.Context, m *Manager) error {
	select {
	case <-it.done:
		return it.err
	case <-m.done:
		select {
		case <-it.done:
			return it.err
		default:
			return errorf(Unavailable, "agent", "the manager has stopped")
		}
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Op: "agent", Err: ctx.Err()}
	}
}

// give puts an item in the inbox, and waits for room among the changes if that
// needs a turn. Whoever gives waits for the end of what he gave, so that there are
// no more items than calls.
func (c *crowd) give(ctx context.Context, it *item) *item {
	it.done = make(chan struct{})
	if next := c.put(it); next != nil {
		select {
		case c.m.changes <- next:
		case <-c.m.done:
		case <-ctx.Done():
			c.giveUp()
		}
	}
	return it
}

// leave has the instance go, and waits for nothing.
func (c *crowd) leave(i *instance) {
	if next := c.put(&item{inst: i, leave: true, done: make(chan struct{})}); next != nil {
		select {
		case c.m.changes <- next:
		default:
			c.giveUp()
		}
	}
}

// put puts an item in the inbox, and returns the turn that is to be sent; nil: one
// is on its way.
func (c *crowd) put(it *item) *change {
	c.mu.Lock()
	c.inbox = append(c.inbox, it)
	next := c.begin()
	var orders []saying
	if it.opens() {
		orders = c.hasten()
	}
	c.mu.Unlock()
	send(orders)
	return next
}

// opens reports whether the item has an instance open by its own rule.
func (it *item) opens() bool {
	return slices.ContainsFunc(it.ts, func(tr switchgear.Transition) bool {
		return tr.To == switchgear.Open && tr.Evidence.Rule != switchgear.RuleFleetQuorum
	})
}

// begin is a turn, if none is on its way. The mutex is held.
func (c *crowd) begin() *change {
	if c.turning {
		return nil
	}
	c.turning = true
	return newTurn(c).change()
}

// giveUp leaves what is in the inbox to the next refresh: the turn was not sent.
func (c *crowd) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turning = false
}

// maxAhead is how long a state may be ahead of the transitions that made it. An
// agent sends these at once; of one that does not, the state is told without.
const maxAhead = AgentHeartbeat

// due is a turn, if there is something for one to do. The sequencer asks.
func (c *crowd) due(now time.Time) *change {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turning {
		return nil
	}
	v := c.whole(now)
	up := c.m.uptime()
	want := c.want || len(c.inbox) > 0 || v.decided != c.state || c.undecided(now) ||
		c.override != nil && !now.Before(c.override.Until)
	for _, i := range c.all {
		want = want || i.forgettable(up, c.m.cfg.ForgetInstances) && len(c.all) > 1 || i.left && len(c.all) > 1 ||
			i.ahead != nil && now.Sub(i.ahead.since) >= maxAhead && i.who.session.Load() != nil
	}
	if want || c.member.healthEdge(v.health) {
		return c.begin()
	}
	return nil
}

// forgettable reports whether nothing was heard of an instance for so long that it
// will not come back.
func (i *instance) forgettable(up, after time.Duration) bool {
	return i.who.session.Load() == nil && up-i.who.heardAt() > after
}

// healthEdge reports whether a health is to be told of.
func (s *member) healthEdge(h switchgear.Health) bool {
	s.edge.Lock()
	defer s.edge.Unlock()
	return h.Checked && (!s.healthKnown || s.healthy != h.Healthy)
}

// settled is a state as it is kept.
func settled(st InstanceState, service string, now time.Time) InstanceState {
	s := &st.Snapshot
	st.Service, s.Service, s.Key, s.Window = service, service, "", nil
	s.LastError, st.ConfigError, st.Health.Err = cut(s.LastError), cut(st.ConfigError), cut(st.Health.Err)
	s.At = now.UTC()
	if s.State == switchgear.Open && st.RetryAfter > 0 {
		s.NextAttemptAt = now.Add(st.RetryAfter).UTC()
	}
	st.RetryAfter = 0
	s.Outage = outageSaid(s)
	compact(s)
	return st
}

// outageSaid is the outage of a state. An agent need not know of outages: then what
// opened the circuit last, as far as it says, is what began it.
func outageSaid(s *switchgear.Snapshot) *switchgear.Outage {
	if s.Outage != nil || s.State == switchgear.Closed || s.Trip == nil || s.OpenedAt.IsZero() {
		return s.Outage
	}
	return &switchgear.Outage{BeganAt: s.OpenedAt, Cause: *s.Trip, Openings: s.FailedRecoveries + 1}
}

// compact has texts that are the same be there once, and what an outage of one
// opening began with be that of the trip: in an outage there are many of them.
func compact(s *switchgear.Snapshot) {
	if s.Outage == nil || s.Trip == nil {
		return
	}
	trip, o := *s.Trip, *s.Outage // whoever has given them may look at them
	for _, e := range []*switchgear.Evidence{&trip, &o.Cause} {
		if e.LastError == s.LastError {
			e.LastError = s.LastError
		}
		if e.Rule == trip.Rule {
			e.Rule = trip.Rule
		}
	}
	if s.Outage = &o; trip == o.Cause {
		s.Trip = &o.Cause
	} else {
		s.Trip = &trip
	}
}

// maxKeptText is how much is kept of an error's text.
const maxKeptText = 512

func cut(text string) string {
	if len(text) > maxKeptText {
		return text[:maxKeptText]
	}
	return text
}

// hear takes in how an instance is now.
func (c *crowd) hear(i *instance, st InstanceState, now time.Time) {
	if i == nil {
		return
	}
	st = settled(st, c.name, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := find(c.all, i.who.id); there != i || i.left {
		return
	}
	c.countNews(i, &st)
	if i.take(st, now) {
		c.changed(now)
	}
	c.want = c.want || i.state.ConfigError != i.warned
}

// take takes a state in, unless it is older than what is known. What is ahead of
// the transitions that were told waits for them.
func (i *instance) take(st InstanceState, now time.Time) bool {
	if i.state.olderThan(&st, i.number) {
		return false
	}
	i.changes++
	i.unsaved = true
	if st.Snapshot.Mode != switchgear.Auto {
		i.told = toldNothing // what was said does not move it now
	}
	if st.Snapshot.Transitions > i.number {
		since := now
		if i.ahead != nil {
			since = i.ahead.since
		}
		i.ahead = &ahead{st, since}
		i.state.ConfigVersion, i.state.ConfigError = st.ConfigVersion, st.ConfigError
		return true
	}
	i.state = st
	if i.ahead != nil && i.ahead.Snapshot.Transitions <= i.number {
		i.ahead = nil
	}
	return true
}

// olderThan reports whether o is older than what is known: what is cumulative has
// been more before.
func (st *InstanceState) olderThan(o *InstanceState, number uint64) bool {
	a, b := &st.Snapshot.Operations, &o.Snapshot.Operations
	return o.Snapshot.Transitions < number ||
		b.Successful < a.Successful || b.Failed < a.Failed || b.Rejected < a.Rejected || b.Ignored < a.Ignored
}

// countNews counts what is new in a state, for metrics: rejections, by what the
// instance was when they were heard of, and health checks.
func (c *crowd) countNews(i *instance, st *InstanceState) {
	was := &i.state.Snapshot
	if n := st.Snapshot.Operations.Rejected; n > was.Operations.Rejected && st.Snapshot.Transitions >= i.number {
		n -= was.Operations.Rejected
		switch {
		case was.Mode == switchgear.ForcedOpen:
			c.rejections.Forced += n
		case was.State == switchgear.HalfOpen:
			c.rejections.HalfOpen += n
		default:
			c.rejections.Open += n
		}
	}
	if h := st.Health; h.Checked && h.CheckedAt.After(i.state.Health.CheckedAt) {
		c.member.counts.add(h)
	}
}
