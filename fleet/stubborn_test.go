package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

var errConstraint = errors.New("constraint failed") // of no kind: Internal

// refusing makes the store refuse every batch that has an event of the service.
func refusing(store *hooked, service string) {
	store.beforeCommit(func(b *fleet.Batch) error {
		if slices.ContainsFunc(b.Events, func(e fleet.Event) bool { return e.Service == service && e.Kind == fleet.EventTransition }) {
			return errConstraint
		}
		return nil
	})
}

func TestManager_AFactThatTheStoreRefusesKeepsNothingElseBack(t *testing.T) {
	fail := func(b *bench, name string) {
		_, _ = b.Report(context.Background(), name, []fleet.Outcome{{Outcome: switchgear.Failure, Error: "boom"}})
	}
	begin := func(t *testing.T) (*bench, *hooked) {
		t.Helper()
		store := newHooked()
		b := start(t, store, &upstream{})
		for i := range 20 {
			b.declare(t, fmt.Sprintf("s%02d", i), config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		}
		refusing(store, "s07")
		return b, store
	}
	check := func(t *testing.T, b *bench, store *hooked) {
		t.Helper()
		time.Sleep(10 * time.Second)
		m := b.Measure()
		if err := b.Ready(t.Context()); err != nil || m.ChangesAbandoned != 1 || m.EventsDropped != 1 {
			t.Errorf("ready: %v, %d abandoned, %d events dropped", err, m.ChangesAbandoned, m.EventsDropped)
		}
		if _, err := b.Reset(t.Context(), "s01", switchgear.Closed, operator); err != nil {
			t.Errorf("an order: %v", err)
		}
		events, err := store.Events(t.Context(), fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 100})
		if err != nil || len(events) != 20 { // 19 openings and the reset
			t.Errorf("%d transitions are stored, %v", len(events), err)
		}
		v, err := start(t, store, &upstream{}).Service("s07")
		if err != nil || v.Breaker.State != switchgear.Open {
			t.Errorf("its state is lost: %v %v", err, v.Breaker.State)
		}
	}
	bubble(t, "in one batch", func(t *testing.T) {
		b, store := begin(t)
		for i := range 20 {
			go fail(b, fmt.Sprintf("s%02d", i))
		}
		check(t, b, store)
	})
	bubble(t, "of those that waited for the store", func(t *testing.T) {
		b, store := begin(t)
		store.Fail(errDown)
		for i := range 20 {
			fail(b, fmt.Sprintf("s%02d", i))
		}
		time.Sleep(5 * time.Second)
		store.Fail(nil)
		check(t, b, store)
	})
	bubble(t, "nor does a state, which is tried again when it has changed", func(t *testing.T) {
		b, store := begin(t)
		refused := 0
		store.beforeCommit(func(batch *fleet.Batch) error {
			if slices.ContainsFunc(batch.Services, func(r fleet.ServiceRow) bool { return r.Service == "s07" }) {
				refused++
				return errConstraint
			}
			return nil
		})
		for i := range 20 {
			if _, err := b.Report(t.Context(), fmt.Sprintf("s%02d", i), ok(3)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if successful, _ := storedCounts(t, store, "s19"); successful != 3 {
			t.Errorf("%d operations of another service are stored", successful)
		}
		if err := b.Ready(t.Context()); err != nil || refused > 20 {
			t.Errorf("ready: %v, refused %d times", err, refused)
		}
	})
}

func TestManager_AnOrderThatTheStoreRefusesIsNotTheOthersToSuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		for _, name := range []string{"first", "bad", "good"} {
			b.declare(t, name, config.Service{})
		}
		gate := make(chan struct{}) // holds back the first, so that the others share a batch
		store.beforeCommit(func(batch *fleet.Batch) error {
			of := func(name string) bool {
				return slices.ContainsFunc(batch.Audit, func(e fleet.AuditEntry) bool { return e.Service == name })
			}
			if of("first") {
				<-gate
			}
			if of("bad") {
				return errConstraint
			}
			return nil
		})
		errs := make(map[string]error)
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, name := range []string{"first", "bad", "good"} {
			all.Go(func() {
				_, err := b.Reset(context.Background(), name, switchgear.Closed, operator)
				mu.Lock()
				defer mu.Unlock()
				errs[name] = err
			})
			synctest.Wait()
		}
		close(gate)
		all.Wait()
		if errs["first"] != nil || errs["good"] != nil || fleet.KindOf(errs["bad"]) != fleet.Internal {
			t.Errorf("errors %v", errs)
		}
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestManager_StopsInTimeThoughTheStoreIsSlow(t *testing.T) {
	for name, delay := range map[string]time.Duration{"slow": 1900 * time.Millisecond, "hanging": time.Hour} {
		bubble(t, name, func(t *testing.T) {
			store := newHooked()
			b := start(t, slow{store}, &upstream{})
			services := make(map[string]config.Service)
			for i := range 2100 {
				services[fmt.Sprintf("s%04d", i)] = config.Service{Config: switchgear.Config{FailureThreshold: 1}}
			}
			if err := b.ApplyFile(t.Context(), services); err != nil {
				t.Fatal(err)
			}
			for name := range services {
				_, _ = b.Report(t.Context(), name, ok(1))
			}
			store.beforeCommit(func(*fleet.Batch) error { return &waitError{delay} })
			time.Sleep(4 * time.Second)
			b.Refused(refusal(1))
			began := time.Now()
			err := b.stop()
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("it took %v", took)
			}
			if err == nil {
				t.Error("it says that all is written")
			}
		})
	}
}

// waitError makes a slow store wait, as long as it may.
type waitError struct{ delay time.Duration }

func (e *waitError) Error() string { return "slow" }

type slow struct{ *hooked }

func (s slow) Commit(ctx context.Context, b *fleet.Batch) error {
	err := s.hooked.Commit(ctx, b)
	var wait *waitError
	if !errors.As(err, &wait) {
		return err
	}
	select {
	case <-time.After(wait.delay):
		return s.Store.Commit(ctx, b)
	case <-ctx.Done():
		return &fleet.Error{Kind: fleet.Unavailable, Err: ctx.Err()}
	}
}

// stuck is a health check that does not heed its context.
type stuck struct{ *upstream }

func (s stuck) Check(context.Context) error {
	time.Sleep(time.Minute)
	return nil
}

func TestManager_WritesAtItsEndThoughAHealthCheckHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		m, err := fleet.New(t.Context(), fleet.Deps{
			Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return stuck{&upstream{}}, nil },
		}, fleet.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		for name, def := range map[string]config.Service{"web": probed(3), "job": {}} {
			if _, _, err := m.Declare(t.Context(), name, def, operator); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if _, err := m.Report(t.Context(), "job", ok(3)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if successful, _ := storedCounts(t, store, "job"); successful != 3 {
			t.Errorf("%d operations are stored", successful)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestManager_ThatNeverRanCanBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends only when all goroutines have
		store, up := memory.New(), &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(1))
		b.declare(t, "job", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Minute}})
		if _, err := b.Report(t.Context(), "job", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			t.Fatal(err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute) // so that what comes back moves at once
		up = &upstream{}
		m, err := fleet.New(t.Context(), fleet.Deps{
			Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return up, nil },
		}, fleet.Config{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		m.Close()
		m.Close()
		if up.closed.Load() != 1 {
			t.Error("its probe is open")
		}
		if err := m.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := m.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("an order: %v", err)
		}
	})
}

func TestManager_TheTripEventIsTheOneThatOpenedLast(t *testing.T) {
	for n := range 3 {
		bubble(t, fmt.Sprintf("killed %d openings later", n), func(t *testing.T) {
			store := memory.New()
			b := start(t, store, &upstream{})
			b.declare(t, "web", config.Service{Config: switchgear.Config{
				FailureThreshold: 1, ResetTimeout: 10 * time.Second, Jitter: -1, BackoffMultiplier: 1,
			}})
			fail := func() {
				if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
					t.Fatal(err)
				}
			}
			fail()
			for range n {
				time.Sleep(20 * time.Second)
				fail()
			}
			events, err := store.Events(t.Context(), fleet.EventQuery{Service: "web", Limit: 1})
			if err != nil || events[0].To != "open" {
				t.Fatalf("%v %+v", err, events)
			}
			if got := b.view(t, "web").TripEventID; got != events[0].ID {
				t.Errorf("trip event %d, want %d", got, events[0].ID)
			}
			if v, err := afterKill(t, store); err != nil || v.TripEventID != events[0].ID {
				t.Errorf("after a kill: %v, trip event %d, want %d", err, v.TripEventID, events[0].ID)
			}
		})
	}
}

func TestManager_OrdersFollowAServiceWhoseProbeChanges(t *testing.T) {
	orders := map[string]func(b *bench) error{
		"reset": func(b *bench) error {
			_, err := b.Reset(context.Background(), "web", switchgear.Closed, operator)
			return err
		},
		"override": func(b *bench) error {
			_, err := b.Override(context.Background(), "web", switchgear.ForcedOpen, time.Hour, operator)
			return err
		},
		"config": func(b *bench) error { return setThreshold(b, 7, operator) },
		"declare": func(b *bench) error {
			_, _, err := b.Declare(context.Background(), "web", probed(9), operator)
			return err
		},
		"remove": func(b *bench) error { return b.Remove(context.Background(), "web", operator) },
	}
	for name, order := range orders {
		bubble(t, name, func(t *testing.T) {
			store := &gated{Store: memory.New()}
			b := start(t, store, &upstream{})
			b.declare(t, "web", probed(3))
			other := probed(3)
			other.HealthCheck.TCP.Address = "127.0.0.1:2"
			during(store, func() { b.declare(t, "web", other) }, func() {
				if err := order(b); err != nil {
					t.Error(err)
				}
			})
			v, err := b.Service("web")
			switch {
			case name == "remove":
				if fleet.KindOf(err) != fleet.NotFound {
					t.Errorf("it is still there: %v", err)
				}
			case err != nil:
				t.Error(err)
			case name == "override" && v.Breaker.Mode != switchgear.ForcedOpen, name == "config" && v.Config.FailureThreshold != 7,
				name == "declare" && v.Config.FailureThreshold != 9:
				t.Errorf("%+v", v)
			}
		})
	}
}
