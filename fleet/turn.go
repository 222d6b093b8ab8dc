package fleet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
)

// turn is the one change of a crowd that is on its way: it takes all that waits
// when it is planned, so that a storm of many instances costs few transactions.
// What it plans it does to copies.
type turn struct {
	c     *crowd
	items []*item

	// What is planned; made anew each time.
	now      time.Time
	rule     *ruling
	all      []*instance
	copies   map[*instance]*instance // by the one that is there
	origin   map[*instance]*instance // the other way round
	before   map[*instance]uint      // how often something was heard, by the one that is there
	fresh    []*instance             // those that have come
	retired  []*instance             // the ones that go
	gone     totals
	state    switchgear.State
	number   uint64
	openings int
	opening  *opening
	movedAt  time.Time
	verdict  *verdict
	quorum   string             // what made the verdict, in words; empty: it was there before
	said     map[*instance]word // orders of the verdict
	healed   bool               // an instance has closed by its own recovery
	edges    [3][3]uint32
	missed   uint64 // transitions that nobody has told
	tally    tally
	counted  map[*instance]bool
	expired  *switchgear.Override
	health   *switchgear.Health
	events   []Event
	numbers  map[*instance]uint64
}

func newTurn(c *crowd) *turn { return &turn{c: c} }

func (t *turn) change() *change {
	s := t.c.member
	return &change{
		service: s.name, member: s, fact: true, alone: true,
		plan: t.plan, apply: t.apply, stored: t.stored, told: t.told,
	}
}

// plan never fails: what has happened has happened.
func (t *turn) plan(b *draft) error {
	c, s := t.c, t.c.member
	c.mu.Lock()
	t.items = append(t.items, c.inbox...)
	c.inbox, c.flying, c.want = nil, t.items, false
	t.reset()
	if s.removed {
		for _, it := range t.items {
			it.err = errorf(NotFound, "agent", "%s has been taken out", s.name)
		}
		c.mu.Unlock()
		return nil
	}
	for _, it := range t.items {
		t.take(it)
	}
	t.clock()
	t.judge()
	t.decide(t.now)
	t.conclude()
	whole := t.rule.merge(t.all, &t.gone, t.state)
	whole.Service, whole.Transitions, whole.At = s.name, t.number, t.now.UTC()
	c.pending = &crowdJSON{t.gone, c.saidAt, t.verdict.json()}
	b.Instances, b.GoneInstances = t.rows()
	c.mu.Unlock()
	if len(t.events) == 0 && len(b.Instances)+len(b.GoneInstances) == 0 {
		return nil
	}
	b.Events = t.events
	if err := c.m.planRow(s, reading{Snapshot: whole.Snapshot, moved: t.number != c.number}, b, ""); err != nil {
		c.m.log.Error("a state cannot be stored", slog.String("service", s.name), slog.Any("error", err))
	}
	return nil
}

func (t *turn) reset() {
	c := t.c
	*t = turn{
		c: c, items: t.items, now: time.Now(), rule: c.ruling(), all: slices.Clone(c.all), gone: c.gone,
		before: make(map[*instance]uint), copies: make(map[*instance]*instance), origin: make(map[*instance]*instance),
		state: c.state, number: c.number, openings: c.openings, opening: c.opening,
		movedAt: c.movedAt, verdict: c.verdict,
	}
	for _, it := range t.items {
		it.err, it.joined = nil, AgentJoined{}
	}
	t.count()
}

// count looks anew at who is in which state.
func (t *turn) count() {
	some, _ := t.rule.considered(t.all)
	t.tally, t.counted = tally{}, make(map[*instance]bool, len(some))
	for _, i := range some {
		t.tally[t.rule.effective(&i.state.Snapshot)]++
		t.counted[i] = true
	}
}

// edit is a copy of an instance that may be written to; nil if it is not there.
func (t *turn) edit(i *instance) *instance {
	if e := t.copies[i]; e != nil {
		return e
	}
	at, there := find(t.all, i.who.id)
	if there != i {
		return nil
	}
	e := *i
	t.before[i] = i.changes
	t.all[at], t.copies[i], t.origin[&e] = &e, &e, i
	if t.counted[i] {
		delete(t.counted, i)
		t.counted[&e] = true
	}
	return &e
}

func (t *turn) take(it *item) {
	switch {
	case it.join != nil:
		t.join(it)
	case it.leave:
		if i := t.edit(it.inst); i != nil && (it.inst.who.session.Load() == nil || !it.again()) {
			i.left = true
			t.count()
		}
	default:
		i := t.edit(it.inst)
		if i == nil {
			it.err = errorf(NotFound, "transitions", "the instance is not there any more: let it join")
			return
		}
		for n := range it.ts {
			t.transition(i, &it.ts[n])
		}
		t.adopt(i, it.after)
		if t.verdict == nil && it.opens() {
			t.judge() // before the others that it opens
			t.decide(t.now)
		}
	}
}

// again reports whether the process has connected, and brought the service in, anew
// since it was to leave.
func (it *item) again() bool {
	s := it.inst.who.session.Load()
	if s == nil {
		return false
	}
	at := s.seat(it.inst.state.Service)
	return at != nil && at.inst == it.inst
}

// adopt takes in the state after transitions, or a state that has waited for them.
func (t *turn) adopt(i *instance, after InstanceState) {
	i.take(after, t.now)
	if a := i.ahead; a != nil && a.Snapshot.Transitions <= i.number {
		i.ahead = nil
		i.take(a.InstanceState, t.now)
	}
	t.count()
}

// transition takes in one transition of an instance.
func (t *turn) transition(i *instance, tr *switchgear.Transition) {
	if tr.Number <= i.number {
		return
	}
	if i.number > 0 {
		t.missed += tr.Number - i.number - 1
	}
	was := t.rule.effective(&i.state.Snapshot)
	i.follow(tr)
	if i.told == toldFollow {
		i.told = toldNothing
	}
	t.healed = t.healed || tr.To == switchgear.Closed && tr.Evidence.Rule == switchgear.RuleMinHealthyPeriod
	is := t.rule.effective(&i.state.Snapshot)
	if t.counted[i] {
		t.tally[was]--
		t.tally[is]++
	}
	decided := t.rule.decided(t.tally, t.all, t.state)
	at := tr.At.UTC()
	if at.After(t.now) {
		at = t.now.UTC()
	}
	if t.counted[i] && len(t.counted) == 1 && t.state == tr.From && decided == tr.To {
		t.moveWith(i, tr, later(at, t.movedAt))
	} else {
		t.events = append(t.events, Event{
			Service: t.c.name, Kind: EventInstanceTransition, From: tr.From.String(), To: tr.To.String(), At: at,
			Actor: tr.Actor, Reason: tr.Reason, Evidence: instanceEvidence(tr, i, scopeInstance),
		})
		t.decide(at)
	}
	if warning := trafficWarning(tr); warning != nil {
		t.events = append(t.events, Event{
			Service: t.c.name, Kind: EventConfigWarning, At: at, Evidence: warning,
			Reason: "the circuit of " + i.who.info.Load().Name + " opened with more than 99 % successes in its window",
		})
	}
}

// follow makes of the instance what the transition has, as far as it is known
// before the state after it.
func (i *instance) follow(tr *switchgear.Transition) {
	s := &i.state.Snapshot
	i.number, s.Transitions, s.State = tr.Number, tr.Number, tr.To
	i.unsaved = true
	if tr.Evidence.Rule == switchgear.RuleOverrideEnded || tr.Evidence.Rule == switchgear.RuleEnabled {
		s.Mode, s.Override = switchgear.Auto, nil
	}
	switch tr.To {
	case switchgear.Open:
		ev := tr.Evidence
		s.OpenedAt, s.OpenTime, s.NextAttemptAt = tr.At, ev.OpenTime, tr.At.Add(ev.OpenTime)
		s.Trip, s.Outage, s.AdmittedShare = &ev, tr.Outage, 0
		s.Failures, s.Successes, s.Slow, s.ConsecutiveFailures = ev.Failures, ev.Successes, ev.Slow, ev.ConsecutiveFailures
		if ev.LastError != "" {
			s.LastError, s.LastFailure = ev.LastError, later(s.LastFailure, tr.At)
		}
	case switchgear.HalfOpen:
		s.NextAttemptAt, s.LastRecoveryAttempt, s.RecoveryAttempts, s.AdmittedShare = time.Time{}, tr.At, tr.Evidence.RecoveryAttempt, 0
	case switchgear.Closed:
		s.OpenedAt, s.NextAttemptAt, s.Trip, s.Outage = time.Time{}, time.Time{}, nil, nil
		s.LastReset, s.RecoveryAttempts, s.FailedRecoveries, s.AdmittedShare = tr.At, 0, 0, 1
	}
}

// clock does what time brings: instances that have left or were silent for too
// long go, overrides end, and states whose transitions do not come are told.
func (t *turn) clock() {
	c, up := t.c, t.c.m.uptime()
	present := slices.ContainsFunc(t.all, func(i *instance) bool { return !i.left })
	for _, i := range slices.Clone(t.all) {
		if len(t.all) > 1 && (i.left && (present || i != t.newest()) || i.forgettable(up, c.m.cfg.ForgetInstances)) {
			t.retire(i)
		}
	}
	for _, i := range slices.Clone(t.all) {
		if i.ahead == nil || t.now.Sub(i.ahead.since) < maxAhead || i.who.session.Load() == nil {
			continue
		}
		if o := t.origin[i]; o == nil {
			i = t.edit(i)
		}
		t.missed += i.ahead.Snapshot.Transitions - i.number
		i.number, i.state, i.ahead = i.ahead.Snapshot.Transitions, i.ahead.InstanceState, nil
		i.unsaved = true
	}
	if o := c.override; o != nil && !t.now.Before(o.Until) {
		t.expired = o
		mode := switchgear.Auto
		if t.rule.config.Disabled {
			mode = switchgear.Disabled
		}
		t.events = append(t.events, Event{
			Service: c.name, Kind: EventOverrideExpired, From: o.Mode.String(), To: mode.String(), At: t.now.UTC(), Actor: o.Actor, Reason: o.Reason,
		})
		t.rule.override, t.rule.past = nil, o
	}
	t.count()
}

// newest is the instance that came last.
func (t *turn) newest() *instance {
	return slices.MaxFunc(t.all, func(a, b *instance) int { return cmp.Compare(a.joinedAt, b.joinedAt) })
}

// retire lets an instance go; what it has counted stays.
func (t *turn) retire(i *instance) {
	counts := i.totals()
	t.gone.add(counts.Operations, &counts.Durations)
	t.all = slices.DeleteFunc(t.all, func(o *instance) bool { return o == i })
	t.retired = append(t.retired, i)
}

// conclude tells of the health of the whole, and of configs that were refused.
func (t *turn) conclude() {
	v := t.rule.merge(t.all, &t.gone, t.state)
	if h := v.health; t.c.member.healthEdge(h) {
		t.health = &h
		t.c.member.edge.Lock()
		known := t.c.member.healthKnown
		t.c.member.edge.Unlock()
		kind := EventHealthRecovered
		if !h.Healthy {
			kind = EventHealthFailed
		}
		if known || !h.Healthy {
			t.events = append(t.events, Event{Service: t.c.name, Kind: kind, At: t.now.UTC(), Reason: h.Err, Evidence: healthEvidence(h)})
		}
	}
	for _, i := range slices.Clone(t.all) {
		why := i.state.ConfigError
		if why == i.warned {
			continue
		}
		if t.origin[i] == nil && !slices.Contains(t.fresh, i) {
			i = t.edit(i)
		}
		i.warned, i.unsaved = why, true
		if why == "" {
			continue
		}
		name := i.who.info.Load().Name
		t.events = append(t.events, Event{
			Service: t.c.name, Kind: EventConfigWarning, At: t.now.UTC(),
			Reason:   fmt.Sprintf("%s refused version %d: %s", name, t.c.member.version, why),
			Evidence: object(map[string]any{"instance": i.who.id, "instance_name": name, "version": t.c.member.version, "error": why}),
		})
		t.c.m.log.LogAttrs(context.Background(), slog.LevelWarn, "an instance refused a config", slog.String("service", t.c.name),
			slog.String("instance", i.who.id), slog.Int("version", t.c.member.version), slog.String("error", why))
	}
}
