package alert

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// maxAffects is how many names an alert has of those that depend on the root.
const maxAffects = 100

// incident is alerts that belong together, while one of them fires.
type incident struct {
	id, root string
	affects  []string
	firing   map[*fleet.Alert]*service
	past     map[pastKey]*fleet.Alert // that ended: the newest of each service and kind

	waits  time.Time       // since when it gathers alerts before it is told; zero: nothing is to be told
	began  bool            // that is over
	told   map[string]bool // by receiver
	grave  map[string]bool // the services of which something critical was told
	before []*fleet.Alert  // that were told before a restart, to whom is not known yet
	worst  fleet.Severity  // the gravest that was told; "": none
	toldAt time.Time       // when the newest message was made
	lifted bool            // a silence over one of its alerts has ended
	joined time.Time       // since when there is what nobody has seen beside what was acknowledged; zero: there is not
	moved  time.Time       // when its root was found after it was told; zero: it was not

	due time.Time // when to look at it; zero: when something changes
}

type pastKey struct {
	service string
	kind    fleet.AlertKind
}

// join puts a new alert where it belongs, and brings together what it shows to
// belong together.
func (e *Engine) join(s *service, a *fleet.Alert, now time.Time) {
	in := s.incident
	if in == nil {
		in = e.roots[s.name]
	}
	if in == nil {
		in = e.above(s, a)
	}
	if in == nil {
		in = e.begin(a.ID, s.name)
	}
	e.enter(in, s, a)
	in = e.gather(in, s.name, false, now)
	e.look[in] = struct{}{}
}

// begin is a new incident.
func (e *Engine) begin(id, root string) *incident {
	in := &incident{
		id: id, firing: make(map[*fleet.Alert]*service), past: make(map[pastKey]*fleet.Alert),
		told: make(map[string]bool), grave: make(map[string]bool),
	}
	e.incidents[id] = in
	e.settleRoot(in, root)
	return in
}

// settleRoot says which service an incident comes from.
func (e *Engine) settleRoot(in *incident, root string) {
	if in.root != "" {
		delete(e.roots, in.root)
	}
	in.root = root
	e.roots[root] = in
	in.affects = e.manager.Dependants(root)
	if len(in.affects) > maxAffects {
		in.affects = slices.Clone(in.affects[:maxAffects])
	}
	for a := range in.firing {
		e.belongs(a, in)
	}
	for _, a := range in.past {
		e.belongs(a, in)
	}
}

func (e *Engine) belongs(a *fleet.Alert, in *incident) {
	a.Incident, a.Root, a.Affects = in.id, in.root, in.affects
	e.changed[a] = struct{}{}
}

// enter puts an alert into an incident. Whoever has seen all of that has seen it,
// too, if it was to be foreseen.
func (e *Engine) enter(in *incident, s *service, a *fleet.Alert) {
	if seen := in.acknowledgement(); seen != nil && in.foresees(a) {
		a.AcknowledgedBy, a.AcknowledgedAt = seen.AcknowledgedBy, seen.AcknowledgedAt
	}
	in.firing[a] = s
	s.incident = in
	e.belongs(a, in)
}

// foresees reports whether who knows an incident need not be told of an alert that
// joins it: it is critical, and so was what was seen of its service; or it is not,
// and something in the incident is as grave.
func (in *incident) foresees(a *fleet.Alert) bool {
	for o := range in.firing {
		switch {
		case a.Severity.Graver(o.Severity):
		case a.Severity != fleet.SeverityCritical:
			return true
		case o.Service == a.Service && o.AcknowledgedBy != "":
			return true
		}
	}
	return false
}

// leave takes an alert that ended out of what fires.
func (e *Engine) leave(s *service, a *fleet.Alert) {
	in := s.incident
	delete(in.firing, a)
	in.past[pastKey{a.Service, a.Kind}] = a
	if len(s.alerts()) == 0 {
		s.incident = nil
	}
	e.look[in] = struct{}{}
}

// above is the incident of the nearest service that s depends on, directly or
// through others that are not well, or nil. Where one of them fails and has no
// alert yet, it is the root of a new one: the last of them on the way down.
func (e *Engine) above(s *service, a *fleet.Alert) *incident {
	suspect := ""
	seen := map[string]bool{s.name: true}
	for next := []*service{s}; len(next) > 0; next = next[1:] {
		if next[0].view == nil {
			continue
		}
		for _, name := range next[0].view.Dependencies {
			d := e.services[name]
			switch {
			case seen[name] || d == nil:
				continue
			case d.incident != nil:
				return d.incident
			case e.roots[name] != nil:
				return e.roots[name]
			case fails(d.view):
				suspect = name
			}
			if seen[name] = true; !d.well() {
				next = append(next, d)
			}
		}
	}
	if suspect == "" {
		return nil
	}
	return e.begin(a.ID, suspect)
}

// gather brings together an incident and those whose roots depend on the service,
// directly or through others that are not well, and returns what became of it.
// fresh: only those that have not been told.
func (e *Engine) gather(in *incident, name string, fresh bool, now time.Time) *incident {
	if len(e.roots) < 2 {
		return in
	}
	all := []*incident{in}
	for _, user := range e.manager.Dependants(name) {
		o := e.roots[user]
		if o == nil || o == in || fresh && o.began || !e.reaches(user, name) {
			continue
		}
		all = append(all, o)
	}
	return e.merge(all, now)
}

// suspect makes a service that began to fail, and has no alert yet, the root of
// what depends on it and was not told yet.
func (e *Engine) suspect(s *service, now time.Time) {
	if len(e.roots) == 0 || s.incident != nil || e.roots[s.name] != nil {
		return
	}
	for _, user := range e.manager.Dependants(s.name) {
		if in := e.roots[user]; in != nil && !in.began && e.reaches(user, s.name) {
			e.settleRoot(in, s.name)
			e.look[e.gather(in, s.name, true, now)] = struct{}{}
			return
		}
	}
}

// reaches reports whether one service depends on another, directly or through
// others that are not well.
func (e *Engine) reaches(from, to string) bool {
	seen := map[string]bool{from: true}
	for next := []string{from}; len(next) > 0; next = next[1:] {
		s := e.services[next[0]]
		if s == nil || s.view == nil || next[0] != from && s.well() {
			continue
		}
		for _, name := range s.view.Dependencies {
			if name == to {
				return true
			}
			if !seen[name] {
				seen[name] = true
				next = append(next, name)
			}
		}
	}
	return false
}

// merge makes one incident of several. It has the root of the first of them, and
// goes on under the ID that was told, or else the oldest.
func (e *Engine) merge(all []*incident, now time.Time) *incident {
	root := all[0].root
	in := slices.MinFunc(all, func(a, b *incident) int {
		if a.began != b.began {
			if a.began {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	moved := in.began && in.root != root
	for _, o := range all {
		if o != in {
			moved = moved || in.began && o.began
			e.absorb(in, o)
		}
	}
	if in.root != root {
		e.settleRoot(in, root)
	}
	if moved {
		in.moved = now
	}
	e.look[in] = struct{}{}
	return in
}

// absorb puts all of an incident into another.
func (e *Engine) absorb(in, o *incident) {
	delete(e.incidents, o.id)
	delete(e.look, o)
	delete(e.waiting, o)
	delete(e.roots, o.root)
	for a, s := range o.firing {
		in.firing[a] = s
		s.incident = in
		e.belongs(a, in)
	}
	for key, a := range o.past {
		if have := in.past[key]; have == nil || have.ID < a.ID {
			in.past[key] = a
			e.belongs(a, in)
		}
	}
	in.before = append(in.before, o.before...)
	for receiver := range o.told {
		in.told[receiver] = true
	}
	for service := range o.grave {
		in.grave[service] = true
	}
	if o.worst != "" && (in.worst == "" || o.worst.Graver(in.worst)) {
		in.worst = o.worst
	}
	in.waits, in.toldAt = sooner(in.waits, o.waits), later(in.toldAt, o.toldAt)
	in.lifted = in.lifted || o.lifted
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// acknowledgement is an alert that somebody has seen, of an incident of which all
// that fires was seen; nil: there is something that was not.
func (in *incident) acknowledgement() *fleet.Alert {
	var seen *fleet.Alert
	for a := range in.firing {
		if a.AcknowledgedBy == "" {
			if len(a.SilencedBy) == 0 {
				return nil
			}
			continue
		}
		if seen == nil || a.AcknowledgedAt.After(seen.AcknowledgedAt) {
			seen = a
		}
	}
	return seen
}

// inOrder are alerts as a message has them: those of the root first, then by
// service and kind.
func inOrder(root string, all []*fleet.Alert) {
	slices.SortFunc(all, func(a, b *fleet.Alert) int {
		switch {
		case a.Service == b.Service:
			return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.ID, b.ID))
		case a.Service == root:
			return -1
		case b.Service == root:
			return 1
		}
		return strings.Compare(a.Service, b.Service)
	})
}
