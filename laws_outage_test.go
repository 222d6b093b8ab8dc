package switchgear

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLaw16_TheOutageIsTheFirstOpening lets recoveries fail, which overwrites why
// the circuit opened, and asks how it began.
func TestLaw16_TheOutageIsTheFirstOpening(t *testing.T) {
	t.Parallel()
	again := func(t *testing.T, b *Breaker) { // a failed recovery
		t.Helper()
		time.Sleep(b.Snapshot().OpenTime)
		wantState(t, b, HalfOpen)
		do(b, waitError{time.Second})
		wantState(t, b, Open)
	}
	want := func(t *testing.T, b *Breaker, want *Outage) {
		t.Helper()
		if diff := cmp.Diff(want, b.Snapshot().Outage); diff != "" {
			t.Errorf("the outage (-want +got)\n%s", diff)
		}
	}
	t.Run("through every failed recovery, until it closes", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		first := b.Snapshot()
		o := &Outage{BeganAt: time.Now().UTC(), Cause: *first.Trip, Openings: 1}
		want(t, b, o)
		for range 3 {
			again(t, b)
			o.Openings++
			want(t, b, o)
		}
		if s := b.Snapshot(); s.Trip.Rule != RuleRecoveryFailure || s.OpenedAt.Equal(o.BeganAt) {
			t.Errorf("the latest opening is by %s at %v", s.Trip.Rule, s.OpenedAt)
		}
		time.Sleep(b.Snapshot().OpenTime)
		wantState(t, b, HalfOpen)
		want(t, b, o)
		succeed(b)
		wait(2 * time.Minute)
		wantState(t, b, Closed)
		want(t, b, nil)
	}))
	t.Run("a snapshot of it is the caller's", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		o := *b.Snapshot().Outage
		b.Snapshot().Outage.Openings = 9
		want(t, b, &o)
	}))
	t.Run("a reset ends it, and the next is another", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		again(t, b)
		log := watch(b)
		mustNot(t, b.Reset(Closed, Order{Actor: "a", Reason: "r"}))
		want(t, b, nil)
		wait(time.Hour)
		if told := log.all(); len(told) != 1 || told[0].Outage == nil || told[0].Outage.Openings != 2 ||
			told[0].At.Sub(told[0].Outage.BeganAt) != time.Minute {
			t.Errorf("told %+v", told)
		}
		for b.State() == Closed {
			fail(b)
		}
		if o := b.Snapshot().Outage; o.Openings != 1 || !o.BeganAt.Equal(time.Now()) {
			t.Errorf("%+v", o)
		}
	}))
	t.Run("what was tried without having opened has none, until it opens", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		mustNot(t, b.Override(Override{Mode: ForcedOpen, Reason: "r", Actor: "a", Until: time.Now().Add(time.Hour)}))
		want(t, b, nil)
		mustNot(t, b.EndOverride(Order{}))
		wantState(t, b, HalfOpen)
		want(t, b, nil)
		wait(time.Minute)
		do(b, errBoom)
		s := b.Snapshot()
		want(t, b, &Outage{BeganAt: time.Now().UTC(), Cause: *s.Trip, Openings: 1})
		again(t, b)
		if o := b.Snapshot().Outage; o.Openings != 2 || o.Cause != *s.Trip {
			t.Errorf("%+v", o)
		}
	}))
	t.Run("an order does not end it that does not close", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		o := *b.Snapshot().Outage
		mustNot(t, b.Override(Override{Mode: ForcedOpen, Reason: "r", Actor: "a", Until: time.Now().Add(time.Hour)}))
		wait(time.Hour)
		wantState(t, b, HalfOpen)
		want(t, b, &o)
		mustNot(t, b.Reset(HalfOpen, Order{}))
		want(t, b, &o)
	}))
}

// TestLaw17_TheOutageGoesOn restores snapshots, of this release and of one that
// said nothing of outages.
func TestLaw17_TheOutageGoesOn(t *testing.T) {
	t.Parallel()
	flapping := func(t *testing.T, failed int) *Breaker {
		t.Helper()
		b := opened(t, Config{})
		for range failed {
			time.Sleep(b.Snapshot().OpenTime)
			wantState(t, b, HalfOpen)
			fail(b)
		}
		return b
	}
	t.Run("as it was, and counts on", bubble(func(t *testing.T) {
		b := flapping(t, 2)
		was := b.Snapshot().Outage
		next, _ := reborn(t, b, Config{}, time.Hour, 0)
		if diff := cmp.Diff(was, next.Snapshot().Outage); diff != "" {
			t.Errorf("(-was +is)\n%s", diff)
		}
		fail(next)
		was.Openings++
		if diff := cmp.Diff(was, next.Snapshot().Outage); diff != "" {
			t.Errorf("after another failed recovery (-want +got)\n%s", diff)
		}
	}))
	before := func(t *testing.T, failed int) (Snapshot, *Breaker) {
		t.Helper()
		s := flapping(t, failed).Snapshot()
		s.Outage = nil
		b := newBreaker(t, Config{})
		mustNot(t, b.Restore(s))
		return s, b
	}
	t.Run("of before, where the latest opening was the first", bubble(func(t *testing.T) {
		s, b := before(t, 0)
		o := b.Snapshot().Outage
		if diff := cmp.Diff(&Outage{BeganAt: s.OpenedAt, Cause: *s.Trip, Openings: 1}, o); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}))
	t.Run("of before, where it was not: nobody knows, until it has closed", bubble(func(t *testing.T) {
		_, b := before(t, 1)
		log := watch(b)
		time.Sleep(b.Snapshot().OpenTime)
		wantState(t, b, HalfOpen)
		fail(b)
		wait(0)
		for _, told := range log.all() {
			if told.Outage != nil || told.After.Outage != nil {
				t.Errorf("told %+v", told.Outage)
			}
		}
		if o := b.Snapshot().Outage; o != nil {
			t.Errorf("it is in %+v", o)
		}
		mustNot(t, b.Reset(Closed, Order{}))
		for b.State() == Closed {
			fail(b)
		}
		if o := b.Snapshot().Outage; o == nil || o.Openings != 1 {
			t.Errorf("the next is %+v", o)
		}
	}))
}
