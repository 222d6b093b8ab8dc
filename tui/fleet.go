package tui

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// fleet is what is known of the services.
type fleet struct {
	entries map[string]*wire.Entry // never changed, only replaced
	rings   map[string]*ring
	moved   map[string]time.Time // when a status or circuit changed, seen from here

	blind    time.Time // since when nobody listened; zero: somebody does
	reshaped bool      // what orders and counts has changed since summarise

	counts map[string]int      // of each status
	above  map[string][]string // the direct dependants
	wrong  []wrong
	roots  map[string]bool
	widest int // columns of the longest name
}

func newFleet() *fleet {
	return &fleet{entries: make(map[string]*wire.Entry), rings: make(map[string]*ring), moved: make(map[string]time.Time), reshaped: true}
}

// take puts news into the fleet.
func (f *fleet) take(n *news) {
	if n.whole {
		for name := range f.entries {
			if _, there := n.changed[name]; !there {
				f.remove(name)
			}
		}
		f.reshaped = true
	}
	for name := range n.removed {
		f.remove(name)
	}
	for _, e := range n.changed {
		f.put(e, n.at)
	}
	if n.caughtUp {
		f.blind = time.Time{}
	}
}

// deaf says since when nobody listens.
func (f *fleet) deaf(since time.Time) {
	if f.blind.IsZero() {
		f.blind = since
	}
}

func (f *fleet) put(e *wire.Entry, at time.Time) {
	before := f.entries[e.Service]
	f.entries[e.Service] = e
	r := f.ring(e.Service)
	r.push(at, f.blind, e.Operations.Successful, e.Operations.Failed, e.Operations.Rejected)
	if before == nil {
		f.reshaped = true
		return
	}
	a, b := &before.CircuitBreaker, &e.CircuitBreaker
	if before.Status != e.Status || a.State != b.State || a.Mode != b.Mode {
		f.moved[e.Service], f.reshaped = at, true
	}
	if before.Layer != e.Layer || before.Description != e.Description || !slices.Equal(before.Dependencies, e.Dependencies) {
		f.reshaped = true
	}
}

func (f *fleet) remove(name string) {
	if f.entries[name] == nil {
		return
	}
	delete(f.entries, name)
	delete(f.rings, name)
	delete(f.moved, name)
	f.reshaped = true
}

// ring is what a service did of late.
func (f *fleet) ring(name string) *ring {
	r := f.rings[name]
	if r == nil {
		r = new(ring)
		f.rings[name] = r
	}
	return r
}

// changedAt is when a service's status or circuit last changed, as far as is
// known.
func (f *fleet) changedAt(e *wire.Entry) time.Time {
	if at, ok := f.moved[e.Service]; ok {
		return at
	}
	b := &e.CircuitBreaker
	latest := b.OpenedAt.Time
	for _, t := range []time.Time{b.LastReset.Time, b.LastRecoveryAttempt.Time} {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

// summarise works out what follows from all entries together.
func (f *fleet) summarise() {
	if !f.reshaped {
		return
	}
	f.reshaped = false
	f.counts, f.widest = make(map[string]int), 0
	for name, e := range f.entries {
		f.counts[e.Status]++
		f.widest = max(f.widest, width(visible(name)))
	}
	f.above = dependants(f.entries)
	f.wrong = whatIsWrong(f.entries, f.above)
	f.roots = make(map[string]bool, len(f.wrong))
	for _, w := range f.wrong {
		f.roots[w.service] = true
	}
}

// figures are the numbers of a service.
type figures struct {
	rate      float64 // operations a second over the last ten seconds
	rejected  float64 // a second, likewise
	errors    float64 // the share of failures in the last minute; -1: nothing ended
	p95       float64 // milliseconds; 0: not known
	failures  uint64  // in the window
	threshold int     // of failures in the window; 0: not known
}

func (f *fleet) figures(e *wire.Entry, now time.Time) figures {
	r := f.ring(e.Service)
	recent := r.rate(now, 10*time.Second)
	return figures{
		rate: recent.successful + recent.failed, rejected: recent.rejected, errors: errorShare(r, now),
		p95: e.Performance.P95OperationTimeMs, failures: e.CircuitBreaker.Failures, threshold: int(number(e.Config, "failureThreshold")),
	}
}

func errorShare(r *ring, now time.Time) float64 {
	minute := r.rate(now, time.Minute)
	if ended := minute.successful + minute.failed; ended > 0 {
		return minute.failed / ended
	}
	return -1
}
