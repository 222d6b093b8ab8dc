package switchgear

import (
	"context"
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
