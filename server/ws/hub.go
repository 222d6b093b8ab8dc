package ws

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
)

// hub is the one log of what was told that all clients read, each at a cursor
// of its own. It holds the latest update of every service, for updates coalesce,
// and the latest events, up to a bound. So whoever reads on from a cursor
// misses nothing but updates that newer ones have made useless, unless an event
// after the cursor has been dropped: then the cursor is void. The manager never
// waits for a reader, nor one reader for another.
type hub struct {
	epoch     epoch
	news      chan struct{}
	coalesced atomic.Uint64 // updates that readers were spared

	mu     sync.RWMutex
	seq    uint64 // of the last change
	told   uint64 // how many changes
	floor  uint64 // a cursor below it is void
	log    []slot // by seq
	holes  int    // slots of the log whose record is gone
	latest map[string]*record
	events []*record // those in the log, and alerts: a ring
	oldest int       // its first, once it is full
}

type slot struct {
	seq uint64
	rec *record // nil: gone
}

// newHub watches m; stop ends that.
func newHub(m Manager, maxEvents int) (h *hub, stop func(), err error) {
	h = &hub{
		epoch: epoch{name: m.Epoch()}, news: make(chan struct{}, 1),
		latest: make(map[string]*record), events: make([]*record, 0, maxEvents),
	}
	if h.epoch.json, err = json.Marshal(h.epoch.name); err != nil {
		return nil, nil, err
	}
	h.epoch.shared = h.epoch.json
	// The manager calls tell only once Watch has taken its lock, and not in
	// Watch: so it may wait for this lock there.
	h.mu.Lock()
	defer h.mu.Unlock()
	seq, states, stop := m.Watch(h.tell)
	h.seq, h.floor = seq, seq
	now := time.Now()
	for i := range states { // not in the log: no cursor is before them
		h.latest[states[i].Service] = newUpdate(seq, now, &states[i])
	}
	return h, stop, nil
}

// tell takes a change. The manager calls it under its lock.
func (h *hub) tell(c fleet.Change) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq = c.Seq
	h.told++
	switch {
	case c.Event != nil:
		e := *c.Event
		h.keep(&record{seq: c.Seq, service: c.Service, at: now, event: &e})
		if e.Kind == fleet.EventRemoved { // this tells it, so no snapshot from here on may have the service
			h.remove(c.Service)
		}
	case c.Alert != nil:
		a := *c.Alert
		h.keep(&record{seq: c.Seq, service: c.Service, at: now, alert: &a})
	case c.View != nil:
		h.put(newUpdate(c.Seq, now, c.View))
	case c.Removed:
		h.remove(c.Service)
	}
	select {
	case h.news <- struct{}{}:
	default:
	}
}

func (h *hub) remove(service string) {
	h.drop(h.latest[service])
	delete(h.latest, service)
}

// put adds an update in the place of the one before it.
func (h *hub) put(r *record) {
	last := h.latest[r.service]
	r.moved = last == nil || last.moved || last.layer != r.layer
	h.drop(last)
	h.latest[r.service] = r
	h.log = append(h.log, slot{r.seq, r})
}

// keep adds an event or an alert, for which the oldest must go if there are too
// many.
func (h *hub) keep(r *record) {
	if known := h.latest[r.service]; known != nil {
		r.layer, r.layerKnown = known.layer, true
	}
	h.log = append(h.log, slot{r.seq, r})
	if len(h.events) < cap(h.events) {
		h.events = append(h.events, r)
		return
	}
	old := h.events[h.oldest]
	h.events[h.oldest] = r
	h.oldest = (h.oldest + 1) % len(h.events)
	h.floor = old.seq
	h.drop(old)
}

// drop takes a record out of the log, and now and then the holes.
func (h *hub) drop(r *record) {
	if r == nil {
		return
	}
	if i := h.from(r.seq); i < len(h.log) && h.log[i].rec == r {
		h.log[i].rec = nil
		h.holes++
	}
	const few = 64
	if h.holes > few && h.holes > len(h.log)/2 {
		h.log = slices.DeleteFunc(h.log, func(s slot) bool { return s.rec == nil })
		h.holes = 0
	}
}

// from is where the log begins that is not before seq. A cursor is most often
// at the end.
func (h *hub) from(seq uint64) int {
	if n := len(h.log); n == 0 || h.log[n-1].seq < seq {
		return n
	}
	i, _ := slices.BinarySearchFunc(h.log, seq, func(s slot, seq uint64) int { return cmp.Compare(s.seq, seq) })
	return i
}

// read appends to recs, up to its capacity, what comes after the cursor and f
// takes. Everything up to reached is in it then. ok is false if the cursor is
// void. What f takes is found out without the lock: a filter that takes its time
// delays its client only.
func (h *hub) read(cursor uint64, f *filter, recs []*record) (_ []*record, reached uint64, ok bool) {
	var room [readAhead]candidate
	from, looked := cursor, uint64(0)
	defer func() { h.spared(reached-from, looked) }()
	for done := false; !done; {
		var some []candidate
		if some, reached, done, ok = h.after(cursor, room[:0]); !ok {
			return recs, cursor, false
		}
		for _, c := range some {
			if len(recs) == cap(recs) {
				return recs, cursor, true
			}
			if f.takes(c.rec, c.layer) {
				recs = append(recs, c.rec)
			}
			looked++
			cursor = c.rec.seq
		}
		cursor = reached
	}
	return recs, cursor, true
}

// spared counts that a reader went on by so many changes, and looked at so many of
// them: the others were updates that later ones made useless.
func (h *hub) spared(by, looked uint64) {
	if by > looked {
		h.coalesced.Add(by - looked)
	}
}

// lag is how many changes are held, how many there are after seq, and how long
// ago the first of those was told that still is to be sent.
func (h *hub) lag(seq uint64, now time.Time) (held int, behind uint64, since time.Duration) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, s := range h.log[h.from(seq+1):] {
		if s.rec != nil {
			since = max(now.Sub(s.rec.at), 0)
			break
		}
	}
	return len(h.log) - h.holes, h.seq - min(seq, h.seq), since
}

// readAhead is how many records are looked at under one lock.
const readAhead = 64

// candidate is a record that a filter may take.
type candidate struct {
	rec   *record
	layer *string // of its service; nil: nobody knows yet
}

// after appends to some, up to its capacity, what comes after the cursor. It is
// everything up to reached; done says that there is nothing after it. ok is false
// if the cursor is void.
func (h *hub) after(cursor uint64, some []candidate) (_ []candidate, reached uint64, done, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if cursor < h.floor {
		return nil, cursor, false, false
	}
	for i := h.from(cursor + 1); i < len(h.log); i++ {
		if len(some) == cap(some) {
			return some, cursor, false, true
		}
		if r := h.log[i].rec; r != nil {
			some = append(some, candidate{r, h.layer(r)})
		}
		cursor = h.log[i].seq
	}
	return some, h.seq, true, true
}

// layer is the layer of what the record tells of, or nil if nobody knows yet.
func (h *hub) layer(r *record) *string {
	if r.layerKnown {
		return &r.layer
	}
	if known := h.latest[r.service]; known != nil {
		return &known.layer
	}
	return nil
}

// states are the latest updates of all services, by name, and the seq at which
// they are that.
func (h *hub) states() (uint64, []*record) {
	h.mu.RLock()
	seq, recs := h.seq, make([]*record, 0, len(h.latest))
	for _, r := range h.latest {
		recs = append(recs, r)
	}
	h.mu.RUnlock()
	slices.SortFunc(recs, func(a, b *record) int { return strings.Compare(a.service, b.service) })
	return seq, recs
}

// at is the seq of the last change.
func (h *hub) at() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.seq
}

// goOn reports whether a client that has everything up to seq can go on from
// there, with the filter, which then knows what the client had; it was sent what
// was up to sent.
func (h *hub) goOn(seq, sent uint64, f *filter) bool {
	h.mu.RLock()
	known := h.floor <= seq && seq <= h.seq
	h.mu.RUnlock()
	if known && f.chooses() {
		_, recs := h.states()
		f.goOn(recs, seq, sent)
	}
	return known
}

// epoch is what a client's places belong to. Those who see other services than
// all have one of their own: what they had everything of is not everything.
type epoch struct {
	name   string
	json   []byte
	shared []byte // JSON of the hub's
	own    bool   // it is not the hub's
}

// epochOf is the identity's.
func (h *hub) epochOf(id auth.Identity) epoch {
	if !id.Limited() {
		return h.epoch
	}
	patterns := slices.Sorted(slices.Values(id.Services))
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(patterns), " ")))
	e := epoch{name: h.epoch.name + "." + hex.EncodeToString(sum[:6]), shared: h.epoch.json, own: true}
	e.json, _ = json.Marshal(e.name) // a string is always JSON
	return e
}
