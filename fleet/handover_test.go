package fleet_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

// startWith is start with health checks that the test makes.
func startWith(t *testing.T, store fleet.Store, newProbe func() fleet.Probe) *fleet.Manager {
	t.Helper()
	m, err := fleet.New(t.Context(), fleet.Deps{
		Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return newProbe(), nil },
	}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return m
}

// TestManager_AnOlderStateTakesNoReportsWithIt has a report counted when a
// transition before it is about to be stored, with the state as it was then: the
// report goes into the store with the state that counts it.
func TestManager_AnOlderStateTakesNoReportsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		var planning atomic.Pointer[func()] // called while a service with a health check is being planned
		m := startWith(t, store, func() fleet.Probe {
			if f := planning.Swap(nil); f != nil {
				(*f)()
			}
			return &upstream{}
		})
		for name, threshold := range map[string]int{"first": 5, "web": 1} {
			if _, _, err := m.Declare(t.Context(), name, config.Service{Config: switchgear.Config{
				FailureThreshold: threshold, ResetTimeout: 500 * time.Millisecond, Jitter: -1,
			}}, operator); err != nil {
				t.Fatal(err)
			}
		}
		var requests atomic.Uint64 // of one ignored operation each, in the store
		var older atomic.Bool      // something of web was stored before
		store.afterCommit(func(batch *fleet.Batch) {
			n := requests.Add(uint64(len(batch.Requests)))
			if n == 0 && slices.ContainsFunc(batch.Events, func(e fleet.Event) bool { return e.Service == "web" }) {
				older.Store(true)
			}
			for _, row := range batch.Services {
				if row.Service == "web" && rowIgnored(t, row) != n {
					t.Errorf("the store has %d requests, and counts %d operations", n, rowIgnored(t, row))
				}
			}
		})
		gate := make(chan struct{})
		hold := sync.OnceFunc(func() { <-gate })
		store.beforeCommit(func(*fleet.Batch) error {
			hold()
			return nil
		})
		var all sync.WaitGroup
		do := func(f func() error) {
			all.Go(func() {
				if err := f(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		do(func() error { // whose commit is held back, so that the next two share a batch
			_, err := m.Reset(context.Background(), "first", switchgear.Closed, operator)
			return err
		})
		whilePlanned := func() {
			time.Sleep(time.Second) // web half-opens
			all.Go(func() {
				if _, err := m.ReportOnce(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Ignored}}, fleet.Request{Key: "k"}); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond) // it is counted
		}
		do(func() error {
			def := probed(3)
			def.Config.HealthCheckInterval = -1
			_, _, err := m.Declare(context.Background(), "api", def, operator)
			return err
		})
		do(func() error {
			_, err := m.Report(context.Background(), "web", []fleet.Outcome{{Outcome: switchgear.Failure}})
			return err
		})
		planning.Store(&whilePlanned)
		close(gate)
		all.Wait()
		time.Sleep(6 * time.Second)
		if _, err := store.Request(t.Context(), "k"); err != nil || requests.Load() != 1 || !older.Load() {
			t.Errorf("%v, %d requests, the transition came before: %v", err, requests.Load(), older.Load())
		}
	})
}

// TestManager_ReportsGoOverToANewProbe has a report counted while a declaration
// with another health check is being stored: it is stored with what takes its
// service's place.
func TestManager_ReportsGoOverToANewProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		var reporting sync.WaitGroup
		report := sync.OnceFunc(func() {
			reporting.Go(func() {
				if _, err := b.ReportOnce(context.Background(), "web", ok(1), fleet.Request{Key: "k"}); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond) // it is counted
		})
		store.beforeCommit(func(*fleet.Batch) error {
			report()
			return nil
		})
		def := probed(3)
		def.Config.HealthCheckInterval = -1
		b.declare(t, "web", def)
		reporting.Wait()
		if _, err := store.Request(t.Context(), "k"); fleet.KindOf(err) != fleet.NotFound {
			t.Fatalf("it is stored with the declaration: %v", err)
		}
		time.Sleep(6 * time.Second)
		successful, _ := storedCounts(t, store, "web")
		if _, err := store.Request(t.Context(), "k"); err != nil || successful != 1 {
			t.Errorf("%v, %d operations are stored", err, successful)
		}
	})
}

// TestManager_ALateOrderIsToldAfterWhatWasToldMeanwhile loses the answer to an
// order and lets other things happen before it is found to be stored: nobody
// who watches goes back in time.
func TestManager_ALateOrderIsToldAfterWhatWasToldMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		store := faulty.New(memory.New(), faulty.Options{Hook: func(c faulty.Call) faulty.Fault {
			switch {
			case !away.Load():
				return faulty.None
			case c.Op == faulty.Commit && slices.ContainsFunc(c.Batch.Events, func(e fleet.Event) bool { return e.Kind == fleet.EventReset }):
				return faulty.Lose
			}
			return faulty.Refuse
		}})
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		b.declare(t, "api", config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: time.Hour}})
		away.Store(true)
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		if _, err := b.Report(t.Context(), "api", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			t.Fatal(err)
		}
		away.Store(false)
		time.Sleep(3 * time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		var last, opened, reset uint64
		for _, c := range b.changes {
			if c.Seq <= last {
				t.Errorf("%d is told after %d", c.Seq, last)
			}
			last = c.Seq
			switch {
			case c.Event == nil:
			case c.Event.Kind == fleet.EventReset:
				reset = c.Seq
				if c.Event.Seq != c.Seq || !c.Event.Durable || c.Event.ID == 0 {
					t.Errorf("at %d it is told as %+v", c.Seq, c.Event)
				}
			case c.Event.Kind == fleet.EventTransition:
				opened = c.Seq
			}
		}
		if opened == 0 || reset < opened {
			t.Errorf("the circuit opened at %d, the late reset is told at %d", opened, reset)
		}
	})
}

// TestManager_NothingIsFoundOutBetweenPlanAndCommit has the store be asked again
// for a lost answer just when a declaration has been planned: what is found out
// is not told before the declaration, whose place in the stream is an older one.
func TestManager_NothingIsFoundOutBetweenPlanAndCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		var planning atomic.Bool
		m := startWith(t, store, func() fleet.Probe {
			if planning.Swap(false) {
				time.Sleep(900 * time.Millisecond) // the store may be asked again
			}
			return &upstream{}
		})
		var mu sync.Mutex
		var last uint64
		_, _, stop := m.Watch(func(c fleet.Change) {
			mu.Lock()
			defer mu.Unlock()
			if c.Seq <= last {
				t.Errorf("%d is told after %d", c.Seq, last)
			}
			last = c.Seq
		})
		defer stop()
		if _, _, err := m.Declare(t.Context(), "web", config.Service{}, operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // away from the ticks of the manager
		store.lose.Store(true)
		if _, err := m.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("error %v, want unavailable", err)
		}
		time.Sleep(500 * time.Millisecond)
		planning.Store(true)
		def := probed(3)
		def.Config.HealthCheckInterval = -1
		if _, _, err := m.Declare(t.Context(), "api", def, operator); err != nil && fleet.KindOf(err) != fleet.Unavailable {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		if planning.Load() {
			t.Error("the declaration was not planned")
		}
		if _, _, err := m.Declare(t.Context(), "api", def, operator); err != nil {
			t.Error(err)
		}
	})
}
