package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// frozen is a store of one node, whose calls can be made to hang, and then take
// place with no regard for their deadlines: as of a process that stands still.
type frozen struct {
	fleet.ClusterStore

	mu   sync.Mutex
	hold chan struct{} // nil: it is not frozen
}

func (s *frozen) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil {
		s.hold = make(chan struct{})
	}
}

func (s *frozen) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil {
		close(s.hold)
		s.hold = nil
	}
}

func (s *frozen) wait(ctx context.Context) context.Context {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold == nil {
		return ctx
	}
	<-hold
	return context.WithoutCancel(ctx)
}

func (s *frozen) Commit(ctx context.Context, b *fleet.Batch) error {
	return s.ClusterStore.Commit(s.wait(ctx), b)
}

func (s *frozen) Load(ctx context.Context) (fleet.Stored, error) {
	return s.ClusterStore.Load(s.wait(ctx))
}

func (s *frozen) Ping(ctx context.Context) error { return s.ClusterStore.Ping(s.wait(ctx)) }

func (s *frozen) Lease(ctx context.Context) (fleet.Lease, error) {
	return s.ClusterStore.Lease(s.wait(ctx))
}

func (s *frozen) TakeLease(ctx context.Context, holder, address string, ttl time.Duration, reserve uint64) (fleet.Lease, error) {
	return s.ClusterStore.TakeLease(s.wait(ctx), holder, address, ttl, reserve)
}

func (s *frozen) RenewLease(ctx context.Context, f fleet.Fence, ttl time.Duration) (fleet.Lease, error) {
	return s.ClusterStore.RenewLease(s.wait(ctx), f, ttl)
}

func (s *frozen) ReleaseLease(ctx context.Context, f fleet.Fence) error {
	return s.ClusterStore.ReleaseLease(s.wait(ctx), f)
}

func (s *frozen) Changes(ctx context.Context, after uint64, limit int) (fleet.Changes, error) {
	return s.ClusterStore.Changes(s.wait(ctx), after, limit)
}

// cutOff is a store that one node cannot reach.
type cutOff struct {
	fleet.ClusterStore

	cut  atomic.Bool
	lose atomic.Bool  // the next commit is written, and its answer lost
	read atomic.Int64 // how often it was asked for what is new
}

var errCut = &fleet.Error{Kind: fleet.Unavailable, Op: "store", Err: errors.New("cut off")}

func (s *cutOff) Commit(ctx context.Context, b *fleet.Batch) error {
	if s.cut.Load() {
		return errCut
	}
	if s.lose.Swap(false) {
		s.cut.Store(true)
		_ = s.ClusterStore.Commit(ctx, b)
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
	if s.read.Add(1) > 1_000_000 || s.cut.Load() { // who asks without end is heard, and not waited for
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

// tester is a test, or a part of one.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// node is a manager among several, and what a watcher has seen of it.
type node struct {
	*fleet.Manager

	name string
	from uint64 // what the states had that it began with
	stop func() error

	mu      sync.Mutex
	changes []fleet.Change
	roles   []fleet.RoleChange
}

var nodes atomic.Int64

func join(t tester, store fleet.Store, up fleet.Probe, bus fleet.Bus) *node {
	t.Helper()
	n := &node{name: fmt.Sprintf("node-%d", nodes.Add(1))}
	m, err := fleet.New(context.Background(), fleet.Deps{
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
	seq, states, _ := m.Watch(func(c fleet.Change) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changes = append(n.changes, c)
	})
	n.from = seq
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
	if c, ok := t.(interface{ Cleanup(func()) }); ok {
		c.Cleanup(func() { _ = n.stop() })
	}
	return n
}

func (n *node) seen() []fleet.Change {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.changes)
}

// turns are the roles that it was told to have had.
func (n *node) turns() []fleet.RoleChange {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.roles)
}

func (n *node) orphans() []fleet.Orphan {
	var all []fleet.Orphan
	for _, r := range n.turns() {
		all = append(all, r.Orphans...)
	}
	return all
}

// story checks the order of what a watcher saw, and that it has each stored event
// since it joined once, and nothing durable besides.
func (n *node) story(t tester, stored []fleet.Event) {
	t.Helper()
	last := uint64(0)
	var told []*fleet.Event
	for _, c := range n.seen() {
		if c.Seq < last || c.Seq == last && c.Seq > 0 && !c.Removed {
			t.Errorf("%s saw seq %d behind %d", n.name, c.Seq, last)
		}
		last = c.Seq
		if c.Event != nil {
			told = append(told, c.Event)
		}
	}
	times := make(map[int64]int)
	at := 0
	for i := range stored {
		e := &stored[i]
		if e.Seq <= n.from {
			continue
		}
		for j, o := range told {
			if o.ID == e.ID || o.Seq == e.Seq {
				times[e.ID]++
				if o.Seq != e.Seq {
					continue // an order whose answer was lost: it is told when that is found out
				}
				if j < at {
					t.Errorf("%s saw event %d too late", n.name, e.ID)
				}
				at = j
			}
		}
		if times[e.ID] != 1 {
			t.Errorf("%s saw event %d, %s of %s, seq %d, %d times", n.name, e.ID, e.Kind, e.Service, e.Seq, times[e.ID])
		}
	}
	for _, o := range told {
		if o.Durable && times[o.ID] == 0 {
			t.Errorf("%s saw event %d, %s of %s, seq %d, which the store has not", n.name, o.ID, o.Kind, o.Service, o.Seq)
		}
	}
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

// events are all events of a store, the oldest first.
func events(t tester, s fleet.Store) []fleet.Event {
	t.Helper()
	all, err := s.Events(context.Background(), fleet.EventQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// oneStory checks that all nodes saw all events once, and show the same.
func oneStory(t tester, s fleet.Store, all ...*node) {
	t.Helper()
	stored := events(t, s)
	for _, n := range all {
		n.story(t, stored)
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
		fmt.Sprint(b.Operations, b.Transitions, b.AdmittedShare, b.AwaitsCheck, b.RecoveryAttempts, v.ConfigVersion, v.Instances, v.Health.Healthy),
	}, " ")
}

func reported() config.Service {
	return config.Service{Layer: "data", Config: switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Minute, Jitter: -1}}
}

func mustDeclare(t tester, n *node, name string, def config.Service) {
	t.Helper()
	if _, _, err := n.Declare(context.Background(), name, def, operator); err != nil {
		t.Fatal(err)
	}
}

func fail(t tester, n *node, name string, times int) {
	t.Helper()
	for range times {
		if _, err := n.Report(context.Background(), name, []fleet.Outcome{{Outcome: switchgear.Failure, Error: "refused"}}); err != nil {
			t.Fatal(err)
		}
	}
}
