package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// verdictJSON is a verdict as it is kept. Who tries is not: a manager that comes
// back, or takes over, lends anew.
type verdictJSON struct {
	Next time.Time     `json:"next"`
	Left time.Duration `json:"left"` // until then, when this was written
	Last string        `json:"last,omitempty"`
}

func (v *verdict) json() *verdictJSON {
	if v == nil {
		return nil
	}
	return &verdictJSON{Next: v.next.UTC(), Left: max(time.Until(v.next), 0), Last: cmp.Or(v.holder, v.last)}
}

// verdict is what json was made of. A clock that was set meanwhile makes the wait
// no longer.
func (j *verdictJSON) verdict(now time.Time) *verdict {
	if j == nil {
		return nil
	}
	return &verdict{next: now.Add(min(max(j.Next.Sub(now), 0), j.Left)), last: j.Last}
}

// String is the word on the wire.
func (w word) String() string {
	switch w {
	case toldWait:
		return FleetOpen
	case toldTry, toldFollow:
		return FleetRecover
	case toldNothing:
	}
	return FleetAlone
}

// SetQuorums puts fleet rules in force. A rule that is off now lets go of what it
// holds within a second.
func (m *Manager) SetQuorums(q config.Quorums) { m.quorums.Store(&q) }

func (m *Manager) quorum(service string) config.Quorum {
	if q := m.quorums.Load(); q != nil {
		return q.For(service)
	}
	return config.Quorum{}
}

// dismiss ends the verdict because of an order to all, and has those that are open
// not vote before they have moved. The mutex is held.
func (c *crowd) dismiss() {
	c.unsaved = c.unsaved || c.verdict != nil
	c.verdict = nil
	for _, i := range c.all {
		i.told = toldNothing
		if i.state.Snapshot.State == switchgear.Open {
			i.told = toldFollow
		}
	}
}

// undecided reports whether there is something for the fleet rule to do. The mutex
// is held.
func (c *crowd) undecided(now time.Time) bool {
	r := c.ruling()
	if c.verdict == nil && !r.quorum.On() {
		return false
	}
	out := r.rule(c.all, c.verdict, now, false)
	return out.opened || len(out.orders) > 0 || (out.verdict == nil) != (c.verdict == nil) ||
		out.verdict != nil && out.verdict.holder != c.verdict.holder
}

// rule is what the fleet rule says. While the mode is not auto there is none.
func (r *ruling) rule(all []*instance, before *verdict, now time.Time, healed bool) ruled {
	q := r.quorum
	if r.override != nil || r.config.Disabled {
		q = config.Quorum{}
	}
	return rule(q, before, r.voters(all, now), now, r.config.ProbeTimeout, healed)
}

func (r *ruling) voters(all []*instance, now time.Time) []voter {
	voters := make([]voter, len(all))
	for n, i := range all {
		s := &i.state.Snapshot
		voters[n] = voter{
			id: i.who.id, state: s.State, number: i.number, told: i.told,
			left:     min(max(s.NextAttemptAt.Sub(now), 0), s.OpenTime),
			backoff:  s.OpenTime,
			heard:    !i.left && i.who.session.Load() != nil && !r.stale(i.who),
			auto:     s.Mode == switchgear.Auto,
			ours:     followed(s.Trip),
			busy:     s.Failures+s.Successes >= uint64(r.config.MinimumOperations), //nolint:gosec // validated to be positive
			active:   i.hasCheck || s.Operations != switchgear.Operations{},
			succeeds: !s.ClosesAt.IsZero(),
			behind:   i.ahead != nil,
		}
	}
	return voters
}

// followed reports whether it was others that opened an instance.
func followed(trip *switchgear.Evidence) bool {
	return trip != nil && trip.Rule == switchgear.RuleFleetQuorum
}

// name is the rule by which the whole moves.
func (r *ruling) name() string {
	if r.verdict != nil {
		return switchgear.RuleFleetQuorum
	}
	return RuleAllInstances
}

// badCaller tells the instances that are open by themselves, and alone with it.
func (r *ruling) badCaller(all []*instance) func(*instance) bool {
	var bad map[*instance]bool
	if r.quorum.On() && r.verdict == nil && r.override == nil && !r.config.Disabled {
		voters := r.voters(all, r.now)
		if agree, count := vote(voters); agree < count && !reached(r.quorum, agree, count) {
			bad = make(map[*instance]bool, agree)
			for n, i := range all {
				if voters[n].agrees() {
					bad[i] = true
				}
			}
		}
	}
	return func(i *instance) bool { return bad[i] }
}

func (r *ruling) badCallers(all []*instance) (n int) {
	bad := r.badCaller(all)
	for _, i := range all {
		if bad(i) {
			n++
		}
	}
	return n
}

// judge has the fleet rule look at what the turn has made of the instances.
func (t *turn) judge() {
	if t.verdict == nil && !t.rule.quorum.On() {
		return
	}
	ruled := t.rule.rule(t.all, t.verdict, t.now, t.healed)
	t.verdict, t.rule.verdict = ruled.verdict, ruled.verdict
	if ruled.opened {
		t.quorum = ruled.words()
	}
	if t.said == nil {
		t.said = make(map[*instance]word, len(ruled.orders))
	}
	for n, w := range ruled.orders {
		i := t.all[n]
		there := i
		if o := t.origin[i]; o != nil {
			there = o
		} else if !slices.Contains(t.fresh, i) {
			i = t.edit(i)
		}
		i.told = w
		t.said[there] = w
	}
}

// saying is an order of the fleet rule.
type saying struct {
	session *AgentSession
	order   AgentOrder
}

// orders are those of the verdict. The crowd's mutex is held.
func (t *turn) orders() []saying {
	var all []saying
	for _, i := range t.c.all {
		w, ok := t.said[i]
		s := i.who.session.Load()
		if !ok || s == nil {
			continue
		}
		all = append(all, t.c.saying(s, w, t.reason(w)))
	}
	return all
}

// reason says to an instance why.
func (t *turn) reason(w word) string {
	switch w {
	case toldWait:
		if t.quorum != "" {
			return t.quorum
		}
		return "the instances are open together, and another one tries"
	case toldTry:
		return "it tries for all instances"
	case toldFollow:
		return "another instance has recovered"
	case toldNothing:
	}
	return "each instance decides alone"
}

// words say what made the quorum.
func (r *ruled) words() string {
	return fmt.Sprintf("%d of %d instances with enough traffic are open by themselves", r.agree, r.count)
}

// hasten has the others open at once where transitions that wait for a turn make a
// quorum: the turn may have to wait for the store. It comes to the same; should it
// not, it lets go of them, as the end of their connections does if this manager
// dies before it. The mutex is held.
func (c *crowd) hasten() []saying {
	r := c.ruling()
	if c.verdict != nil || !r.quorum.On() {
		return nil
	}
	now := time.Now()
	all := slices.Clone(c.all)
	for _, it := range slices.Concat(c.flying, c.inbox) {
		at, there := 0, (*instance)(nil)
		if len(it.ts) > 0 {
			at, there = find(all, it.inst.who.id)
		}
		if there == nil {
			continue
		}
		i := *there
		for n := range it.ts {
			if it.ts[n].Number > i.number {
				i.follow(&it.ts[n])
				i.told = toldNothing
			}
		}
		i.take(it.after, now)
		all[at] = &i
	}
	out := r.rule(all, nil, now, false)
	if !out.opened {
		return nil
	}
	var orders []saying
	for n, w := range out.orders {
		c.all[n].told = w
		if s := c.all[n].who.session.Load(); s != nil {
			orders = append(orders, c.saying(s, w, out.words()))
		}
	}
	return orders
}

func (c *crowd) saying(s *AgentSession, w word, reason string) saying {
	return saying{s, AgentOrder{Kind: AgentFleet, Service: c.name, Fleet: w.String(), Actor: "fleet", Reason: reason}}
}

// send gives the orders, without any lock. Whoever does not take one goes on by its
// own rules.
func send(orders []saying) {
	for _, o := range orders {
		o.session.order(o.order, newPoll(1))
	}
}

// why says in words why the whole is in that state.
func (t *turn) why(to switchgear.State) string {
	v := t.verdict
	switch {
	case v == nil:
		return wholeReason(to, t.tally)
	case t.quorum != "":
		return t.quorum
	case to == switchgear.HalfOpen:
		return t.nameOf(v.holder) + " tries for all instances"
	}
	return t.nameOf(cmp.Or(v.holder, v.last)) + " has tried for all instances, and not succeeded"
}

func (t *turn) nameOf(id string) string {
	if _, i := find(t.all, id); i != nil {
		return i.who.info.Load().Name
	}
	return id
}
