package migrating

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/degenduel/switchgear"
)

// What the document says of the behaviours that differ, shown on both sides.

var minute = switchgear.Config{
	FailureThreshold: 1, ResetTimeout: time.Minute, ProbeTimeout: 10 * time.Second, MinHealthyPeriod: -1, BackoffMultiplier: 1, Jitter: -1,
}

func openings() gobreaker.Settings {
	return gobreaker.Settings{Timeout: time.Minute, ReadyToTrip: func(gobreaker.Counts) bool { return true }}
}

func TestDiffers_ACallerThatGoesAwayIsNoFailure(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	g := gobreaker.NewCircuitBreaker[string](openings())
	f := circuitbreaker.NewBuilder[string]().Build()
	b := newBreaker(t, minute)
	canceled := func() (string, error) { return "", gone.Err() }
	_, _ = g.Execute(canceled)
	_, _ = failsafe.With[string](f).WithContext(gone).Get(canceled)
	_, _ = switchgear.Do(gone, b, func(context.Context) (string, error) { return canceled() })
	if g.State() != gobreaker.StateOpen || !f.IsOpen() || b.State() != switchgear.Closed {
		t.Errorf("gobreaker is %v, failsafe-go %v, ours %v", g.State(), f.State(), b.State())
	}
}

func TestDiffers_AHungProbeDoesNotHoldTheCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := func() (string, error) { <-release; return "", errDown }
		g := gobreaker.NewCircuitBreaker[string](openings())
		f := circuitbreaker.NewBuilder[string]().Build()
		b := newBreaker(t, minute)
		e := &exchange{down: true}
		throughG, throughF, throughB := gobreakerAdmits(g, e), failsafeAdmits(f, e), admits(b, e)
		throughG()
		throughF()
		throughB()
		time.Sleep(61 * time.Second)
		go func() { _, _ = g.Execute(hang) }()
		go func() { _, _ = failsafe.With[string](f).Get(hang) }()
		go func() {
			_, _ = switchgear.Do(context.Background(), b, func(context.Context) (string, error) { return hang() })
		}()
		synctest.Wait()
		e.down = false
		time.Sleep(time.Hour)
		synctest.Wait()
		if throughG() || throughF() {
			t.Error("the others let something in beside a probe that hangs: the document says that they do not")
		}
		if !throughB() || b.State() != switchgear.Closed {
			t.Errorf("an hour after its probe hung ours is %v", b.State())
		}
		close(release)
	})
}

func TestDiffers_APanicGivesThePlaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := circuitbreaker.NewBuilder[string]().Build()
		cfg := minute
		cfg.HalfOpenFailureThreshold = 2
		b := newBreaker(t, cfg)
		e := &exchange{down: true}
		throughF, throughB := failsafeAdmits(f, e), admits(b, e)
		throughF()
		throughB()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		panics := func(run func()) {
			defer func() { _ = recover() }()
			run()
		}
		panics(func() { _, _ = failsafe.With[string](f).Get(func() (string, error) { panic("probe") }) })
		panics(func() {
			_, _ = switchgear.Do(context.Background(), b, func(context.Context) (string, error) { panic("probe") })
		})
		e.down = false
		time.Sleep(time.Hour)
		if throughF() {
			t.Error("failsafe-go lets something in after its probe panicked: the document says that it does not")
		}
		if !throughB() || b.State() != switchgear.Closed {
			t.Errorf("after its probe panicked ours is %v", b.State())
		}
	})
}

func TestDiffers_ALateResultMovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := circuitbreaker.NewBuilder[string]().Build()
		b := newBreaker(t, minute)
		f.TryAcquirePermit()
		late, err := b.Allow(context.Background()) // begun before the circuit opens
		if err != nil {
			t.Fatal(err)
		}
		f.RecordFailure()
		b.HandleError(errDown, 0)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		f.TryAcquirePermit() // half-open, its probe under way
		f.RecordSuccess()    // the late one
		late.Done(nil)
		if !f.IsClosed() {
			t.Error("a late success does not close failsafe-go's breaker: the document says that it does")
		}
		if got := b.State(); got != switchgear.HalfOpen {
			t.Errorf("after a late success ours is %v, want half_open", got)
		}
	})
}
