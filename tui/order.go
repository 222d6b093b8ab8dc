package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// sorting is an order of the board.
type sorting uint8

// The orders, as s goes through them.
const (
	byWorst sorting = iota
	byName
	byRate
	byErrors
	byP95
	byChange
	sortings
)

func (s sorting) String() string {
	return [...]string{"worst first", "by name", "by rate", "by error share", "by p95", "latest change first"}[s]
}

// moves reports whether an order follows numbers that always move.
func (s sorting) moves() bool { return s == byRate || s == byErrors || s == byP95 }

// filter is what is to be shown.
type filter struct {
	search   string
	statuses []string // none: all
	layer    string   // empty: all
}

func (f *filter) isNone() bool { return f.search == "" && len(f.statuses) == 0 && f.layer == "" }

// wants returns what decides of an entry. Each word of a search must be somewhere
// in the name, the layer or the description.
func (f *filter) wants() func(*wire.Entry) bool {
	sought := strings.Fields(strings.ToLower(f.search))
	return func(e *wire.Entry) bool {
		if len(f.statuses) > 0 && !slices.Contains(f.statuses, e.Status) || f.layer != "" && f.layer != e.Layer {
			return false
		}
		if len(sought) == 0 {
			return true
		}
		text := strings.ToLower(e.Service + "\n" + e.Layer + "\n" + e.Description)
		for _, word := range sought {
			if !strings.Contains(text, word) {
				return false
			}
		}
		return true
	}
}

// badness is how bad a service is, the worst lowest. States count and numbers do
// not, so that an order by it moves when something happened and at no other time.
// Of two that are as bad the one that is wrong by itself comes first.
func badness(e *wire.Entry, root bool) int {
	b := &e.CircuitBreaker
	rank := slices.Index(worstFirst, e.Status)
	if rank < 0 {
		rank = len(worstFirst)
	}
	rank *= 4
	switch e.Status {
	case circuitOpen:
		if b.Mode == forcedOpen { // somebody wants it so
			rank++
		}
	case degraded:
		rank += max(slices.Index([]string{open, halfOpen, closed}, b.State), 0)
	default:
		if b.Mode == auto {
			rank++
		}
	}
	rank *= 2
	if !root {
		rank++
	}
	return rank
}

// place is a service and where it belongs.
type place struct {
	name string
	rank float64
}

// arrange is the services that are wanted, in their order.
func (f *fleet) arrange(wanted *filter, by sorting, now time.Time) []place {
	key := f.rank(by, now)
	wants := wanted.wants()
	places := make([]place, 0, len(f.entries))
	for name, e := range f.entries {
		if wants(e) {
			places = append(places, place{name, key(e)})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.name, b.name))
	})
	return places
}

func (f *fleet) rank(by sorting, now time.Time) func(*wire.Entry) float64 {
	switch by {
	case byRate:
		return func(e *wire.Entry) float64 {
			c := f.ring(e.Service).rate(now, 10*time.Second)
			return -c.successful - c.failed
		}
	case byErrors:
		return func(e *wire.Entry) float64 { return -errorShare(f.ring(e.Service), now) }
	case byP95:
		return func(e *wire.Entry) float64 { return -e.Performance.P95OperationTimeMs }
	case byChange:
		return func(e *wire.Entry) float64 { return -float64(f.changedAt(e).Unix()) }
	case byName:
		return func(*wire.Entry) float64 { return 0 }
	case byWorst, sortings:
	}
	return func(e *wire.Entry) float64 { return float64(badness(e, f.roots[e.Service])) }
}

// differing is how many services stand elsewhere than they should.
func differing(shown, due []place) int {
	ranks := make(map[string]float64, len(shown))
	for _, p := range shown {
		ranks[p.name] = p.rank
	}
	n := 0
	for _, p := range due {
		if rank, there := ranks[p.name]; !there || rank != p.rank {
			n++
		}
		delete(ranks, p.name)
	}
	return n + len(ranks)
}
