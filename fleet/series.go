package fleet

import (
	"context"
	"slices"
	"time"
)

// SeriesChunk is a run of points of one service's series, in the order of time.
// A service without a name tells when a manager ran.
type SeriesChunk struct {
	Service string
	Step    time.Duration // what a point stands for: whole seconds, 1 s or more
	Start   time.Time     // the beginning of the first point, a whole second
	End     time.Time     // the end of the last, a whole second
	Points  []byte        // as whoever records them encodes them
}

// SeriesQuery asks for chunks of a service's series.
type SeriesQuery struct {
	Service string
	Step    time.Duration
	From    time.Time // with the newest chunk that began at it or before
	To      time.Time // those that began before it
}

// Which says which services are asked for: those of the Names, where they are not
// nil, else those that Match is true of, else all. What is not asked for costs
// little where it is told by Match, which may be called by several goroutines at a
// time, and nothing by Names.
type Which struct {
	Names []string
	Match func(service string) bool
}

// Has reports whether a service is asked for. It looks through the Names.
func (w Which) Has(service string) bool {
	switch {
	case w.Names != nil:
		return slices.Contains(w.Names, service)
	case w.Match != nil:
		return w.Match(service)
	}
	return true
}

// SeriesStore keeps the series. Its methods are as those of [Store]: safe for
// concurrent use, heedful of their context, and Unavailable where the store does
// not answer. What PutSeries wrote survives the end of the process and, but for
// what an engine has yet to sync, of the machine.
type SeriesStore interface {
	// PutSeries writes all of the chunks or none. A chunk takes the place of
	// the one with its service, step and start.
	PutSeries(ctx context.Context, chunks []SeriesChunk) error

	// Series returns what the query asks for, the oldest first.
	Series(ctx context.Context, q SeriesQuery) ([]SeriesChunk, error)

	// SeriesAt returns of every service that is asked for the newest chunk of
	// the step that began at that moment or before it, by service.
	SeriesAt(ctx context.Context, step time.Duration, at time.Time, of Which) ([]SeriesChunk, error)

	// TrimSeries removes chunks of the step that began before a moment, the
	// oldest first and limit at most, and says how many it removed.
	TrimSeries(ctx context.Context, step time.Duration, before time.Time, limit int) (int, error)

	// StateAt returns of every service that ever was, and is asked for, what
	// made its state at that moment, by service.
	StateAt(ctx context.Context, at time.Time, of Which) ([]StateAt, error)
}

// StateAt is what the store has that made a service's state at some moment. What
// came later is not in it.
type StateAt struct {
	Service string

	// Events are the newest of each kind in StateKinds, and the newest
	// transition to open; of those that have one time, the highest ID. By
	// rising ID.
	Events []Event

	// Config is the newest version of its config; the zero version if there
	// was none.
	Config ConfigVersion
}

// StateKinds are the kinds of events that make a service's state.
var StateKinds = []EventKind{
	EventRegistered, EventDeclared, EventRemoved, EventTransition, EventOverride, EventOverrideExpired, EventHealthFailed, EventHealthRecovered,
}
