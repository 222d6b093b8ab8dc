package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func refusal(n int) fleet.AuditEntry {
	return fleet.AuditEntry{Actor: fmt.Sprint("mallory-", n), Address: "192.0.2.9", Action: "log in", Result: "refused: no such token"}
}

func TestManager_RefusalsAreAudited(t *testing.T) {
	bubble(t, "within a second, in one batch", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		batches := 0
		store.afterCommit(func(*fleet.Batch) { batches++ })
		for i := range 50 {
			b.Refused(refusal(i))
		}
		b.Refused(fleet.AuditEntry{Action: strings.Repeat("é", 400) + "\x00\xff"})
		time.Sleep(time.Second)
		synctest.Wait()
		log, err := b.Audit(t.Context(), fleet.AuditQuery{Limit: 100})
		if err != nil || len(log) != 51 || batches != 1 {
			t.Fatalf("%d entries in %d batches, %v", len(log), batches, err)
		}
		if e := log[50]; e.Actor != "mallory-0" || e.At.IsZero() || e.Result != "refused: no such token" {
			t.Errorf("%+v", e)
		}
		if e := log[0]; len(e.Action) > 520 || e.Result != "refused" {
			t.Errorf("%+v", e)
		}
	})
	bubble(t, "up to 300 a minute, and how many more", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		for i := range 10_000 {
			b.Refused(refusal(i))
		}
		time.Sleep(30 * time.Second)
		if got := len(store.AuditLog()); got != 300 {
			t.Errorf("%d are listed", got)
		}
		time.Sleep(35 * time.Second)
		log := store.AuditLog()
		if got := log[len(log)-1].Result; len(log) != 301 || got != "9700 more refusals of known actors were not listed" {
			t.Errorf("%d entries, the last %q", len(log), got)
		}
		if got := b.Measure().RefusalsDropped; got != 9700 {
			t.Errorf("%d are counted", got)
		}
		b.Refused(refusal(0))
		time.Sleep(2 * time.Second)
		if got := len(store.AuditLog()); got != 302 {
			t.Errorf("in the next minute: %d entries", got)
		}
	})
	bubble(t, "once the store is back, and at the end", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		store.Fail(errors.New("away"))
		for range 10 {
			for i := range 250 {
				b.Refused(refusal(i))
			}
			time.Sleep(time.Minute)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		log := store.AuditLog()
		if got := log[len(log)-1].Result; len(log) != 1001 || got != "1500 more refusals of known actors were not listed" {
			t.Errorf("%d entries, the last %q", len(log), got)
		}
		for i := range 301 {
			b.Refused(refusal(i))
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		log = store.AuditLog()
		if got := log[len(log)-1].Result; len(log) != 1302 || got != "1 more refusals of known actors were not listed" {
			t.Errorf("%d entries, the last %q", len(log), got)
		}
	})
	bubble(t, "once, when the answer was lost", func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		b := start(t, store, &upstream{})
		store.lose.Store(true)
		b.Refused(refusal(1))
		time.Sleep(5 * time.Second)
		if got := len(store.AuditLog()); got != 1 {
			t.Errorf("%d entries", got)
		}
	})
	bubble(t, "and keep nothing back that the store will not have", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		store.beforeCommit(func(batch *fleet.Batch) error {
			if len(batch.Events) == 0 && len(batch.Audit) > 0 {
				return errors.New("it does not fit")
			}
			return nil
		})
		b.Refused(refusal(1))
		time.Sleep(2 * time.Second)
		b.declare(t, "web", config.Service{})
		if err := b.Ready(t.Context()); err != nil || b.Measure().RefusalsDropped != 1 {
			t.Errorf("ready: %v, %d dropped", err, b.Measure().RefusalsDropped)
		}
	})
}

func TestManager_OrdersKeepTheirRequest(t *testing.T) {
	with := func(key string) fleet.Actor {
		return fleet.Actor{Name: "alice", Reason: "a test", Request: fleet.Request{Key: key, Fingerprint: "of " + key}}
	}
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		var kept []fleet.Request // of the last commit
		store.afterCommit(func(batch *fleet.Batch) {
			if len(batch.Audit) > 0 || len(batch.Requests) > 0 {
				kept = batch.Requests
			}
		})
		var token fleet.Token
		orders := []struct {
			name, subject string
			order         func(by fleet.Actor) error
		}{
			{"register", "", func(by fleet.Actor) error { _, _, err := b.Declare(ctx, "web", config.Service{}, by); return err }},
			{"declare the same", "", func(by fleet.Actor) error { _, _, err := b.Declare(ctx, "web", config.Service{}, by); return err }},
			{"declare a config", "2", func(by fleet.Actor) error {
				_, _, err := b.Declare(ctx, "web", config.Service{Config: switchgear.Config{FailureThreshold: 9}}, by)
				return err
			}},
			{"config", "3", func(by fleet.Actor) error { return setThreshold(b, 7, by) }},
			{"the same config", "3", func(by fleet.Actor) error { return setThreshold(b, 7, by) }},
			{"rollback", "4", func(by fleet.Actor) error { _, err := b.Rollback(ctx, "web", 3, 1, by); return err }},
			{"reset", "", func(by fleet.Actor) error { _, err := b.Reset(ctx, "web", switchgear.Closed, by); return err }},
			{"override", "", func(by fleet.Actor) error {
				_, err := b.Override(ctx, "web", switchgear.ForcedOpen, time.Hour, by)
				return err
			}},
			{"end override", "", func(by fleet.Actor) error { _, err := b.EndOverride(ctx, "web", by); return err }},
			{"remove", "", func(by fleet.Actor) error { return b.Remove(ctx, "web", by) }},
			{"register again", "5", func(by fleet.Actor) error { _, _, err := b.Declare(ctx, "web", config.Service{}, by); return err }},
			{"create token", "its ID", func(by fleet.Actor) (err error) {
				token, err = b.CreateToken(ctx, fleet.Token{Name: "ci", Role: "viewer", Hash: "aa"}, by)
				return err
			}},
			{"revoke token", "its ID", func(by fleet.Actor) error { return b.RevokeToken(ctx, token.ID, by) }},
		}
		for _, o := range orders {
			if err := o.order(with(o.name)); err != nil {
				t.Fatalf("%s: %v", o.name, err)
			}
			want := o.subject
			if want == "its ID" {
				want = token.ID
			}
			if len(kept) != 1 || kept[0].Key != o.name || kept[0].Fingerprint != "of "+o.name || kept[0].Subject != want || kept[0].At.IsZero() {
				t.Errorf("%s kept %+v", o.name, kept)
			}
			if r, err := b.Request(ctx, o.name); err != nil || r.Subject != want {
				t.Errorf("%s: %v, %+v", o.name, err, r)
			}
		}
		if err := setThreshold(b, 8, with("config")); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("the same key again: %v", err)
		}
		if v := b.view(t, "web"); v.ConfigVersion != 5 || v.Config.FailureThreshold == 8 {
			t.Errorf("version %d, threshold %d", v.ConfigVersion, v.Config.FailureThreshold)
		}
		if err := b.Ready(ctx); err != nil {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestManager_OverridesOfOneKeyWhileTheStoreIsAway(t *testing.T) {
	by := operator
	by.Request.Key = "k"
	override := func(b *bench, by fleet.Actor) error {
		_, err := b.Override(context.Background(), "web", switchgear.ForcedOpen, time.Hour, by)
		return err
	}
	bubble(t, "are one", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		store.Fail(errDown)
		if err := override(b, by); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Request(t.Context(), "k"); err != nil {
			t.Errorf("it is not known at once: %v", err)
		}
		if err := override(b, by); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("error %v, want a conflict", err)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if _, err := store.Request(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "and one that was carried out before does not stand in the way of the rest", func(t *testing.T) {
		store := newHooked()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{Config: switchgear.Config{FailureThreshold: 1}})
		if err := override(b, by); err != nil {
			t.Fatal(err)
		}
		if _, err := b.EndOverride(t.Context(), "web", operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		store.Fail(errDown)
		if err := override(b, by); err != nil { // nobody could have known
			t.Fatal(err)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
		if log := store.AuditLog(); log[len(log)-1].Action != "override" || b.view(t, "web").Breaker.Mode != switchgear.ForcedOpen {
			t.Errorf("%v, %+v", b.view(t, "web").Breaker.Mode, log[len(log)-1])
		}
		if _, err := b.EndOverride(t.Context(), "web", operator); err != nil {
			t.Errorf("orders are refused: %v", err)
		}
	})
}
