package fleet_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

func TestMeasure_TellsOfTheStoreAndOfWhatWaitsForIt(t *testing.T) {
	bubble(t, "slow, and then away", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "market", config.Service{Layer: "data", Config: switchgear.Config{FailureThreshold: 1, Jitter: -1}})
		before := b.Measure()
		store.beforeCommit(func(*fleet.Batch) error {
			time.Sleep(30 * time.Millisecond)
			return nil
		})
		if _, err := b.Reset(t.Context(), "market", switchgear.Closed, operator); err != nil {
			t.Fatal(err)
		}
		slow := b.Measure()
		if n := slow.Commits.Counts[5] - before.Commits.Counts[5]; n != 1 || slow.Commits.Sum-before.Commits.Sum < 30*time.Millisecond {
			t.Errorf("%d commits took 20 to 40 ms; %+v after %+v", n, slow.Commits, before.Commits)
		}
		store.beforeCommit(nil)
		store.Fail(errDown)
		_, _ = b.Report(t.Context(), "market", []fleet.Outcome{{Outcome: switchgear.Failure}})
		time.Sleep(3 * time.Second)
		m := b.Measure()
		if m.StoreAvailable || m.Backlog != 1 {
			t.Errorf("available %v, %d wait", m.StoreAvailable, m.Backlog)
		}
		if s := m.Services[0]; s.Layer != "data" || s.Probed || s.State != switchgear.Open {
			t.Errorf("the service is %+v", s)
		}
		store.Fail(nil)
	})
}

func TestMeasure_CountsTheOrdersThatFoundTheQueueFull(t *testing.T) {
	bubble(t, "while the store takes its time", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "market", config.Service{})
		release := make(chan struct{})
		store.beforeCommit(func(*fleet.Batch) error {
			<-release
			return nil
		})
		var orders sync.WaitGroup
		for range 6000 {
			orders.Go(func() { _, _ = b.Reset(context.Background(), "market", switchgear.Closed, operator) })
		}
		time.Sleep(time.Second)
		m := b.Measure()
		close(release)
		if m.Queue != 4096 || m.OrdersRefused == 0 || int(m.OrdersRefused)+m.Queue > 6000 {
			t.Errorf("%d wait, %d were refused", m.Queue, m.OrdersRefused)
		}
		orders.Wait()
	})
}
