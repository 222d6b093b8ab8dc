package socket

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"
)

// Tally counts by something of which there are few. The zero Tally is ready, and
// safe for concurrent use.
type Tally[K comparable] struct {
	mu sync.Mutex // of who adds another
	of atomic.Pointer[map[K]*atomic.Uint64]
}

// Add counts n more of k; n is not negative.
func (t *Tally[K]) Add(k K, n int) {
	of := t.of.Load()
	if of == nil || (*of)[k] == nil {
		of = t.with(k)
	}
	(*of)[k].Add(uint64(n)) //nolint:gosec // a length
}

// with has a place for k.
func (t *Tally[K]) with(k K) *map[K]*atomic.Uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[K]*atomic.Uint64)
	if of := t.of.Load(); of != nil {
		maps.Copy(next, *of)
	}
	if next[k] == nil {
		next[k] = new(atomic.Uint64)
	}
	t.of.Store(&next)
	return &next
}

// Counts are the counts now, for the caller to keep.
func (t *Tally[K]) Counts() map[K]uint64 {
	counts := make(map[K]uint64)
	if of := t.of.Load(); of != nil {
		for k, n := range *of {
			counts[k] = n.Load()
		}
	}
	return counts
}

// Types are the types of messages that are told apart.
type Types map[string]string

// TypesOf makes Types.
func TypesOf(types ...string) Types {
	set := make(Types, len(types))
	for _, t := range types {
		set[t] = t
	}
	return set
}

// OtherType is what messages of no type that is known are counted as.
const OtherType = "other"

// Of is the type of the message in a frame, which is the first of its fields, or
// OtherType.
func (t Types) Of(f Frame) string {
	if _, rest, ok := bytes.Cut(f[:min(len(f), 64)], []byte(`{"type":"`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte(`"`)); ok {
			if known, ok := t[string(name)]; ok {
				return known
			}
		}
	}
	return OtherType
}
