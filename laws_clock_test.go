package switchgear

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestClock_AnotherOneMakesNoneOfThemPanic uses breakers in a bubble that were made,
// and used, outside: its clock is decades behind theirs.
func TestClock_AnotherOneMakesNoneOfThemPanic(t *testing.T) {
	t.Parallel()
	plain := Config{FailureThreshold: 3, RecoverySteps: []float64{1}}
	slow := slowRule(2)
	for name, before := range map[string]func(*Breaker){
		"unused": nothing,
		"used":   func(b *Breaker) { succeed(b); fail(b) },
		"open": func(b *Breaker) {
			for b.State() == Closed {
				fail(b)
			}
		},
		"half-open":                         func(b *Breaker) { _ = b.Reset(HalfOpen, Order{}) },
		"half-open after the first success": func(b *Breaker) { _ = b.Reset(HalfOpen, Order{}); succeed(b) },
	} {
		for _, cfg := range []Config{plain, slow} {
			for what, use := range map[string]func(*Breaker, *Permit){
				"Do":          func(b *Breaker, _ *Permit) { succeed(b); fail(b); succeed(b) },
				"Done":        func(_ *Breaker, p *Permit) { p.Done(nil) },
				"HandleError": func(b *Breaker, _ *Permit) { b.HandleError(errBoom, time.Hour); b.RecordSuccess(time.Hour) },
				"Advise":      func(b *Breaker, _ *Permit) { b.Advise() },
				"Snapshot":    func(b *Breaker, _ *Permit) { b.Snapshot() },
				"Restore":     func(b *Breaker, _ *Permit) { mustNot(t, b.Restore(b.Snapshot())) },
				"Configure": func(b *Breaker, _ *Permit) {
					other := cfg
					other.MonitoringWindow, other.ProbeTimeout = time.Second, time.Second
					mustNot(t, b.Configure(other))
				},
				"Override": func(b *Breaker, _ *Permit) { forcedClosed(t, b, succeed) },
				"Reset":    func(b *Breaker, _ *Permit) { mustNot(t, b.Reset(HalfOpen, Order{})); succeed(b); succeed(b) },
			} {
				b := newBreaker(t, cfg)
				p, _ := b.Allow(context.Background())
				before(b)
				synctest.Test(t, func(t *testing.T) {
					defer func() {
						if v := recover(); v != nil {
							t.Errorf("%s of a breaker that is %s, in another clock: %v", what, name, v)
						}
					}()
					use(b, &p)
					b.Snapshot()
					succeed(b)
					time.Sleep(time.Hour)
					fail(b)
					b.Snapshot()
				})
				quiet(b)
			}
		}
	}
}
