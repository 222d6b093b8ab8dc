package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/pattern"
)

// Quorum is how many instances of a service of agents open the circuit for all of
// them. The zero Quorum is off: each instance decides alone.
type Quorum struct {
	// Instances is how many must be open by themselves (quorumInstances). 2 to
	// 1 000 000; 0, the default, is off.
	Instances int

	// Share is which share of the instances with enough traffic they must be
	// (quorumShare). Above 0 to 1; default 0.5.
	Share float64
}

// On reports whether there is a rule.
func (q Quorum) On() bool { return q.Instances > 0 }

// Quorums are the fleet rules of services.
type Quorums struct {
	// All is the rule of services that no pattern is for.
	All Quorum

	// Services are the rules of others by pattern, as tokens have them: a name,
	// in which * stands for any run of characters.
	Services map[string]Quorum
}

// For is the rule of a service: that of its name, or of the longest pattern for it,
// of several of a length that of the first in the alphabet.
func (q *Quorums) For(service string) Quorum {
	if rule, ok := q.Services[service]; ok {
		return rule
	}
	rule, best := q.All, ""
	for p, r := range q.Services {
		if pattern.Match(p, service) && (len(p) > len(best) || len(p) == len(best) && p < best) {
			rule, best = r, p
		}
	}
	return rule
}

const (
	leastQuorum  = 2
	mostQuorum   = 1_000_000
	defaultShare = 0.5

	// maxQuorums is how many patterns there may be: each service looks through
	// them.
	maxQuorums = 1000
)

// quorumJSON is a rule in the file; what it does not say is as for all.
type quorumJSON struct {
	QuorumInstances *int     `json:"quorumInstances"`
	QuorumShare     *float64 `json:"quorumShare"`
}

func (d quorumJSON) quorum(bad *problems, path string, otherwise Quorum) Quorum {
	q := otherwise
	if n := d.QuorumInstances; n != nil {
		if q.Instances = *n; *n != 0 && (*n < leastQuorum || *n > mostQuorum) {
			bad.add(join(path, "quorumInstances"), "%d is neither 0, which is off, nor in %d … %d: one instance alone never opens the others", *n, leastQuorum, mostQuorum)
		}
	}
	if share := d.QuorumShare; share != nil {
		if q.Share = *share; !(*share > 0 && *share <= 1) {
			bad.add(join(path, "quorumShare"), "%v is not above 0 and at most 1", *share)
		}
	}
	return q
}

// quorums are the rules that the file says.
func (d *fleetJSON) quorums(bad *problems) Quorums {
	const path = "fleet"
	q := Quorums{All: d.quorum(bad, path, Quorum{Share: defaultShare})}
	if n := len(d.Services); n > maxQuorums {
		bad.add("fleet.services", "%d patterns are more than %d", n, maxQuorums)
		return q
	}
	for _, p := range slices.Sorted(maps.Keys(d.Services)) {
		if !pattern.Valid(p) || !strings.Contains(p, "*") && !switchgear.ValidName(p) {
			bad.add("fleet.services", "%s is no pattern of services: it is 1 to 128 characters of a name, and *, which stands for any of them", quote(p))
			continue
		}
		if q.Services == nil {
			q.Services = make(map[string]Quorum)
		}
		q.Services[p] = d.Services[p].quorum(bad, join("fleet.services", p), q.All)
	}
	return q
}

// lintQuorums warns of rules that cannot work.
func (f *File) lintQuorums() []Problem {
	var all []Problem
	for _, p := range slices.Sorted(maps.Keys(f.Quorums.Services)) {
		if _, declared := f.Services[p]; declared && f.Quorums.Services[p].On() {
			all = append(all, f.Problem(join("fleet.services", p), p+
				" is declared in this file, so it has no instances that could decide together: the rule is for services that programs bring in"))
		}
	}
	return all
}
