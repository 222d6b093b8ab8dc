package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

// TestManager_OverAFaultyStore lets everything happen at once over a store that
// refuses, and loses answers. When it is well again the manager and the store
// agree, nothing that was answered is lost, and nothing happened twice.
func TestManager_OverAFaultyStore(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			inner := memory.New()
			store := faulty.New(inner, faulty.Options{
				Seed: seed, Refuse: 0.1, Lose: 0.1, MaxDelay: 20 * time.Millisecond,
				Ops: []faulty.Op{faulty.Commit, faulty.Ping, faulty.Events, faulty.Audit, faulty.Request},
			})
			b := start(t, store, &upstream{})
			var reported atomic.Uint64 // which were answered, or refused as done already
			var tokens sync.Map        // those that were answered
			var all sync.WaitGroup
			for w := range 6 {
				all.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(w)))
					for n := range 150 {
						one(b, r, fmt.Sprintf("%d-%d", w, n), &reported, &tokens)
						time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
					}
				})
			}
			all.Wait()
			store.Heal()
			time.Sleep(10 * time.Second)
			agree(t, b, inner)
			if got := b.view(t, "web").Breaker.Operations.Ignored; got != reported.Load() {
				t.Errorf("%d reports are counted, and %d were answered", got, reported.Load())
			}
			for _, tok := range b.Tokens() {
				tokens.Delete(tok.ID)
			}
			tokens.Range(func(id, _ any) bool { t.Errorf("token %v is lost", id); return true })
			if err := b.stop(); err != nil {
				t.Error(err)
			}
			numbers(t, inner)
		})
	}
}

// one does one thing.
func one(b *bench, r *rand.Rand, key string, reported *atomic.Uint64, tokens *sync.Map) {
	ctx := context.Background()
	name := []string{"web", "api"}[r.IntN(2)]
	switch r.IntN(9) {
	case 0, 1: // until it is known to be done; web is never taken out
		if _, err := b.Service("web"); err != nil {
			_, _, _ = b.Declare(ctx, "web", config.Service{}, operator)
			return
		}
		for {
			_, err := b.ReportOnce(ctx, "web", []fleet.Outcome{{Outcome: switchgear.Ignored}}, fleet.Request{Key: key})
			if err == nil || fleet.KindOf(err) == fleet.Conflict {
				reported.Add(1)
				return
			}
			time.Sleep(time.Second)
		}
	case 2:
		def := config.Service{Config: switchgear.Config{FailureThreshold: 1, ResetTimeout: 3 * time.Second, MinHealthyPeriod: -1}}
		if r.IntN(2) == 0 {
			def = probed(1)
		}
		_, _, _ = b.Declare(ctx, name, def, operator)
	case 3:
		_, _ = b.SetConfig(ctx, name, fleet.AnyVersion, func(json.RawMessage) (json.RawMessage, error) {
			return fmt.Appendf(nil, `{"failureThreshold": %d}`, 1+r.IntN(5)), nil
		}, operator)
	case 4:
		_, _ = b.Override(ctx, name, switchgear.ForcedOpen, time.Duration(1+r.IntN(5000))*time.Millisecond, operator)
	case 5:
		_, _ = b.EndOverride(ctx, name, operator)
	case 6:
		_, _ = b.Reset(ctx, name, switchgear.Closed, operator)
	case 7:
		_, _ = b.Report(ctx, name, []fleet.Outcome{{Outcome: switchgear.Failure}})
		if r.IntN(4) == 0 {
			_ = b.Remove(ctx, "api", operator)
		}
	case 8:
		tok, err := b.CreateToken(ctx, fleet.Token{Name: key, Role: "viewer", Hash: key}, operator)
		switch {
		case err != nil:
		case r.IntN(2) == 0:
			if err := b.RevokeToken(ctx, tok.ID, operator); err == nil || errors.Is(err, faulty.ErrInjected) {
				return
			}
			fallthrough
		default:
			tokens.Store(tok.ID, nil)
		}
	}
}

// agree compares what the manager says with what the store has.
func agree(t *testing.T, b *bench, store fleet.Store) {
	t.Helper()
	synctest.Wait()
	stored, err := store.Tokens(t.Context())
	if diff := cmp.Diff(b.Tokens(), stored); err != nil || diff != "" {
		t.Errorf("tokens: %v (-manager +store)\n%s", err, diff)
	}
	again, err := fleet.New(t.Context(), fleet.Deps{
		Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return &upstream{}, nil },
	}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if here, there := len(b.Services()), len(again.Services()); here != there {
		t.Errorf("%d services, and %d after a restart", here, there)
	}
	for _, v := range again.Services() {
		is := b.view(t, v.Service)
		newest, err := store.ConfigVersions(t.Context(), v.Service, 0, 1)
		if err != nil || newest[0].Version != is.ConfigVersion || is.ConfigVersion != v.ConfigVersion {
			t.Errorf("%s: version %d is in force, %d comes back, the newest is %d", v.Service, is.ConfigVersion, v.ConfigVersion, newest[0].Version)
		}
		if is.Breaker.Operations.Ignored != v.Breaker.Operations.Ignored {
			t.Errorf("%s: %d reports are counted, and %d come back", v.Service, is.Breaker.Operations.Ignored, v.Breaker.Operations.Ignored)
		}
		if is.Config.Resolved().FailureThreshold != v.Config.Resolved().FailureThreshold {
			t.Errorf("%s: another config comes back", v.Service)
		}
		if is.Breaker.Mode != v.Breaker.Mode || is.Breaker.State == switchgear.Open != (v.Breaker.State == switchgear.Open) {
			t.Errorf("%s: %v %v is in force, %v %v comes back", v.Service, is.Breaker.Mode, is.Breaker.State, v.Breaker.Mode, v.Breaker.State)
		}
	}
}
