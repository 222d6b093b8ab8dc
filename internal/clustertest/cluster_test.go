package clustertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// convergence is how soon everybody shows the same, once nothing goes wrong and
// nobody gives orders.
const convergence = 5 * time.Second

// number is a setting of the environment; 0: it is not there.
func number(t *testing.T, name string) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("%s is %q: it must be an integer from 1", name, text)
	}
	return n
}

func TestSeveralManagers_AreOneThroughFaults(t *testing.T) {
	rounds, seed := number(t, "SWITCHGEAR_ROBUSTNESS_ROUNDS"), number(t, "SWITCHGEAR_ROBUSTNESS_SEED")
	if seed == 0 {
		seed = rand.Uint64()>>32 + 1
	}
	if rounds == 0 {
		t.Logf("seed %d", seed)
		if c, ok := newCluster(t, 2, time.Second, false, ""); ok {
			play(t, c, []fault{cutLeader, killLeader, roll}, rand.New(rand.NewPCG(seed, 0)))
		}
		return
	}
	for n := range rounds {
		byNATS := n%2 == 0
		t.Run(fmt.Sprintf("seed %d", seed+n), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed+n, 0))
			if c, ok := newCluster(t, 3, 5*time.Second, byNATS, ""); ok {
				faults := shuffled(c, chance)
				if os.Getenv(oldEnv) != "" { // so that the rest is this version
					faults = append([]fault{roll}, faults...)
				}
				play(t, c, faults, chance)
			}
		})
	}
}

// play makes the faults one by one, under all that a cluster does, and judges what
// everybody saw and was told.
func play(t *testing.T, c *cluster, faults []fault, chance *rand.Rand) {
	t.Helper()
	c.awaitWhole(t)
	crew := c.hire(t, chance)
	var times []timing
	for _, f := range faults {
		for _, a := range crew.administrators {
			a.more(t, 2)
		}
		times = append(times, c.suffer(t, f, chance))
	}
	for _, a := range crew.administrators {
		a.more(t, 2)
	}
	crew.rest()
	leader := c.awaitWhole(t)
	began := time.Now()
	c.agree(t, crew)
	t.Logf("node %d leads; all agree %v after the last order", leader, time.Since(began).Round(time.Millisecond))
	c.reach(t, crew)
	events := c.agree(t, crew)
	crew.leave()
	for i := range times {
		times[i].log(t, crew)
	}
	c.judge(t, crew, times, events)
}

// timing is when a fault was made, since the start.
type timing struct {
	fault       *fault
	began, over time.Duration // it is over when all nodes are well
	healed      time.Duration
	took        time.Duration
}

// suffer makes a fault, and waits until the cluster is whole again.
func (c *cluster) suffer(t *testing.T, f fault, chance *rand.Rand) timing {
	t.Helper()
	leader := c.awaitWhole(t)
	s := &scene{
		leader: leader, follower: (leader + 1 + chance.IntN(len(c.nodes)-1)) % len(c.nodes),
		hold: 500*time.Millisecond + time.Duration(chance.Int64N(int64(2*time.Second))),
	}
	c.note(&record{Fault: fmt.Sprintf("%s: node %d leads, %d follows, for %v", f.name, s.leader, s.follower, s.hold)})
	tm := timing{fault: &f, began: time.Since(c.began)}
	f.make(t, c, s)
	tm.healed, tm.took = time.Since(c.began), s.took
	c.note(&record{Fault: "it is healed"})
	c.awaitWhole(t)
	tm.over = time.Since(c.began)
	c.note(&record{Fault: "all are well"})
	return tm
}

func (tm *timing) log(t *testing.T, crew *crew) {
	t.Helper()
	var given []time.Duration
	for _, a := range crew.administrators {
		for i := range a.orders {
			if o := &a.orders[i]; o.Result == done {
				given = append(given, o.End)
			}
		}
	}
	slices.Sort(given)
	var gap time.Duration
	for i := 1; i < len(given); i++ {
		if given[i] > tm.began && given[i-1] < tm.over {
			gap = max(gap, given[i]-given[i-1])
		}
	}
	ms := time.Millisecond
	t.Logf("%-42s %7v; another led after %7v; all well %7v after it was healed; longest without an order carried out %7v",
		tm.fault.name, (tm.healed - tm.began).Round(ms), tm.took.Round(ms), (tm.over - tm.healed).Round(ms), gap.Round(ms))
}

// crew is everybody who uses a cluster.
type crew struct {
	administrators []*administrator
	watchers       []*watcher
	programs       []*program

	working, watching         sync.WaitGroup
	stopWorking, stopWatching context.CancelFunc
}

// hire has everybody begin.
func (c *cluster) hire(t *testing.T, chance *rand.Rand) *crew {
	t.Helper()
	own := func() *rand.Rand { return rand.New(rand.NewPCG(chance.Uint64(), 0)) }
	working, stopWorking := context.WithCancel(t.Context())
	watching, stopWatching := context.WithCancel(t.Context())
	cr := &crew{stopWorking: stopWorking, stopWatching: stopWatching}
	t.Cleanup(cr.leave)
	for i := range len(c.nodes) + 2 { // one at each node, and two that go round
		w := &watcher{c: c, number: i, roams: i >= len(c.nodes), place: newPlace(), board: make(map[string]wire.Entry)}
		cr.watchers = append(cr.watchers, w)
		cr.watching.Go(func() { w.watch(watching, i%len(c.nodes)) })
	}
	for i := range 3 {
		a := &administrator{c: c, service: fmt.Sprintf("job%d", i), chance: own(), given: make(chan struct{})}
		cr.administrators = append(cr.administrators, a)
		cr.working.Go(func() { a.run(working) })
	}
	flapping := own()
	cr.working.Go(func() { c.flap(working, flapping) })
	for i := range 2 {
		p := c.join(t, fmt.Sprintf("shop%d", i), i, own())
		cr.programs = append(cr.programs, p)
		cr.working.Go(func() { p.work(working) })
	}
	return cr
}

// rest ends what changes something; leave all.
func (cr *crew) rest() {
	cr.stopWorking()
	cr.working.Wait()
}

func (cr *crew) leave() {
	cr.rest()
	cr.stopWatching()
	cr.watching.Wait()
}

// shown is what of a board must be the same everywhere.
func shown(entries map[string]wire.Entry) map[string]string {
	out := make(map[string]string, len(entries))
	for name, e := range entries {
		cb := &e.CircuitBreaker
		over := ""
		if cb.Override != nil {
			over = cb.Override.Reason
		}
		out[name] = fmt.Sprintf("%s %s %s %q opened %v reset %v, %d transitions, %+v, %+v, config %d %s",
			e.Status, cb.State, cb.Mode, over, cb.OpenedAt, cb.LastReset, cb.Transitions, e.Operations, e.Instances, e.ConfigVersion, e.Config)
	}
	return out
}

// agree waits until all nodes and watchers show the same, and the watchers have
// been told of all that is stored, which it returns, newest first.
func (c *cluster) agree(t *testing.T, cr *crew) []wire.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), convergence)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for differ := ""; ; {
		now := c.differ(ctx, cr)
		if now == "" {
			break
		}
		if ctx.Err() == nil { // else it is the end of ctx
			differ = now
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Errorf("%v after the last fault and order:\n%s", convergence, differ)
			return c.events(t)
		}
	}
	return c.events(t)
}

// differ is how those who should show the same do not.
func (c *cluster) differ(ctx context.Context, cr *crew) string {
	var first map[string]string
	for i, n := range c.nodes {
		list, err := n.Services(ctx, client.ServiceQuery{})
		if err != nil {
			return fmt.Sprintf("node %d: %v", i, err)
		}
		board := make(map[string]wire.Entry)
		for _, e := range list.Services {
			board[e.Service] = e
		}
		if first == nil {
			first = shown(board)
		} else if diff := cmp.Diff(first, shown(board)); diff != "" {
			return fmt.Sprintf("node 0 and %d: %s", i, diff)
		}
	}
	newest, err := c.nodes[0].Events(ctx, client.EventQuery{Page: client.Page{Limit: 1}})
	if err != nil {
		return err.Error()
	}
	for _, w := range cr.watchers {
		if diff := cmp.Diff(first, shown(w.shows())); diff != "" {
			return fmt.Sprintf("node 0 and watcher %d: %s", w.number, diff)
		}
		if at := w.at(); at < newest.Events[0].Seq {
			return fmt.Sprintf("watcher %d is at %d, and the newest event at %d", w.number, at, newest.Events[0].Seq)
		}
	}
	return ""
}

// events are all that is stored, newest first.
func (c *cluster) events(t *testing.T) (all []wire.Event) {
	t.Helper()
	for cursor := ""; ; {
		page, err := c.nodes[0].Events(t.Context(), client.EventQuery{Page: client.Page{Limit: 500, Cursor: cursor}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Events...)
		if page.NextCursor == nil {
			return all
		}
		cursor = *page.NextCursor
	}
}

// reach has every node give each program an order, which must come to it: at once,
// or when it comes back, which it may take half a minute to after so many faults.
func (c *cluster) reach(t *testing.T, cr *crew) {
	t.Helper()
	for i, n := range c.nodes {
		for _, p := range cr.programs {
			mode := []string{"forced_open", "forced_closed"}[i%2]
			_, err := n.Override(t.Context(), p.service.Name(), wire.OverrideRequest{Mode: mode, Reason: "a drill", TTLMs: 600_000})
			if err != nil {
				t.Errorf("node %d: %v", i, err)
				continue
			}
			began := time.Now()
			c.await(t, "has the order come to "+p.service.Name(), func(context.Context) (int, bool) {
				return i, p.service.Breaker().Mode().String() == mode
			})
			if took := time.Since(began); took > time.Second {
				t.Logf("an order given at node %d came to %s after %v", i, p.service.Name(), took.Round(time.Millisecond))
			}
		}
	}
}

// judge compares what everybody was told with what is stored.
func (c *cluster) judge(t *testing.T, cr *crew, times []timing, events []wire.Event) {
	t.Helper()
	board, err := c.nodes[0].State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range cr.administrators {
		markStore(a.orders, times)
		wrong := slices.Concat(a.wrong, judgeOrders(a.orders, events))
		wrong = append(wrong, judgeVersions(a.orders, c.versions(t, a.service))...)
		if reason, ok := standing(a.orders); ok {
			for _, e := range board.Services {
				if o := e.CircuitBreaker.Override; e.Service == a.service && (o == nil && reason != "" || o != nil && o.Reason != reason) {
					wrong = append(wrong, fmt.Sprintf("%s has the override %+v, and the last was %q", a.service, o, reason))
				}
			}
		}
		results := make(map[string]int)
		for i := range a.orders {
			results[a.orders[i].Result]++
		}
		t.Logf("%s: %v", a.service, results)
		for _, w := range wrong {
			t.Error(w)
		}
	}
	for _, p := range cr.programs {
		for _, w := range p.judge(events) {
			t.Error(w)
		}
	}
	for _, w := range cr.watchers {
		w.report(t, events)
	}
}

func (c *cluster) versions(t *testing.T, service string) (all []wire.ConfigVersion) {
	t.Helper()
	for cursor := ""; ; {
		page, err := c.nodes[0].ConfigVersions(t.Context(), service, client.Page{Limit: 500, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Versions...)
		if page.NextCursor == nil {
			return all
		}
		cursor = *page.NextCursor
	}
}

// markStore marks the orders that the leader may have taken without its store: an
// override is then in force, but may die with its node.
func markStore(orders []order, times []timing) {
	for i := range orders {
		for k := range times {
			if tm := &times[k]; tm.fault.store && orders[i].End > tm.began && orders[i].Start < tm.over {
				orders[i].StoreMayHaveBeenAway = true
			}
		}
	}
}
