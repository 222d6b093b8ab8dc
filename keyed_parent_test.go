package switchgear

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// family is a Keyed of so many keys, the first of which have failed and are open.
func family(t *testing.T, cfg KeyedConfig, keys, open int) (*Keyed, []*Breaker) {
	t.Helper()
	if cfg.Config.FailureThreshold == 0 {
		cfg.Config.FailureThreshold = 1
	}
	k := newKeyed(t, cfg)
	var all []*Breaker
	for i := range keys {
		all = append(all, k.Breaker(fmt.Sprint("key", i)))
		succeed(all[i])
	}
	for _, b := range all[:open] {
		fail(b)
	}
	return k, all
}

// parentOf is what rejects an operation of the breaker; it must be the parent.
func parentOf(t *testing.T, b *Breaker) *OpenError {
	t.Helper()
	_, err := b.Allow(t.Context())
	var open *OpenError
	if !errors.As(err, &open) || open.Key != "" {
		t.Fatalf("%s gets %v, want the parent's rejection", b.Key(), err)
	}
	return open
}

func TestKeyed_TheParentOpensAboveItsShare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg        KeyedConfig
		keys, open int
		want       State
	}{
		"at the share":              {KeyedConfig{OpenShare: 0.29, MinimumKeys: 1}, 100, 29, Closed},
		"above it":                  {KeyedConfig{OpenShare: 0.29, MinimumKeys: 1}, 100, 30, Open},
		"below the minimum":         {KeyedConfig{OpenShare: 0.1, MinimumKeys: 4}, 10, 3, Closed},
		"at the minimum":            {KeyedConfig{OpenShare: 0.1, MinimumKeys: 4}, 10, 4, Open},
		"one of one is no majority": {KeyedConfig{OpenShare: 0.5}, 1, 1, Closed},
		"two of two are":            {KeyedConfig{OpenShare: 0.5}, 2, 2, Open},
		"all cannot exceed one":     {KeyedConfig{OpenShare: 1}, 3, 3, Closed},
		"off":                       {KeyedConfig{}, 3, 3, Closed},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			k, _ := family(t, c.cfg, c.keys, c.open)
			wantState(t, k.Parent(), c.want)
		}))
	}
	t.Run("when one opens, not as long as they are open", bubble(func(t *testing.T) {
		k, all := family(t, KeyedConfig{OpenShare: 0.5}, 5, 3)
		mustNot(t, k.Parent().Reset(Closed, Order{}))
		for _, b := range all[:3] {
			b.HandleError(errBoom, 0)
		}
		k.Remove("key4")
		wantState(t, k.Parent(), Closed)
		fail(all[3])
		wantState(t, k.Parent(), Open)
	}))
	t.Run("others than open ones do not count", bubble(func(t *testing.T) {
		k, all := family(t, KeyedConfig{OpenShare: 0.5}, 4, 1)
		wait(time.Minute) // the first begins a recovery
		mustNot(t, all[1].Override(untilTomorrow(ForcedOpen)))
		fail(all[2])
		fail(all[3])
		wantState(t, k.Parent(), Closed)
		mustNot(t, all[2].Reset(Closed, Order{}))
		k.Remove("key3")
		k.Remove("key1")
		k.Remove("key0")
		for range 3 { // one, again and again
			fail(all[2])
			mustNot(t, all[2].Reset(Closed, Order{}))
			succeed(k.Breaker("key9"))
		}
		wantState(t, k.Parent(), Closed)
	}))
}

func TestKeyed_TheParentSaysWhatItIsAndWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: Config{FailureThreshold: 1, Version: 3}, OpenShare: 0.5})
		told := watch(k.Parent())
		for i := range 4 {
			succeed(k.Breaker(strconv.Itoa(i)))
		}
		for i := range 3 {
			k.Breaker(strconv.Itoa(i)).HandleError(fmt.Errorf("host %d is down", i), 0)
		}
		wantState(t, k.Breaker("3"), Closed)
		open := parentOf(t, k.Breaker("3"))
		if open.Service != "upstreams" || open.RetryAfter() != time.Minute || !errors.Is(open, ErrOpen) {
			t.Errorf("it is %+v", open)
		}
		const want = `switchgear: upstreams is open: children_open, 3 of 4 keys, last error "host 2 is down"; retry after 1m0s`
		if open.Error() != want {
			t.Errorf("it says\n%s, want\n%s", open, want)
		}
		if _, err := k.Breaker("0").Allow(t.Context()); !strings.Contains(err.Error(), `upstreams["0"] is open`) {
			t.Errorf("an open one says %v", err)
		}
		synctest.Wait()
		all := told.all()
		if len(all) != 1 || all[0].Key != "" || all[0].From != Closed || all[0].To != Open {
			t.Fatalf("told %+v", all)
		}
		if e := all[0].Evidence; e.Rule != RuleChildrenOpen || e.Keys != 4 || e.KeysOpen != 3 ||
			e.LastError != "host 2 is down" || e.ConfigVersion != 3 || e.OpenTime != time.Minute {
			t.Errorf("the evidence is %+v", e)
		}
		time.Sleep(time.Second)
		k.Breaker("3").HandleError(errBoom, 0) // what ran elsewhere opens one more
		if got := k.Parent().Snapshot(); got.NextAttemptAt != open.Until.UTC() || got.Transitions != 1 {
			t.Errorf("one more makes it %+v", got)
		}
		s := k.Snapshot()
		if s.Parent.State != Open || s.Operations.Rejected != 2 || s.Rejections.Open != 2 || s.Open != 4 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestKeyed_AThousandKeysThatFailAtOnceOpenTheParentOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		k := newKeyed(t, KeyedConfig{Config: Config{FailureThreshold: 1, ResetTimeout: time.Hour}, OpenShare: 0.4})
		for i := range thousand {
			k.Breaker(strconv.Itoa(i))
		}
		together(func(i int) { k.Breaker(strconv.Itoa(i)).HandleError(errBoom, 0) })
		if s := k.Parent().Snapshot(); s.State != Open || s.Transitions != 1 || s.Trip.KeysOpen <= 400 {
			t.Fatalf("%v after %d transitions, %+v", s.State, s.Transitions, s.Trip)
		}
		for _, b := range k.All() {
			quiet(b)
		}
		quiet(k.Parent())
	}
}

func TestKeyed_TheParentRecoversByWhicheverKey(t *testing.T) {
	t.Parallel()
	cfg := KeyedConfig{Config: Config{MinHealthyPeriod: 10 * time.Second, RecoverySteps: []float64{1e-9}, ProbeTimeout: 5 * time.Second}, OpenShare: 0.5}
	t.Run("from the probe to the end", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		wantState(t, k.Parent(), HalfOpen)
		probe, err := all[3].Allow(t.Context())
		mustNot(t, err)
		_ = parentOf(t, all[3]) // one is enough
		_ = parentOf(t, all[0])
		wantState(t, all[0], HalfOpen)
		probe.Done(nil)
		if !do(all[0], nil) || do(all[3], nil) {
			t.Error("the second of all keys together admits one")
		}
		if s := all[0].Snapshot(); s.ClosesAt.IsZero() {
			t.Error("it was no success of the key's own recovery")
		}
		wait(10*time.Second - 1)
		wantState(t, k.Parent(), HalfOpen)
		wait(1)
		wantState(t, k.Parent(), Closed)
		wantState(t, all[0], Closed)
		wantState(t, all[1], HalfOpen)
	}))
	t.Run("a probe that fails opens it again, for longer", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		if !do(all[3], errBoom) {
			t.Fatal("it is no probe")
		}
		if s := k.Parent().Snapshot(); s.State != Open || s.OpenTime != 2*time.Minute || s.Trip.Rule != RuleRecoveryFailure {
			t.Errorf("%+v", s)
		}
	}))
	t.Run("a key's rejection is nothing of the parent's", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		probe, err := all[0].Allow(t.Context())
		mustNot(t, err)
		mustNot(t, k.Parent().Reset(HalfOpen, Order{})) // its place is free, the key's is not
		for range 3 {
			if _, err := all[0].Allow(t.Context()); err == nil || !strings.Contains(err.Error(), "key0") {
				t.Fatalf("a second probe of the key gets %v", err)
			}
		}
		if s := k.Parent().Snapshot(); s.State != HalfOpen || s.Operations.Total() != 0 || s.Operations.Ignored != 0 {
			t.Errorf("the parent counted %+v", s.Operations)
		}
		probe.Done(errBoom) // of an older recovery of the parent
		wantState(t, all[0], Open)
		wantState(t, k.Parent(), HalfOpen)
		if !do(all[3], nil) {
			t.Error("the rejections hold the probe's place")
		}
	}))
	t.Run("single keys that fail do not open it again", bubble(func(t *testing.T) {
		all1 := cfg
		all1.Config.RecoverySteps = []float64{1}
		k, all := family(t, all1, 20, 19)
		wait(time.Minute)
		succeed(all[18])
		succeed(all[19])
		for i := range 6 {
			fail(all[i])
			succeed(all[12+i])
		}
		wantState(t, k.Parent(), HalfOpen)
		fail(all[6])
		wantState(t, k.Parent(), HalfOpen) // 7 of 15
		fail(all[7])
		wantState(t, k.Parent(), Open) // 8 of 16
		if s := k.Parent().Snapshot(); s.Trip.Failures != 8 || s.Trip.Successes != 8 {
			t.Errorf("it opened on %+v", s.Trip)
		}
	}))
}

func TestKeyed_EveryEndingFreesTheParentsPlace(t *testing.T) {
	t.Parallel()
	cfg := KeyedConfig{Config: Config{ProbeTimeout: 5 * time.Second, Classify: classifyTest}, OpenShare: 0.5}
	for name, e := range endings {
		t.Run(name, bubble(func(t *testing.T) {
			k, all := family(t, cfg, 4, 3)
			wait(time.Minute)
			for _, b := range []*Breaker{all[3], all[0]} { // closed, and in a recovery of its own
				mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
				before := k.Parent().Operations()
				apart(func() { _, _ = Do(t.Context(), b, e.run) })
				got := k.Parent().Operations()
				if got.Successful-before.Successful != e.want.Successful || got.Failed-before.Failed != e.want.Failed || got.Ignored-before.Ignored != e.want.Ignored {
					t.Errorf("%s: the parent counted %+v after %+v", b.Key(), got, before)
				}
				if r := k.Parent().recovery.Load(); r != nil && r.inFlight() != 0 {
					t.Errorf("%s: %d are in flight", b.Key(), r.inFlight())
				}
			}
		}))
	}
	t.Run("the end of the context", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		p, err := all[0].Allow(ctx)
		mustNot(t, err)
		_ = parentOf(t, all[3])
		cancel()
		synctest.Wait()
		if !do(all[3], nil) || k.Parent().Snapshot().ClosesAt.IsZero() {
			t.Error("the place is not free")
		}
		p.Done(errBoom)
		wantState(t, k.Parent(), HalfOpen)
	}))
	t.Run("the end of the context, after the first success", bubble(func(t *testing.T) {
		cfg := cfg
		cfg.Config.RecoverySteps = []float64{1}
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		succeed(all[3])
		ctx, cancel := context.WithCancel(t.Context())
		p, err := all[0].Allow(ctx) // the probe of its own recovery only
		mustNot(t, err)
		cancel()
		synctest.Wait()
		p.Done(nil)
		if r := k.Parent().recovery.Load(); r.inFlight() != 0 {
			t.Errorf("%d are in flight", r.inFlight())
		}
	}))
	t.Run("an operation that hangs", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		p, err := all[3].Allow(t.Context())
		mustNot(t, err)
		wait(5 * time.Second)
		if s := k.Parent().Snapshot(); s.State != Open || s.Trip.Rule != RuleProbeTimeout {
			t.Errorf("%v by %+v", s.State, s.Trip)
		}
		p.Done(nil)
		if o := k.Parent().Operations(); o.Failed != 1 || o.Successful != 0 {
			t.Errorf("counted %+v", o)
		}
		if o := all[3].Operations(); o.Successful != 2 || o.Failed != 0 {
			t.Errorf("the key counted %+v", o)
		}
	}))
	t.Run("copies of a permit", bubble(func(t *testing.T) {
		k, all := family(t, cfg, 4, 3)
		wait(time.Minute)
		p, err := all[3].Allow(t.Context())
		mustNot(t, err)
		again := p
		p.Done(nil)
		p.Done(errBoom)
		again.Done(errBoom)
		wantState(t, k.Parent(), HalfOpen)
		if o := all[3].Operations(); o.Successful != 2 || o.Failed != 0 {
			t.Errorf("the key counted %+v", o)
		}
	}))
	t.Run("a classifier that panics", bubble(func(t *testing.T) {
		cfg := cfg
		cfg.Config.Classify = func(error) Outcome { panic("classify") }
		k := newKeyed(t, cfg)
		mustNot(t, k.Parent().Reset(HalfOpen, Order{}))
		b := k.Breaker("a")
		if apart(func() { do(b, errBoom) }) == nil {
			t.Error("the panic is lost")
		}
		if o := k.Parent().Operations(); o.Failed != 1 || b.Operations().Failed != 1 {
			t.Errorf("counted %+v and %+v", o, b.Operations())
		}
	}))
}

func TestKeyed_OverridesOfTheParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, all := family(t, KeyedConfig{}, 3, 0)
		mustNot(t, all[2].Override(untilTomorrow(ForcedClosed)))
		mustNot(t, k.Parent().Override(untilTomorrow(ForcedOpen)))
		if open := parentOf(t, all[0]); open.Mode != ForcedOpen || open.OverrideReason != "a test" {
			t.Errorf("it is %+v", open)
		}
		_ = parentOf(t, k.Breaker("new"))
		if admit, _ := all[2].Advise(); !admit || !do(all[2], nil) {
			t.Error("the key's own override does not stand above it")
		}
		if admit, after := all[0].Advise(); admit || after != 24*time.Hour {
			t.Errorf("the advice is %v, after %v", admit, after)
		}
		mustNot(t, k.Parent().EndOverride(Order{}))
		wantState(t, k.Parent(), HalfOpen) // it must prove itself
		if admit, _ := all[0].Advise(); !admit {
			t.Error("there is no advice to try")
		}
		if admit, _ := all[1].Advise(); admit {
			t.Error("there is advice to try twice a second")
		}
		all[1].RecordSuccess(0)
		if k.Parent().Snapshot().ClosesAt.IsZero() {
			t.Error("a recorded success is none of the parent's recovery")
		}
		all[1].HandleError(errBoom, 0)
		if s := k.Parent().Snapshot(); s.Operations.Failed != 1 {
			t.Errorf("the parent counted %+v", s.Operations)
		}
		mustNot(t, k.Parent().Reset(Closed, Order{}))
		all[1].RecordSuccess(0)
		succeed(all[0])
		if o := k.Parent().Operations(); o.Total() != 2 {
			t.Errorf("a closed parent counts operations: %+v", o)
		}
		if admit, _ := all[0].Advise(); !admit {
			t.Error("the advice is not to")
		}
	})
}
