package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ClusterStore is a Store that several managers share. One of them at a time
// holds the lease, and writes with a Fence; the others read what it has written.
// A lease is judged by the store's clock alone.
type ClusterStore interface {
	Store

	// Lease is how it stands with the lease. In a store where nobody ever took it
	// the term is 0, the epoch is made, and Through is the highest seq of any
	// event. The epoch is the same for ever, and so is the secret.
	Lease(ctx context.Context) (Lease, error)

	// TakeLease gives the lease to a holder until ttl from now, if nobody has it
	// or it has expired: with the next term, with a reservation of so many seqs
	// above all that were reserved before, and with Through at those, for whoever
	// had it before writes no more. Conflict if another has it, or the holder
	// itself, which nothing is changed by.
	TakeLease(ctx context.Context, holder, address string, ttl time.Duration, reserve uint64) (Lease, error)

	// RenewLease holds the lease until ttl from now, also one that has expired and
	// that nobody has taken; it raises what is reserved and Through, where the
	// fence has more. Deposed if another has taken it.
	RenewLease(ctx context.Context, f Fence, ttl time.Duration) (Lease, error)

	// ReleaseLease lets the lease expire now. To release another's is nothing.
	ReleaseLease(ctx context.Context, f Fence) error

	// Changes are, in one consistent read, all events, services and alerts whose
	// seq or revision is above after and not above the lease's Through: each as it
	// is now, and of all of them those with the lowest, limit at most. Their Seq is
	// never below after. A limit out of 1 to 10 000 is Invalid.
	Changes(ctx context.Context, after uint64, limit int) (Changes, error)
}

// Lease is who leads.
type Lease struct {
	Holder  string        // the random name of a process; empty: nobody ever led
	Address string        // where other nodes reach it
	Term    uint64        // one more with each change of the holder
	Left    time.Duration // until it expires; 0 or less: it has

	Epoch       string // of the seqs
	SeqReserved uint64 // no seq above it was given out
	Through     uint64 // nothing will be written any more with a seq or revision up to it
	Revision    uint64 // raised by each batch with tokens, sessions or silences
	Secret      string // that the nodes know each other by
}

// Fence is what a leader writes under. A Batch with a fence is written only
// while holder and term are those of the lease; else Commit is Deposed, and has
// written nothing. Reserve and Through raise those of the lease, in the same
// transaction; lower ones are nothing.
type Fence struct {
	Holder  string
	Term    uint64
	Reserve uint64
	Through uint64
}

// Changes are what was written since.
type Changes struct {
	Events   []Event      // by seq
	Services []ServiceRow // by revision
	Alerts   []Alert      // by revision
	Seq      uint64       // everything up to here is in it
	More     bool         // there is more above Seq
	Lease    Lease        // at that moment
}

// Node is what a manager is among those that share its store.
type Node struct {
	// ID names this process, and no other that ever was; "" is a manager alone,
	// whatever its store can do.
	ID string

	// Address is where other nodes reach this one: a URL.
	Address string

	// LeaseTTL is how long after its last sign of life another takes over from
	// the leader. Default 5 s; the lease is renewed five times as often. 500 ms
	// to 1 min.
	LeaseTTL time.Duration
}

const (
	defaultLeaseTTL = 5 * time.Second
	minLeaseTTL     = 500 * time.Millisecond
	maxLeaseTTL     = time.Minute // a store takes one of two for that of a clock that was set

	// seqBlock is how many seqs a leader reserves, and seqsLow at how many left
	// it tells no statistics any more: they may be days of events.
	seqBlock = 10_000_000
	seqsLow  = 1_000_000

	// clusterFlush is the longest FlushInterval of a leader, for the others see
	// statistics as old; soonInterval is how long after a change of state that no
	// batch had its row is written.
	clusterFlush = time.Second
	soonInterval = 50 * time.Millisecond

	changesLimit = 2000
)

// Role is what a manager does.
type Role uint8

// The roles.
const (
	Alone     Role = iota // nobody shares its store: it does everything
	Following             // it shows what another has written, and takes no orders
	Leading               // it does everything, for all
)

// String is the role in a word.
func (r Role) String() string {
	switch r {
	case Alone:
		return "alone"
	case Following:
		return "following"
	case Leading:
		return "leading"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// RoleChange is that a manager has another role from now on.
type RoleChange struct {
	Role Role
	Term uint64 // of the lease that it took, or had

	// Orphans are, of one that follows now, the overrides that were acknowledged
	// while the store was away, and are in force nowhere any more: for whoever
	// can order them of the new leader. The oldest first, one of a service.
	Orphans []Orphan
}

// Orphan is an override, or the end of one, that the store has not.
type Orphan struct {
	Service string
	Mode    string    // forced_open or forced_closed; empty: an override was ended
	At      time.Time // when it was ordered
	Until   time.Time // of an override
	By      Actor
}

// Leadership is who leads, as far as this manager knows.
type Leadership struct {
	Address string // of the leader; empty: nobody ever led
	Holder  string
	Term    uint64
	Here    bool // it is this one

	// Sure is false of a leader that could not renew its lease for nearly as long
	// as that lasts: another may lead. Of a follower it is false where the lease
	// that it saw had expired, or it could not look at it for so long.
	Sure bool

	// Fresh is when all that the store had then was known here; now, of a leader.
	Fresh time.Time
}

// NotLeaderError is why a manager takes no order: another leads.
type NotLeaderError struct {
	Address string // of that one; empty: nobody is known to lead
}

// Error says who leads.
func (e *NotLeaderError) Error() string {
	if e.Address == "" {
		return "no manager leads at the moment"
	}
	return "this manager follows the one at " + e.Address
}

var errDeposed = errors.New("another manager has taken the lead")

func (m *Manager) errNotLeader(op string) error {
	return &Error{Kind: NotLeader, Op: op, Err: &NotLeaderError{m.Leader().Address}}
}

// Role is what this manager does now.
func (m *Manager) Role() Role { return Role(m.role.Load()) } //nolint:gosec // it was stored as one

// follows reports whether another does the work.
func (m *Manager) follows() bool { return m.cluster != nil && m.Role() != Leading }

// Secret is what the nodes of a cluster know each other by; empty of a manager
// alone.
func (m *Manager) Secret() string {
	l := m.leaseSeen.Load()
	if l == nil {
		return ""
	}
	return l.Secret
}

// sighting is the lease as it was seen last, and when that was.
type sighting struct {
	Lease

	at time.Time
}

func (m *Manager) saw(l Lease) { m.sight(l, time.Now()) }

// sight keeps what the lease was at a moment, and tells who waits for another
// leader.
func (m *Manager) sight(l Lease, at time.Time) {
	before := m.leaseSeen.Swap(&sighting{l, at})
	if before != nil && before.Term == l.Term && before.Address == l.Address {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.another)
	m.another = make(chan struct{})
}

// AnotherLeader is closed when another leads than does now, or elsewhere.
func (m *Manager) AnotherLeader() <-chan struct{} {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.another
}

// Leader is who leads, as far as this manager knows. It never waits.
func (m *Manager) Leader() Leadership {
	l := m.leaseSeen.Load()
	if l == nil {
		return Leadership{Here: true, Sure: true, Fresh: time.Now()}
	}
	ttl := m.cfg.Node.LeaseTTL
	here := m.Role() == Leading
	out := Leadership{Address: l.Address, Holder: l.Holder, Term: l.Term, Here: here, Fresh: l.at}
	age := time.Since(l.at)
	if here {
		out.Fresh = time.Now()
		out.Sure = age < l.Left-ttl/5
		return out
	}
	out.Sure = l.Holder != "" && l.Left > 0 && age < ttl
	return out
}

// Seq is the place up to which everything was told.
func (m *Manager) Seq() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.seq
}

// CatchUp returns when this manager knows all that the store had when it was
// called, and everything up to seq besides. Where it leads it knows; what whoever
// has everything up to seq of another node may not have is told again then. 0 is
// nobody. Its error is
// Unavailable: it does not know that before ctx ends. It costs the store nothing
// more for a thousand callers than for one: who waits for a seq that is not
// written yet has the store asked 20 times a second.
func (m *Manager) CatchUp(ctx context.Context, seq uint64) error {
	const op = "catch up"
	first := m.fetching.Load() + 1 // one that begins after this
	again := time.NewTicker(soonInterval)
	defer again.Stop()
	if m.follows() {
		m.wake()
	}
	for m.follows() {
		m.mu.RLock()
		told, reached := m.told, m.seq
		m.mu.RUnlock()
		if m.fetched.Load() >= first && reached >= seq {
			return nil
		}
		select {
		case <-told:
		case <-again.C:
			if m.uptime()-time.Duration(m.fetchAt.Load()) >= soonInterval {
				m.wake()
			}
		case <-m.done:
			return errorf(Unavailable, op, "the manager has stopped")
		case <-ctx.Done():
			return &Error{Kind: Unavailable, Op: op, Err: ctx.Err()}
		}
	}
	if m.cluster == nil || seq == 0 {
		return nil
	}
	return m.settleAt(ctx, seq)
}

// wake has a follower look into the store now.
func (m *Manager) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}
