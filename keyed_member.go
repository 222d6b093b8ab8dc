package switchgear

import (
	"strings"
	"sync"
	"sync/atomic"
)

// The classes of keys, in the order in which they go.
const (
	closedClass int32 = iota
	recoveringClass
	pinnedClass // open by itself, or under an override: it does not go
	goneClass
)

// anyClass is a request for no class in particular.
const anyClass int32 = -1

// member is a key and its breaker.
type member struct {
	keyed *Keyed
	shard *shard
	key   string
	hash  uint64
	next  atomic.Pointer[member] // in its bucket

	born uint64        // the epoch that it began
	used atomic.Uint64 // the epoch of its last use

	class atomic.Int32 // written under the breaker's mutex

	// The breaker's mutex guards these.
	known   bool     // the key is: it counts
	open    bool     // as the parent counts
	opened  bool     // and unlock is to tell the parent
	counted *tallies // what the sums have of a key that went

	breaker Breaker
}

// shard is a part of the keys. It is read without a lock: a reader may miss a key
// while the shard changes, and looks again under the lock. A key's breaker's mutex
// is taken after it.
type shard struct {
	table atomic.Pointer[table]

	// epoch moves on with every key that comes, and is the clock of who was used
	// last: to read the time would cost more than the rest of a lookup.
	epoch atomic.Uint64
	_     [6]uint64 // no reader's cache line is written but for a new key

	mu      sync.Mutex
	members int
	classes [goneClass]atomic.Int64

	goneMu sync.Mutex // taken after a breaker's
	gone   tallies    // of keys that went
}

type table []atomic.Pointer[member]

// firstBuckets is how large a shard begins; a power of two.
const firstBuckets = 8

func newTable(buckets int) *table {
	t := make(table, buckets)
	return &t
}

func (t table) bucket(hash uint64) *atomic.Pointer[member] {
	return &t[hash&uint64(len(t)-1)] //nolint:gosec // a length
}

func (s *shard) find(hash uint64, key string) *member {
	for m := s.table.Load().bucket(hash).Load(); m != nil; m = m.next.Load() {
		if m.hash == hash && m.key == key {
			return m
		}
	}
	return nil
}

// insert makes the key's breaker. The shard is locked.
func (s *shard) insert(k *Keyed, hash uint64, key string) *member {
	m := &member{keyed: k, shard: s, key: strings.Clone(key), hash: hash, known: true}
	m.born = s.epoch.Add(2) - 1 // before what is used from now on
	m.used.Store(m.born)
	m.breaker.member = m
	m.breaker.begin(k.name, *k.template.Load())
	s.classes[closedClass].Add(1)
	s.members++
	if t := *s.table.Load(); s.members > len(t) {
		s.grow(t)
	}
	b := s.table.Load().bucket(hash)
	m.next.Store(b.Load())
	b.Store(m)
	return m
}

// grow puts the members into twice as many buckets.
func (s *shard) grow(old table) {
	t := newTable(2 * len(old))
	for i := range old {
		for m := old[i].Load(); m != nil; {
			next, b := m.next.Load(), t.bucket(m.hash)
			m.next.Store(b.Load())
			b.Store(m)
			m = next
		}
	}
	s.table.Store(t)
}

// unlink takes the member out. The shard is locked.
func (s *shard) unlink(m *member) {
	at := s.table.Load().bucket(m.hash)
	for at.Load() != m {
		at = &at.Load().next
	}
	at.Store(m.next.Load())
	m.next.Store(nil) // who holds on to it is not to keep others
	s.members--
}

// list are the members now.
func (s *shard) list() []*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listLocked()
}

func (s *shard) listLocked() []*member {
	all := make([]*member, 0, s.members)
	for i, t := 0, *s.table.Load(); i < len(t); i++ {
		for m := t[i].Load(); m != nil; m = m.next.Load() {
			all = append(all, m)
		}
	}
	return all
}

// touch notes a use.
func (m *member) touch() {
	if now := m.shard.epoch.Load(); m.used.Load() != now {
		m.used.Store(now)
	}
}

// own reports by an error if the breaker is not that of one key, and so not to be
// ordered about for one.
func (m *member) own() error {
	if m != nil && m == &m.keyed.overflow {
		return ErrNoRoom
	}
	return nil
}

func (m *member) name() string {
	if m == nil {
		return ""
	}
	return m.key
}

// watchers are who is told of the breaker's transitions besides its own.
func (m *member) watchers() observers[Transition] {
	if m == nil || !m.known {
		return nil
	}
	return m.keyed.notify.Load().all()
}

// note follows the breaker, whose mutex is held.
func (m *member) note() {
	if !m.known {
		return
	}
	b := &m.breaker
	mode := b.mode()
	class, open := closedClass, mode == Auto && b.state == Open
	switch {
	case open, b.override != nil:
		class = pinnedClass
	case mode == Auto && b.state == HalfOpen:
		class = recoveringClass
	}
	if old := m.class.Load(); class != old {
		m.class.Store(class)
		m.shard.classes[old].Add(-1)
		m.shard.classes[class].Add(1)
	}
	switch {
	case open == m.open:
	case open:
		m.keyed.open.Add(1)
		m.opened = true
	default:
		m.keyed.open.Add(-1)
	}
	m.open = open
}

// leave ends that the key counts. The breaker's mutex is held.
func (m *member) leave() {
	m.known = false
	m.shard.classes[m.class.Swap(goneClass)].Add(-1)
	if m.open {
		m.keyed.open.Add(-1)
	}
	m.counted = new(tallies)
}

// gone reports whether the key went. Its breaker has no timer then, so that it
// lives no longer than somebody holds it: the clock is looked at when it is used.
func (m *member) gone() bool { return m != nil && m.class.Load() == goneClass }

// counted is to be asked after a count that took no mutex, of an operation that was
// let in by the word. Where the key has gone since, what was counted before the word
// changed is in the sums; what was counted after it gets there now.
func (b *Breaker) counted(word uint64) {
	if b.word.Load() != word && b.member.gone() {
		b.lock()
		b.unlock()
	}
}

// rejected is counted of a rejection.
func (m *member) rejected() {
	if m.gone() {
		m.breaker.lock()
		m.breaker.unlock()
	}
}

// account is asked at the end of whatever moves the breaker, whose mutex is
// held. It reports whether the breaker has opened since, and the last error.
func (m *member) account() (opened bool, why string) {
	if m == nil {
		return false, ""
	}
	if m.counted != nil {
		now := m.breaker.tallies()
		m.shard.goneMu.Lock()
		m.shard.gone.move(m.counted, &now)
		m.shard.goneMu.Unlock()
		*m.counted = now
	}
	opened, m.opened = m.opened, false
	return opened, m.breaker.lastError
}
