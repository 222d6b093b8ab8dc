package fleet

import (
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// instance is one process's copy of a service of a crowd. The crowd's mutex
// guards it.
type instance struct {
	who      *process
	joinedAt int64 // in ns since 1970: 704 bytes are what an instance takes, and one more would be 768

	state  InstanceState // without what transitions that are not told yet have made of it
	number uint64        // of the last transition that was told
	stored uint64        // of the last that the store has

	ahead *ahead // nil: nothing is

	base     *totals // what of its counts the crowd counts elsewhere; nil: nothing
	warned   string  // the ConfigError that was told
	hasCheck bool
	left     bool // its process has ended in order, or gave the service up
	told     word // of a verdict, in this connection
	unsaved  bool // the store has not what it is now
	changes  uint // how often something of it was heard
}

func (i *instance) joined() time.Time { return time.Unix(0, i.joinedAt).UTC() }

// ahead is what a breaker is by transitions that have not come yet, and since when.
type ahead struct {
	InstanceState

	since time.Time
}

// totals are what is counted over all time.
type totals struct {
	Operations switchgear.Operations
	Durations  switchgear.Durations
}

func (t *totals) add(o switchgear.Operations, d *switchgear.Durations) {
	a := &t.Operations
	a.Successful += o.Successful
	a.Failed += o.Failed
	a.Rejected += o.Rejected
	a.Ignored += o.Ignored
	if d == nil {
		return
	}
	t.Durations.Sum += d.Sum
	for i, n := range d.Counts {
		t.Durations.Counts[i] += n
	}
}

// take takes off what others have counted. What would be less than nothing, of a
// breaker that counts anew, is nothing.
func (t *totals) take(o *totals) {
	a, b := &t.Operations, &o.Operations
	a.Successful -= min(a.Successful, b.Successful)
	a.Failed -= min(a.Failed, b.Failed)
	a.Rejected -= min(a.Rejected, b.Rejected)
	a.Ignored -= min(a.Ignored, b.Ignored)
	t.Durations.Sum -= min(t.Durations.Sum, o.Durations.Sum)
	for i, n := range o.Durations.Counts {
		t.Durations.Counts[i] -= min(t.Durations.Counts[i], n)
	}
}

// totals are what of the instance's counts is not counted elsewhere.
func (i *instance) totals() totals {
	var t totals
	t.add(i.state.Snapshot.Operations, i.state.Durations)
	if i.base != nil {
		t.take(i.base)
	}
	return t
}

// ruling is what an instance's state is judged by.
type ruling struct {
	config   switchgear.Config    // resolved
	override *switchgear.Override // the manager's
	past     *switchgear.Override // the last that was the manager's and is not any more
	quorum   config.Quorum
	verdict  *verdict // nil: each decides alone
	opening  *opening // of the whole
	now      time.Time
	stale    func(*process) bool
}

// effective is the state that an instance acts by. While the mode is the
// manager's the state stands still below it; what the program itself has forced
// is as good as a state.
func (r *ruling) effective(s *switchgear.Snapshot) switchgear.State {
	switch s.Mode {
	case switchgear.Disabled:
		if !r.config.Disabled {
			return switchgear.Closed
		}
	case switchgear.ForcedOpen, switchgear.ForcedClosed:
		if r.override != nil || r.config.Disabled || likeOverride(s.Override, r.past) {
			return s.State
		}
		if s.Mode == switchgear.ForcedOpen {
			return switchgear.Open
		}
		return switchgear.Closed
	case switchgear.Auto:
	}
	return s.State
}

// likeOverride reports whether two overrides are the same, as far as a wire keeps
// it.
func likeOverride(a, b *switchgear.Override) bool {
	return a != nil && b != nil && a.Mode == b.Mode && a.Actor == b.Actor && a.Reason == b.Reason &&
		a.Until.Sub(b.Until).Abs() < 2*time.Millisecond
}

// tally is how many of those that are considered are in each state.
type tally [3]int

// decide is the state of the whole: open where all are, closed where one is.
// Nobody decides nothing.
func (t tally) decide(before switchgear.State) switchgear.State {
	switch {
	case t[switchgear.Closed] > 0:
		return switchgear.Closed
	case t[switchgear.HalfOpen] > 0:
		return switchgear.HalfOpen
	case t[switchgear.Open] > 0:
		return switchgear.Open
	}
	return before
}

// decided is the state of the whole. Under a verdict it is open, or, while the one
// that has the lease recovers, half-open.
func (r *ruling) decided(n tally, all []*instance, before switchgear.State) switchgear.State {
	if r.verdict == nil {
		return n.decide(before)
	}
	if _, holder := find(all, r.verdict.holder); holder != nil && holder.state.Snapshot.State == switchgear.HalfOpen {
		return switchgear.HalfOpen
	}
	return switchgear.Open
}

// considered are the instances that the decision is made by: those that are not
// silent, or all where there are no others. Those that have left are considered
// where nobody else is there.
func (r *ruling) considered(all []*instance) ([]*instance, Instances) {
	var in Instances
	present := make([]*instance, 0, len(all))
	for _, i := range all {
		if !i.left {
			present = append(present, i)
		}
	}
	in.Total = len(present)
	if len(present) == 0 {
		return all, in
	}
	heard := make([]*instance, 0, len(present))
	for _, i := range present {
		if !r.stale(i.who) {
			heard = append(heard, i)
		}
	}
	if in.Stale = in.Total - len(heard); len(heard) == 0 {
		return present, in
	}
	return heard, in
}

// crowdView is what the instances are as a whole.
type crowdView struct {
	switchgear.Snapshot

	decided  switchgear.State // what the state is to be, which is told first
	tally    tally
	health   switchgear.Health
	running  bool
	hasCheck bool
	census   census
	total    totals
	only     *instance // the one that is considered; nil: there are several, or none
}

// merge makes one state of many. all is in the order of their IDs, whatever the
// order in which they came; state is what was told last, and stands until what is
// decided has been told.
func (r *ruling) merge(all []*instance, gone *totals, state switchgear.State) *crowdView {
	v := &crowdView{total: *gone}
	for _, i := range all {
		t := i.totals()
		v.total.add(t.Operations, &t.Durations)
		v.hasCheck = v.hasCheck || i.hasCheck && !i.left
	}
	some, in := r.considered(all)
	for _, i := range some {
		v.tally[r.effective(&i.state.Snapshot)]++
	}
	v.decided = r.decided(v.tally, all, state)
	v.State = state
	v.Operations = v.total.Operations
	if len(some) == 1 {
		v.only = some[0]
	}
	var h healths
	var p performances
	var shares float64
	for _, i := range some {
		s := &i.state.Snapshot
		v.addCounts(s)
		v.addRecovery(s, r.effective(s))
		h.add(&i.state.Health)
		p.add(s)
		shares += s.AdmittedShare
		v.running = v.running || i.state.Running && !i.left
		if !i.left && rejects(s) {
			in.Open++
		}
		v.census.near = v.census.near || r.effective(s) != switchgear.Closed || rejects(s) || nearOpening(s, r.config)
	}
	if len(some) > 0 {
		v.AdmittedShare = shares / float64(len(some))
	}
	v.finish(some)
	if r.opening.tell(&v.Snapshot); r.verdict != nil && state == switchgear.Open {
		v.NextAttemptAt = r.verdict.next.UTC()
	}
	in.BadCallers = r.badCallers(all)
	v.health, v.Performance = h.health(), p.performance()
	v.census.Instances, v.census.silent = in, in.Total > 0 && in.Stale == in.Total
	v.Mode, v.Override = switchgear.Auto, r.override
	switch {
	case r.override != nil:
		v.Mode = r.override.Mode
	case r.config.Disabled:
		v.Mode = switchgear.Disabled
	}
	return v
}

// addCounts adds what is counted in the window, and takes the latest of what has
// a time.
func (v *crowdView) addCounts(s *switchgear.Snapshot) {
	v.Failures += s.Failures
	v.Successes += s.Successes
	v.Slow += s.Slow
	v.ConsecutiveFailures = max(v.ConsecutiveFailures, s.ConsecutiveFailures)
	if s.LastFailure.After(v.LastFailure) {
		v.LastFailure, v.LastError = s.LastFailure, s.LastError
	}
	v.LastSuccess = later(v.LastSuccess, s.LastSuccess)
	v.LastReset = later(v.LastReset, s.LastReset)
	v.LastRecoveryAttempt = later(v.LastRecoveryAttempt, s.LastRecoveryAttempt)
	v.RecoveryAttempts = max(v.RecoveryAttempts, s.RecoveryAttempts)
	v.FailedRecoveries = max(v.FailedRecoveries, s.FailedRecoveries)
}

// addRecovery takes in when the first of those that are as the whole is will do the
// next.
func (v *crowdView) addRecovery(s *switchgear.Snapshot, state switchgear.State) {
	if state == switchgear.Open && v.State == switchgear.Open && !s.NextAttemptAt.IsZero() {
		v.NextAttemptAt = earlier(v.NextAttemptAt, s.NextAttemptAt)
	}
	if state == switchgear.HalfOpen && v.State == switchgear.HalfOpen && !s.ClosesAt.IsZero() {
		v.ClosesAt = earlier(v.ClosesAt, s.ClosesAt)
	}
}

// finish says whether a recovery awaits a check: all that recover do.
func (v *crowdView) finish(some []*instance) {
	if v.State != switchgear.HalfOpen {
		return
	}
	recovering, awaiting := 0, 0
	for _, i := range some {
		if s := &i.state.Snapshot; s.State == switchgear.HalfOpen {
			recovering++
			if s.AwaitsCheck {
				awaiting++
			}
		}
	}
	v.AwaitsCheck = recovering > 0 && awaiting == recovering
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier is the earlier of the two; a may be zero, which is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// healths make one health of many: bad where at least half of those that know
// are.
type healths struct {
	known, bad       int
	passed, failed   switchgear.Health
	anyPass, anyFail bool
}

func (h *healths) add(o *switchgear.Health) {
	if !o.Checked {
		return
	}
	h.known++
	if o.Healthy {
		if !h.anyPass || o.CheckedAt.After(h.passed.CheckedAt) {
			h.passed, h.anyPass = *o, true
		}
		return
	}
	h.bad++
	if !h.anyFail || o.CheckedAt.After(h.failed.CheckedAt) {
		h.failed, h.anyFail = *o, true
	}
}

func (h *healths) health() switchgear.Health {
	switch {
	case h.known == 0:
		return switchgear.Health{}
	case 2*h.bad >= h.known:
		return h.failed
	}
	return h.passed
}
