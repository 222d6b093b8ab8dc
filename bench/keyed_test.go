package main

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/degenduel/switchgear"
)

// keyedLoads are how a benchmark calls: in a plain loop, or from two or sixteen
// goroutines. Each goroutine gets a number, and each call its own.
var keyedLoads = []struct {
	name       string
	goroutines int
}{{"serial", 0}, {"par", 2}, {"par16", 16}}

func runKeyed(b *testing.B, call func(goroutine, i int)) {
	b.Helper()
	for _, l := range keyedLoads {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			if l.goroutines == 0 {
				for i := 0; b.Loop(); i++ {
					call(0, i)
				}
				return
			}
			var number atomic.Int64
			b.SetParallelism(max(1, l.goroutines/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				g := int(number.Add(1))
				for i := 0; pb.Next(); i++ {
					call(g, i)
				}
			})
		})
	}
}

func hosts(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "api-" + strconv.Itoa(i) + ".example.com"
	}
	return keys
}

func keyed(b *testing.B, cfg switchgear.KeyedConfig) *switchgear.Keyed {
	b.Helper()
	k, err := switchgear.NewKeyed("upstreams", cfg)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func nothing(context.Context) (int, error) { return 0, nil }

// BenchmarkKeyed_KnownKey is to find the breaker of one of many keys; beside it
// the same in a sync.Map.
func BenchmarkKeyed_KnownKey(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		keys := hosts(n)
		k := keyed(b, switchgear.KeyedConfig{MaxKeys: n})
		var m sync.Map
		for _, key := range keys {
			m.Store(strings.Clone(key), k.Breaker(key)) // as keys come, out of requests
		}
		at := func(goroutine, i int) string { return keys[(i*7919+goroutine*104729)%n] }
		b.Run(strconv.Itoa(n)+" keys", func(b *testing.B) {
			runKeyed(b, func(goroutine, i int) { k.Breaker(at(goroutine, i)) })
		})
		b.Run("sync.Map of "+strconv.Itoa(n), func(b *testing.B) {
			runKeyed(b, func(goroutine, i int) { m.Load(at(goroutine, i)) })
		})
	}
}

// BenchmarkKeyed_Do is a call that succeeds: of a breaker of its own, of a key's
// that is at hand, and of a key's that is looked up.
func BenchmarkKeyed_Do(b *testing.B) {
	ctx := context.Background()
	b.Run("no key", func(b *testing.B) {
		plain, err := switchgear.New("upstream", switchgear.Config{})
		if err != nil {
			b.Fatal(err)
		}
		runKeyed(b, func(int, int) { _, _ = switchgear.Do(ctx, plain, nothing) })
	})
	k := keyed(b, switchgear.KeyedConfig{OpenShare: 0.5})
	keys := hosts(1000)
	for _, key := range keys {
		k.Breaker(key)
	}
	b.Run("a key's breaker", func(b *testing.B) {
		one := k.Breaker(keys[0])
		runKeyed(b, func(int, int) { _, _ = switchgear.Do(ctx, one, nothing) })
	})
	b.Run("one key", func(b *testing.B) {
		runKeyed(b, func(int, int) { _, _ = switchgear.Do(ctx, k.Breaker(keys[0]), nothing) })
	})
	b.Run("1000 keys", func(b *testing.B) {
		runKeyed(b, func(goroutine, i int) {
			_, _ = switchgear.Do(ctx, k.Breaker(keys[(i+goroutine*61)%len(keys)]), nothing)
		})
	})
	b.Run("rejected by the parent", func(b *testing.B) {
		k := keyed(b, switchgear.KeyedConfig{Config: switchgear.Config{FailureThreshold: 1}, OpenShare: 0.1})
		for i := range 2 {
			_, _ = switchgear.Do(ctx, k.Breaker(keys[i]), func(context.Context) (int, error) { return 0, errCall })
		}
		if k.Parent().State() != switchgear.Open {
			b.Fatal("the parent is not open")
		}
		runKeyed(b, func(int, int) { _, _ = switchgear.Do(ctx, k.Breaker(keys[9]), nothing) })
	})
}

// BenchmarkKeyed_NewKey is to make the breaker of a key that is not known, with a
// call, where another must go for it.
func BenchmarkKeyed_NewKey(b *testing.B) {
	for _, most := range []int{1024, 100_000} {
		b.Run(strconv.Itoa(most)+" at most", func(b *testing.B) {
			k := keyed(b, switchgear.KeyedConfig{MaxKeys: most})
			for _, key := range hosts(most) {
				k.Breaker(key)
			}
			ctx, next := context.Background(), new(atomic.Int64)
			runKeyed(b, func(int, int) {
				_, _ = switchgear.Do(ctx, k.Breaker(strconv.FormatInt(next.Add(1), 10)), nothing)
			})
			if n := k.Len(); n > most {
				b.Errorf("%d keys are known", n)
			}
		})
	}
}
