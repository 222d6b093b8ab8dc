package switchgear

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestKeyed_AKeyThatRejectsLeavesTheParentsTurnToOthers: what the parent lets in
// and the key's own breaker does not has run nothing.
func TestKeyed_AKeyThatRejectsLeavesTheParentsTurnToOthers(t *testing.T) {
	t.Parallel()
	allow := func(b *Breaker) bool {
		p, err := b.Allow(context.Background())
		p.Done(nil)
		return err == nil
	}
	advise := func(b *Breaker) bool {
		admit, _ := b.Advise()
		if admit {
			b.RecordSuccess(0)
		}
		return admit
	}
	for name, ask := range map[string]func(*Breaker) bool{"Allow": allow, "Advise": advise} {
		t.Run(name, bubble(func(t *testing.T) {
			k, all := family(t, KeyedConfig{Config: Config{
				ResetTimeout: 10 * time.Second, MinHealthyPeriod: 10 * time.Minute, ProbeTimeout: time.Hour, RecoverySteps: []float64{1e-9},
			}}, 2, 1)
			sick, well := all[0], all[1]
			wait(11 * time.Second)
			probe, err := sick.Allow(context.Background())
			mustNot(t, err)
			defer probe.Done(nil)
			mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
			for second := range 30 {
				if ask(sick) {
					t.Fatal("the key that is sick has two probes")
				}
				if !ask(well) {
					t.Fatalf("in second %d the key that is well is not let in", second)
				}
				if second > 0 && ask(well) {
					t.Fatalf("in second %d two operations are let in", second)
				}
				wait(time.Second)
			}
		}))
	}
}

// TestKeyed_OneDeadKeyDoesNotHoldUpTheOthers begins the parent's recovery by an
// order, which needs no OpenShare.
func TestKeyed_OneDeadKeyDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.5, 1} {
		t.Run(fmt.Sprint(share), bubble(func(t *testing.T) {
			k, all := family(t, KeyedConfig{Config: Config{Jitter: -1}, OpenShare: share}, 20, 1)
			parent := k.Parent()
			mustNot(t, parent.Override(untilTomorrow(ForcedOpen)))
			mustNot(t, parent.EndOverride(Order{}))
			told := watch(parent)
			succeed(all[1])
			for range 200 {
				wait(time.Second)
				for i, b := range all {
					if i == 0 {
						fail(b)
					} else {
						succeed(b)
					}
				}
			}
			for _, tr := range told.all() {
				if tr.To == Open {
					t.Fatalf("one key of %d opens the parent: %+v", len(all), tr.Evidence)
				}
			}
			wantState(t, parent, Closed)
		}))
	}
	t.Run("most of them do", bubble(func(t *testing.T) {
		k, all := family(t, KeyedConfig{}, 20, 0)
		mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
		succeed(all[19])
		for i := range 10 {
			wait(time.Second)
			fail(all[i])
		}
		wantState(t, k.Parent(), Open)
	}))
}

// TestKeyed_WhatDoesNotAskTheParentDoesNotMoveIt: an outcome of work that ran
// elsewhere counts as that of an operation would.
func TestKeyed_WhatDoesNotAskTheParentDoesNotMoveIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*Breaker)
		moves   bool
	}{
		"a closed key":        {nothing, true},
		"an open key":         {fail, false},
		"a forced_closed key": {func(b *Breaker) { mustNot(t, b.Override(untilTomorrow(ForcedClosed))) }, false},
		"a forced_open key":   {func(b *Breaker) { mustNot(t, b.Override(untilTomorrow(ForcedOpen))) }, false},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			for _, record := range []func(*Breaker){succeed, func(b *Breaker) { b.RecordSuccess(0) }} {
				k, all := family(t, KeyedConfig{}, 1, 0)
				c.prepare(all[0])
				mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
				record(all[0])
				if moved := !k.Parent().Snapshot().ClosesAt.IsZero(); moved != c.moves {
					t.Errorf("the parent's recovery is moved: %v, want %v", moved, c.moves)
				}
			}
		}))
	}
	t.Run("the failure that opens a key", bubble(func(t *testing.T) {
		k, all := family(t, KeyedConfig{}, 1, 0)
		mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
		all[0].HandleError(errBoom, 0)
		wantState(t, all[0], Open)
		wantState(t, k.Parent(), Open)
	}))
}
