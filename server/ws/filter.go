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
	// sees is what the client's token is for, whatever it wants; nil: all.
	sees func(service string) bool

	services, layers map[string]bool
	statuses         map[fleet.Status]bool

	// has says of services whether the client, by what it was sent, shows them.
	// One that it shows is told once more when it leaves the layers or statuses,
	// or it would be shown as it was for ever. One that is not in it may be shown
	// by a client that went on from a place: unsure. Such a client was sent what
	// was up to unsureTo before it said so, and of that more than is told again.
	has      map[string]bool
	unsure   bool
	unsureTo uint64
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
			f.statuses = make(map[fleet.Status]bool)
		}
		f.statuses[fleet.Status(s)] = true
	}
	if f.chooses() {
		f.has = make(map[string]bool)
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
func (f *filter) all() bool { return f.sees == nil && f.services == nil && !f.chooses() }

// chooses reports whether the filter chooses among states.
func (f *filter) chooses() bool { return f.layers != nil || f.statuses != nil }

// names reports whether the filter takes the service at all.
func (f *filter) names(service string) bool {
	return (f.services == nil || f.services[service]) && (f.sees == nil || f.sees(service))
}

func (f *filter) hasLayer(layer string) bool { return f.layers == nil || f.layers[layer] }

// wants reports whether the filter takes an update for what is in it.
func (f *filter) wants(r *record) bool {
	return f.hasLayer(r.layer) && (f.statuses == nil || f.statuses[r.status])
}

// takes reports whether a record is to be sent. Statuses choose among states
// only: an event or an alert is never left out because of them. What happens to a service
// before its first state, of whose layer nobody knows yet, passes any layers: an
// event too many is better than one too few.
func (f *filter) takes(r *record, layer *string) bool {
	switch {
	case !f.names(r.service):
		return false
	case !f.chooses():
		return true
	case r.alert != nil:
		return layer == nil || f.hasLayer(*layer)
	case r.event != nil:
		within := layer == nil || f.hasLayer(*layer)
		switch r.event.Kind { //nolint:exhaustive // the others change nothing here
		case fleet.EventRegistered:
			if r.seq > f.unsureTo {
				f.has[r.service] = false
			} else {
				delete(f.has, r.service)
			}
		case fleet.EventRemoved: // it may have left the layers just before, and this is all that tells it
			within = within || f.shows(r.service)
			delete(f.has, r.service)
		}
		return within
	case f.wants(r):
		f.has[r.service] = true
		return true
	}
	left := f.shows(r.service)
	f.has[r.service] = false
	return left
}

// shows reports whether the client shows the service, or may.
func (f *filter) shows(service string) bool {
	has, known := f.has[service]
	return has || !known && f.unsure
}

// choose are the records of a snapshot that the filter takes.
func (f *filter) choose(recs []*record) []*record {
	var chosen []*record
	clear(f.has)
	f.unsure, f.unsureTo = false, 0
	for _, r := range recs {
		if !f.names(r.service) || !f.wants(r) {
			continue
		}
		chosen = append(chosen, r)
		if f.chooses() {
			f.has[r.service] = true
		}
	}
	return chosen
}

// goOn finds what a client that had everything up to the cursor does not show,
// as far as can be told. It was sent what was up to sent.
func (f *filter) goOn(recs []*record, cursor, sent uint64) {
	f.unsure, f.unsureTo = true, sent
	for _, r := range recs {
		if f.names(r.service) && !f.wants(r) && (r.seq <= cursor || !f.hasLayer(r.layer) && !r.moved) {
			f.has[r.service] = false
		}
	}
}
