package switchgear

import (
	"cmp"
	"slices"
)

// batch: when there is no room, one in so many keys goes, so that what it takes
// to find them is shared by as many that come.
const batch = 16

// add makes the key's breaker, or finds that another was faster.
func (k *Keyed) add(s *shard, hash uint64, key string) *Breaker {
	s.mu.Lock()
	m := s.find(hash, key)
	room := m == nil && (k.reserve() || k.evict(s, closedClass))
	if m != nil || room {
		defer s.mu.Unlock()
		return k.settle(s, m, hash, key)
	}
	s.mu.Unlock()
	if !k.evictAnywhere(int(hash >> k.shift)) { //nolint:gosec // the number of a shard
		k.overflowed.Add(1)
		return &k.overflow.breaker
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m = s.find(hash, key); m != nil {
		k.size.Add(-1)
	}
	return k.settle(s, m, hash, key)
}

// settle uses the member, or makes it in the place that is reserved. The shard is
// locked.
func (k *Keyed) settle(s *shard, m *member, hash uint64, key string) *Breaker {
	if m != nil {
		m.touch()
		return &m.breaker
	}
	m = s.insert(k, hash, key)
	k.keyChanged(m, false, Operations{})
	return &m.breaker
}

// reserve takes a place for a key, if there is one.
func (k *Keyed) reserve() bool {
	for {
		n := k.size.Load()
		if n >= k.max {
			return false
		}
		if k.size.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// evictAnywhere is evict in whichever shard has what may go, from the first on: a
// closed one before a half-open one.
func (k *Keyed) evictAnywhere(first int) bool {
	for class := range pinnedClass {
		for i := range k.shards {
			s := &k.shards[(first+i)%len(k.shards)]
			if s.classes[class].Load() == 0 {
				continue
			}
			s.mu.Lock()
			made := k.evict(s, class)
			s.mu.Unlock()
			if made {
				return true
			}
		}
	}
	return false
}

// evict lets a share of the shard's keys of the class go, the least recently used
// first and of those used at the same time the oldest. It reports whether one
// went, whose place is then reserved for the asker. The shard is locked.
func (k *Keyed) evict(s *shard, class int32) bool {
	if s.classes[class].Load() == 0 {
		return false
	}
	type candidate struct {
		used, born uint64
		m          *member
	}
	var list []candidate
	for _, m := range s.listLocked() {
		if m.class.Load() == class {
			list = append(list, candidate{m.used.Load(), m.born, m})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.born, b.born))
	})
	want, gone := max(s.members/batch, 1), 0
	for _, c := range list {
		if gone == want {
			break
		}
		if k.retire(c.m, class) {
			gone++
		}
	}
	if gone == 0 {
		return false
	}
	k.size.Add(int64(1 - gone))
	k.evicted.Add(uint64(gone))
	return true
}

// retire takes a member of the class out. It reports whether it did: the member may
// have moved on meanwhile. The shard is locked.
func (k *Keyed) retire(m *member, class int32) bool {
	b := &m.breaker
	b.lock()
	if class != anyClass && m.class.Load() != class {
		b.unlock()
		return false
	}
	m.leave()
	b.setWord()
	b.unlock()
	m.shard.unlink(m)
	b.mu.Lock()
	total := m.counted.operations
	b.mu.Unlock()
	k.keyChanged(m, true, total)
	return true
}
