package switchgear

import (
	"context"
	"sync/atomic"
	"time"
)

// Hooks are told of single operations, each with the context that its caller
// gave, so that what the breaker did with one can be seen on the caller's own
// trace. Package otelbreaker makes them for OpenTelemetry. A field that is nil is
// not called, and what has no context (a nil one, RecordSuccess, HandleError) is
// told to none. See Breaker.Observe for all transitions, whoever brought them about.
//
// They are called outside every lock, in the goroutine of the operation, which they
// delay, and of a probe whose context ends in another; so they must not wait for
// anything, and be safe for concurrent use. A panic in one is swallowed. The
// operation is not changed by what they do.
type Hooks struct {
	// Rejected is an operation that was not let in. e is the error that its
	// caller gets, and must not be changed. With it, a rejection by Do takes a few
	// nanoseconds more.
	Rejected func(ctx context.Context, e *OpenError)

	// Opened is an operation whose outcome opened the circuit, or opened it again
	// in a recovery. e is the error of the rejections that follow, and must not be
	// changed. What opens by a health check, or because an operation has not ended,
	// is told to observers only. A key's operation may open the parent of its
	// Keyed too, and is told of twice then.
	Opened func(ctx context.Context, e *OpenError)

	// Recovering is an operation that a recovery let in. One that a key's recovery
	// and that of its parent let in is told of twice.
	Recovering func(ctx context.Context, a Admission)

	// TraceID is what the trace of the operation can be looked up by; empty: there
	// is none. It is asked when an operation ends whose duration was measured, but
	// not again within a second of a trace that is kept for such durations. The
	// answers are in Breaker.Exemplars.
	TraceID func(ctx context.Context) string
}

// Admission is how a recovery let an operation in.
type Admission struct {
	Service string
	Key     string // of a Keyed's breaker

	// Attempt is the number of the recovery since the circuit was last closed.
	Attempt int

	// Probe: it is the one operation before the first success. Otherwise Share is
	// the share of operations that is let in now, one a second besides; 0 to 1.
	Probe bool
	Share float64

	// Cause is why the circuit had opened. Its Rule is empty where the recovery
	// is by order.
	Cause Evidence
}

// Exemplar is an operation that can be looked up as a trace.
type Exemplar struct {
	// Bucket is that of DurationBounds which Value is in; their number is that of
	// what is above the last.
	Bucket  int
	TraceID string // as Hooks.TraceID said it
	Value   time.Duration
	At      time.Time // when the operation ended, UTC
}

// exemplarEvery is how long an exemplar stays before another takes its place.
const exemplarEvery = int64(time.Second)

// exemplars are the latest of each bucket.
type exemplars [len(DurationBounds) + 1]atomic.Pointer[exemplar]

type exemplar struct {
	Exemplar

	at int64 // the same on the breaker's clock
}

// Exemplars are the latest operations whose durations were measured and that
// Hooks.TraceID knew a trace of: one at most for each bucket of Durations, nil
// where there is none. Those of a key's breaker are Keyed.Exemplars.
func (b *Breaker) Exemplars() []Exemplar { return b.exemplars.Load().list() }

// Exemplars are the latest operations of all keys that can be looked up as
// traces, as those of Breaker.Exemplars.
func (k *Keyed) Exemplars() []Exemplar { return k.exemplars.Load().list() }

func (all *exemplars) list() (list []Exemplar) {
	if all == nil {
		return nil
	}
	for i := range all {
		if e := all[i].Load(); e != nil {
			list = append(list, e.Exemplar)
		}
	}
	return list
}

// exemplify keeps the trace of an operation that ended at now. No lock is held.
func (b *Breaker) exemplify(ctx context.Context, now int64, took time.Duration) {
	h := b.config.Load().Hooks
	if h == nil || h.TraceID == nil || ctx == nil {
		return
	}
	at := &b.exemplars
	if b.member != nil {
		at = &b.member.keyed.exemplars
	}
	bucket := boundOf(histogramPart(took))
	all := at.Load()
	if all != nil {
		if e := all[bucket].Load(); e != nil && now-e.at < exemplarEvery {
			return
		}
	}
	id := h.traceID(ctx)
	if id == "" {
		return
	}
	if all == nil {
		at.CompareAndSwap(nil, new(exemplars))
		all = at.Load()
	}
	all[bucket].Store(&exemplar{Exemplar{Bucket: bucket, TraceID: id, Value: took, At: time.Now().UTC()}, now})
}

func (h *Hooks) traceID(ctx context.Context) (id string) {
	defer func() { _ = recover() }()
	return h.TraceID(ctx)
}

// doHooked is Do where there are hooks: of an operation that panics they are told
// with its context, which costs something to have at hand.
func doHooked[T any](ctx context.Context, b *Breaker, word uint64, fn func(context.Context) (T, error)) (T, error) {
	if word&countsPlain == 0 && !b.member.admits(word) {
		return doAllowed(ctx, b, noNumber, fn)
	}
	all := b.striping.Load()
	number := all.number()
	s := &all.all[number]
	n := s.successes.Load()
	if n >= s.next.Load() {
		return doAllowed(ctx, b, number, fn)
	}
	returned := false
	defer func() {
		if !returned {
			p := Permit{b: b, ctx: ctx, word: word}
			p.abandon()
		}
	}()
	v, err := fn(ctx)
	returned = true
	if err != nil || b.word.Load() != word || !s.succeed(n) {
		b.end(ctx, word, s, err)
	} else if word&ofKey != 0 {
		b.counted(word)
	}
	return v, err
}

// tellAdmitted tells the hooks what was decided of an operation.
func (b *Breaker) tellAdmitted(ctx context.Context, p *Permit, err error) {
	h := b.config.Load().Hooks
	if h == nil || ctx == nil {
		return
	}
	if err != nil {
		h.tellRejected(ctx, err)
	} else if h.Recovering != nil {
		b.tellRecovering(ctx, h, p)
	}
}

// rejectTold is reject, and tells the hooks of it.
func (b *Breaker) rejectTold(ctx context.Context, word uint64) error {
	err := b.reject(word)
	if h := b.config.Load().Hooks; h != nil && ctx != nil {
		h.tellRejected(ctx, err)
	}
	return err
}

func (h *Hooks) tellRejected(ctx context.Context, err error) {
	if e, ok := err.(*OpenError); ok && h.Rejected != nil { //nolint:errorlint // it is made here, and not wrapped
		defer func() { _ = recover() }()
		h.Rejected(ctx, e)
	}
}

// tellRecovering settles the permit if a hook ends the goroutine, for that ends the
// operation too.
func (b *Breaker) tellRecovering(ctx context.Context, h *Hooks, p *Permit) {
	returned := false
	defer func() {
		if !returned && recover() == nil {
			p.abandon()
		}
	}()
	if p.lease.recovery != nil {
		h.Recovering(ctx, b.admission(p.lease.recovery, p.start))
	}
	if above := p.above(); above != nil {
		h.Recovering(ctx, above.b.admission(above.lease.recovery, above.start))
	}
	returned = true
}

// admission is how the recovery let in an operation that began at now.
func (b *Breaker) admission(r *recovery, now int64) Admission {
	a := Admission{Service: b.name, Key: b.Key(), Attempt: r.attempt, Probe: true, Cause: b.rejected.Load().Cause}
	if first := r.firstSuccess.Load(); first != 0 && now >= first {
		a.Probe, a.Share = false, b.config.Load().shareAt(now-first)
	}
	return a
}

// opening is what an outcome opened, if anything.
type opening struct {
	own, parent *OpenError
}

// recordTold is record, of which the hooks are told with the operation's context.
func (b *Breaker) recordTold(ctx context.Context, o *outcome) {
	opened := b.record(*o)
	if b.word.Load()&hooked != 0 {
		b.tellEnded(ctx, o, opened)
	}
}

// tellEnded tells the hooks of an operation that was recorded.
func (b *Breaker) tellEnded(ctx context.Context, o *outcome, opened opening) {
	if ctx == nil {
		return
	}
	if o.weight > 0 && o.kind != Ignored {
		b.exemplify(ctx, o.timing.start+int64(o.took), o.took)
	}
	if opened.own != nil {
		b.tellOpened(ctx, opened.own)
	}
	if opened.parent != nil {
		b.tellOpened(ctx, opened.parent)
	}
}

func (b *Breaker) tellOpened(ctx context.Context, e *OpenError) {
	h := b.config.Load().Hooks
	if h == nil || h.Opened == nil {
		return
	}
	defer func() { _ = recover() }()
	h.Opened(ctx, e)
}
