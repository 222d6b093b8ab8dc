package switchgear

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"
)

// MaxKeyLength is how many bytes of a key are kept. A longer one is known by
// its beginning and a hash of the whole, which are as long together.
const MaxKeyLength = 256

const (
	defaultMaxKeys     = 1024
	defaultMinimumKeys = 2

	// exactKeys is up to how many keys the least recently used one of all goes
	// first. More are dealt by their hash to shards of at most so many, so that
	// no pass over one takes long, and the least recently used one of a shard goes.
	exactKeys    = 4096
	keysPerShard = 2048
)

// KeyedConfig is how a Keyed makes its breakers, and how many.
type KeyedConfig struct {
	// Config is that of every key's breaker. The parent has the same times:
	// ResetTimeout, MinHealthyPeriod, ProbeTimeout, the backoff and the steps
	// of its recovery.
	Config Config

	// MaxKeys is how many keys are known at most. One takes about 0.6 KiB, and 2 KiB
	// from its first operation on. 1 to 1 000 000; default 1 024.
	MaxKeys int

	// OpenShare opens the parent when a breaker opens and more than this share of
	// the keys' is open then; a share that grows because keys go opens nothing.
	// 0 to 1, where 1 can never be exceeded; default 0, off. During a recovery of
	// the parent it is its FailureRateThreshold, or, off, a half is: after the
	// first success, single keys that fail do not open it again.
	OpenShare float64

	// MinimumKeys is how many breakers must be open, besides, for the parent to
	// open. 1 to 1 000 000; default 2.
	MinimumKeys int
}

// Validate returns a *ConfigError that names every field that is out of its
// range, also those of Config; or nil.
func (c KeyedConfig) Validate() error {
	var e ConfigError
	if err := c.Config.Validate(); err != nil {
		var of *ConfigError
		errors.As(err, &of)
		e = *of
	}
	e.addProblem("maxKeys", outside(float64(c.MaxKeys), 0, maxCount))
	e.addProblem("openShare", outside(c.OpenShare, 0, 1))
	e.addProblem("minimumKeys", outside(float64(c.MinimumKeys), 0, maxCount))
	return e.orNil()
}

// Keyed is a service of many parts that fail on their own, such as hosts, shards
// or tenants: one breaker for each key, all of one config, and a parent above
// them. All methods are safe for concurrent use.
//
// A key's breaker admits what its parent admits too, so whoever has it needs not
// know that it is one of many. It is made when its key is first asked for. When
// there are MaxKeys, a sixteenth of them goes to make room, the least recently
// used first and none but closed ones; where there is no closed one, half-open
// ones go. Open ones and those under an override stay. To use a breaker is to ask
// for it by its key, or to run or record an operation with it.
//
// A breaker whose key went works on for those who hold it, under the same parent,
// but is no part any more: it has no say in the parent's opening, its transitions
// are told to nobody but its own observers, and, without a timer, come when it is
// used or looked at. What it counts still comes into the sums.
type Keyed struct {
	name     string
	max      int64
	share    float64
	minimum  int64
	parent   Breaker
	overflow member
	seed     maphash.Seed
	shift    uint8 // of a hash, to the number of its shard
	shards   []shard

	size atomic.Int64 // keys that are known or about to be
	open atomic.Int64

	evicted, removed, overflowed atomic.Uint64

	exemplars atomic.Pointer[exemplars] // of all keys; none without Hooks

	template     atomic.Pointer[rules]
	notify       atomic.Pointer[observers[Transition]]
	notifyOfKeys atomic.Pointer[observers[KeyChange]]

	mu      sync.Mutex // of what is asked for by hand; taken before all others
	keyMu   sync.Mutex // taken last but for an observer's own
	changes uint64     // of keys
}

// NewKeyed makes a Keyed without keys. The name must be one of a service; the
// error for a bad config is a *ConfigError.
func NewKeyed(name string, cfg KeyedConfig) (*Keyed, error) {
	if !ValidName(name) {
		return nil, badName(name)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	orDefault := func(v, d int) int64 {
		if v == 0 {
			v = d
		}
		return int64(v)
	}
	k := &Keyed{
		name: name, share: cfg.OpenShare, seed: maphash.MakeSeed(),
		max: orDefault(cfg.MaxKeys, defaultMaxKeys), minimum: orDefault(cfg.MinimumKeys, defaultMinimumKeys),
	}
	n := 1
	if k.max > exactKeys {
		n = 1 << bits.Len64(uint64(k.max-1)/keysPerShard)
	}
	k.shards, k.shift = make([]shard, n), uint8(64-bits.TrailingZeros(uint(n))) //nolint:gosec // at most 64
	for i := range k.shards {
		k.shards[i].table.Store(newTable(firstBuckets))
	}
	k.parent.begin(name, k.parentConfig(cfg.Config).rules())
	template := cfg.Config.rules()
	k.template.Store(&template)
	k.overflow.keyed, k.overflow.shard = k, new(shard)
	k.overflow.breaker.member = &k.overflow
	k.overflow.breaker.begin(name, overflowConfig(cfg.Config).rules())
	return k, nil
}

func badName(name string) error {
	return fmt.Errorf("switchgear: %q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", name)
}

// Name is the service's, and that of all its breakers.
func (k *Keyed) Name() string { return k.name }

// Parent is the breaker above all keys: open, or forced open, it rejects what
// theirs would admit, with an OpenError without a key. It counts what it rejects
// and, of operations, those of its recoveries. An override or a reset of the whole
// service is to be asked of it; its config is Keyed.Configure's.
func (k *Keyed) Parent() *Breaker { return &k.parent }

// Breaker is that of the key, made if there is none. It is never nil: where
// MaxKeys are known and none of them can go, it is one breaker for all other
// keys, which has no key, counts, admits whatever the parent admits, and takes no
// orders: ErrNoRoom refuses them. For a key of up to MaxKeyLength bytes that is
// known it takes no lock and allocates nothing.
//
// The key may be any text. It is copied; see MaxKeyLength for a long one, which
// takes a hash of it each time.
func (k *Keyed) Breaker(key string) *Breaker {
	if len(key) > MaxKeyLength {
		key = shorten(key)
	}
	hash := maphash.String(k.seed, key)
	s := k.shardOf(hash)
	if m := s.find(hash, key); m != nil {
		m.touch()
		return &m.breaker
	}
	return k.add(s, hash, key)
}

// Lookup is the key's breaker if it is known. To look is no use of it.
func (k *Keyed) Lookup(key string) (b *Breaker, ok bool) {
	s, hash, key := k.place(key)
	if m := s.find(hash, key); m != nil {
		return &m.breaker, true
	}
	// A reader without the lock may miss a key that is there.
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(hash, key); m != nil {
		return &m.breaker, true
	}
	return nil, false
}

// Remove forgets the key, whatever its breaker's state, and reports whether it
// was known. Asked for again, it begins anew.
func (k *Keyed) Remove(key string) bool {
	s, hash, key := k.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(hash, key)
	if m == nil {
		return false
	}
	k.retire(m, anyClass)
	k.size.Add(-1)
	k.removed.Add(1)
	return true
}

func (k *Keyed) place(key string) (s *shard, hash uint64, kept string) {
	if len(key) > MaxKeyLength {
		key = shorten(key)
	}
	hash = maphash.String(k.seed, key)
	return k.shardOf(hash), hash, key
}

func (k *Keyed) shardOf(hash uint64) *shard { return &k.shards[hash>>k.shift] }

func shorten(key string) string {
	sum := sha256.Sum256([]byte(key))
	tail := "…" + hex.EncodeToString(sum[:])
	return cut(key, MaxKeyLength-len(tail)) + tail
}

// Len is how many keys are known.
func (k *Keyed) Len() int { return int(k.size.Load()) }

// All are the known keys and their breakers, in no order. Keys that come or go
// meanwhile may be among them or not; no lock is held while the loop runs.
func (k *Keyed) All() iter.Seq2[string, *Breaker] {
	return func(yield func(string, *Breaker) bool) {
		for i := range k.shards {
			for _, m := range k.shards[i].list() {
				if !yield(m.key, &m.breaker) {
					return
				}
			}
		}
	}
}

// Configure puts cfg in force for all keys, those that will come and the parent,
// each as Breaker.Configure says. It takes time in proportion to the keys; the
// error is a *ConfigError, and then nothing has changed.
func (k *Keyed) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	template := cfg.rules()
	k.template.Store(&template)
	k.parent.configure(k.parentConfig(cfg).rules())
	k.overflow.breaker.configure(overflowConfig(cfg).rules())
	for i := range k.shards {
		// A key that is not in the list yet is made of the new template.
		for _, m := range k.shards[i].list() {
			m.breaker.configure(template)
		}
	}
	return nil
}

// overflowConfig is that of the breaker for the keys that find no room. Many
// share it, so that it must not open: one that fails would shut out the others.
func overflowConfig(cfg Config) Config {
	cfg.Disabled = true
	return cfg
}

// Observe calls notify with every transition of every key's breaker from now
// on, as Breaker.Observe does: those of a key in their order. Transition.Key
// says whose it is. An observer may be as many transitions behind as there may
// be keys, but at least 1 024 and at most 16 384. The parent's are told by its
// own Observe.
func (k *Keyed) Observe(notify func(Transition)) (stop func()) {
	return observeKeyed(k, &k.notify, notify, int(min(k.max, maxKeyNotices)))
}

// maxKeyNotices bounds how far behind an observer of many keys may be.
const maxKeyNotices = 16 * maxUndelivered

// KeyChange is a key that came or went.
type KeyChange struct {
	Service, Key string

	// Number counts the changes that were told, from 1: a hole in what an
	// observer sees is changes that it lost.
	Number uint64

	// Gone tells a key that went from one that came.
	Gone bool
	// Operations are the totals of a key that went.
	Operations Operations
}

// ObserveKeys calls notify with every key that comes or goes from now on, in the
// way of Observe, so that what is kept for each key can go with it.
func (k *Keyed) ObserveKeys(notify func(KeyChange)) (stop func()) {
	return observeKeyed(k, &k.notifyOfKeys, notify, int(min(k.max, maxKeyNotices)))
}

// observeKeyed puts a new list in the place of the old one: those who tell read
// it without a lock.
func observeKeyed[T any](k *Keyed, at *atomic.Pointer[observers[T]], notify func(T), limit int) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := append(observers[T](nil), at.Load().all()...)
	o := list.add(notify)
	o.limit = limit
	at.Store(&list)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		left := append(observers[T](nil), at.Load().all()...)
		left.remove(o)
		at.Store(&left)
	}
}

func (l *observers[T]) all() observers[T] {
	if l == nil {
		return nil
	}
	return *l
}

// keyChanged tells that a key came or went. Its shard is locked, so those of a
// key are told in their order.
func (k *Keyed) keyChanged(m *member, gone bool, total Operations) {
	list := k.notifyOfKeys.Load().all()
	if len(list) == 0 {
		return
	}
	k.keyMu.Lock()
	defer k.keyMu.Unlock()
	k.changes++
	list.push(KeyChange{Service: k.name, Key: m.key, Number: k.changes, Gone: gone, Operations: total})
}
