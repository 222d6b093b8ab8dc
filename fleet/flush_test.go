package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// TestManager_AnOrderDoesNotWaitForTheStatisticsOfAll has five batches of
// statistics to write, each a second long: an order that comes meanwhile waits
// for the one that is being written.
func TestManager_AnOrderDoesNotWaitForTheStatisticsOfAll(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		store := newHooked()
		b := start(t, slow{store}, &upstream{})
		services := make(map[string]config.Service)
		for i := range 2500 {
			services[fmt.Sprintf("s%04d", i)] = config.Service{Config: switchgear.Config{FailureThreshold: 1}}
		}
		if err := b.ApplyFile(t.Context(), services); err != nil {
			t.Fatal(err)
		}
		for name := range services {
			if _, err := b.Report(t.Context(), name, ok(1)); err != nil {
				t.Fatal(err)
			}
		}
		writing := make(chan struct{}, 100)
		store.beforeCommit(func(batch *fleet.Batch) error {
			if len(batch.Services) > 100 {
				writing <- struct{}{}
			}
			return &waitError{time.Second}
		})
		<-writing
		began := time.Now()
		if _, err := b.Reset(t.Context(), "s0000", switchgear.Closed, fleet.Actor{Name: "alice", Reason: "now"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		time.Sleep(10 * time.Second)
		if n := 1 + len(writing); n < 5 {
			t.Errorf("%d batches were written", n)
		}
	})
}
