package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// boardUpTo is what a client shows that was told by a node of everything behind
// after, up to upTo; 0 is no end.
func boardUpTo(n *node, board map[string]fleet.View, after, upTo uint64) {
	for _, c := range n.seen() {
		if c.View != nil && c.Seq > after && (upTo == 0 || c.Seq <= upTo) || after == 0 && c.View != nil && c.Seq == 0 {
			board[c.Service] = *c.View
		}
	}
}

// TestCluster_WhoGoesFromAFollowerToTheLeaderMissesNothing has a client come to the
// leader with an event that it was told elsewhere, behind a status that the leader
// had told before and nobody had stored yet.
func TestCluster_WhoGoesFromAFollowerToTheLeaderMissesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		time.Sleep(50 * time.Millisecond)
		below := reported()
		below.Dependencies = []string{"prices"}
		mustDeclare(t, a, "prices", reported())
		mustDeclare(t, a, "users", reported())
		mustDeclare(t, a, "orders", below)
		report(t, a, "orders", 3, fleet.Outcome{Outcome: switchgear.Success})
		time.Sleep(6 * time.Second)
		if _, err := a.Override(t.Context(), "prices", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Reset(t.Context(), "users", switchgear.Closed, operator); err != nil {
			t.Fatal(err)
		}
		if err := b.CatchUp(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		seq := b.Seq()
		if v, err := b.Service("orders"); err != nil || v.Status != fleet.StatusHealthy {
			t.Fatalf("the follower knows already: %v, %v", v.Status, err)
		}
		if err := a.CatchUp(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
		client, whole := make(map[string]fleet.View), make(map[string]fleet.View)
		boardUpTo(b, client, 0, seq)
		boardUpTo(a, client, seq, 0)
		boardUpTo(a, whole, 0, 0)
		if diff := cmp.Diff(whole, client, asTold); diff != "" {
			t.Errorf("from %d (-leader +client):\n%s", seq, diff)
		}
		time.Sleep(12 * time.Second)
		for range 2 { // once for what was stored behind the last seq that was told
			if err := a.CatchUp(t.Context(), a.Seq()); err != nil {
				t.Fatal(err)
			}
		}
		told := a.Seq()
		if err := a.CatchUp(t.Context(), told); err != nil || a.Seq() != told {
			t.Errorf("what is stored is told again, from %d to %d, %v", told, a.Seq(), err)
		}
	})
}
