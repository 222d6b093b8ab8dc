package clustertest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// TestFleetRule_IsOneAtAllNodes has three programs at two nodes, two of which fail:
// the third is open within moments, whichever node it is at. Then the node that
// leads dies; the other goes on with what was decided, and all recover.
func TestFleetRule_IsOneAtAllNodes(t *testing.T) {
	c, ok := newCluster(t, 2, time.Second, false, ", services: { till: { quorumInstances: 2, quorumShare: 0.6 } }")
	if !ok {
		return
	}
	leader := c.awaitWhole(t)
	var programs []*program
	for i := range 3 {
		p := c.join(t, "till", leader+i, rand.New(rand.NewPCG(1, uint64(i))))
		p.service.RecordSuccess(time.Millisecond)
		programs = append(programs, p)
	}
	c.awaitTill(t, "has heard of the traffic of all three", func(e *wire.Entry) bool {
		return e.Instances.Total == 3 && e.Operations.Total == 3
	})
	for _, p := range programs[:2] {
		for range 3 {
			p.service.HandleError(errStuck, 0)
		}
	}
	third := programs[2].service.Breaker()
	c.await(t, "has opened the third", func(context.Context) (int, bool) {
		s := third.Snapshot()
		return leader, s.State == switchgear.Open && s.Trip.Rule == switchgear.RuleFleetQuorum
	})
	c.awaitTill(t, "shows it open as a whole", func(e *wire.Entry) bool { return e.CircuitBreaker.State == "open" })

	c.kill(t, leader)
	c.awaitLeader(t, leader)
	c.start(t, leader)
	c.awaitWhole(t)
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	for _, p := range programs {
		working.Go(func() {
			again := time.NewTicker(50 * time.Millisecond)
			defer again.Stop()
			for ctx.Err() == nil {
				_ = p.service.Do(ctx, func(context.Context) error { return nil }) // or not, where it is open
				select {
				case <-again.C:
				case <-ctx.Done():
				}
			}
		})
	}
	c.awaitTill(t, "shows all three well again", func(e *wire.Entry) bool {
		return e.CircuitBreaker.State == "closed" && e.Instances == wire.Instances{Total: 3} &&
			!slices.ContainsFunc(programs, func(p *program) bool { return p.service.Breaker().State() != switchgear.Closed })
	})
	events, err := c.nodes[leader].Events(t.Context(), client.EventQuery{Service: "till", Kind: "transition", Page: client.Page{Limit: 100}})
	if err != nil {
		t.Fatal(err)
	}
	if first := events.Events[len(events.Events)-1]; *first.To != "open" || !strings.Contains(string(first.Evidence), `"fleet_quorum"`) {
		t.Errorf("the whole went to %s first: %s", *first.To, first.Evidence)
	}
}

// awaitTill waits until every node shows the till so.
func (c *cluster) awaitTill(t *testing.T, what string, so func(*wire.Entry) bool) {
	t.Helper()
	c.await(t, what, func(ctx context.Context) (int, bool) {
		for _, n := range c.nodes {
			if e, err := n.Service(ctx, "till"); err != nil || !so(&e) {
				return 0, false
			}
		}
		return 0, true
	})
}
