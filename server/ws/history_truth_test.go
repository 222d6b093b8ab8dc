package ws

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// truth is all that the manager told, in order.
type truth struct {
	mu      sync.Mutex
	changes []fact
}

type fact struct {
	seq     uint64
	service string
	event   bool
	removed bool
	layer   string
	known   bool // the layer is: else a filter of layers may let the event through
	status  string
	entry   []byte // of an update
	durable bool   // of an event
}

func (tr *truth) record(t *testing.T, f *fixture) {
	t.Helper()
	layers := map[string]string{}
	seq, states, stop := f.fleet.Watch(func(c fleet.Change) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		switch {
		case c.Event != nil:
			layer, known := layers[c.Service]
			tr.changes = append(tr.changes, fact{
				seq: c.Seq, service: c.Service, event: true, layer: layer, known: known, removed: c.Event.Kind == fleet.EventRemoved,
				durable: c.Event.Durable,
			})
		case c.Removed:
			delete(layers, c.Service)
		case c.View != nil:
			e, err := view.Entry(c.View)
			if err != nil {
				t.Error(err)
			}
			doc, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			layers[c.Service] = e.Layer
			tr.changes = append(tr.changes, fact{seq: c.Seq, service: c.Service, layer: e.Layer, status: e.Status, entry: doc})
		}
	})
	if seq != 0 || len(states) != 0 {
		t.Fatal("it had begun before it was recorded")
	}
	t.Cleanup(stop)
}

func (tr *truth) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.changes)
}

// at is the state of the services that a wish takes, at a seq.
func (tr *truth) at(seq uint64, w *wish) map[string]string {
	latest := map[string]*fact{}
	for i := range tr.changes {
		switch c := &tr.changes[i]; {
		case c.seq > seq:
		case c.removed:
			delete(latest, c.service)
		case !c.event:
			latest[c.service] = c
		}
	}
	state := map[string]string{}
	for name, c := range latest {
		if w.takes(name, c.layer, c.status) {
			state[name] = string(c.entry)
		}
	}
	return state
}

// events are the seqs of the events in (after, to] that a wish must be told, and
// those that it may be.
func (tr *truth) events(after, to uint64, w *wish) (must, may []uint64) {
	for _, c := range tr.changes {
		switch {
		case !c.event || c.seq <= after || to < c.seq || !w.names(c.service):
		case len(w.layers) == 0 || c.known && slices.Contains(w.layers, c.layer):
			must = append(must, c.seq)
		case !c.known || c.removed: // of a service that has just left the layers, too
			may = append(may, c.seq)
		}
	}
	return must, may
}

// wish is what a client subscribed to, within what its token is for.
type wish struct {
	sees                       func(string) bool // nil: all
	services, layers, statuses []string
}

func (w *wish) all() bool { return len(w.services)+len(w.layers)+len(w.statuses) == 0 }

func (w *wish) names(service string) bool {
	return (w.sees == nil || w.sees(service)) && (len(w.services) == 0 || slices.Contains(w.services, service))
}

func (w *wish) takes(service, layer, status string) bool {
	return w.names(service) && (len(w.layers) == 0 || slices.Contains(w.layers, layer)) &&
		(len(w.statuses) == 0 || slices.Contains(w.statuses, status))
}

// takesEntry is takes of an entry's JSON.
func (w *wish) takesEntry(doc string) bool {
	var e wire.Entry
	return json.Unmarshal([]byte(doc), &e) == nil && w.takes(e.Service, e.Layer, e.Status)
}
