package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// frozen is a store of one node, whose calls can be made to hang.
type frozen struct {
	*memory.Store

	mu   sync.Mutex
	hold chan struct{}
}

func (s *frozen) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = make(chan struct{})
}

func (s *frozen) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.hold)
	s.hold = nil
}

// wait hangs with no regard for the deadline, as a process that stands still does.
func (s *frozen) wait() {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
}

func (s *frozen) Commit(ctx context.Context, b *fleet.Batch) error {
	s.wait()
	return s.Store.Commit(context.WithoutCancel(ctx), b)
}

func (s *frozen) RenewLease(ctx context.Context, f fleet.Fence, ttl time.Duration) (fleet.Lease, error) {
	s.wait()
	return s.Store.RenewLease(context.WithoutCancel(ctx), f, ttl)
}

func (s *frozen) ReleaseLease(ctx context.Context, f fleet.Fence) error {
	s.wait()
	return s.Store.ReleaseLease(context.WithoutCancel(ctx), f)
}

// cutOff is a store that one node cannot reach.
type cutOff struct {
	fleet.ClusterStore

	cut atomic.Bool
}

var errCut = &fleet.Error{Kind: fleet.Unavailable, Op: "store", Err: errors.New("cut off")}

func (s *cutOff) Commit(ctx context.Context, b *fleet.Batch) error {
	if s.cut.Load() {
		return errCut
	}
	return s.ClusterStore.Commit(ctx, b)
}

func (s *cutOff) Ping(ctx context.Context) error {
	if s.cut.Load() {
		return errCut
	}
	return s.ClusterStore.Ping(ctx)
}

func (s *cutOff) RenewLease(ctx context.Context, f fleet.Fence, ttl time.Duration) (fleet.Lease, error) {
	if s.cut.Load() {
		return fleet.Lease{}, errCut
	}
	return s.ClusterStore.RenewLease(ctx, f, ttl)
}

func (s *cutOff) ReleaseLease(ctx context.Context, f fleet.Fence) error {
	if s.cut.Load() {
		return errCut
	}
	return s.ClusterStore.ReleaseLease(ctx, f)
}

func (s *cutOff) Changes(ctx context.Context, after uint64, limit int) (fleet.Changes, error) {
	if s.cut.Load() {
		return fleet.Changes{}, errCut
	}
	return s.ClusterStore.Changes(ctx, after, limit)
}

func (s *cutOff) Lease(ctx context.Context) (fleet.Lease, error) {
	if s.cut.Load() {
		return fleet.Lease{}, errCut
	}
	return s.ClusterStore.Lease(ctx)
}

// node is a manager among several, and what a watcher has seen of it.
type node struct {
	*fleet.Manager

	name string
	stop func() error

	mu      sync.Mutex
	changes []fleet.Change
	roles   []fleet.RoleChange
}

var nodes atomic.Int64

func join(t *testing.T, store fleet.Store, up fleet.Probe, bus fleet.Bus) *node {
	t.Helper()
	n := &node{name: fmt.Sprintf("node-%d", nodes.Add(1))}
	m, err := fleet.New(t.Context(), fleet.Deps{
		Store: store, Bus: bus, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return up, nil },
		OnRole: func(c fleet.RoleChange) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.roles = append(n.roles, c)
		},
	}, fleet.Config{Node: fleet.Node{ID: n.name, Address: "http://" + n.name}})
	if err != nil {
		t.Fatal(err)
	}
	n.Manager = m
	_, states, _ := m.Watch(func(c fleet.Change) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changes = append(n.changes, c)
	})
	for i := range states {
		n.changes = append(n.changes, fleet.Change{Service: states[i].Service, View: &states[i]})
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	n.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = n.stop() })
	return n
}

func (n *node) seen() []fleet.Change {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.changes)
}

func (n *node) orphans() []fleet.Orphan {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []fleet.Orphan
	for _, r := range n.roles {
		all = append(all, r.Orphans...)
	}
	return all
}

// story checks the order of what a watcher saw, and returns the durable events.
func (n *node) story(t *testing.T) []int64 {
	t.Helper()
	var ids []int64
	last := uint64(0)
	for _, c := range n.seen() {
		if c.Seq < last || c.Seq == last && c.Seq > 0 && !c.Removed {
			t.Errorf("%s saw seq %d behind %d", n.name, c.Seq, last)
		}
		last = c.Seq
		if c.Event != nil && c.Event.Durable {
			ids = append(ids, c.Event.ID)
		}
	}
	return ids
}

// end is the state that a watcher has at the end.
func (n *node) end() map[string]fleet.View {
	all := make(map[string]fleet.View)
	for _, c := range n.seen() {
		if c.Removed {
			delete(all, c.Service)
		} else if c.View != nil {
			all[c.Service] = *c.View
		}
	}
	return all
}

// stored are the IDs of all events of a store, the oldest first.
func stored(t *testing.T, s fleet.Store) []int64 {
	t.Helper()
	events, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(events))
	for i, e := range events {
		ids[len(ids)-1-i] = e.ID
	}
	return ids
}

// oneStory checks that all nodes saw all events once, and show the same.
func oneStory(t *testing.T, s fleet.Store, all ...*node) {
	t.Helper()
	want := stored(t, s)
	for _, n := range all {
		if got := n.story(t); !slices.Equal(got, want) {
			t.Errorf("%s saw the events %v, and the store has %v", n.name, got, want)
		}
		end := n.end()
		if len(end) != len(n.Services()) || len(end) != len(all[0].Services()) {
			t.Errorf("%s: its watcher has %d services, it %d, and %s %d", n.name, len(end), len(n.Services()), all[0].name, len(all[0].Services()))
		}
		for _, v := range all[0].Services() {
			if got := end[v.Service]; shown(&got) != shown(&v) {
				t.Errorf("%s shows\n%s, and the leader\n%s", n.name, shown(&got), shown(&v))
			}
			own, err := n.Service(v.Service)
			if err != nil || shown(&own) != shown(&v) {
				t.Errorf("%s has\n%s (%v), and the leader\n%s", n.name, shown(&own), err, shown(&v))
			}
		}
	}
}

func shown(v *fleet.View) string {
	b := &v.Breaker
	override := ""
	if o := b.Override; o != nil {
		override = o.Mode.String() + " by " + o.Actor
	}
	return strings.Join([]string{
		v.Service, string(v.Status), v.Layer, b.State.String(), b.Mode.String(), override,
		fmt.Sprint(b.Operations, b.Transitions, b.AdmittedShare, b.AwaitsCheck, b.RecoveryAttempts, v.ConfigVersion, v.TripEventID, v.Instances, v.Health.Healthy),
	}, " ")
}

func leaderOf(t *testing.T, all ...*node) *node {
	t.Helper()
	i := slices.IndexFunc(all, func(n *node) bool { return n.Role() == fleet.Leading })
	if i < 0 {
		t.Fatal("nobody leads")
	}
	return all[i]
}

func reported() config.Service {
	return config.Service{Layer: "data", Config: switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Minute, Jitter: -1}}
}

func mustDeclare(t *testing.T, n *node, name string, def config.Service) {
	t.Helper()
	if _, _, err := n.Declare(t.Context(), name, def, operator); err != nil {
		t.Fatal(err)
	}
}

func fail(t *testing.T, n *node, name string, times int) {
	t.Helper()
	for range times {
		if _, err := n.Report(t.Context(), name, []fleet.Outcome{{Outcome: switchgear.Failure, Error: "refused"}}); err != nil {
			t.Fatal(err)
		}
	}
}

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
		if len(got) != 1 || got[0].Service != "prices" || got[0].Mode != "forced_open" || got[0].By.Name != operator.Name || got[0].Until.IsZero() {
			t.Errorf("handed back: %+v", got)
		}
		oneStory(t, store, b, a) // what a told alone is not durable, and was taken back
	})
}

func TestCluster_AFrozenLeaderWritesNothingWhenItComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		ice := &frozen{Store: store}
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
