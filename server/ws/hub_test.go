package ws

import (
	"cmp"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/socket"
)

// watched is a manager that only tells.
type watched struct {
	Manager

	seq    uint64
	states []fleet.View
	tell   func(fleet.Change)
}

func (*watched) Epoch() string { return "epoch" }

func (w *watched) Watch(tell func(fleet.Change)) (uint64, []fleet.View, func()) {
	w.tell = tell
	return w.seq, w.states, func() {}
}

// told is one change in a log that forgets nothing.
type told struct {
	seq     uint64
	service string
	event   bool
	removed bool
}

// TestHub_ReadsWhatWasTold compares the log with one that forgets nothing: a
// cursor is void only if an event after it is gone, and else what is read after
// it are all events and the latest update of each service that is there.
func TestHub_ReadsWhatWasTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kept := rapid.IntRange(1, 20).Draw(t, "kept")
		w := &watched{seq: rapid.Uint64Range(0, 5).Draw(t, "first")}
		for i := range rapid.IntRange(0, 5).Draw(t, "services") {
			w.states = append(w.states, fleet.View{Service: "s" + strconv.Itoa(i)})
		}
		h, stop, err := newHub(w, kept)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		first, seq := w.seq, w.seq
		var history []told
		for range rapid.IntRange(0, 400).Draw(t, "changes") {
			seq += rapid.Uint64Range(1, 3).Draw(t, "step")
			c := told{seq: seq, service: "s" + strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "service"))}
			change := fleet.Change{Seq: seq, Service: c.service}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0, 1, 2:
				c.event = true
				change.Event = &fleet.Event{Seq: seq, Service: c.service}
			case 3: // the manager tells an event first
				change.Event = &fleet.Event{Seq: seq, Service: c.service, Kind: fleet.EventRemoved}
				history = append(history, told{seq: seq, service: c.service, event: true})
				w.tell(change)
				if at, recs := h.states(); at != seq || slices.ContainsFunc(recs, func(r *record) bool { return r.service == c.service }) {
					t.Fatalf("a snapshot at %d has %s, of which no client would hear that it is gone", at, c.service)
				}
				seq++
				c.seq, c.removed = seq, true
				change = fleet.Change{Seq: seq, Service: c.service, Removed: true}
			default:
				change.View = &fleet.View{Service: c.service}
			}
			history = append(history, c)
			w.tell(change)
		}
		for range 20 {
			cursor := first + rapid.Uint64Range(0, seq-first+2).Draw(t, "cursor")
			compare(t, h, history, cursor, kept)
		}
		if len(h.log) > 2*(kept+10)+130 {
			t.Fatalf("a log of %d for %d events and 10 services", len(h.log), kept)
		}
	})
}

func compare(t *rapid.T, h *hub, history []told, cursor uint64, kept int) {
	latest := map[string]uint64{}
	events := 0
	var want []uint64
	for _, c := range history {
		if c.event {
			events++
		} else {
			latest[c.service] = c.seq
		}
	}
	void := false
	for _, c := range history {
		switch {
		case c.event:
			if events--; c.seq > cursor && events >= kept {
				void = true
			}
			if c.seq > cursor {
				want = append(want, c.seq)
			}
		case c.seq > cursor && !c.removed && latest[c.service] == c.seq:
			want = append(want, c.seq)
		}
	}
	var got []uint64
	ok := true
	for at, done := cursor, false; !done && ok; {
		var recs []*record
		recs, at, ok = h.read(at, &filter{}, make([]*record, 0, 3))
		for _, r := range recs {
			got = append(got, r.seq)
		}
		if done = len(recs) < 3; done && ok && at != h.seq {
			t.Fatalf("after %d everything is read, but only up to %d of %d", cursor, at, h.seq)
		}
	}
	if ok == void {
		t.Fatalf("cursor %d: ok %v, an event after it is lost: %v", cursor, ok, void)
	}
	if ok && !slices.Equal(got, want) {
		t.Fatalf("cursor %d: got %v, want %v", cursor, got, want)
	}
}

// TestAccount_NeverHoldsMoreThanItsLimit holds the limit in the strict sense,
// and that a message is accepted as soon as it said.
func TestAccount_NeverHoldsMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		var a account
		var accepted []time.Time
		now := time.Unix(0, 0)
		for range 200 {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")))
			wait := a.take(limit, now)
			if wait == 0 {
				accepted = append(accepted, now)
			}
			i, _ := slices.BinarySearchFunc(accepted, now.Add(-socket.Window), time.Time.Compare)
			switch within := len(accepted) - i; {
			case within > limit:
				t.Fatalf("%d messages within a minute, limit %d", within, limit)
			case wait > 0 && within < limit:
				t.Fatalf("refused with %d within a minute, limit %d", within, limit)
			case wait > 0:
				if cmp.Compare(wait, socket.Window+time.Millisecond) > 0 {
					t.Fatalf("wait %v", wait)
				}
				if rapid.Bool().Draw(t, "comes back") {
					if now = now.Add(wait); a.take(limit, now) != 0 {
						t.Fatalf("refused after the wait of %v", wait)
					}
					accepted = append(accepted, now)
				}
			}
		}
	})
}

func TestAccount_IsForgottenWhenItCanBe(t *testing.T) {
	t.Parallel()
	var a account
	now := time.Unix(0, 0)
	if !a.open(1) || a.open(1) {
		t.Error("one socket is not one")
	}
	a.take(1, now)
	if a.idle(now.Add(2 * socket.Window)) {
		t.Error("forgotten with a socket")
	}
	a.close()
	if a.idle(now.Add(socket.Window)) || !a.idle(now.Add(socket.Window+time.Nanosecond)) {
		t.Error("not forgotten after a minute")
	}
}
