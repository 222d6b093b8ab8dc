package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

func TestManager_ReadyAsksTheStoreOnceASecond(t *testing.T) {
	bubble(t, "however many ask", func(t *testing.T) {
		inner := memory.New()
		store := faulty.New(inner, faulty.Options{})
		b := start(t, store, &upstream{})
		ask := func() {
			var asking sync.WaitGroup
			for range 100 {
				asking.Go(func() {
					if err := b.Ready(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			asking.Wait()
		}
		ask()
		ask()
		if n := store.Count(faulty.Ping).Calls; n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
		time.Sleep(time.Second)
		ask()
		if n := store.Count(faulty.Ping).Calls; n != 2 {
			t.Errorf("a second later the store was asked %d times in all, want twice", n)
		}
		inner.Fail(errors.New("the disk is gone"))
		time.Sleep(time.Second)
		if err := b.Ready(t.Context()); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("of a store that is gone: %v", err)
		}
		inner.Fail(nil)
		time.Sleep(time.Second)
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("of a store that is back: %v", err)
		}
	})
}
