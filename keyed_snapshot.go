package switchgear

import (
	"math"
	"time"
)

// KeyedSnapshot is what is known of a Keyed as a whole. The breaker of a single
// key has a Snapshot of its own.
type KeyedSnapshot struct {
	KeyedTotals

	Service string
	At      time.Time

	// Keys are known now, of which Open are open by themselves, HalfOpen are in
	// a recovery and Pinned cannot go: those that are open or under an override.
	Keys, Open, HalfOpen, Pinned int

	// Evicted keys went to make room and Removed ones by hand. Overflowed is
	// how often a breaker was asked for and there was no room for its key.
	Evicted, Removed, Overflowed uint64

	// Parent is the breaker above all keys.
	Parent Snapshot
}

// KeyedTotals are the sums over all keys since the Keyed was made: those that are
// known, those that went, and those that found no room. What the parent rejected
// is among the rejections.
type KeyedTotals struct {
	Operations  Operations
	Rejections  Rejections
	Durations   Durations
	Transitions [3][3]uint64 // of the keys' breakers, by the states From and To
}

// Snapshot is what is known now. It asks every key's breaker, one after the
// other, which takes some microseconds for each: each is counted as it was then.
func (k *Keyed) Snapshot() KeyedSnapshot {
	s := KeyedSnapshot{
		Service: k.name, At: time.Now().UTC(), Parent: k.parent.Snapshot(),
		Evicted: k.evicted.Load(), Removed: k.removed.Load(), Overflowed: k.overflowed.Load(),
	}
	sum, _, _ := k.overflow.now()
	above := k.parent.Counts().Rejections
	sum.rejections.Open += above.Open
	sum.rejections.HalfOpen += above.HalfOpen
	sum.rejections.Forced += above.Forced
	sum.operations.Rejected += above.Open + above.HalfOpen + above.Forced
	for i := range k.shards {
		k.shards[i].addTo(&s, &sum)
	}
	s.KeyedTotals = KeyedTotals{
		Operations: sum.operations, Rejections: sum.rejections, Durations: sum.durations, Transitions: sum.edges,
	}
	return s
}

// addTo adds what the shard has. It is locked meanwhile, so that no key goes from
// those that are known to those that went and is in both or in none.
func (s *shard) addTo(of *KeyedSnapshot, sum *tallies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none tallies
	for _, m := range s.listLocked() {
		t, open, class := m.now()
		sum.move(&none, &t)
		of.Keys++
		if open {
			of.Open++
		}
		switch class {
		case recoveringClass:
			of.HalfOpen++
		case pinnedClass:
			of.Pinned++
		}
	}
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	sum.move(&none, &s.gone)
}

// now is what the breaker has counted, whether it is open by itself, and its class.
func (m *member) now() (t tallies, open bool, class int32) {
	m.breaker.mu.Lock()
	defer m.breaker.mu.Unlock()
	return m.breaker.tallies(), m.open, m.class.Load()
}

// tallies are the totals of a breaker, or of many.
type tallies struct {
	operations Operations
	rejections Rejections
	durations  Durations
	edges      [3][3]uint64
}

// tallies are the breaker's, whose mutex is held. One that was never used is to stay
// as small as it is.
func (b *Breaker) tallies() tallies {
	r := b.rejections()
	t := tallies{operations: b.operations(b.successes(), r), rejections: r}
	if c := b.counters.Load(); c != nil {
		t.durations = c.timings.durations()
	}
	for from := range b.edges {
		for to, n := range b.edges[from] {
			t.edges[from][to] = uint64(n)
		}
	}
	return t
}

// move adds what lies between from and to.
func (t *tallies) move(from, to *tallies) {
	t.operations.Successful += to.operations.Successful - from.operations.Successful
	t.operations.Failed += to.operations.Failed - from.operations.Failed
	t.operations.Rejected += to.operations.Rejected - from.operations.Rejected
	t.operations.Ignored += to.operations.Ignored - from.operations.Ignored
	t.rejections.Open += to.rejections.Open - from.rejections.Open
	t.rejections.HalfOpen += to.rejections.HalfOpen - from.rejections.HalfOpen
	t.rejections.Forced += to.rejections.Forced - from.rejections.Forced
	for i := range t.durations.Counts {
		t.durations.Counts[i] += to.durations.Counts[i] - from.durations.Counts[i]
	}
	more := to.durations.Sum - from.durations.Sum
	t.durations.Sum += min(more, math.MaxInt64-t.durations.Sum)
	for i := range t.edges {
		for j := range t.edges[i] {
			t.edges[i][j] += to.edges[i][j] - from.edges[i][j]
		}
	}
}
