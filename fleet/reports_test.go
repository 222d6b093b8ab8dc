package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// hooked is a store that asks before and tells after each commit.
type hooked struct {
	*memory.Store

	before atomic.Pointer[func(b *fleet.Batch) error]
	after  atomic.Pointer[func(b *fleet.Batch)]
}

func newHooked() *hooked { return &hooked{Store: memory.New()} }

func (h *hooked) Commit(ctx context.Context, b *fleet.Batch) error {
	if f := h.before.Load(); f != nil && *f != nil {
		if err := (*f)(b); err != nil {
			return err
		}
	}
	err := h.Store.Commit(ctx, b)
	if f := h.after.Load(); f != nil && err == nil {
		(*f)(b)
	}
	return err
}

func (h *hooked) beforeCommit(f func(b *fleet.Batch) error) { h.before.Store(&f) }
func (h *hooked) afterCommit(f func(b *fleet.Batch))        { h.after.Store(&f) }

// storedCounts are how many operations the store has counted of a service.
func storedCounts(t *testing.T, store fleet.Store, service string) (successful, failed uint64) {
	t.Helper()
	stored, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range stored.Services {
		if row.Service != service {
			continue
		}
		return rowCounts(t, row)
	}
	return 0, 0
}

func rowCounts(t *testing.T, row fleet.ServiceRow) (successful, failed uint64) {
	t.Helper()
	var st struct {
		Operations struct{ Successful, Failed uint64 }
	}
	if err := json.Unmarshal(row.Value, &st); err != nil {
		t.Error(err)
	}
	return st.Operations.Successful, st.Operations.Failed
}

func rowIgnored(t *testing.T, row fleet.ServiceRow) uint64 {
	t.Helper()
	var st struct{ Operations struct{ Ignored uint64 } }
	if err := json.Unmarshal(row.Value, &st); err != nil {
		t.Error(err)
	}
	return st.Operations.Ignored
}

func ok(n int) []fleet.Outcome {
	return slices.Repeat([]fleet.Outcome{{Outcome: switchgear.Success}}, n)
}

func TestManager_ReportOnceIsStoredWithWhatItCounts(t *testing.T) {
	bubble(t, "in every transaction, whatever else is in it", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 3, ResetTimeout: time.Second, MinHealthyPeriod: -1}})
		requests := 0 // of one success each, in the store
		store.afterCommit(func(batch *fleet.Batch) {
			requests += len(batch.Requests)
			for i, r := range batch.Requests {
				if slices.Contains(batch.Requests[:i], r) {
					t.Errorf("a batch has %q twice", r.Key)
				}
			}
			for _, row := range batch.Services {
				if successful, _ := rowCounts(t, row); successful != uint64(requests) {
					t.Errorf("the store has %d requests, and counts %d operations", requests, successful)
				}
			}
		})
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				for n := range 100 {
					r := fleet.Request{Key: fmt.Sprintf("%d-%d", w, n)}
					if _, err := b.ReportOnce(context.Background(), "web", ok(1), r); err != nil {
						t.Error(err)
					}
					switch n % 20 {
					case 5:
						_, _ = b.Override(context.Background(), "web", switchgear.ForcedClosed, time.Minute, operator)
					case 10:
						_, _ = b.EndOverride(context.Background(), "web", operator)
					case 15:
						def := config.Service{Config: switchgear.Config{FailureThreshold: 3 + n%2, ResetTimeout: time.Second, MinHealthyPeriod: -1}}
						if w == 1 { // the probe, and with it the breaker, is another
							def = probed(3 + n%2)
							def.Config.HealthCheckInterval = -1
						}
						_, _, _ = b.Declare(context.Background(), "web", def, operator)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if successful, _ := storedCounts(t, store, "web"); successful != 400 || requests != 400 {
			t.Errorf("%d operations and %d requests are stored, want 400", successful, requests)
		}
	})
	bubble(t, "also when an order that would have stored it is refused", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		if _, err := b.ReportOnce(t.Context(), "web", ok(1), fleet.Request{Key: "k"}); err != nil {
			t.Fatal(err)
		}
		store.beforeCommit(func(*fleet.Batch) error { return &fleet.Error{Kind: fleet.Unavailable, Err: errDown} })
		for range 2 { // one that is tried, and one that is not
			if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
				t.Fatal(err)
			}
		}
		store.beforeCommit(nil)
		time.Sleep(7 * time.Second)
		if _, err := store.Request(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "with a transition that it brings about", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Hour}})
		failed := slices.Repeat([]fleet.Outcome{{Outcome: switchgear.Failure}}, 5)
		if _, err := b.ReportOnce(t.Context(), "web", failed, fleet.Request{Key: "k", Fingerprint: "f"}); err != nil {
			t.Fatal(err)
		}
		r, err := store.Request(t.Context(), "k")
		if _, failed := storedCounts(t, store, "web"); err != nil || failed != 5 || r.Fingerprint != "f" || r.At.IsZero() {
			t.Errorf("%v, %d failures, %+v", err, failed, r)
		}
	})
}

func TestManager_ReportOnceCountsOnce(t *testing.T) {
	report := func(b *bench, key string) error {
		_, err := b.ReportOnce(context.Background(), "web", ok(1), fleet.Request{Key: key})
		return err
	}
	total := func(t *testing.T, b *bench, want uint64) {
		t.Helper()
		if got := b.view(t, "web").Breaker.Operations.Total(); got != want {
			t.Errorf("%d operations are counted, want %d", got, want)
		}
	}
	bubble(t, "before it is stored, after, and after a restart", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		if err := report(b, "k"); err != nil {
			t.Fatal(err)
		}
		if r, err := b.Request(t.Context(), "k"); err != nil || r.Key != "k" {
			t.Errorf("the request is not known at once: %v", err)
		}
		if err := report(b, "k"); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("before it is stored: %v", err)
		}
		time.Sleep(6 * time.Second)
		if _, err := store.Request(t.Context(), "k"); err != nil {
			t.Errorf("after the flush: %v", err)
		}
		if err := report(b, "k"); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("after it is stored: %v", err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b = start(t, store, &upstream{})
		if err := report(b, "k"); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("after a restart: %v", err)
		}
		total(t, b, 1)
	})
	bubble(t, "of many at once with one key", func(t *testing.T) {
		b := start(t, newHooked(), &upstream{})
		b.declare(t, "web", config.Service{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { _ = report(b, "k") })
		}
		all.Wait()
		total(t, b, 1)
	})
	bubble(t, "when the answer of the store was lost", func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		for i := range 3 {
			if err := report(b, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		store.lose.Store(true)
		time.Sleep(12 * time.Second)
		if err := report(b, "3"); err != nil {
			t.Fatal(err)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if successful, _ := storedCounts(t, store, "web"); successful != 4 {
			t.Errorf("%d are stored, want 4", successful)
		}
	})
	bubble(t, "and while nobody can tell it is refused, and not counted", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		store.Fail(errors.New("away"))
		if err := report(b, "k"); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("error %v, want unavailable", err)
		}
		store.Fail(nil)
		if err := report(b, "k"); err != nil {
			t.Error(err)
		}
		total(t, b, 1)
	})
	bubble(t, "and of a service that is gone it is not found", func(t *testing.T) {
		b := start(t, newHooked(), &upstream{})
		b.declare(t, "web", config.Service{})
		if err := report(b, "k"); err != nil {
			t.Fatal(err)
		}
		if err := b.Remove(t.Context(), "web", operator); err != nil {
			t.Fatal(err)
		}
		if err := report(b, "l"); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("error %v", err)
		}
		if _, err := b.Request(t.Context(), "k"); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("the request outlives its service: %v", err)
		}
	})
	bubble(t, "and more than a thousand between two flushes are stored before", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		for i := range 1500 {
			if err := report(b, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.Request(t.Context(), "0"); err != nil {
			t.Error(err)
		}
		time.Sleep(6 * time.Second)
		if _, err := store.Request(t.Context(), "1499"); err != nil {
			t.Error(err)
		}
	})
}

func TestManager_ReportsAreNotLostWhenTheProbeChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		b.declare(t, "web", config.Service{})
		var counted atomic.Uint64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 2000 {
					if _, err := b.Report(context.Background(), "web", ok(1)); err == nil {
						counted.Add(1)
					}
				}
			})
		}
		all.Go(func() {
			for i := range 100 {
				def := probed(1000)
				def.Config.HealthCheckInterval = -1
				def.HealthCheck.TCP.Address = fmt.Sprintf("127.0.0.1:%d", 1+i%2)
				if _, _, err := b.Declare(context.Background(), "web", def, operator); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		if got := b.view(t, "web").Breaker.Operations.Successful; got != counted.Load() || got != 8000 {
			t.Errorf("%d are counted of %d that were taken", got, counted.Load())
		}
	})
}
