package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/bus/local"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// unfaithful is a bus that loses hints, doubles them, and tells them late.
type unfaithful struct {
	fleet.Bus

	mu   sync.Mutex
	late []fleet.Hint
}

func (b *unfaithful) Publish(h fleet.Hint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch rand.N(4) {
	case 0: // lost
	case 1:
		_ = b.Bus.Publish(h)
		_ = b.Bus.Publish(h)
	case 2:
		b.late = append(b.late, h)
	default:
		_ = b.Bus.Publish(h)
		for _, old := range slices.Backward(b.late) {
			_ = b.Bus.Publish(old)
		}
		b.late = nil
	}
	return nil
}

func TestCluster_AHintTellsWithinATenthOfASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := local.New()
		first, second := hub.Join(nil), hub.Join(nil)
		store := memory.New()
		a := join(t, store, &upstream{}, first)
		synctest.Wait()
		b := join(t, store, &upstream{}, second)
		below := reported()
		below.Dependencies = []string{"prices"}
		mustDeclare(t, a, "prices", reported())
		mustDeclare(t, a, "orders", below)
		if _, err := a.Report(t.Context(), "orders", []fleet.Outcome{{Outcome: switchgear.Success}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3300 * time.Millisecond)
		fail(t, a, "prices", 2)
		time.Sleep(100 * time.Millisecond)
		for name, want := range map[string]fleet.Status{"prices": fleet.StatusCircuitOpen, "orders": fleet.StatusDegraded} {
			if v, err := b.Service(name); err != nil || v.Status != want {
				t.Errorf("after a tenth of a second %s is %v there, not %v (%v)", name, v.Status, want, err)
			}
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if b.Role() != fleet.Leading {
			t.Error("the lead that was given up is not taken at the hint")
		}
		_ = b.stop()
		_ = first.Close()
		_ = second.Close()
	})
}

func TestCluster_HintsThatAreLostDoubledOrLateChangeNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := local.New()
		first, second := &unfaithful{Bus: hub.Join(nil)}, &unfaithful{Bus: hub.Join(nil)}
		store := memory.New()
		a := join(t, store, &upstream{}, first)
		synctest.Wait()
		b := join(t, store, &upstream{}, second)
		for i := range 20 {
			mustDeclare(t, a, fmt.Sprintf("service-%d", i%7), reported())
			fail(t, a, fmt.Sprintf("service-%d", i%7), 1)
			time.Sleep(time.Duration(rand.N(200)) * time.Millisecond)
			if i == 10 {
				hub.Cut()
			}
		}
		hub.Heal()
		time.Sleep(5 * time.Second)
		oneStory(t, store, a, b)
		_ = b.stop()
		_ = a.stop()
		_ = first.Close()
		_ = second.Close()
	})
}

func TestCluster_CatchUpKnowsWhatTheLeaderAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		time.Sleep(50 * time.Millisecond)
		mustDeclare(t, a, "prices", reported())
		token, err := a.CreateToken(t.Context(), fleet.Token{Name: "x", Role: "viewer", Hash: "y"}, operator)
		if err != nil {
			t.Fatal(err)
		}
		seq := a.Seq()
		began := time.Now()
		if err := b.CatchUp(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Service("prices"); err != nil || len(b.Tokens()) != 1 || b.Tokens()[0].ID != token.ID || time.Since(began) > 60*time.Millisecond {
			t.Errorf("after %v: %v, %v", time.Since(began), err, b.Tokens())
		}
		if err := b.CatchUp(t.Context(), seq); err != nil || b.Seq() < seq || time.Since(began) > 1500*time.Millisecond {
			t.Errorf("after %v at %d of %d: %v", time.Since(began), b.Seq(), seq, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := b.CatchUp(ctx, seq+1_000_000); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("what nobody ever told: %v", err)
		}
	})
}

func TestCluster_WhoWaitsForASeqDoesNotWearTheStoreOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		line := &cutOff{ClusterStore: store}
		b := join(t, line, &upstream{}, nil)
		time.Sleep(time.Second)
		before := line.read.Load()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				if err := b.CatchUp(ctx, a.Seq()+1_000_000); fleet.KindOf(err) != fleet.Unavailable {
					t.Errorf("what nobody ever told: %v", err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		waiting.Wait()
		if n := line.read.Load() - before; n > 150 {
			t.Errorf("100 that waited for a second had the store asked %d times", n)
		}
	})
}

func TestCluster_TheStoreAwayForAllHealsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		mustDeclare(t, a, "prices", reported())
		time.Sleep(2 * time.Second)
		store.Fail(errDown)
		fail(t, a, "prices", 2)
		time.Sleep(30 * time.Second)
		if _, err := b.Service("prices"); err != nil {
			t.Errorf("a follower forgot: %v", err)
		}
		if err := b.Ready(t.Context()); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("a follower that cannot read is ready: %v", err)
		}
		store.Fail(nil)
		time.Sleep(5 * time.Second)
		if a.Role() == b.Role() {
			t.Fatalf("both are %v", a.Role())
		}
		if a.Role() == fleet.Leading {
			oneStory(t, store, a, b)
		} else {
			oneStory(t, store, b, a)
		}
	})
}

// ring are nodes over one store, each of which can be cut off.
type ring struct {
	t     tester
	store *memory.Store
	all   []*node
	lines []*cutOff
}

func newRing(t tester, n int) *ring {
	r := &ring{t: t, store: memory.New(), all: make([]*node, n), lines: make([]*cutOff, n)}
	for i := range n {
		r.join(i)
		time.Sleep(10 * time.Millisecond)
	}
	return r
}

func (r *ring) join(i int) {
	r.lines[i] = &cutOff{ClusterStore: r.store}
	r.all[i] = join(r.t, r.lines[i], &upstream{}, nil)
}

// leader is one that leads, as far as it knows; -1: nobody.
func (r *ring) leader() int {
	return slices.IndexFunc(r.all, func(n *node) bool { return n.Role() == fleet.Leading })
}

func (r *ring) heal() {
	for _, l := range r.lines {
		l.cut.Store(false)
		l.lose.Store(false)
	}
	time.Sleep(20 * time.Second)
	for count := -1; count != len(events(r.t, r.store)); { // an override may end, a circuit be half-open, just now
		count = len(events(r.t, r.store))
		time.Sleep(3 * time.Second)
		synctest.Wait()
	}
	leads := 0
	for i, n := range r.all {
		if n.Role() == fleet.Leading {
			leads++
			r.all[0], r.all[i] = r.all[i], r.all[0]
			r.lines[0], r.lines[i] = r.lines[i], r.lines[0]
		}
	}
	if leads != 1 {
		r.t.Fatalf("%d lead", leads)
	}
}

func (r *ring) stop() {
	for _, n := range r.all {
		_ = n.stop()
	}
}

func TestCluster_RolesThatFlapLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 2)
		mustDeclare(t, r.all[r.leader()], "prices", probed(3))
		for range 100 {
			i := r.leader()
			r.lines[i].cut.Store(true)
			time.Sleep(8 * time.Second)
			r.lines[i].cut.Store(false)
			time.Sleep(3 * time.Second)
			if now := r.leader(); now == i || now < 0 || r.all[i].Role() != fleet.Following {
				t.Fatalf("%d leads after %d, which is %v", now, i, r.all[i].Role())
			}
		}
		r.heal()
		if term := r.all[0].Leader().Term; term < 101 {
			t.Errorf("term %d", term)
		}
		oneStory(t, r.store, r.all...)
		r.stop()
	})
}

func TestCluster_WhateverHappensIsOneStory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, anyStory) // a bubble has no deadline to ask for
	})
}

func anyStory(t *rapid.T) {
	r := newRing(t, 3)
	defer r.stop()
	names := []string{"prices", "orders", "users"}
	tokens := make(map[string]bool)
	made := 0
	leads := func(do func(n *node, i int)) func(*rapid.T) {
		return func(*rapid.T) {
			if i := r.leader(); i >= 0 {
				do(r.all[i], i)
			}
		}
	}
	ctx := context.Background()
	name := rapid.SampledFrom(names)
	t.Repeat(map[string]func(*rapid.T){
		"declare": leads(func(n *node, _ int) { _, _, _ = n.Declare(ctx, name.Draw(t, "name"), reported(), operator) }),
		"remove":  leads(func(n *node, _ int) { _ = n.Remove(ctx, name.Draw(t, "name"), operator) }),
		"report": leads(func(n *node, _ int) {
			_, _ = n.Report(ctx, name.Draw(t, "name"), []fleet.Outcome{{Outcome: switchgear.Failure, Error: "refused"}})
		}),
		"reset": leads(func(n *node, _ int) { _, _ = n.Reset(ctx, name.Draw(t, "name"), switchgear.Closed, operator) }),
		"override": leads(func(n *node, _ int) {
			_, _ = n.Override(ctx, name.Draw(t, "name"), switchgear.ForcedOpen, 30*time.Second, operator)
		}),
		"token": leads(func(n *node, _ int) {
			made++
			token, err := n.CreateToken(ctx, fleet.Token{Name: "t", Role: "viewer", Hash: fmt.Sprint("hash ", made)}, operator)
			if err == nil {
				tokens[token.ID] = true
			}
		}),
		"cut":  leads(func(_ *node, i int) { r.lines[i].cut.Store(true) }),
		"lose": leads(func(_ *node, i int) { r.lines[i].lose.Store(true) }),
		"heal": func(t *rapid.T) { r.lines[rapid.IntRange(0, 2).Draw(t, "which")].cut.Store(false) },
		"restart": func(t *rapid.T) {
			i := rapid.IntRange(0, 2).Draw(t, "which")
			if r.lines[i].cut.Load() {
				return
			}
			_ = r.all[i].stop()
			r.join(i)
		},
		"pass": func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 9000).Draw(t, "ms")) * time.Millisecond) },
	})
	r.heal()
	oneStory(t, r.store, r.all...)
	for _, n := range r.all {
		has := make(map[string]bool)
		for _, token := range n.Tokens() {
			has[token.ID] = true
		}
		for id := range tokens {
			if !has[id] {
				t.Errorf("%s does not know the token %s, which was acknowledged", n.name, id)
			}
		}
	}
}
