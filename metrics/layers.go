package metrics

import (
	"maps"
	"slices"
	"sync"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// Grouping says by what histograms and transitions are kept.
type Grouping string

// The groupings. Auto is ByService up to 2 000 services and ByLayer above,
// until there are 1 800 or fewer.
const (
	Auto      Grouping = "auto"
	ByService Grouping = "service"
	ByLayer   Grouping = "layer"
)

const (
	manyServices = 2000
	fewServices  = 1800
)

// layers add up what services took, and how their circuits moved, by layer. What a
// service had stays with its layer when the service goes, for a counter must not
// fall; a layer goes with the last of its services.
type layers struct {
	grouping Grouping

	mu     sync.Mutex // held from the measuring on, so that no count comes after a later one
	on     bool
	seen   map[string]took // by service
	totals map[string]*took
}

// took are how long operations and health checks took, and how often the circuit
// went from one state to another.
type took struct {
	operations, checks switchgear.Durations
	edges              [3][3]uint64
}

// more is what has come to be since before.
func (t *took) more(before *took) took {
	m := took{operations: since(&t.operations, &before.operations), checks: since(&t.checks, &before.checks), edges: t.edges}
	for from, all := range t.edges {
		for to, n := range all {
			if n < before.edges[from][to] { // it began anew
				return m
			}
		}
	}
	for from := range m.edges {
		for to := range m.edges[from] {
			m.edges[from][to] -= before.edges[from][to]
		}
	}
	return m
}

func (t *took) add(more *took) {
	t.operations, t.checks = plus(&t.operations, &more.operations), plus(&t.checks, &more.checks)
	for from, all := range more.edges {
		for to, n := range all {
			t.edges[from][to] += n
		}
	}
}

func tookOf(m *fleet.ServiceMeasures) took {
	t := took{operations: m.Counts.Durations, checks: m.Checks.Durations}
	for from, all := range m.Counts.Edges {
		for to, n := range all {
			t.edges[from][to] = uint64(n)
		}
	}
	return t
}

// decide says whether to keep histograms by layer for so many services. The
// mutex is held.
func (l *layers) decide(services int) bool {
	switch l.grouping {
	case ByLayer:
		l.on = true
	case ByService:
		l.on = false
	case Auto, "":
		l.on = services > manyServices || l.on && services > fewServices
	}
	if !l.on {
		l.seen, l.totals = nil, nil
	}
	return l.on
}

// add brings the totals up to what the services have counted now. The mutex is
// held.
func (l *layers) add(all []fleet.ServiceMeasures) {
	seen, totals := make(map[string]took, len(all)), make(map[string]*took)
	for i := range all {
		m := &all[i]
		now, before := tookOf(m), l.seen[m.Service]
		seen[m.Service] = now
		t := totals[m.Layer]
		if t == nil {
			if t = l.totals[m.Layer]; t == nil {
				t = &took{}
			}
			totals[m.Layer] = t
		}
		more := now.more(&before)
		t.add(&more)
	}
	l.seen, l.totals = seen, totals
}

// tell shows the totals. The mutex is held.
func (l *layers) tell(s *sink) {
	names := slices.Sorted(maps.Keys(l.totals))
	for _, name := range names {
		s.histogram(layerDurations, &l.totals[name].operations, nil, name)
	}
	for _, name := range names {
		s.histogram(layerCheckDurations, &l.totals[name].checks, nil, name)
	}
	for _, from := range byName {
		for _, name := range names {
			for _, to := range byName {
				if n := l.totals[name].edges[from][to]; n > 0 || from != to {
					s.counter(layerEdges, n, from.String(), name, to.String())
				}
			}
		}
	}
}
