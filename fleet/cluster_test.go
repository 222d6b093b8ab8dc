package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestCluster_FollowersSeeWhatTheLeaderDoesInItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		b, c := join(t, store, &upstream{}, nil), join(t, store, &upstream{}, nil)
		if a.Role() != fleet.Leading || a.Epoch() != b.Epoch() || b.Leader().Address != "http://"+a.name {
			t.Fatalf("%s is %v; %s takes %+v for the leader", a.name, a.Role(), b.name, b.Leader())
		}
		below := reported()
		below.Dependencies = []string{"prices"}
		mustDeclare(t, a, "prices", reported())
		mustDeclare(t, a, "orders", below)
		if _, err := a.Report(t.Context(), "orders", []fleet.Outcome{{Outcome: switchgear.Success}}); err != nil {
			t.Fatal(err)
		}
		fail(t, a, "prices", 3)
		if _, err := a.Override(t.Context(), "orders", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		oneStory(t, store, a, b, c)
		v, err := c.Service("prices")
		if err != nil || v.Status != fleet.StatusCircuitOpen || v.TripEventID == 0 {
			t.Errorf("a follower shows %v, %d, %v", v.Status, v.TripEventID, err)
		}
		if err := a.Remove(t.Context(), "orders", operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second) // prices is half-open by the clock
		oneStory(t, store, a, b, c)
	})
}

func TestCluster_FollowersTakeNoOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		mustDeclare(t, a, "prices", reported())
		b := join(t, store, &upstream{}, nil)
		_, reset := b.Reset(t.Context(), "prices", switchgear.Closed, operator)
		_, report := b.Report(t.Context(), "prices", nil)
		_, _, check := b.CheckHealth(t.Context(), "prices")
		_, token := b.CreateToken(t.Context(), fleet.Token{Name: "x", Hash: "y"}, operator)
		_, attach := b.Attach(t.Context(), fleet.AgentInfo{}, nil, nil)
		for i, err := range []error{reset, report, check, token, attach} {
			var other *fleet.NotLeaderError
			if fleet.KindOf(err) != fleet.NotLeader || !errors.As(err, &other) || other.Address != "http://"+a.name {
				t.Errorf("order %d: %v", i, err)
			}
		}
	})
}

func TestCluster_ACleanStopHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := join(t, store, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		mustDeclare(t, a, "prices", reported())
		fail(t, a, "prices", 1)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for b.Role() != fleet.Leading {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if v, err := b.Service("prices"); err != nil || v.Breaker.Operations.Failed != 1 {
			t.Errorf("%+v, %v", v.Breaker.Operations, err)
		}
		fail(t, b, "prices", 1)
		time.Sleep(2 * time.Second)
		oneStory(t, store, b)
	})
}

func TestCluster_AnotherTakesOverFromADeadLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		dying := &cutOff{ClusterStore: store}
		a := join(t, dying, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		for _, name := range []string{"prices", "orders", "users"} {
			mustDeclare(t, a, name, reported())
		}
		fail(t, a, "prices", 2)
		fail(t, a, "users", 1)
		if _, err := a.Override(t.Context(), "orders", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		was, _ := a.Service("prices")
		dying.cut.Store(true) // as good as dead: it writes nothing more, and releases nothing
		cut := time.Now()
		for b.Role() != fleet.Leading {
			time.Sleep(50 * time.Millisecond)
		}
		if took := time.Since(cut); took > 7*time.Second {
			t.Errorf("the takeover took %v", took)
		}
		v, err := b.Service("prices")
		if err != nil || v.Breaker.State != switchgear.Open || !v.Breaker.NextAttemptAt.Equal(was.Breaker.NextAttemptAt) {
			t.Errorf("prices is %v until %v, and was open until %v (%v)", v.Breaker.State, v.Breaker.NextAttemptAt, was.Breaker.NextAttemptAt, err)
		}
		if v, _ = b.Service("orders"); v.Breaker.Mode != switchgear.ForcedOpen || v.Breaker.Override == nil {
			t.Errorf("the override is gone: %v", v.Breaker.Mode)
		}
		if v, _ = b.Service("users"); v.Breaker.Operations.Failed != 1 {
			t.Errorf("users: %+v", v.Breaker.Operations)
		}
		oneStory(t, store, b)
	})
}

func TestCluster_OverridesOfALeaderThatWasCutOffAreHandedBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		lame := &cutOff{ClusterStore: store}
		a := join(t, lame, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		mustDeclare(t, a, "prices", reported())
		mustDeclare(t, a, "orders", reported())
		time.Sleep(2 * time.Second)
		lame.cut.Store(true)
		if _, err := a.Override(t.Context(), "prices", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		fail(t, a, "orders", 2) // told, and never stored
		if a.Leader().Sure != true {
			t.Error("a fresh lease is not sure")
		}
		time.Sleep(10 * time.Second)
		if a.Leader().Sure {
			t.Error("a leader that could not renew its lease is sure of it")
		}
		if b.Role() != fleet.Leading {
			t.Fatal("nobody took over")
		}
		lame.cut.Store(false)
		time.Sleep(5 * time.Second)
		if a.Role() != fleet.Following {
			t.Fatalf("the old leader is %v", a.Role())
		}
		got := a.orphans()
		if len(got) != 1 || got[0].Service != "prices" || got[0].Mode != "forced_open" || got[0].By.Name != operator.Name || got[0].Until.IsZero() || got[0].At.IsZero() {
			t.Errorf("handed back: %+v", got)
		}
		oneStory(t, store, b, a) // what a told alone is not durable, and was taken back
	})
}

func TestCluster_AFrozenLeaderWritesNothingWhenItComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		ice := &frozen{ClusterStore: store}
		a := join(t, ice, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		mustDeclare(t, a, "prices", reported())
		time.Sleep(2 * time.Second)
		ice.freeze()
		answer := make(chan error, 1)
		go func() {
			_, err := a.Reset(context.Background(), "prices", switchgear.Closed, fleet.Actor{Name: "late", Reason: "a test"})
			answer <- err
		}()
		time.Sleep(20 * time.Second)
		if b.Role() != fleet.Leading {
			t.Fatal("nobody took over")
		}
		fail(t, b, "prices", 2)
		ice.thaw()
		if err := <-answer; fleet.KindOf(err) != fleet.Deposed && fleet.KindOf(err) != fleet.NotLeader {
			t.Errorf("the order that the frozen leader had: %v", err)
		}
		time.Sleep(3 * time.Second)
		if a.Role() != fleet.Following {
			t.Fatalf("the old leader is %v", a.Role())
		}
		for _, e := range a.seen() {
			if e.Event != nil && e.Event.Actor == "late" {
				t.Errorf("it told %+v", e.Event)
			}
		}
		oneStory(t, store, b, a)
	})
}
