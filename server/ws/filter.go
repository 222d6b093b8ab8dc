package ws

import (
	"fmt"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// filter is what a client wants to be told of. The zero filter takes all. It
// belongs to the client's writer.
type filter struct {
	services, layers map[string]bool
	statuses         map[fleet.Status]bool

	// outside are the services that the client knows to be outside of its
	// statuses. One that is not there is told once more when it leaves them,
	// or the client would show it as it was for ever.
	outside map[string]bool
}

var statuses = map[fleet.Status]bool{
	fleet.StatusCircuitOpen: true, fleet.StatusUnknown: true, fleet.StatusUnhealthy: true,
	fleet.StatusDegraded: true, fleet.StatusHealthy: true,
}

// newFilter is the filter that a subscription asks for.
func newFilter(m *wire.ClientMessage) (filter, error) {
	for _, name := range m.Services {
		if !switchgear.ValidName(name) {
			return filter{}, fmt.Errorf("services: %.*q is no name of a service", maxEcho, name)
		}
	}
	f := filter{services: set(m.Services), layers: set(m.Layers)}
	for _, s := range m.Statuses {
		if !statuses[fleet.Status(s)] {
			return filter{}, fmt.Errorf("statuses: %.*q is no status", maxEcho, s)
		}
		if f.statuses == nil {
			f.statuses, f.outside = make(map[fleet.Status]bool), make(map[string]bool)
		}
		f.statuses[fleet.Status(s)] = true
	}
	return f, nil
}

// maxEcho is how much of what a client sent stands in an error.
const maxEcho = 128

// set is nil for no names: all.
func set(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// all reports whether the filter takes everything.
func (f *filter) all() bool { return f.services == nil && f.layers == nil && f.statuses == nil }

// covers reports whether a record of the service is looked at. What happens to a
// service before its first state, of whose layer nobody knows yet, passes any
// layers: an event too many is better than one too few.
func (f *filter) covers(service string, layer *string) bool {
	return (f.services == nil || f.services[service]) && (f.layers == nil || layer == nil || f.layers[*layer])
}

// takes reports whether a record is to be sent. Statuses choose among states
// only: an event is never left out because of them.
func (f *filter) takes(r *record, layer *string) bool {
	if !f.covers(r.service, layer) {
		return false
	}
	if f.statuses == nil {
		return true
	}
	if r.event != nil {
		if r.event.Kind == fleet.EventRemoved {
			delete(f.outside, r.service)
		}
		return true
	}
	if f.statuses[r.status] {
		delete(f.outside, r.service)
		return true
	}
	left := !f.outside[r.service]
	f.outside[r.service] = true
	return left
}

// choose are the records of a snapshot that the filter takes.
func (f *filter) choose(recs []*record) []*record {
	var chosen []*record
	clear(f.outside)
	for _, r := range recs {
		switch {
		case !f.covers(r.service, &r.layer):
		case f.statuses != nil && !f.statuses[r.status]:
			f.outside[r.service] = true
		default:
			chosen = append(chosen, r)
		}
	}
	return chosen
}
