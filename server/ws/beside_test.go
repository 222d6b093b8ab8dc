package ws

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
)

// TestHub_IsNotLockedWhileAFilterIsAsked holds that no filter, whatever it costs,
// delays who tells: the manager does so under its own lock.
func TestHub_IsNotLockedWhileAFilterIsAsked(t *testing.T) {
	t.Parallel()
	w := &watched{states: []fleet.View{{Service: "a"}}}
	h, stop, err := newHub(w, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	seq := uint64(0)
	tell := func() {
		seq++
		w.tell(fleet.Change{Seq: seq, Service: "a", Event: &fleet.Event{Seq: seq, Service: "a"}})
	}
	for range 3 * readAhead {
		tell()
	}
	asked := 0
	slow := filter{layers: set([]string{""}), has: map[string]bool{}, sees: func(string) bool {
		asked++
		if !h.mu.TryLock() {
			t.Fatal("nobody can be told meanwhile")
		}
		h.mu.Unlock()
		return asked%2 == 0
	}}
	recs, reached, ok := h.read(0, &slow, make([]*record, 0, 1000))
	if !ok || reached != seq || len(recs) != asked/2 || asked != 3*readAhead {
		t.Errorf("%d of %d up to %d, %v", len(recs), asked, reached, ok)
	}
	if !h.goOn(seq, seq, &slow) {
		t.Error("the place is not known")
	}
	s := &snapshots{hub: h, pageSize: 4 << 10}
	if _, err := s.of(&slow, &h.epoch); err != nil {
		t.Error(err)
	}
}

// TestHub_ReadsOnWhileItIsTold has a reader whose place becomes void while its
// filter is asked: it is told so, and does not miss what is gone.
func TestHub_ReadsOnWhileItIsTold(t *testing.T) {
	t.Parallel()
	const kept = 2 * readAhead
	w := &watched{}
	h, stop, err := newHub(w, kept)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	seq := uint64(0)
	tell := func() {
		seq++
		w.tell(fleet.Change{Seq: seq, Service: "a", Event: &fleet.Event{Seq: seq, Service: "a"}})
	}
	for range kept {
		tell()
	}
	for more, want := range map[int]bool{readAhead: true, readAhead + 1: false} { // those after the first that are looked at
		cursor, first := seq-kept, true
		recs, reached, ok := h.read(cursor, &filter{sees: func(string) bool {
			for range map[bool]int{true: more}[first] {
				tell()
			}
			first = false
			return true
		}}, make([]*record, 0, 10*kept))
		if ok != want {
			t.Fatalf("%d more: ok %v", more, ok)
		}
		if ok && (reached != seq || len(recs) != int(seq-cursor)) {
			t.Errorf("%d more: %d records up to %d of %d", more, len(recs), reached, seq)
		}
	}
}

// BenchmarkHub_TellBesideAFilter tells while one reads all of a long log with a
// filter of many patterns, again and again.
func BenchmarkHub_TellBesideAFilter(b *testing.B) {
	const records = 30_000
	w := &watched{}
	h, stop, err := newHub(w, records)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	id := auth.Identity{}
	for _, name := range many(100) {
		id.Services = append(id.Services, "*of."+name)
	}
	seq := uint64(0)
	tell := func() {
		seq++
		w.tell(fleet.Change{Seq: seq, Service: "a.service.that.is.not.among.them", Event: &fleet.Event{Seq: seq}})
	}
	for range records {
		tell()
	}
	ending := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for recs := make([]*record, 0, batch); ; {
			h.mu.RLock()
			cursor := h.floor
			h.mu.RUnlock()
			_, _, _ = h.read(cursor, &filter{sees: id.Sees}, recs)
			select {
			case <-ending:
				return
			default:
			}
		}
	})
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		tell()
		all = append(all, time.Since(began))
	}
	close(ending)
	reading.Wait()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(all[len(all)-1].Microseconds()), "worst-µs")
}
