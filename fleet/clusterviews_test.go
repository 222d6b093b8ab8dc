package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// asTold are the parts of a view that anybody is told of. Times are kept to the
// millisecond, and of the window only the failures are told.
var asTold = cmp.Options{
	cmpopts.IgnoreFields(switchgear.Snapshot{}, "At", "Window", "Successes", "Slow"),
	cmp.Transformer("json", func(c switchgear.Config) string {
		text, err := json.Marshal(c)
		return fmt.Sprint(string(text), err)
	}),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Millisecond }),
}

// sameViews checks that b shows all that a does, two seconds later at most.
func sameViews(t *testing.T, when string, a, b *node) {
	t.Helper()
	diff := ""
	for range 20 {
		if diff = cmp.Diff(a.Services(), b.Services(), asTold); diff == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s (-leader +follower):\n%s", when, diff)
}

func TestCluster_AFollowerShowsAllThatTheLeaderDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		up := &upstream{}
		a := join(t, store, up, nil)
		synctest.Wait()
		b := join(t, store, up, nil)
		slow := reported()
		slow.Config.SlowCallDuration, slow.Config.SlowCallRateThreshold, slow.Config.MinimumOperations = 10*time.Millisecond, 0.9, 10
		below := reported()
		below.Dependencies = []string{"prices"}
		mustDeclare(t, a, "prices", probed(3))
		mustDeclare(t, a, "orders", below)
		mustDeclare(t, a, "users", slow)
		mustDeclare(t, a, "forced", reported())
		report(t, a, "users", 3, fleet.Outcome{Outcome: switchgear.Success, Duration: 20 * time.Millisecond})
		report(t, a, "orders", 2, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
		if _, err := a.Override(t.Context(), "forced", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		agents := &bench{Manager: a.Manager, store: store}
		one, two := joined(t, agents, "one", "web"), joined(t, agents, "two", "web")
		time.Sleep(3 * time.Second)
		sameViews(t, "at the beginning", a, b)

		up.failing.Store(true)
		one.fail("web")
		one.live(35 * time.Second) // prices opens
		two.live(3 * time.Second)
		sameViews(t, "with one that is open", a, b)
		two.fail("web")
		two.live(3 * time.Second)
		one.live(3 * time.Second)
		sameViews(t, "with all that are open", a, b)

		up.failing.Store(false)
		time.Sleep(75 * time.Second) // prices recovers; nobody hears of the programs
		sameViews(t, "in a recovery", a, b)
		time.Sleep(4 * time.Minute)
		sameViews(t, "when it is over", a, b)
		up.failing.Store(true)
		time.Sleep(40 * time.Second) // it opens again, and that is another trip
		sameViews(t, "in the next outage", a, b)
	})
}

func report(t *testing.T, n *node, name string, times int, o fleet.Outcome) {
	t.Helper()
	for range times {
		if _, err := n.Report(t.Context(), name, []fleet.Outcome{o}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCluster_ProgramsGoOnWithTheNextLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		line := &cutOff{ClusterStore: store}
		a := join(t, line, &upstream{}, nil)
		synctest.Wait()
		b := join(t, store, &upstream{}, nil)
		p := joined(t, &bench{Manager: a.Manager, store: store}, "one", "web")
		still := joined(t, p.b, "two", "web")
		p.breakers["web"].RecordSuccess(time.Millisecond)
		p.live(3 * time.Second)
		line.cut.Store(true)
		p.breakers["web"].HandleError(errDown, 0)
		p.breakers["web"].HandleError(errDown, 0)
		synctest.Wait()
		if err := p.send("web", 0); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("a transition that is stored nowhere is acknowledged: %v", err)
		}
		p.live(10 * time.Second)
		line.cut.Store(false)
		time.Sleep(2 * time.Second)
		if b.Role() != fleet.Leading || !slices.Equal(p.codes(), []int{1001}) {
			t.Fatalf("the other is %v, and the program's connection was closed with %d", b.Role(), p.codes())
		}
		p.b = &bench{Manager: b.Manager, store: store}
		p.connect()
		p.join(false)
		p.live(16 * time.Second)
		if v, err := b.Instances("web"); err != nil || len(v) != 2 || v[0].State.Snapshot.State != switchgear.Open || !v[1].Stale || v[1].Instance != still.info.Instance {
			t.Errorf("the instances are %+v, %v", v, err)
		}
		if got := b.Services()[0]; got.Breaker.Operations.Failed != 2 || got.Breaker.Operations.Successful != 1 {
			t.Errorf("it counts %+v", got.Breaker.Operations)
		}
		oneStory(t, store, b, a)
		sameViews(t, "with the next leader", b, a)
	})
}
