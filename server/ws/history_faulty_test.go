package ws

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/wire"
)

// TestHistory_OverAFaultyStoreIsTheTruth is the test of histories over a store that
// refuses, and loses answers. What happens meanwhile is told before it is
// durable, and so it says; orders whose answers were lost are told late. Of all
// that every client sees everything, once and in order.
func TestHistory_OverAFaultyStoreIsTheTruth(t *testing.T) {
	t.Parallel()
	inner := memory.New()
	store := faulty.New(inner, faulty.Options{Seed: 5, MaxDelay: time.Millisecond, Hook: func(c faulty.Call) faulty.Fault {
		switch { // each ends what the store takes for a second or two
		case c.Op == faulty.Commit && (c.N == 20 || c.N == 50):
			return faulty.Lose
		case c.Op == faulty.Commit && c.N == 35:
			return faulty.Refuse
		}
		return faulty.None
	}})
	f := startOver(t, inner, store, historyConfig, &auth.JWTOptions{Secret: jwtSecret})
	tr, viewers := history(t, f, 8, 200, func(done int) {
		if done%100 == 0 { // while the store is away most of what is tried is refused
			eventually(t, "the store's return", func() bool { return f.fleet.Ready(t.Context()) == nil })
		}
	}, func() {
		store.Heal()
		eventually(t, "orders are taken again", func() bool { // behind all that waits
			_, _, err := f.fleet.Declare(t.Context(), "s8", service("s8"), alice)
			return err == nil
		})
	})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.judge(t, viewers)
	last, early := uint64(0), map[uint64]bool{}
	for _, c := range tr.changes {
		if c.seq <= last {
			t.Errorf("%d is told after %d", c.seq, last)
		}
		last = c.seq
		if c.event && !c.durable {
			early[c.seq] = true
		}
	}
	said := 0
	for _, v := range viewers {
		for _, s := range v.segments {
			for _, m := range s.msgs {
				if m.Type == wire.TypeServiceEvent {
					if m.Event.Durable == early[m.Seq] {
						t.Fatalf("told early: %v, but it says %s", early[m.Seq], m.raw)
					}
					if early[m.Seq] {
						said++
					}
				}
			}
		}
	}
	t.Logf("%+v; %d events told early, %d of them to clients", store.Count(faulty.Commit), len(early), said)
	if n := store.Count(faulty.Commit); n.Lost == 0 || n.Refused == 0 || len(early) == 0 || said == 0 {
		t.Error("too few faults to prove anything")
	}
	// What was told is stored in the end.
	stored := map[uint64]bool{}
	for q := (fleet.EventQuery{Limit: 1000}); ; {
		page, err := inner.Events(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			stored[e.Seq] = true
		}
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	for seq := range early {
		if !stored[seq] {
			t.Errorf("the event at %d is lost", seq)
		}
	}
}
