package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// results are what the audit log has of an action, each with how many of an
// actor have it.
func results(store *memory.Store, action string) map[string]int {
	got := make(map[string]int)
	for _, e := range store.AuditLog() {
		if e.Action == action {
			got[e.Actor+": "+e.Result]++
		}
	}
	return got
}

func stranger(address string) fleet.AuditEntry {
	return fleet.AuditEntry{Address: address, Action: "log-in", Result: "refused"}
}

func TestManager_RefusalsOfUnknownActorsDisplaceNone(t *testing.T) {
	bubble(t, "of those who are known", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		for i := range 2000 {
			b.Refused(stranger(fmt.Sprintf("192.0.%d.%d", i/200, i%200)))
		}
		b.Refused(fleet.AuditEntry{Actor: "alice", Action: "reset"})
		time.Sleep(61 * time.Second)
		if diff := cmp.Diff(map[string]int{"alice: refused": 1}, results(store, "reset")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"unknown: refused": 300}, results(store, "log-in")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		want := map[string]int{"switchgear: 1700 more refusals of unknown actors were not listed": 1}
		if diff := cmp.Diff(want, results(store, "refusals")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	bubble(t, "while the store is away", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		store.Fail(errDown)
		b.Refused(fleet.AuditEntry{Actor: "alice", Action: "reset"})
		for range 10 {
			for i := range 300 {
				b.Refused(stranger(fmt.Sprintf("192.0.2.%d", i)))
			}
			time.Sleep(time.Minute)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if len(results(store, "reset")) != 1 || results(store, "log-in")["unknown: refused"] != 1000 {
			t.Errorf("%v %v", results(store, "reset"), results(store, "log-in"))
		}
	})
	bubble(t, "of another address", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		for i := range 320 {
			b.Refused(stranger("192.0.2.1"))
			b.Refused(stranger(fmt.Sprintf("2001:db8::%x", i)))
		}
		b.Refused(stranger("192.0.2.2"))
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff(map[string]int{"unknown: refused": 21}, results(store, "log-in")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestManager_RefusalsOfOneActorLeaveRoomForOthers(t *testing.T) {
	bubble(t, "100 a minute", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		for range 1000 {
			b.Refused(fleet.AuditEntry{Actor: "mallory", Action: "reset"})
		}
		b.Refused(fleet.AuditEntry{Actor: "alice", Action: "reset"})
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff(map[string]int{"mallory: refused": 100, "alice: refused": 1}, results(store, "reset")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestManager_HealthChecksThatWereOrderedAreAudited(t *testing.T) {
	bubble(t, "each run once", func(t *testing.T) {
		store := memory.New()
		up := &upstream{}
		b := start(t, store, up)
		b.declare(t, "web", probed(5))
		by := fleet.Actor{Name: "alice", Address: "192.0.2.1", TokenID: "T1"}
		order := func() {
			t.Helper()
			for range 3 {
				if _, _, err := b.CheckHealthBy(t.Context(), "web", by); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(2 * time.Second)
		order()
		up.failing.Store(true)
		time.Sleep(2 * time.Second)
		order()
		time.Sleep(2 * time.Second)
		want := map[string]int{"alice: ok (token T1)": 1, "alice: unhealthy (token T1)": 1}
		if diff := cmp.Diff(want, results(store, "health check")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		log := store.AuditLog()
		if e := log[len(log)-1]; e.Service != "web" || e.Address != "192.0.2.1" {
			t.Errorf("%+v", e)
		}
	})
	bubble(t, "and of one that is refused it is not said that it was done", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		if _, _, err := b.CheckHealthBy(t.Context(), "web", operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("error %v, want a conflict", err)
		}
		time.Sleep(2 * time.Second)
		if got := results(store, "health check"); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestActor_EntriesHaveTheTokensID(t *testing.T) {
	t.Parallel()
	by := fleet.Actor{Name: "alice", TokenID: "T1"}
	if got := by.Entry("reset", "web", "ok: 4").Result; got != "ok: 4 (token T1)" {
		t.Errorf("%q", got)
	}
	if got := (fleet.Actor{Name: "alice"}).Entry("reset", "web", "ok").Result; got != "ok" {
		t.Errorf("without a token: %q", got)
	}
	if got := by.Entry("reset", "web", strings.Repeat("é", 400)).Result; len(got) > 514 || !strings.HasSuffix(got, " (token T1)") {
		t.Errorf("a long one: %d %q", len(got), got)
	}
}

func TestReservedActor_AreThoseThatNoTokenStandsFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"file", "code", "switchgear", "unknown", "environment", "Switchgear", " file "} {
		if !fleet.ReservedActor(name) {
			t.Errorf("%q is not", name)
		}
	}
	for _, name := range []string{"alice", "files", ""} {
		if fleet.ReservedActor(name) {
			t.Errorf("%q is", name)
		}
	}
}
