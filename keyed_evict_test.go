package switchgear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeyed_LetsTheLeastRecentlyUsedGo(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(k *Keyed, b *Breaker){
		"asked for":          func(k *Keyed, b *Breaker) { k.Breaker(b.Key()) },
		"Do":                 func(_ *Keyed, b *Breaker) { succeed(b) },
		"Allow":              func(_ *Keyed, b *Breaker) { _, _ = b.Allow(context.Background()) },
		"a recorded outcome": func(_ *Keyed, b *Breaker) { b.RecordSuccess(0) },
		"an ignored outcome": func(_ *Keyed, b *Breaker) { b.RecordIgnored() },
		"advice":             func(_ *Keyed, b *Breaker) { b.Advise() },
		"Do, forced closed":  func(_ *Keyed, b *Breaker) { forcedClosed(t, b, succeed) },
		"Do, forced closed and timed": func(_ *Keyed, b *Breaker) {
			mustNot(t, b.Configure(slowRule(5)))
			forcedClosed(t, b, succeed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, KeyedConfig{MaxKeys: 3})
			a := k.Breaker("a")
			succeed(a)
			k.Breaker("b")
			k.Breaker("c")
			use(k, a)
			k.Lookup("b") // is no use
			k.Breaker("d")
			wantKeys(t, k, "a", "c", "d")
			k.Breaker("e")
			wantKeys(t, k, "a", "d", "e")
			quiet(a)
		})
	}
}

func forcedClosed(t *testing.T, b *Breaker, use func(*Breaker)) {
	t.Helper()
	mustNot(t, b.Override(untilTomorrow(ForcedClosed)))
	use(b)
	mustNot(t, b.EndOverride(Order{}))
}

func TestKeyed_AnOpenOneNeverGoesBeforeItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: fragile(), MaxKeys: 3})
		k.Breaker("open").HandleError(errBoom, 0)
		mustNot(t, k.Breaker("forced").Override(untilTomorrow(ForcedClosed)))
		for i := range 100 {
			k.Breaker(strconv.Itoa(i))
		}
		wantKeys(t, k, "99", "forced", "open")
		k.Breaker("99").HandleError(errBoom, 0) // now none can go
		over := k.Breaker("more")
		if over != k.Breaker("and more") || over.Key() != "" {
			t.Error("keys without room have breakers of their own")
		}
		for range 10 {
			fail(over)
		}
		for what, err := range map[string]error{
			"an override": over.Override(untilTomorrow(ForcedOpen)),
			"a config":    over.Configure(Config{}),
			"a snapshot":  over.Restore(Snapshot{Service: k.Name(), State: Open, OpenTime: time.Minute}),
		} {
			if !errors.Is(err, ErrNoRoom) {
				t.Errorf("%s of one key, for all that find no room: %v", what, err)
			}
		}
		if !do(over, nil) {
			t.Error("one that fails shuts out the others that find no room")
		}
		wantKeys(t, k, "99", "forced", "open")
		if s := k.Snapshot(); s.Overflowed != 2 || s.Pinned != 3 || s.Open != 2 || s.Operations.Failed != 12 {
			t.Errorf("counted %+v", s)
		}
		wait(time.Minute) // both open ones begin a recovery
		k.Breaker("late")
		wantKeys(t, k, "99", "forced", "late")
		k.Breaker("later") // a closed one before a half-open one
		wantKeys(t, k, "99", "forced", "later")
		mustNot(t, k.Breaker("forced").EndOverride(Order{}))
		k.Breaker("99")
		k.Breaker("latest")
		wantKeys(t, k, "99", "forced", "latest")
	})
}

func TestKeyed_SumsKeepWhatWent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: fragile(), MaxKeys: 2})
		a := k.Breaker("a")
		succeed(a)
		p, err := a.Allow(t.Context())
		mustNot(t, err)
		fast, err := k.Breaker("a").Allow(t.Context())
		mustNot(t, err)
		for _, key := range []string{"b", "c", "d"} {
			b := k.Breaker(key)
			b.RecordSuccess(3 * time.Millisecond)
			b.RecordIgnored()
		}
		wantKeys(t, k, "c", "d")
		fast.Done(nil) // what ends after its key went
		succeed(a)
		p.Done(errBoom)
		fail(a) // it is open, though nobody's part
		c := k.Breaker("c")
		fail(c)
		fail(c)
		k.Remove("c")
		fail(c)
		mustNot(t, k.Parent().Override(untilTomorrow(ForcedOpen)))
		succeed(k.Breaker("d"))
		mustNot(t, k.Parent().EndOverride(Order{}))
		mustNot(t, k.Parent().Reset(Closed, Order{}))
		wantState(t, a, Open)
		s := k.Snapshot()
		want := Operations{Successful: 6, Failed: 2, Rejected: 4, Ignored: 3}
		if s.Operations != want || s.Open != 0 || s.Pinned != 0 || s.Keys != 1 {
			t.Errorf("counted %+v, want %+v", s, want)
		}
		wait(time.Minute - 1)
		if do(a, nil) || do(c, nil) {
			t.Error("one whose key went is open no more")
		}
		time.Sleep(time.Nanosecond)
		if !do(a, nil) || !do(c, nil) {
			t.Error("one whose key went stays open without a timer")
		}
		s = k.Snapshot()
		want = Operations{Successful: 8, Failed: 2, Rejected: 6, Ignored: 3}
		if s.Operations != want || s.Evicted != 2 || s.Removed != 1 {
			t.Errorf("counted %+v, want %+v", s, want)
		}
		if s.Rejections != (Rejections{Open: 5, Forced: 1}) || s.Transitions[Closed][Open] != 2 || s.Transitions[Open][HalfOpen] != 2 {
			t.Errorf("counted %+v", s)
		}
		measured := uint64(0)
		for _, n := range s.Durations.Counts {
			measured += n
		}
		if measured < 6 || s.Durations.Sum < 9*time.Millisecond {
			t.Errorf("durations %+v", s.Durations)
		}
	})
}

func TestKeyed_SumsHaveWhatIsRejectedAfterItsKeyWent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: fragile()})
		a := k.Breaker("a")
		fail(a)
		k.Remove("a")
		want := func(r Rejections) {
			t.Helper()
			if s := k.Snapshot(); s.Rejections != r {
				t.Errorf("counted %+v, want %+v", s.Rejections, r)
			}
		}
		fail(a)
		want(Rejections{Open: 1})
		wait(time.Minute)
		_, err := a.Allow(t.Context())
		mustNot(t, err)
		fail(a) // beside the probe
		want(Rejections{Open: 1, HalfOpen: 1})
		mustNot(t, a.Override(untilTomorrow(ForcedOpen)))
		fail(a)
		want(Rejections{Open: 1, HalfOpen: 1, Forced: 1})
	})
}

func TestKeyed_WhatWentHoldsNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: Config{FailureThreshold: 2, SlowCallDuration: time.Second, SlowCallRateThreshold: 0.5}, MaxKeys: 4})
		var gone []*Breaker
		var permits []Permit
		for i := range 100 {
			b := k.Breaker(strconv.Itoa(i))
			succeed(b)
			fail(b)
			p, err := b.Allow(t.Context())
			mustNot(t, err)
			permits = append(permits, p)
			if gone = append(gone, b); i%10 == 0 {
				mustNot(t, b.Reset(HalfOpen, Order{}))
				succeed(b)
				k.Remove(b.Key())
			}
		}
		for i, b := range gone {
			if m := b.member; m.known {
				k.Remove(b.Key())
			}
			permits[i].Done(errBoom)
			if b.timer != nil && b.timer.Stop() || b.armed != math.MaxInt64 {
				t.Errorf("%s has a timer for %v", b.Key(), time.Duration(b.armed-b.now()))
			}
		}
	})
}

// TestKeyed_AMillionKeysTakeBoundedMemory is alone: it looks at the heap.
func TestKeyed_AMillionKeysTakeBoundedMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n := 1_000_000
	if raced {
		n = 30_000
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	k := newKeyed(t, KeyedConfig{})
	for i := range n {
		b := k.Breaker(fmt.Sprintf("tenant-%d", i))
		b.RecordSuccess(time.Millisecond)
		b.HandleError(errBoom, 0)
	}
	if after := runtime.NumGoroutine(); after > goroutines {
		t.Errorf("%d goroutines more", after-goroutines)
	}
	s, all := k.Snapshot(), uint64(n)
	if s.Keys > defaultMaxKeys || s.Operations != (Operations{Successful: all, Failed: all}) {
		t.Errorf("counted %+v", s)
	}
	after := heap()
	each := int64(after-before) / int64(k.Len())
	t.Logf("%d KiB for %d keys, %d bytes each", (after-before)>>10, k.Len(), each)
	// A breaker may take 2 KiB; the rest is for its key, and for those that went whose
	// stopped timers the runtime still keeps: it lets a quarter of all be such.
	if each > 3072 {
		t.Errorf("a key takes %d bytes, want 3072 at most", each)
	}
	for _, b := range k.All() {
		quiet(b)
	}
	runtime.KeepAlive(k)
}

// TestKeyed_HoldsAsManyKeysAsItMay is of the many shards of a large one.
func TestKeyed_HoldsAsManyKeysAsItMay(t *testing.T) {
	t.Parallel()
	const most = 20_000
	k := newKeyed(t, KeyedConfig{Config: fragile(), MaxKeys: most})
	for i := range most {
		k.Breaker(strconv.Itoa(i))
	}
	if s := k.Snapshot(); s.Keys != most || s.Evicted != 0 || len(k.shards) != 16 {
		t.Errorf("counted %+v in %d shards", s, len(k.shards))
	}
	for i := range most - 1 {
		mustNot(t, k.Breaker(strconv.Itoa(i)).Override(untilTomorrow(ForcedClosed)))
	}
	for i := range 100 { // only one place is to be had, in whichever shard
		if b := k.Breaker(fmt.Sprint("more", i)); b.Key() == "" {
			t.Fatal("the last place is not found")
		}
	}
	if s := k.Snapshot(); s.Keys != most || s.Pinned != most-1 || s.Evicted != 100 || s.Overflowed != 0 {
		t.Errorf("counted %+v", s)
	}
	for _, b := range k.All() {
		quiet(b)
	}
}
