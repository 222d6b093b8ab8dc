package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// told is a message of the stream, as a watcher took it.
type told struct {
	Watcher, Node, Socket int
	Type                  string
	Epoch                 string
	Seq                   uint64
	Page, Pages           int            `json:",omitempty"`
	Event                 *wire.Event    `json:",omitempty"`
	Versions              map[string]int `json:",omitempty"` // of configs
}

// span is what a snapshot stood for: everything behind after, up to upTo.
type span struct{ after, upTo uint64 }

// place is how far a watcher has come, over all its sockets, and what it was told.
type place struct {
	epoch     string
	seq       uint64
	snapshots []span
	events    map[uint64]string // what was told, by seq
	ids       map[int64]uint64
	versions  map[string]int
	undurable int // events that were told before they were stored

	// A leader tells statistics before they are stored. A snapshot of another node
	// may be behind those, but behind no event that is stored.
	stored uint64
	back   int // how often one was
}

func newPlace() *place {
	return &place{events: make(map[uint64]string), ids: make(map[int64]uint64), versions: make(map[string]int)}
}

// name is what of an event must be the same wherever it is told.
func name(e *wire.Event) string {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return fmt.Sprintf("%s %s %s>%s %q", e.Service, e.Kind, text(e.From), text(e.To), text(e.Reason))
}

// take goes on with a message. The error is what a stream must never do.
func (p *place) take(m *told) error {
	switch m.Type {
	case wire.TypeConnectionStatus: // its seq has not been told yet
		if p.epoch != "" && m.Epoch != p.epoch {
			return fmt.Errorf("the epoch is %s, and was %s", m.Epoch, p.epoch)
		}
		return nil
	case wire.TypeServicesState:
		if m.Seq < p.stored {
			return fmt.Errorf("a snapshot at %d, behind the event at %d", m.Seq, p.stored)
		}
		if m.Page == m.Pages {
			if m.Seq < p.seq {
				p.back++
			}
			p.snapshots = append(p.snapshots, span{p.seq, m.Seq})
			p.epoch, p.seq = m.Epoch, m.Seq
		}
	case wire.TypeHeartbeat:
		if m.Seq < p.seq {
			return fmt.Errorf("a heartbeat at %d, behind %d", m.Seq, p.seq)
		}
		p.seq = m.Seq
	case wire.TypeServiceUpdate, wire.TypeServiceEvent:
		if m.Seq <= p.seq {
			return fmt.Errorf("%s at %d, behind %d", m.Type, m.Seq, p.seq)
		}
		p.seq = m.Seq
	}
	if m.Event != nil {
		if err := p.takeEvent(m.Event); err != nil {
			return err
		}
	}
	for service, v := range m.Versions {
		if v < p.versions[service] {
			return fmt.Errorf("config %d of %s at %d, behind %d", v, service, m.Seq, p.versions[service])
		}
		p.versions[service] = v
	}
	return nil
}

func (p *place) takeEvent(e *wire.Event) error {
	p.events[e.Seq] = name(e)
	if e.ID == nil {
		p.undurable++
		return nil
	}
	if at, twice := p.ids[*e.ID]; twice {
		return fmt.Errorf("event %d at %d, and at %d before", *e.ID, e.Seq, at)
	}
	p.ids[*e.ID], p.stored = e.Seq, max(p.stored, e.Seq)
	return nil
}

// judge compares what was told with all events that are stored.
func (p *place) judge(stored []wire.Event) (wrong []string) {
	known := make(map[int64]bool, len(stored))
	for i := range stored {
		e := &stored[i]
		known[*e.ID] = true
		switch was, ok := p.events[e.Seq]; {
		case ok && was != name(e):
			wrong = append(wrong, fmt.Sprintf("event %d at %d was told as %s, and is %s", *e.ID, e.Seq, was, name(e)))
		case !ok && !p.excused(e.Seq):
			wrong = append(wrong, fmt.Sprintf("event %d at %d (%s) was not told; snapshots %v", *e.ID, e.Seq, name(e), p.snapshots))
		}
	}
	for id, seq := range p.ids {
		if !known[id] {
			wrong = append(wrong, fmt.Sprintf("event %d at %d (%s) was told, and is not stored", id, seq, p.events[seq]))
		}
	}
	return wrong
}

// excused reports whether an event need not have been told as one: a snapshot stood
// for it, or the watcher has not come so far.
func (p *place) excused(seq uint64) bool {
	for _, s := range p.snapshots {
		if seq > s.after && seq <= s.upTo {
			return true
		}
	}
	return seq > p.seq
}

// watcher is a client of the stream that goes on where it was: at its node, or at
// the next each time.
type watcher struct {
	c      *cluster
	number int
	roams  bool

	mu      sync.Mutex
	place   *place
	board   map[string]wire.Entry
	resumed int // sockets that went on without a snapshot
	sockets int
	wrong   []string
}

// watch watches until ctx ends, beginning at node i.
func (w *watcher) watch(ctx context.Context, i int) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		_ = w.once(ctx, i) // the next goes on
		if w.roams {
			i = (i + 1) % len(w.c.nodes)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

func (w *watcher) once(ctx context.Context, i int) error {
	opening, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var since *wire.Since
	if w.place.epoch != "" {
		since = &wire.Since{Epoch: w.place.epoch, Seq: w.place.seq}
	}
	stream, err := w.c.nodes[i].Stream(opening, since)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	w.sockets++
	whole := len(w.place.snapshots)
	for n := 0; ; n++ {
		m, err := stream.Next(ctx)
		if err != nil {
			return err
		}
		if err := w.take(i, m.Type, m.Data); err != nil {
			return err
		}
		if n == 1 && since != nil && len(w.place.snapshots) == whole {
			w.resumed++
		}
	}
}

func (w *watcher) take(node int, kind string, data json.RawMessage) error {
	var d struct {
		wire.Since

		Page, Pages int
		Event       *wire.Event
		Services    []wire.Entry
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if kind == wire.TypeServiceUpdate {
		var e wire.Entry
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		d.Services = append(d.Services, e)
	}
	m := &told{
		Watcher: w.number, Node: node, Socket: w.sockets, Type: kind, Epoch: d.Epoch, Seq: d.Seq,
		Page: d.Page, Pages: d.Pages, Event: d.Event, Versions: make(map[string]int, len(d.Services)),
	}
	for i := range d.Services {
		m.Versions[d.Services[i].Service] = d.Services[i].ConfigVersion
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &record{Told: m}
	if err := w.place.take(m); err != nil {
		r.Broken = err.Error()
		w.wrong = append(w.wrong, fmt.Sprintf("at node %d, socket %d: %v", node, w.sockets, err))
	}
	w.c.note(r)
	if kind == wire.TypeServicesState && d.Page <= 1 {
		clear(w.board)
	}
	for i := range d.Services {
		w.board[d.Services[i].Service] = d.Services[i]
	}
	return nil
}

// shows is the watcher's board now.
func (w *watcher) shows() map[string]wire.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.board)
}

// report says what was wrong, and how much was seen.
func (w *watcher) report(t *testing.T, stored []wire.Event) {
	t.Helper()
	for _, wrong := range slices.Concat(w.wrong, w.place.judge(stored)) {
		t.Errorf("watcher %d: %s", w.number, wrong)
	}
	t.Logf("watcher %d: %d events (%d before they were stored), %d sockets, %d snapshots (%d behind statistics), %d went on without one",
		w.number, len(w.place.events), w.place.undurable, w.sockets, len(w.place.snapshots), w.place.back, w.resumed)
}

// at is how far it has come.
func (w *watcher) at() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.place.seq
}
