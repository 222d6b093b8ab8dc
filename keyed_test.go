package switchgear

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newKeyed(t *testing.T, cfg KeyedConfig) *Keyed {
	t.Helper()
	if cfg.Config.Jitter == 0 {
		cfg.Config.Jitter = -1
	}
	k, err := NewKeyed("upstreams", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fragile is a config whose breakers open on the first failure.
func fragile() Config { return Config{FailureThreshold: 1} }

func known(k *Keyed) []string {
	return slices.Sorted(func(yield func(string) bool) {
		for key := range k.All() {
			if !yield(key) {
				return
			}
		}
	})
}

func wantKeys(t *testing.T, k *Keyed, want ...string) {
	t.Helper()
	if got := known(k); !slices.Equal(got, want) || k.Len() != len(want) {
		t.Fatalf("the keys are %q, %d of them, want %q", got, k.Len(), want)
	}
}

func TestKeyed_IsOneBreakerAKey(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, KeyedConfig{Config: fragile()})
	a := k.Breaker("a")
	if k.Breaker("a") != a || k.Breaker("b") == a || a.Key() != "a" || a.Name() != "upstreams" {
		t.Fatalf("a is %q of %q", a.Key(), a.Name())
	}
	fail(a)
	wantState(t, a, Open)
	wantState(t, k.Breaker("b"), Closed)
	var open *OpenError
	if _, err := a.Allow(t.Context()); !errors.As(err, &open) || open.Service != "upstreams" || open.Key != "a" {
		t.Fatalf("the rejection is %+v", open)
	}
	if text := open.Error(); !strings.HasPrefix(text, `switchgear: upstreams["a"] is open: failure_threshold, 1 failures`) {
		t.Error(text)
	}
	if b, ok := k.Lookup("a"); b != a || !ok {
		t.Error("a is not found")
	}
	if b, ok := k.Lookup("c"); b != nil || ok {
		t.Error("a key that nobody asked for is found")
	}
	wantKeys(t, k, "a", "b")
	if all := maps.Collect(k.All()); all["a"] != a {
		t.Error("All has another breaker of a")
	}
	for range k.All() {
		break
	}
	if New, err := New("plain", Config{}); err != nil || New.Key() != "" {
		t.Errorf("a breaker of its own has the key %q, %v", New.Key(), err)
	}
	quiet(a)
}

// TestKeyed_AllocatesNothingForAKnownKey is alone: it counts what the process allocates.
func TestKeyed_AllocatesNothingForAKnownKey(t *testing.T) {
	k := newKeyed(t, KeyedConfig{OpenShare: 0.5})
	host := []byte("api.example.com")
	key, ctx := string(host), context.Background()
	k.Breaker(key)
	call := func(context.Context) (int, error) { return 0, nil }
	for name, f := range map[string]func(){
		"Breaker": func() { k.Breaker(key) },
		"Do":      func() { _, _ = Do(ctx, k.Breaker(key), call) },
		"Allow": func() {
			p, _ := k.Breaker(key).Allow(ctx)
			p.Done(nil)
		},
	} {
		f()
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	mustNot(t, k.Parent().Override(untilTomorrow(ForcedOpen)))
	if n := testing.AllocsPerRun(1000, func() { _, _ = Do(ctx, k.Breaker(key), call) }); n != 0 {
		t.Errorf("a rejection by the parent allocates %v times", n)
	}
	quiet(k.Parent())
}

func TestKeyed_TakesAnyTextForAKey(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, KeyedConfig{})
	long := strings.Repeat("é", 4000)
	keys := []string{"", "\x00", "\xff\xfe", "Ünïcode/../..", long, long + "a", long + "b", strings.Repeat("x", MaxKeyLength)}
	seen := make(map[*Breaker]bool)
	for _, key := range keys {
		b := k.Breaker(key)
		if seen[b] || b != k.Breaker(key) {
			t.Errorf("%.20q has no breaker of its own", key)
		}
		seen[b] = true
		if got := b.Key(); len(key) <= MaxKeyLength && got != key || len(got) > MaxKeyLength {
			t.Errorf("%.20q is called %q", key, got)
		}
		if found, _ := k.Lookup(key); found != b {
			t.Errorf("%.20q is not found", key)
		}
	}
	for _, key := range keys {
		if !k.Remove(key) || k.Remove(key) {
			t.Errorf("%.20q is not removed once", key)
		}
	}
	wantKeys(t, k)
}

func TestNewKeyed_RefusesABadConfigWhole(t *testing.T) {
	t.Parallel()
	if _, err := NewKeyed("No Name", KeyedConfig{}); err == nil {
		t.Error("a bad name passes")
	}
	_, err := NewKeyed("x", KeyedConfig{
		Config: Config{FailureThreshold: -1}, MaxKeys: 1_000_001, OpenShare: 1.5, MinimumKeys: -1,
	})
	var bad *ConfigError
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range bad.Fields() {
		fields = append(fields, f.Field)
	}
	if want := []string{"failureThreshold", "maxKeys", "openShare", "minimumKeys"}; !slices.Equal(fields, want) {
		t.Errorf("%q are refused, want %q: %v", fields, want, err)
	}
	k := newKeyed(t, KeyedConfig{})
	if err := k.Configure(Config{FailureThreshold: -1}); !errors.As(err, &bad) {
		t.Errorf("Configure takes a bad config: %v", err)
	}
}

func TestKeyed_ConfiguresAllKeysAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{MaxKeys: 4, OpenShare: 0.5})
		for i := range 4 {
			succeed(k.Breaker(fmt.Sprint("old", i)))
		}
		k.Breaker("old0").HandleError(errBoom, 0)
		mustNot(t, k.Configure(Config{FailureThreshold: 2, ResetTimeout: time.Second, Jitter: -1, Version: 7}))
		for key, b := range k.All() {
			if c := b.Config(); c.FailureThreshold != 2 || c.Version != 7 {
				t.Errorf("%s has %+v", key, c)
			}
		}
		k.Breaker("old0").HandleError(errBoom, 0) // with the one of before
		wantState(t, k.Breaker("old0"), Open)
		if c := k.Breaker("new").Config(); c.FailureThreshold != 2 {
			t.Errorf("a new key has %+v", c)
		}
		if c := k.Parent().Config(); c.ResetTimeout != time.Second || c.FailureRateThreshold != 0.5 {
			t.Errorf("the parent has %+v", c)
		}
		mustNot(t, k.Configure(Config{Disabled: true}))
		if b := k.Breaker("old0"); b.Mode() != Disabled || !do(b, nil) {
			t.Error("a key is not disabled")
		}
		mustNot(t, k.Configure(Config{}))
		if b := k.Breaker("old0"); b.Mode() != Auto || b.State() != Closed {
			t.Errorf("enabled again it is %v, %v", b.Mode(), b.State())
		}
	})
}

func TestKeyed_TellsTransitionsOfAllKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: Config{FailureThreshold: 1, ResetTimeout: time.Second}, MaxKeys: 2000})
		var told record[Transition]
		stop := k.Observe(told.add)
		for range 3 {
			for i := range 1500 {
				k.Breaker(strconv.Itoa(i)).HandleError(errBoom, 0)
			}
			wait(2 * time.Hour)
			for i := range 1500 {
				succeed(k.Breaker(strconv.Itoa(i)))
			}
			wait(2 * time.Hour)
		}
		last := make(map[string]uint64)
		for _, e := range told.all() {
			if last[e.Key]++; e.Number != last[e.Key] || e.Service != "upstreams" || e.After.Key != e.Key {
				t.Fatalf("after %d of %s came %+v", last[e.Key]-1, e.Key, e)
			}
		}
		if n := len(told.all()); n != 3*3*1500 {
			t.Errorf("%d transitions were told", n)
		}
		gone := k.Breaker("0")
		k.Remove("0")
		gone.HandleError(errBoom, 0)
		synctest.Wait()
		stop()
		k.Breaker("0").HandleError(errBoom, 0)
		synctest.Wait()
		if n := len(told.all()); n != 3*3*1500 {
			t.Error("a transition was told after the end")
		}
		if s := k.Snapshot(); s.Transitions[Closed][Open] != 3*1500+2 || s.Transitions[HalfOpen][Closed] != 3*1500 {
			t.Errorf("counted %v", s.Transitions)
		}
	})
}

func TestKeyed_TellsWhichKeysComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{MaxKeys: 2})
		var told record[KeyChange]
		stop := k.ObserveKeys(told.add)
		succeed(k.Breaker("a"))
		fail(k.Breaker("b"))
		k.Breaker("c") // in the place of a
		k.Remove("b")
		synctest.Wait()
		stop()
		k.Remove("c")
		synctest.Wait()
		want := []KeyChange{
			{Key: "a", Number: 1},
			{Key: "b", Number: 2},
			{Key: "a", Number: 3, Gone: true, Operations: Operations{Successful: 1}},
			{Key: "c", Number: 4},
			{Key: "b", Number: 5, Gone: true, Operations: Operations{Failed: 1}},
		}
		for i := range want {
			want[i].Service = "upstreams"
		}
		if got := told.all(); !slices.Equal(got, want) {
			t.Errorf("told %+v,\nwant %+v", got, want)
		}
	})
}

func TestKeyed_RestoresAKeyAndNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, KeyedConfig{Config: fragile(), MaxKeys: 2})
		fail(k.Breaker("a"))
		s := k.Breaker("a").Snapshot()
		again := newKeyed(t, KeyedConfig{Config: fragile(), MaxKeys: 2})
		if err := again.Breaker("b").Restore(s); err == nil {
			t.Error("the snapshot of another key is restored")
		}
		mustNot(t, again.Breaker("a").Restore(s))
		wantState(t, again.Breaker("a"), Open)
		again.Breaker("c")
		wantKeys(t, again, "a", "c") // what was restored open is known to be open
		if n := again.Snapshot(); n.Open != 1 || n.Operations.Failed != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}
