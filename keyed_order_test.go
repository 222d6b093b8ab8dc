package switchgear

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// modelKey is a key as a naive model has it.
type modelKey struct {
	key        string
	born, used int
	open       time.Duration // until then
	forced     bool
}

// keysModel is a list of keys. Whoever has room is not asked who goes.
type keysModel struct {
	max, epoch int
	now        time.Duration
	keys       map[string]*modelKey
	overflowed uint64
}

// class is in the order in which keys go.
func (m *keysModel) class(k *modelKey) int32 {
	switch {
	case k.forced, k.open > m.now:
		return pinnedClass
	case k.open > 0:
		return recoveringClass
	}
	return closedClass
}

// use is Keyed.Breaker; it returns nil where there is no room.
func (m *keysModel) use(key string) *modelKey {
	if k := m.keys[key]; k != nil {
		k.used = m.epoch
		return k
	}
	if len(m.keys) == m.max && !m.evict() {
		m.overflowed++
		return nil
	}
	m.epoch += 2
	m.keys[key] = &modelKey{key: key, born: m.epoch - 1, used: m.epoch - 1}
	return m.keys[key]
}

func (m *keysModel) evict() bool {
	list := slices.SortedFunc(maps.Values(m.keys), func(a, b *modelKey) int {
		return cmp.Or(int(m.class(a)-m.class(b)), a.used-b.used, a.born-b.born)
	})
	class := m.class(list[0])
	if class == pinnedClass {
		return false
	}
	for _, k := range list[:max(m.max/16, 1)] {
		if m.class(k) == class {
			delete(m.keys, k.key)
		}
	}
	return true
}

// TestKeyed_KeysGoInTheOrderOfTheModel holds random histories against it.
func TestKeyed_KeysGoInTheOrderOfTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var wrong string
		var ended any
		synctest.Test(t, func(t *testing.T) {
			defer func() { ended = recover() }()
			wrong = playKeys(t, r)
		})
		if ended != nil {
			panic(ended)
		}
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

func playKeys(t *testing.T, r *rapid.T) (wrong string) {
	t.Helper()
	most := sample(r, "max keys", 1, 2, 3, 8, 20, 40)
	k := newKeyed(t, KeyedConfig{
		Config:  Config{FailureThreshold: 1, ResetTimeout: 10 * time.Second, BackoffMultiplier: 1},
		MaxKeys: most,
	})
	m := &keysModel{max: most, keys: make(map[string]*modelKey)}
	drawKey := func() string { return strconv.Itoa(rapid.IntRange(0, 2*most+1).Draw(r, "key")) }
	start := time.Now()
	for range rapid.IntRange(1, 200).Draw(r, "steps") {
		m.now = time.Since(start)
		switch sample(r, "step", "use", "use", "use", "fail", "force", "free", "sleep", "remove") {
		case "use":
			key := drawKey()
			b, want := k.Breaker(key), m.use(key)
			if want == nil != (b == &k.overflow.breaker) {
				return fmt.Sprintf("the breaker of %s has the key %q", key, b.Key())
			}
		case "fail":
			key := drawKey()
			b, is := k.Breaker(key), m.use(key)
			if fail(b); is == nil {
				break
			}
			is.used = m.epoch
			if !is.forced && is.open <= m.now {
				is.open = m.now + 10*time.Second
			}
		case "force":
			key := drawKey()
			if b, is := k.Breaker(key), m.use(key); is != nil {
				mustNot(t, b.Override(untilTomorrow(ForcedClosed)))
				is.forced = true
			}
		case "free":
			for _, is := range m.keys {
				if is.forced {
					b, _ := k.Lookup(is.key)
					mustNot(t, b.EndOverride(Order{}))
					is.forced, is.open = false, 0
				}
			}
		case "sleep":
			wait(sample(r, "time", time.Second, 5*time.Second))
		case "remove":
			key := drawKey()
			if k.Remove(key) != (m.keys[key] != nil) {
				return "a key is removed that was not there, or the other way about"
			}
			delete(m.keys, key)
		}
		got, want := known(k), slices.Sorted(maps.Keys(m.keys))
		if !slices.Equal(got, want) || k.overflowed.Load() != m.overflowed {
			return fmt.Sprintf("the keys are %q, want %q; overflowed %d, want %d", got, want, k.overflowed.Load(), m.overflowed)
		}
	}
	return ""
}
