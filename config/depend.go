package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/degenduel/switchgear"
)

// Missing is a dependency on a service that is declared nowhere.
type Missing struct {
	Service    string // who depends
	Dependency string // on what
}

// DependencyError says what keeps a set of services from having an order.
type DependencyError struct {
	// Missing are the dependencies that lead nowhere, by service, then in the
	// service's own order.
	Missing []Missing

	// Cycles are services that depend on themselves through others: each a
	// path that begins and ends with its alphabetically first service. Of
	// cycles that share services one, among the shortest, is told.
	Cycles [][]string
}

// Error names each with its path: a -> b -> a.
func (e *DependencyError) Error() string {
	var lines []string
	for _, m := range e.Missing {
		lines = append(lines, fmt.Sprintf("%s depends on %s, which is declared nowhere", m.Service, quote(m.Dependency)))
	}
	for _, c := range e.Cycles {
		lines = append(lines, "dependencies in a cycle: "+strings.Join(c, " -> "))
	}
	return strings.Join(lines, "; ")
}

// Fields are the bad fields of one service, of which dependencies is its own
// list: dependencies[i] leads nowhere, or on into a cycle that the service is
// part of. There are none if the error is about other services.
func (e *DependencyError) Fields(service string, dependencies []string) []switchgear.FieldError {
	var bad problems
	for _, m := range e.Missing {
		if m.Service == service {
			bad.add(dependencyField(dependencies, m.Dependency), "%s is declared nowhere", quote(m.Dependency))
		}
	}
	for _, c := range e.Cycles {
		if i := slices.Index(c, service); i >= 0 {
			bad.add(dependencyField(dependencies, c[(i+1)%len(c)]), "a cycle: %s", strings.Join(c, " -> "))
		}
	}
	return bad
}

func dependencyField(dependencies []string, name string) string {
	return fmt.Sprintf("dependencies[%d]", slices.Index(dependencies, name))
}

// CheckDependencies returns a *DependencyError if a service depends on one that
// is not a key of the map, or on itself in any number of steps. The same map
// gives the same error. It takes time in proportion to the dependencies.
func CheckDependencies(services map[string][]string) error {
	var e DependencyError
	names := slices.Sorted(maps.Keys(services))
	for _, name := range names {
		for _, d := range services[name] {
			if _, ok := services[d]; !ok {
				e.Missing = append(e.Missing, Missing{name, d})
			}
		}
	}
	t := tarjan{services: services, order: make(map[string]int), low: make(map[string]int), stacked: make(map[string]bool)}
	for _, name := range names {
		if t.order[name] == 0 {
			t.visit(name)
		}
	}
	for _, knot := range t.knots {
		if cycle := shortestCycle(services, knot); cycle != nil {
			e.Cycles = append(e.Cycles, cycle)
		}
	}
	slices.SortFunc(e.Cycles, slices.Compare)
	if len(e.Missing) == 0 && len(e.Cycles) == 0 {
		return nil
	}
	return &e
}

// tarjan finds the knots of a graph: the largest sets of services that reach
// one another (R. Tarjan, Depth-first search and linear graph algorithms, 1972).
type tarjan struct {
	services map[string][]string
	order    map[string]int // when a service was first seen, from 1
	low      map[string]int // the earliest that it reaches on the stack
	stack    []string
	stacked  map[string]bool
	knots    [][]string
}

func (t *tarjan) visit(name string) {
	t.order[name] = len(t.order) + 1
	t.low[name] = t.order[name]
	t.stack = append(t.stack, name)
	t.stacked[name] = true
	for _, d := range t.services[name] {
		switch {
		case t.order[d] == 0:
			t.visit(d)
			t.low[name] = min(t.low[name], t.low[d])
		case t.stacked[d]:
			t.low[name] = min(t.low[name], t.order[d])
		}
	}
	if t.low[name] == t.order[name] {
		at := len(t.stack)
		for t.stacked[name] {
			at--
			t.stacked[t.stack[at]] = false
		}
		t.knots = append(t.knots, slices.Clone(t.stack[at:]))
		t.stack = t.stack[:at]
	}
}

// shortestCycle is the shortest way from a knot's first service back to it, or
// nil if there is none: the knot is one service that does not name itself.
func shortestCycle(services map[string][]string, knot []string) []string {
	start := slices.Min(knot)
	inside := make(map[string]bool, len(knot))
	for _, name := range knot {
		inside[name] = true
	}
	from := make(map[string]string)
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		for _, d := range slices.Sorted(slices.Values(services[name])) {
			if d == start {
				path := []string{start}
				for ; name != start; name = from[name] {
					path = append(path, name)
				}
				path = append(path, start)
				slices.Reverse(path)
				return path
			}
			if _, seen := from[d]; !seen && inside[d] {
				from[d] = name
				queue = append(queue, d)
			}
		}
	}
	return nil
}
