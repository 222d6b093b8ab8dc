package ws

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/wire"
)

// TestSnapshot_IsMadeOnceForAllWhoNeedIt has a thousand clients ask at once: one
// snapshot is made, and each entry encoded once, also for those with filters and
// for the updates.
func TestSnapshot_IsMadeOnceForAllWhoNeedIt(t *testing.T) {
	t.Parallel()
	w := &watched{seq: 7}
	for _, name := range many(300) {
		w.states = append(w.states, fleet.View{Service: name, Layer: name[len(name)-1:]})
	}
	h, stop, err := newHub(w, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s := &snapshots{hub: h, pageSize: 4 << 10}
	limited := h.epochOf(auth.Identity{Services: []string{"service_1*"}})
	kinds := []func() (*filter, *epoch){
		func() (*filter, *epoch) { return &filter{}, &h.epoch },
		func() (*filter, *epoch) {
			return &filter{layers: set([]string{"1"}), has: map[string]bool{}}, &h.epoch
		},
		func() (*filter, *epoch) { return &filter{services: set([]string{"service_7", "service_9"})}, &h.epoch },
		func() (*filter, *epoch) {
			return &filter{sees: func(name string) bool { return strings.HasPrefix(name, "service_1") }}, &limited
		},
	}
	var asking sync.WaitGroup
	all := make([]snapshot, 1000)
	for i := range all {
		asking.Go(func() {
			snap, err := s.of(kinds[i%len(kinds)]())
			if err != nil {
				t.Error(err)
			}
			all[i] = snap
		})
	}
	asking.Wait()
	if s.made != 1 {
		t.Errorf("%d snapshots of all were made", s.made)
	}
	first := s.last.Load().take(0)
	for i := len(kinds); i < len(all); i += len(kinds) {
		if &s.take(&all[i], 0)[0] != &first[0] {
			t.Fatalf("client %d has pages of its own", i)
		}
	}
	_, recs := h.states()
	for _, r := range recs {
		if r.view != nil || !bytes.Contains(r.bytes, r.entry) || &r.entry[len(r.entry)-1] != &r.bytes[len(r.bytes)-1] {
			t.Fatalf("%s: its entry is not the one of its update", r.service)
		}
	}
	for i, want := range []int{300, 30, 2, 111} {
		entries := 0
		for n := range all[i].pages() {
			page := all[i].page(n)
			entries += bytes.Count(page, []byte(`{"service":`))
			if i > 0 && n < len(all[i].parts) && len(all[i].parts[n]) > 0 && !bytes.Contains(page, all[i].parts[n][0].entry) {
				t.Errorf("kind %d, page %d has not the bytes of the entry", i, n)
			}
		}
		if entries != want {
			t.Errorf("kind %d has %d entries, want %d", i, entries, want)
		}
	}
}

func TestSnapshot_IsNeverOlderThanWhoAsked(t *testing.T) {
	t.Parallel()
	w := &watched{states: []fleet.View{{Service: "a"}}}
	h, stop, err := newHub(w, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s := &snapshots{hub: h, pageSize: 4 << 10}
	for seq := uint64(1); seq < 5; seq++ {
		w.tell(fleet.Change{Seq: seq, Service: "a", View: &fleet.View{Service: "a", Description: strings.Repeat("x", int(seq))}})
		snap, err := s.of(&filter{}, &h.epoch)
		if err != nil || snap.seq != seq || !bytes.Contains(snap.page(0), []byte(`"`+strings.Repeat("x", int(seq))+`"`)) {
			t.Errorf("at %d: %v, seq %d", seq, err, snap.seq)
		}
	}
}

func TestSubscribe_TellsOnceMoreWhatLeavesItsLayers(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerMinute: -1})
	f.declare(t, "prices", "data")
	f.declare(t, "game", "play")
	p, _, _ := f.join(t, "viewer")
	p.send(`{"type":"subscribe:services","layers":["data"]}`)
	p.find(wire.TypeSubscriptionSuccess)
	place := p.find(wire.TypeServicesState)
	f.declare(t, "game", "sport") // of no concern
	f.declare(t, "prices", "play")
	if m := p.find(wire.TypeServiceUpdate); m.Service != "prices" || !bytes.Contains(m.raw, []byte(`"layer":"play"`)) {
		t.Errorf("got %s", m.raw)
	}
	f.declare(t, "prices", "sport") // nor is this any more
	f.declare(t, "prices", "data")
	if m := p.find(wire.TypeServiceUpdate); m.Service != "prices" || !bytes.Contains(m.raw, []byte(`"layer":"data"`)) {
		t.Errorf("got %s", m.raw)
	}
	f.declare(t, "prices", "play") // and now it goes, and is taken out, which one that was away must be told
	if err := f.fleet.Remove(t.Context(), "prices", alice); err != nil {
		t.Fatal(err)
	}
	p.send(`{"type":"subscribe:services","layers":["data"],"since":{"epoch":"` + place.Epoch + `","seq":` + number(place.Seq) + `}}`)
	p.find(wire.TypeSubscriptionSuccess)
	m := p.find(wire.TypeServiceEvent)
	for m.Event.Service == "prices" && m.Event.Kind == string(fleet.EventDeclared) { // how it went
		m = p.find(wire.TypeServiceEvent)
	}
	if m.Event.Service != "prices" || m.Event.Kind != string(fleet.EventRemoved) {
		t.Errorf("got %s", m.raw)
	}
}
