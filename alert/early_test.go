package alert_test

import (
	"context"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// lateStore takes two seconds to write alerts.
type lateStore struct{ stores }

func (s lateStore) Commit(ctx context.Context, b *fleet.Batch) error {
	if len(b.Alerts.Alerts) > 0 {
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.stores.Commit(ctx, b)
}

func TestEngine_WhatFiresIsAmongAllBeforeTheStoreHasIt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.stop()
		r.over = lateStore{r.store}
		r.start()
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		if n, err := r.store.Alerts(t.Context(), fleet.AlertQuery{Limit: 10}); err != nil || len(n) > 0 {
			t.Fatalf("the store has %v, %v, want nothing yet", n, err)
		}
		for _, q := range []fleet.AlertQuery{{Limit: 10}, {Limit: 10, Service: "db"}, {Limit: 1}} {
			all, err := r.Alerts(t.Context(), q)
			if err != nil || len(all) != min(q.Limit, len(r.Active())) || all[0].ID != r.Active()[0].ID {
				t.Errorf("%+v: %v, %v; want what fires", q, all, err)
			}
		}
		for _, q := range []fleet.AlertQuery{{Limit: 10, Service: "web"}, {Limit: 10, Before: "0"}} {
			if all, err := r.Alerts(t.Context(), q); err != nil || len(all) > 0 {
				t.Errorf("%+v: %v, %v; want nothing", q, all, err)
			}
		}
	})
}

func TestEngine_SleepsWhereNothingIsDue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("web")
		time.Sleep(time.Minute)
		if d := r.UntilNext(); d < time.Minute {
			t.Errorf("nothing is wrong: it sleeps for %v", d)
		}
		r.fail("db", 5)
		time.Sleep(2 * time.Second)
		if d := r.UntilNext(); d < 2*time.Second || d > 5*time.Second {
			t.Errorf("a message is due in 3 s: it sleeps for %v", d)
		}
		time.Sleep(time.Minute)
		if d := r.UntilNext(); d < time.Minute {
			t.Errorf("a message is due in four hours: it sleeps for %v", d)
		}
		r.store.Fail(errGone)
		r.fail("web", 5)
		time.Sleep(40 * time.Second)
		if d := r.UntilNext(); d > time.Second {
			t.Errorf("the store is away: it sleeps for %v", d)
		}
		r.store.Fail(nil)
	})
}
