package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// wrong is something that is wrong by itself, and not because of what it
// depends on.
type wrong struct {
	service string
	kind    wrongKind
	drags   []string // what is not well because of it, the nearest first
}

type wrongKind uint8

// The kinds, those that matter most first.
const (
	failing wrongKind = iota
	wanted            // somebody has forced it open
	recovering
	nearly
)

func fails(e *wire.Entry) bool { return e.Status == circuitOpen || e.Status == unhealthy }

func ill(e *wire.Entry) bool {
	return e != nil && (fails(e) || e.CircuitBreaker.State == halfOpen)
}

// since is when a service began to fail; zero where its entry does not tell.
func since(e *wire.Entry) time.Time {
	b := &e.CircuitBreaker
	if b.Outage != nil {
		return b.Outage.BeganAt.Time
	}
	if b.State == halfOpen && !b.LastRecoveryAttempt.IsZero() {
		return b.LastRecoveryAttempt.Time
	}
	return b.OpenedAt.Time
}

// whatIsWrong are the roots, the ones that matter most first: failing services
// whose own dependencies are well, then those that recover or are close to
// opening. Of services that depend on each other in a ring the one that failed
// first is taken for the root.
func whatIsWrong(entries map[string]*wire.Entry, above map[string][]string) []wrong {
	var roots, rest, near []*wire.Entry
	for _, e := range entries {
		dependsOn := func(is func(*wire.Entry) bool) bool {
			return slices.ContainsFunc(e.Dependencies, func(name string) bool {
				other := entries[name]
				return name != e.Service && other != nil && is(other)
			})
		}
		switch {
		case ill(e) && !dependsOn(ill):
			roots = append(roots, e)
		case ill(e):
			rest = append(rest, e)
		case e.Status == degraded && !dependsOn(fails):
			near = append(near, e)
		}
	}
	slices.SortFunc(rest, func(a, b *wire.Entry) int {
		return cmp.Or(since(a).Compare(since(b)), strings.Compare(a.Service, b.Service))
	})
	reached := make(map[string]bool)
	var list []wrong
	add := func(e *wire.Entry, kind wrongKind) {
		drags := follow(e.Service, above, func(name string) bool {
			return entries[name].Status != healthy && entries[name].Status != unknown
		})
		reached[e.Service] = true
		for _, name := range drags {
			reached[name] = true
		}
		list = append(list, wrong{e.Service, kind, drags})
	}
	for _, e := range roots {
		add(e, kindOf(e))
	}
	for _, e := range rest {
		if !reached[e.Service] {
			add(e, kindOf(e))
		}
	}
	for _, e := range near {
		add(e, nearly)
	}
	slices.SortFunc(list, func(a, b wrong) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(len(b.drags), len(a.drags)),
			since(entries[b.service]).Compare(since(entries[a.service])), strings.Compare(a.service, b.service))
	})
	return list
}

func kindOf(e *wire.Entry) wrongKind {
	switch {
	case !fails(e):
		return recovering
	case e.CircuitBreaker.Mode == forcedOpen:
		return wanted
	}
	return failing
}

// dependants are the direct dependants of every service that has some, by name.
func dependants(entries map[string]*wire.Entry) map[string][]string {
	above := make(map[string][]string)
	for _, e := range entries {
		for _, name := range e.Dependencies {
			above[name] = append(above[name], e.Service)
		}
	}
	for name, list := range above {
		slices.Sort(list)
		above[name] = slices.Compact(list)
	}
	return above
}

// follow is everything that is reached upwards from a service through services
// that pass, the nearest first.
func follow(from string, above map[string][]string, pass func(name string) bool) []string {
	seen := map[string]bool{from: true}
	var found []string
	for level := above[from]; len(level) > 0; {
		var next []string
		for _, name := range level {
			if seen[name] {
				continue
			}
			seen[name] = true
			if !pass(name) {
				continue
			}
			found = append(found, name)
			next = append(next, above[name]...)
		}
		level = next
	}
	return found
}

// failingDependencies are those dependencies of a service that fail.
func failingDependencies(e *wire.Entry, entries map[string]*wire.Entry) []string {
	var names []string
	for _, name := range e.Dependencies {
		if other := entries[name]; other != nil && fails(other) {
			names = append(names, name)
		}
	}
	return names
}
