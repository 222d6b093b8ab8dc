package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// upstream is what probes of the tests ask.
type upstream struct {
	failing atomic.Bool
	checks  atomic.Int64
	closed  atomic.Int64
}

var errDown = errors.New("upstream is down")

func (u *upstream) Check(context.Context) error {
	u.checks.Add(1)
	if u.failing.Load() {
		return errDown
	}
	return nil
}

func (u *upstream) Close() error {
	u.closed.Add(1)
	return nil
}

// bench is a manager with its store and its one upstream.
type bench struct {
	*fleet.Manager

	store    fleet.Store
	upstream *upstream
	stop     func() error

	mu      sync.Mutex
	changes []fleet.Change
	muted   bool
}

var operator = fleet.Actor{Name: "alice", Address: "192.0.2.1", Reason: "a test"}

// start runs a manager over the store until stop.
func start(t *testing.T, store fleet.Store, up *upstream) *bench {
	t.Helper()
	b := &bench{store: store, upstream: up}
	m, err := fleet.New(t.Context(), fleet.Deps{
		Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return up, nil },
	}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b.Manager = m
	_, _, _ = m.Watch(func(c fleet.Change) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.muted {
			b.changes = append(b.changes, c)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = b.stop() })
	return b
}

// told are the kinds of the events that were told of a service so far.
func (b *bench) told(service string) (kinds []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.changes {
		if c.Event != nil && c.Service == service {
			kind := string(c.Event.Kind)
			if c.Event.Kind == fleet.EventTransition {
				kind += " " + c.Event.From + "-" + c.Event.To
			}
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (b *bench) view(t *testing.T, service string) fleet.View {
	t.Helper()
	v, err := b.Service(service)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// probed is a service that is checked each ten seconds.
func probed(threshold int, dependencies ...string) config.Service {
	return config.Service{
		Dependencies: dependencies,
		Config: switchgear.Config{
			FailureThreshold: threshold, HealthCheckInterval: 10 * time.Second, Jitter: -1,
			ResetTimeout: time.Minute, MinHealthyPeriod: 2 * time.Minute,
		},
		HealthCheck: &config.HealthCheck{TCP: &config.TCPCheck{Address: "127.0.0.1:1"}, Timeout: time.Second},
	}
}

func (b *bench) declare(t *testing.T, name string, def config.Service) {
	t.Helper()
	if _, _, err := b.Declare(t.Context(), name, def, operator); err != nil {
		t.Fatal(err)
	}
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestManager_ProbedServiceOpensRecoversAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		time.Sleep(5 * time.Second)
		if got := b.view(t, "web").Status; got != fleet.StatusHealthy {
			t.Fatalf("status %v, want healthy", got)
		}
		b.upstream.failing.Store(true)
		time.Sleep(40 * time.Second)
		v := b.view(t, "web")
		if v.Status != fleet.StatusCircuitOpen || !v.IsOpen() || v.TripEventID == 0 {
			t.Fatalf("after three failed checks: %v %v, trip event %d", v.Status, v.Breaker.State, v.TripEventID)
		}
		b.upstream.failing.Store(false)
		time.Sleep(time.Minute)
		if v = b.view(t, "web"); v.Status != fleet.StatusDegraded || v.Breaker.State != switchgear.HalfOpen {
			t.Fatalf("after the open time: %v %v", v.Status, v.Breaker.State)
		}
		time.Sleep(2*time.Minute + 15*time.Second)
		if v = b.view(t, "web"); v.Status != fleet.StatusHealthy || v.Breaker.State != switchgear.Closed {
			t.Fatalf("after the healthy period: %v %v", v.Status, v.Breaker.State)
		}
		want := []string{
			"registered", "health_failed", "transition closed-open",
			"transition open-half_open", "health_recovered", "transition half_open-closed",
		}
		got := b.told("web")
		// A check may pass while the circuit is still open.
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestManager_RestartKeepsTheTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(3))
		up.failing.Store(true)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		v := b.view(t, "web")
		if v.Breaker.State != switchgear.Open {
			t.Fatalf("state %v, want open", v.Breaker.State)
		}
		next := v.Breaker.NextAttemptAt
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		b = start(t, store, up)
		v = b.view(t, "web")
		if v.Breaker.State != switchgear.Open || !v.Breaker.NextAttemptAt.Equal(next) || v.Breaker.Transitions != 1 {
			t.Errorf("after the restart: %v until %v, want open until %v", v.Breaker.State, v.Breaker.NextAttemptAt, next)
		}
		if v.TripEventID == 0 || v.Breaker.Trip == nil || v.Breaker.Trip.LastError != errDown.Error() {
			t.Errorf("why it opened is lost: %+v", v.Breaker.Trip)
		}
		up.failing.Store(false)
		time.Sleep(time.Until(next) + time.Second)
		if got := b.view(t, "web").Breaker; got.State != switchgear.HalfOpen || got.Transitions != 2 {
			t.Errorf("at the end of the open time: %v, transition %d", got.State, got.Transitions)
		}
	})
}

func TestManager_NothingIsToldBeforeItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		_, _, stop := b.Watch(func(c fleet.Change) {
			if c.Event == nil {
				return
			}
			if c.Event.ID == 0 || !c.Event.Durable {
				t.Errorf("event %+v was told before it had an ID", c.Event)
			}
			events, err := store.Events(t.Context(), fleet.EventQuery{Limit: 1})
			if err != nil || len(events) == 0 || events[0].ID < c.Event.ID {
				t.Errorf("event %d was told, and the store has %v", c.Event.ID, events)
			}
		})
		defer stop()
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		for range 20 {
			if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure, Error: "boom"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestManager_SeqsRiseAndTransitionsHaveNoGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		var workers sync.WaitGroup
		for i := range 10 {
			name := fmt.Sprintf("service-%d", i)
			b.declare(t, name, config.Service{Config: switchgear.Config{FailureThreshold: 1}})
			workers.Go(func() {
				for range 20 {
					_, _ = b.Report(context.Background(), name, []fleet.Outcome{{Outcome: switchgear.Failure}})
					_, _ = b.Reset(context.Background(), name, switchgear.Closed, operator)
				}
			})
		}
		workers.Wait()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		last := uint64(0)
		number := make(map[string]uint64)
		for _, c := range b.changes {
			if c.Seq <= last {
				t.Fatalf("seq %d after %d", c.Seq, last)
			}
			last = c.Seq
			if c.Event == nil || c.Event.Kind != fleet.EventTransition {
				continue
			}
			var evidence struct{ Transition uint64 }
			if err := json.Unmarshal(c.Event.Evidence, &evidence); err != nil {
				t.Fatal(err)
			}
			if evidence.Transition != number[c.Service]+1 {
				t.Errorf("%s: transition %d after %d", c.Service, evidence.Transition, number[c.Service])
			}
			number[c.Service] = evidence.Transition
		}
		if number["service-3"] != 40 {
			t.Errorf("%d transitions were told, want 40", number["service-3"])
		}
	})
}

func TestManager_Orders(t *testing.T) {
	bubble(t, "a reset needs a reason", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		_, err := b.Reset(t.Context(), "web", switchgear.Closed, fleet.Actor{Name: "alice"})
		if fleet.KindOf(err) != fleet.Invalid || fleet.FieldsOf(err)[0].Field != "reason" {
			t.Errorf("error %v, want an invalid reason", err)
		}
	})
	bubble(t, "a service that is not there", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("error %v, want not found", err)
		}
		if _, err := b.Service("WEB"); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("error %v, want invalid", err)
		}
	})
	bubble(t, "an override stands, refuses resets, and ends by time", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", probed(3))
		time.Sleep(2 * time.Second)
		v, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator)
		if err != nil || v.Status != fleet.StatusCircuitOpen || !v.IsOpen() || v.Breaker.Override.Actor != "alice" {
			t.Fatalf("%v %+v", err, v)
		}
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("error %v, want a conflict", err)
		}
		time.Sleep(time.Minute + time.Second)
		if v = b.view(t, "web"); v.Breaker.Mode != switchgear.Auto || v.Breaker.State != switchgear.HalfOpen {
			t.Errorf("at its end: %v %v", v.Breaker.Mode, v.Breaker.State)
		}
		if !slices.Contains(b.told("web"), "override_expired") {
			t.Errorf("its end was not told: %q", b.told("web"))
		}
	})
	bubble(t, "an override that ended while the manager was down is applied and told", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(3))
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator); err != nil {
			t.Fatal(err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		b = start(t, store, up)
		synctest.Wait()
		if v := b.view(t, "web"); v.Breaker.Mode != switchgear.Auto || v.Breaker.State != switchgear.HalfOpen {
			t.Errorf("after the restart: %v %v", v.Breaker.Mode, v.Breaker.State)
		}
		if got := b.told("web"); !slices.Contains(got, "override_expired") || !slices.Contains(got, "transition closed-half_open") {
			t.Errorf("told %q", got)
		}
	})
	bubble(t, "an override survives a restart and ends by hand", func(t *testing.T) {
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(3))
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedClosed, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, up)
		if v := b.view(t, "web"); v.Breaker.Mode != switchgear.ForcedClosed {
			t.Fatalf("mode %v", v.Breaker.Mode)
		}
		v, err := b.EndOverride(t.Context(), "web", operator)
		if err != nil || v.Breaker.Mode != switchgear.Auto || v.Breaker.State != switchgear.Closed {
			t.Errorf("%v %+v", err, v.Breaker)
		}
		if _, err := b.EndOverride(t.Context(), "web", operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("error %v, want not found", err)
		}
	})
}
