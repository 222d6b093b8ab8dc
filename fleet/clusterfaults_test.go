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
