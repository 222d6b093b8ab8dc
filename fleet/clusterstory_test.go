package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// ring are nodes over one store, each of which can be cut off.
type ring struct {
	t     tester
	store *memory.Store
	all   []*node
	lines []*cutOff
	ice   []*frozen
}

func newRing(t tester, n int) *ring {
	r := &ring{t: t, store: memory.New(), all: make([]*node, n), lines: make([]*cutOff, n), ice: make([]*frozen, n)}
	for i := range n {
		r.join(i)
		time.Sleep(10 * time.Millisecond)
	}
	return r
}

func (r *ring) join(i int) {
	r.ice[i] = &frozen{ClusterStore: r.store}
	r.lines[i] = &cutOff{ClusterStore: r.ice[i]}
	r.all[i] = join(r.t, r.lines[i], &upstream{}, nil)
}

// leader is one that leads, as far as it knows; -1: nobody.
func (r *ring) leader() int {
	return slices.IndexFunc(r.all, func(n *node) bool { return n.Role() == fleet.Leading })
}

func (r *ring) heal() {
	for i, l := range r.lines {
		l.cut.Store(false)
		l.lose.Store(false)
		r.ice[i].thaw()
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
			r.ice[0], r.ice[i] = r.ice[i], r.ice[0]
		}
	}
	if leads != 1 {
		r.t.Fatalf("%d lead", leads)
	}
}

func (r *ring) stop() {
	for i, n := range r.all {
		r.ice[i].thaw()
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
	leads := func(do func(ctx context.Context, n *node, i int)) func(*rapid.T) {
		return func(t *rapid.T) {
			first := rapid.IntRange(0, 2).Draw(t, "first") // there may be two that take themselves for one
			for i := range r.all {
				if i = (i + first) % len(r.all); r.all[i].Role() == fleet.Leading {
					ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
					do(ctx, r.all[i], i)
					cancel()
					return
				}
			}
		}
	}
	name := rapid.SampledFrom(names)
	t.Repeat(map[string]func(*rapid.T){
		"declare": leads(func(ctx context.Context, n *node, _ int) {
			_, _, _ = n.Declare(ctx, name.Draw(t, "name"), reported(), operator)
		}),
		"remove": leads(func(ctx context.Context, n *node, _ int) { _ = n.Remove(ctx, name.Draw(t, "name"), operator) }),
		"report": leads(func(ctx context.Context, n *node, _ int) {
			_, _ = n.Report(ctx, name.Draw(t, "name"), []fleet.Outcome{{Outcome: switchgear.Failure, Error: "refused"}})
		}),
		"reset": leads(func(ctx context.Context, n *node, _ int) {
			_, _ = n.Reset(ctx, name.Draw(t, "name"), switchgear.Closed, operator)
		}),
		"override": leads(func(ctx context.Context, n *node, _ int) {
			_, _ = n.Override(ctx, name.Draw(t, "name"), switchgear.ForcedOpen, 30*time.Second, operator)
		}),
		"token": leads(func(ctx context.Context, n *node, _ int) {
			made++
			token, err := n.CreateToken(ctx, fleet.Token{Name: "t", Role: "viewer", Hash: fmt.Sprint("hash ", made)}, operator)
			if err == nil {
				tokens[token.ID] = true
			}
		}),
		"cut":    leads(func(_ context.Context, _ *node, i int) { r.lines[i].cut.Store(true) }),
		"lose":   leads(func(_ context.Context, _ *node, i int) { r.lines[i].lose.Store(true) }),
		"heal":   func(t *rapid.T) { r.lines[rapid.IntRange(0, 2).Draw(t, "which")].cut.Store(false) },
		"freeze": func(t *rapid.T) { r.ice[rapid.IntRange(0, 2).Draw(t, "which")].freeze() },
		"thaw":   func(t *rapid.T) { r.ice[rapid.IntRange(0, 2).Draw(t, "which")].thaw() },
		"restart": func(t *rapid.T) {
			i := rapid.IntRange(0, 2).Draw(t, "which")
			if r.lines[i].cut.Load() {
				return
			}
			r.ice[i].thaw()
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
