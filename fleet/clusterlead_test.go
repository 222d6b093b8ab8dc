package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// candidate is a store of one node, that hears when the node takes the lease, and
// loads as slowly as it is told, or not at all.
type candidate struct {
	fleet.ClusterStore

	taken    func()
	takes    atomic.Int64
	slow     atomic.Int64
	unloaded atomic.Bool
}

func (s *candidate) TakeLease(ctx context.Context, holder, address string, ttl time.Duration, reserve uint64) (fleet.Lease, error) {
	if s.takes.Add(1) > 1000 { // who asks without end is heard, and not waited for
		return fleet.Lease{}, errCut
	}
	l, err := s.ClusterStore.TakeLease(ctx, holder, address, ttl, reserve)
	if err == nil && s.taken != nil {
		s.taken()
	}
	return l, err
}

func (s *candidate) Load(ctx context.Context) (fleet.Stored, error) {
	if s.unloaded.Load() {
		return fleet.Stored{}, errCut
	}
	select {
	case <-time.After(time.Duration(s.slow.Load())):
		return s.ClusterStore.Load(ctx)
	case <-ctx.Done():
		return fleet.Stored{}, ctx.Err()
	}
}

func TestCluster_ALeadThatIsLongerTakenUpThanALeaseLastsIsTakenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		mustDeclare(t, a, "prices", reported())
		second, third := &candidate{ClusterStore: store}, &candidate{ClusterStore: store}
		b, c := join(t, second, &upstream{}, nil), join(t, third, &upstream{}, nil)
		second.slow.Store(int64(8 * time.Second))
		third.slow.Store(int64(8 * time.Second))
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Second)
		if c.Role() == fleet.Leading {
			b, c = c, b
		}
		if l := b.Leader(); b.Role() != fleet.Leading || c.Role() != fleet.Following || l.Term != 2 || !l.Sure {
			t.Errorf("one is %v, the other %v, and the lease %+v", b.Role(), c.Role(), l)
		}
		fail(t, b, "prices", 2)
		time.Sleep(3 * time.Second)
		oneStory(t, store, b, c)
	})
}

func TestCluster_WhoCannotTakeTheLeadUpLeavesItToAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		mustDeclare(t, a, "prices", reported())
		mustDeclare(t, a, "orders", reported())
		lame := &candidate{ClusterStore: store}
		b := join(t, lame, &upstream{}, nil)
		lame.unloaded.Store(true)
		if err := a.Remove(t.Context(), "orders", operator); err != nil {
			t.Fatal(err)
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := lame.takes.Load(); n < 2 || n > 15 || b.Role() != fleet.Following || len(b.turns()) != 0 {
			t.Errorf("within a minute it took the lease %d times; it is %v, and was %v", n, b.Role(), b.turns())
		}
		c := join(t, store, &upstream{}, nil)
		time.Sleep(6 * time.Second)
		if c.Role() != fleet.Leading {
			t.Errorf("who could lead is %v", c.Role())
		}
		fail(t, c, "prices", 2)
		time.Sleep(3 * time.Second)
		oneStory(t, store, c, b)
	})
}

func TestCluster_ACandidateThatStoodStillDoesNotLeadBehindAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		mustDeclare(t, a, "prices", reported())
		ice := &frozen{ClusterStore: store}
		b := join(t, &candidate{ClusterStore: ice, taken: ice.freeze}, &upstream{}, nil)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // b has the lease, and stands still
		c := join(t, store, &upstream{}, nil)
		time.Sleep(8 * time.Second)
		if c.Role() != fleet.Leading || b.Role() != fleet.Following {
			t.Fatalf("the one is %v, the other %v", b.Role(), c.Role())
		}
		fail(t, c, "prices", 2)
		ice.thaw()
		time.Sleep(3 * time.Second)
		if len(b.turns()) != 0 || b.Role() != fleet.Following {
			t.Errorf("it took the lead up that was another's: %v", b.turns())
		}
		oneStory(t, store, c, b)
	})
}
