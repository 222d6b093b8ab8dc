package switchgear

import "time"

// Snapshot is all that is known of a breaker at one moment. It can be kept, as
// JSON for example, and restored. Times are UTC, and zero for what has not
// happened.
type Snapshot struct {
	Service string
	Key     string `json:",omitempty"` // of a Keyed's breaker
	At      time.Time

	State    State
	Mode     Mode
	Override *Override

	// Transitions is the number of the last one.
	Transitions uint64

	// Failures, Successes and Slow are those in the window. Slow operations
	// that have not ended are among Slow only.
	Failures, Successes, Slow uint64

	ConsecutiveFailures int
	LastError           string
	LastFailure         time.Time
	LastSuccess         time.Time // to the second where not every operation is measured
	LastReset           time.Time // when the circuit last closed
	LastRecoveryAttempt time.Time
	OpenedAt            time.Time // when it last opened; zero while closed
	NextAttemptAt       time.Time // when the first recovery attempt is due, while open

	// OpenTime is how long the circuit stays, or last stayed, open.
	OpenTime time.Duration
	// RetryAsked is the wait that the error which opened it asked for, and
	// JitterDrawn the drawn part of the jitter: OpenTime is made of them.
	RetryAsked  time.Duration
	JitterDrawn float64

	RecoveryAttempts int
	FailedRecoveries int

	// Trip is why the circuit last opened; nil while closed.
	Trip *Evidence

	// Outage is how all this began; nil while closed, and where the circuit has not
	// opened since it last closed. A snapshot without it that is restored after a
	// failed recovery has none until the circuit closes.
	Outage *Outage

	// AdmittedShare is the share of operations that are let in, 0 to 1. In a
	// recovery one operation a second is let in besides.
	AdmittedShare float64
	// AwaitsCheck: nothing is admitted until the health check has passed.
	AwaitsCheck bool
	// ClosesAt is when the recovery ends if nothing fails; zero before its
	// first success.
	ClosesAt time.Time

	Operations  Operations
	Performance Performance

	// Window is what the window holds, oldest first, without its empty parts.
	Window []Bucket
}

// Operations are the totals since the breaker was first made. A rejected or
// ignored operation is in none of the others.
type Operations struct {
	Successful, Failed, Rejected, Ignored uint64
}

// Total is how many operations succeeded or failed.
func (o Operations) Total() uint64 { return o.Successful + o.Failed }

// Rejections are the rejected operations by what rejected them.
type Rejections struct {
	Open, HalfOpen, Forced uint64
}

// Bucket is a part of the window. Operations that have not ended are in none.
type Bucket struct {
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	Failures     uint64    `json:"failures,omitempty"`
	Successes    uint64    `json:"successes,omitempty"`
	Slow         uint64    `json:"slow,omitempty"`
	FirstFailure time.Time `json:"firstFailure,omitzero"`
	LastFailure  time.Time `json:"lastFailure,omitzero"`
}

// Snapshot is all that is known of the breaker now.
func (b *Breaker) Snapshot() Snapshot {
	b.lock()
	defer b.unlock()
	return b.snapshot()
}

// snapshot is Snapshot under the mutex.
func (b *Breaker) snapshot() Snapshot {
	wall := time.Now()
	now := int64(wall.Sub(b.base))
	c, successes := b.stats(), b.roll(now)
	t := b.windowCounts(successes)
	s := Snapshot{
		Service: b.name, Key: b.Key(), At: wall.UTC(), State: b.state, Mode: b.mode(),
		Transitions: b.transitions,
		Failures:    t.failures, Successes: t.successes, Slow: t.slow,
		ConsecutiveFailures: b.streak, LastError: b.lastError,
		LastFailure: b.lastFailure.time(), LastReset: b.lastReset.time(),
		LastRecoveryAttempt: b.lastAttempt.time(), OpenedAt: b.openedAt.time(),
		OpenTime: b.openTime, RetryAsked: b.asked, JitterDrawn: b.drawn,
		RecoveryAttempts: b.attempts, FailedRecoveries: b.failedRecoveries,
		AdmittedShare: b.admittedShare(now),
		Operations:    b.operations(successes, b.rejections()), Performance: c.timings.performance(),
		Window: b.buckets(wall, now, successes),
	}
	if at := c.timings.lastSuccess.Load(); at != never {
		s.LastSuccess = wall.Add(time.Duration(at - now)).UTC()
	}
	if b.override != nil {
		o := *b.override
		s.Override = &o
	}
	if b.trip != nil {
		trip := b.trip.Evidence
		s.Trip, s.Outage = &trip, b.trip.shownOutage()
	}
	if b.state == Open {
		s.NextAttemptAt = wall.Add(time.Duration(b.until - now)).UTC()
	}
	if r := b.recovery.Load(); r != nil {
		s.AwaitsCheck = r.awaitsCheck.Load()
		if first := r.firstSuccess.Load(); first != 0 {
			s.ClosesAt = wall.Add(time.Duration(first-now) + b.config.Load().MinHealthyPeriod).UTC()
		}
	}
	return s
}

func (b *Breaker) admittedShare(now int64) float64 {
	r := b.recovery.Load()
	switch {
	case b.rejecting():
		return 0
	case b.mode() != Auto || b.state == Closed:
		return 1
	case r.awaitsCheck.Load() || r.firstSuccess.Load() == 0:
		return 0
	}
	return b.config.Load().shareAt(now - r.firstSuccess.Load())
}

func (b *Breaker) operations(successes uint64, r Rejections) Operations {
	return Operations{
		Successful: b.succeededApart + successes, Failed: b.failed, Ignored: b.ignored,
		Rejected: b.rejectedBefore + r.Open + r.HalfOpen + r.Forced,
	}
}

func (b *Breaker) buckets(wall time.Time, now int64, successes uint64) []Bucket {
	at := func(t int64) time.Time { return wall.Add(time.Duration(t - now)).UTC() }
	var buckets []Bucket
	c := b.stats()
	for _, p := range c.window.parts(now, successes) {
		k := Bucket{
			From: at(p.from), To: at(p.to),
			Failures: p.tally.failures, Successes: p.tally.successes, Slow: p.tally.slow,
		}
		if k.Failures > 0 {
			k.FirstFailure, k.LastFailure = at(p.first), at(p.last)
		}
		buckets = append(buckets, k)
	}
	return buckets
}

// Operations are the totals now; cheaper than a Snapshot.
func (b *Breaker) Operations() Operations {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.operations(b.successes(), b.rejections())
}

// Counts are what a breaker has counted since it was made in this process, for
// metrics: what is restored is not among them.
type Counts struct {
	Rejections Rejections
	Durations  Durations
	Edges      [3][3]uint32 // transitions, by the states From and To
}

// Counts are the counts now.
func (b *Breaker) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.stats()
	return Counts{Rejections: b.rejections(), Durations: c.timings.durations(), Edges: b.edges}
}

// stamp is a wall time in nanoseconds since 1970; zero is none. A time.Time is
// three times as large.
type stamp int64

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixNano())
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(s)).UTC()
}
