package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
)

var epoch0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// someInstance is an instance that may be in any state.
func someInstance(r *rapid.T, id string) *instance {
	i := &instance{who: &process{id: id}, left: rapid.IntRange(0, 5).Draw(r, "left") == 0}
	if rapid.IntRange(0, 3).Draw(r, "silent") == 0 {
		i.who.heard.Store(int64(-time.Hour))
	}
	sec := func(what string) time.Time {
		return epoch0.Add(time.Duration(rapid.IntRange(0, 50).Draw(r, what)) * time.Second)
	}
	n := func(what string) uint64 { return rapid.Uint64Range(0, 9).Draw(r, what) }
	s := &i.state.Snapshot
	s.State = switchgear.State(rapid.IntRange(0, 2).Draw(r, "state"))
	s.Failures, s.Successes, s.Slow = n("failures"), n("successes"), n("slow")
	s.Operations = switchgear.Operations{Successful: n("succeeded"), Failed: n("failed"), Rejected: n("rejected"), Ignored: n("ignored")}
	s.ConsecutiveFailures, s.RecoveryAttempts = int(n("streak")), int(n("attempts"))
	s.LastFailure, s.LastSuccess, s.LastReset = sec("failure"), sec("success"), sec("reset")
	s.LastError = fmt.Sprint("error at ", s.LastFailure.Second())
	s.AdmittedShare = 1
	if s.State != switchgear.Closed {
		s.AdmittedShare = 0
		s.OpenedAt, s.NextAttemptAt = sec("opened"), sec("next")
		s.Trip = &switchgear.Evidence{Rule: fmt.Sprint("rule of ", s.OpenedAt.Second())}
		s.Outage = &switchgear.Outage{BeganAt: sec("began"), Openings: 1}
		s.Outage.Cause.Rule = fmt.Sprint("cause of ", s.Outage.BeganAt.Second())
	}
	s.Performance.Average = time.Duration(n("average")) * time.Millisecond
	if rapid.Bool().Draw(r, "checked") {
		at := sec("checked at")
		i.state.Health = switchgear.Health{Checked: true, Healthy: rapid.Bool().Draw(r, "healthy"), CheckedAt: at}
	}
	i.state.Running = rapid.Bool().Draw(r, "running")
	return i
}

func someCrowd(r *rapid.T) []*instance {
	all := make([]*instance, rapid.IntRange(1, 6).Draw(r, "instances"))
	for n := range all {
		all[n] = someInstance(r, fmt.Sprint("instance ", n))
	}
	return all
}

func plainRuling() *ruling {
	return &ruling{config: switchgear.Config{}.Resolved(), stale: func(p *process) bool { return p.stale(0) }}
}

// slow is the model: what the words of the contract say, one by one.
func slow(all []*instance) (state switchgear.State, failures uint64, ops switchgear.Operations, in Instances) {
	var heard []*instance
	for _, i := range all {
		o := i.state.Snapshot.Operations
		ops.Successful, ops.Failed = ops.Successful+o.Successful, ops.Failed+o.Failed
		ops.Rejected, ops.Ignored = ops.Rejected+o.Rejected, ops.Ignored+o.Ignored
		if i.left {
			continue
		}
		in.Total++
		if i.who.stale(0) {
			in.Stale++
		} else {
			heard = append(heard, i)
		}
	}
	if len(heard) == 0 {
		for _, i := range all {
			if !i.left || in.Total == 0 {
				heard = append(heard, i)
			}
		}
	}
	in2 := func(s switchgear.State) (n int) {
		for _, i := range heard {
			if i.state.Snapshot.State == s {
				n++
			}
		}
		return n
	}
	for _, i := range heard {
		failures += i.state.Snapshot.Failures
		if !i.left && i.state.Snapshot.State == switchgear.Open {
			in.Open++
		}
	}
	switch {
	case in2(switchgear.Open) == len(heard):
		state = switchgear.Open
	case in2(switchgear.Closed) == 0:
		state = switchgear.HalfOpen
	}
	return state, failures, ops, in
}

func TestMerge_IsWhatTheModelSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		all := someCrowd(r)
		state, failures, ops, in := slow(all)
		v := plainRuling().merge(all, &totals{}, state)
		if v.decided != state || v.Failures != failures || v.Operations != ops || v.census.Instances != in {
			r.Fatalf("merged %v, %d, %+v, %+v; the model says %v, %d, %+v, %+v",
				v.decided, v.Failures, v.Operations, v.census.Instances, state, failures, ops, in)
		}
	})
}

// rank is how far a state is from healthy.
func rank(s switchgear.State) int { return []int{0, 2, 1}[s] }

func TestMerge_OneMoreOpenIsNeverHealthier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		all := someCrowd(r)
		rule := plainRuling()
		before := rule.merge(all, &totals{}, switchgear.Closed)
		one := rapid.SampledFrom(all).Draw(r, "one")
		one.state.Snapshot.State = switchgear.Open
		after := rule.merge(all, &totals{}, switchgear.Closed)
		if rank(after.decided) < rank(before.decided) || before.census.near && !after.census.near || after.census.Open < before.census.Open {
			r.Fatalf("%v, near %v, became %v, near %v", before.decided, before.census.near, after.decided, after.census.near)
		}
	})
}

// heard is a crowd that has taken in the states in that order.
func heard(m *Manager, states []InstanceState) *crowd {
	c := newCrowd(m, &member{name: "web"})
	for n := range 3 {
		i := &instance{who: &process{id: fmt.Sprint("instance ", n)}}
		i.who.info.Store(&AgentInfo{})
		c.all = append(c.all, i)
	}
	for _, st := range states {
		n := int(st.Service[0] - '0')
		c.hear(c.all[n], st, epoch0)
	}
	return c
}

func TestMerge_ReportsInAnyOrderAndAnyNumberMakeTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := &Manager{began: time.Now()}
		var states []InstanceState
		for n := range 3 { // what a breaker has been, one after the other
			var ops switchgear.Operations
			for range rapid.IntRange(1, 5).Draw(r, "reports") {
				ops.Successful += rapid.Uint64Range(0, 3).Draw(r, "more")
				ops.Failed += rapid.Uint64Range(1, 3).Draw(r, "failed")
				s := someInstance(r, "").state
				s.Service, s.Snapshot.Operations, s.Snapshot.Transitions, s.Snapshot.State = strconv.Itoa(n), ops, 0, switchgear.Closed
				states = append(states, s)
			}
		}
		shuffled := rapid.Permutation(append(slices.Clone(states), states...)).Draw(r, "order")
		a, b := heard(m, states).whole(epoch0), heard(m, shuffled).whole(epoch0)
		if diff := cmp.Diff(a.Snapshot, b.Snapshot); diff != "" {
			r.Fatalf("in order (-), and shuffled with repeats (+):\n%s", diff)
		}
		if a.health != b.health || a.census != b.census || a.Performance != b.Performance {
			r.Fatalf("%+v, %+v; %+v, %+v", a.health, a.census, b.health, b.census)
		}
	})
}

func TestMerge_TimesAndReasonsAreThoseOfTheInstanceThatSaysThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		all := someCrowd(r)
		rule := plainRuling()
		since := &opening{at: epoch0, trip: switchgear.Evidence{Rule: "the whole's", OpenTime: time.Minute}, outage: switchgear.Outage{BeganAt: epoch0}}
		rule.opening = since
		v := rule.merge(all, &totals{}, switchgear.Open)
		for _, i := range all {
			rule.effective(&i.state.Snapshot)
		}
		some, _ := rule.considered(all)
		for _, i := range some {
			s := &i.state.Snapshot
			switch {
			case s.State == switchgear.Open && s.NextAttemptAt.Before(v.NextAttemptAt):
				r.Fatalf("%v is before %v", s.NextAttemptAt, v.NextAttemptAt)
			case s.LastFailure.After(v.LastFailure), s.LastReset.After(v.LastReset), s.ConsecutiveFailures > v.ConsecutiveFailures:
				r.Fatalf("%+v is later than %+v", s, v.Snapshot)
			}
		}
		if v.OpenedAt != since.at || v.OpenTime != time.Minute || *v.Trip != since.trip || *v.Outage != since.outage ||
			!strings.HasSuffix(v.LastError, strconv.Itoa(v.LastFailure.Second())) {
			r.Fatalf("a reason is another's: %+v", v.Snapshot)
		}
	})
}

func TestMerge_PercentilesLieBetweenThoseOfTheInstances(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		all := someCrowd(r)
		for _, i := range all {
			p := &i.state.Snapshot.Performance
			p.P50 = time.Duration(rapid.IntRange(1, 50).Draw(r, "p50")) * time.Millisecond
			p.P95, p.P99 = 2*p.P50, 3*p.P50
		}
		var d switchgear.Durations
		for n := range d.Counts {
			d.Counts[n] = rapid.Uint64Range(0, 9).Draw(r, "count")
		}
		v := plainRuling().merge(all, &totals{}, switchgear.Closed)
		some, _ := plainRuling().considered(all)
		percentiles(&v.Performance, some, &d)
		low, high := time.Duration(1<<62), time.Duration(0)
		for _, i := range some {
			if s := &i.state.Snapshot; s.Failures+s.Successes > 0 {
				low, high = min(low, s.Performance.P95), max(high, s.Performance.P95)
			}
		}
		if high > 0 && (v.Performance.P95 < low || v.Performance.P95 > high) {
			r.Fatalf("P95 %v is not in %v to %v", v.Performance.P95, low, high)
		}
	})
}
