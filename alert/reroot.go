package alert

import (
	"cmp"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/fleet"
)

// reroot lets an incident that nobody was told of come from what fails still, where
// the service that it came from has recovered, and says whether it did.
func (e *Engine) reroot(in *incident, open []*fleet.Alert) bool {
	if s := e.services[in.root]; s != nil && (s.view == nil || s.incident != nil || fails(s.view)) {
		return false
	}
	root := e.lowest(open)
	if root == in.root || e.roots[root] != nil {
		return false
	}
	e.settleRoot(in, root)
	return true
}

// lowest is the service of the alerts on which those of the gravest, oldest alert
// depends: the last on the way down.
func (e *Engine) lowest(alerts []*fleet.Alert) string {
	fire := make(map[string]bool, len(alerts))
	for _, a := range alerts {
		fire[a.Service] = true
	}
	lowest := slices.MinFunc(alerts, func(a, b *fleet.Alert) int {
		switch {
		case a.Severity.Graver(b.Severity):
			return -1
		case b.Severity.Graver(a.Severity):
			return 1
		}
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), strings.Compare(a.Service, b.Service))
	}).Service
	seen := map[string]bool{lowest: true}
	for next := []string{lowest}; len(next) > 0; next = next[1:] {
		s := e.services[next[0]]
		if s == nil || s.view == nil {
			continue
		}
		for _, name := range s.view.Dependencies {
			d := e.services[name]
			if d == nil || seen[name] || d.well() {
				continue
			}
			if seen[name] = true; fire[name] {
				lowest = name
			}
			next = append(next, name)
		}
	}
	return lowest
}
