package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

// insist asks until it is done. A token that was made, and its answer lost, is
// refused from then on: done, too.
func (b *bench) insist(path, body, key string) {
	for range 200 {
		got := b.as("admin", http.MethodPost, "/api/v2/"+path, body, keyHeader, key)
		switch {
		case got.status < 300, got.status == http.StatusConflict && strings.Contains(got.raw, "has made the token"):
			return
		case got.status != http.StatusServiceUnavailable && got.status != http.StatusConflict:
			b.tb.Errorf("%s: %d %s", key, got.status, got.raw)
			return
		}
		time.Sleep(time.Second)
	}
	b.tb.Errorf("%s is never done", key)
}

// configure puts a config in force, and returns its version.
func (b *bench) configure(service string, threshold int) (version int) {
	path := "/api/v2/services/" + service + "/config"
	for range 200 {
		now := b.as("admin", http.MethodGet, path, "")
		got := b.as("admin", http.MethodPut, path, fmt.Sprintf(`{"config":{"failureThreshold":%d},"reason":"x"}`, threshold),
			"If-Match", now.header.Get("ETag"))
		switch got.status {
		case http.StatusOK:
			v, _ := got.body["version"].(float64)
			return int(v)
		case http.StatusServiceUnavailable, http.StatusPreconditionFailed: // the first may have been done after all
		default:
			b.tb.Errorf("threshold %d: %d %s", threshold, got.status, got.raw)
			return 0
		}
		time.Sleep(time.Second)
	}
	b.tb.Errorf("threshold %d never comes into force", threshold)
	return 0
}

// TestWrites_OverAFaultyStore sends writes with keys, and configs, over a store
// that refuses, and loses answers, until each is acknowledged. Then each with a
// key has happened once, and every config that was acknowledged is stored.
func TestWrites_OverAFaultyStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const each = 25
		inner := memory.New()
		store := faulty.New(inner, faulty.Options{
			Seed: 11, Refuse: 0.1, Lose: 0.2, MaxDelay: 20 * time.Millisecond,
			Ops: []faulty.Op{faulty.Commit, faulty.Ping, faulty.Events, faulty.Request},
		})
		b := &bench{tb: t, store: inner, through: store}
		b.start()
		defer func() { b.stop() }()
		for b.as("admin", http.MethodPut, "/api/v2/services/market", `{}`).status >= 300 {
			time.Sleep(time.Second)
		}
		var all sync.WaitGroup
		for what, body := range map[string]string{
			"services/market/reset":      `{"reason":"x"}`,
			"services/market/operations": `{"outcomes":[{"outcome":"ignored"}]}`,
			"tokens":                     `{"name":"%s","role":"viewer"}`,
		} {
			all.Go(func() {
				for i := range each {
					name := fmt.Sprintf("n%d", i)
					b.insist(what, strings.ReplaceAll(body, "%s", name), name)
				}
			})
		}
		acknowledged := make(map[int]int) // thresholds, by version
		all.Go(func() {
			for i := range each {
				acknowledged[b.configure("market", 10+i)] = 10 + i
			}
		})
		all.Wait()
		store.Heal()
		time.Sleep(10 * time.Second)
		b.stop()
		if c := store.Count(faulty.Commit); c.Lost < 10 || c.Refused < 5 {
			t.Errorf("too few faults to prove anything: %+v", c)
		}
		b.judge(inner, each)
		for version, threshold := range acknowledged {
			stored, err := inner.ConfigVersion(t.Context(), "market", version)
			if err != nil || !strings.Contains(string(stored.Config), fmt.Sprintf(`"failureThreshold":%d,`, threshold)) {
				t.Errorf("version %d with threshold %d was acknowledged: %v, %s", version, threshold, err, stored.Config)
			}
		}
	})
}

// judge counts what the store has of so many writes of each kind.
func (b *bench) judge(store fleet.Store, each int) {
	b.tb.Helper()
	ctx := b.tb.Context()
	resets, err := store.Events(ctx, fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventReset}, Limit: 1000})
	if err != nil || len(resets) != each {
		b.tb.Errorf("%d resets are stored of %d: %v", len(resets), each, err)
	}
	tokens, err := store.Tokens(ctx)
	var names []string
	for _, token := range tokens {
		names = append(names, token.Name)
	}
	slices.Sort(names)
	if err != nil || len(names) != each || len(slices.Compact(names)) != each {
		b.tb.Errorf("tokens %v of %d: %v", names, each, err)
	}
	stored, err := store.Load(ctx)
	if err != nil || len(stored.Services) != 1 {
		b.tb.Fatalf("%v, %d services", err, len(stored.Services))
	}
	var state struct{ Operations struct{ Ignored int } }
	if err := json.Unmarshal(stored.Services[0].Value, &state); err != nil || state.Operations.Ignored != each {
		b.tb.Errorf("%d operations are stored of %d: %v", state.Operations.Ignored, each, err)
	}
}
