package faulty_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore_WithoutFaultsHoldsTheLaws(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) fleet.Store { return faulty.New(memory.New(), faulty.Options{Seed: 7}) })
}

func TestStore_WithoutFaultsIsTheStoreThatItWraps(t *testing.T) {
	t.Parallel()
	storetest.RunModel(t,
		func(*testing.T) fleet.Store { return faulty.New(memory.New(), faulty.Options{}) },
		func(*testing.T) fleet.Store { return memory.New() })
}

func entry(action string) *fleet.Batch {
	return &fleet.Batch{Audit: []fleet.AuditEntry{{Action: action}}, Events: []fleet.Event{{Seq: 1, Service: "a", Kind: fleet.EventReset}}}
}

func wantInjected(t *testing.T, what string, err error) {
	t.Helper()
	if fleet.KindOf(err) != fleet.Unavailable || !errors.Is(err, faulty.ErrInjected) {
		t.Errorf("%s = %v, of kind %v", what, err, fleet.KindOf(err))
	}
}

// outcomes are what becomes of n commits and of as many pings between them.
func outcomes(t *testing.T, s *faulty.Store, n int) (commits, pings string) {
	t.Helper()
	sign := map[bool]byte{true: '+', false: '-'}
	var ofCommits, ofPings []byte
	for range n {
		ofCommits = append(ofCommits, sign[s.Commit(t.Context(), entry("look")) == nil])
		ofPings = append(ofPings, sign[s.Ping(t.Context()) == nil])
	}
	return string(ofCommits), string(ofPings)
}

func TestStore_FailsAsTheSeedSays(t *testing.T) {
	t.Parallel()
	opts := faulty.Options{Seed: 1, Refuse: 0.2, Lose: 0.1}
	first, pings := outcomes(t, faulty.New(memory.New(), opts), 500)
	again := faulty.New(memory.New(), opts)
	for range 300 { // the calls of another method change nothing
		_, _ = again.Tokens(t.Context())
	}
	if second, _ := outcomes(t, again, 500); second != first {
		t.Errorf("of one seed:\n%s\n%s", first, second)
	}
	opts.Seed = 2
	if other, _ := outcomes(t, faulty.New(memory.New(), opts), 500); other == first || first == pings {
		t.Error("another seed, or another method, fails at the same calls")
	}
	c := again.Count(faulty.Commit)
	if c.Calls != 500 || c.Refused < 70 || c.Refused > 130 || c.Lost < 25 || c.Lost > 75 {
		t.Errorf("of a refused fifth and a lost tenth: %+v", c)
	}
}

func TestStore_DoesWhatItLosesTheAnswerOf(t *testing.T) {
	t.Parallel()
	inner := memory.New()
	s := faulty.New(inner, faulty.Options{Lose: 1, Ops: []faulty.Op{faulty.Commit, faulty.Tokens}})
	b := entry("reset")
	wantInjected(t, "Commit", s.Commit(t.Context(), b))
	if b.Audit[0].ID != 0 || b.Events[0].ID != 0 {
		t.Errorf("the IDs came without the answer: %+v", b)
	}
	if got := inner.AuditLog(); len(got) != 1 || got[0].Action != "reset" {
		t.Errorf("the store has %+v", got)
	}
	if got, err := s.Tokens(t.Context()); got != nil || !errors.Is(err, faulty.ErrInjected) {
		t.Errorf("Tokens = %v, %v", got, err)
	}
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("another method: %v", err)
	}
	// A refusal of the store's own is no secret: nothing was done.
	twice := &fleet.Batch{Configs: []fleet.ConfigVersion{{Service: "a", Version: 9}}}
	if err := s.Commit(t.Context(), twice); fleet.KindOf(err) != fleet.Conflict {
		t.Errorf("Commit = %v", err)
	}
}

func TestStore_DoesNothingThatItRefuses(t *testing.T) {
	t.Parallel()
	inner := memory.New()
	s := faulty.New(inner, faulty.Options{Refuse: 1})
	for name, call := range map[string]func() error{
		"Load":   func() error { _, err := s.Load(t.Context()); return err },
		"Commit": func() error { return s.Commit(t.Context(), entry("reset")) },
		"Events": func() error { _, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1}); return err },
		"ConfigVersions": func() error {
			_, err := s.ConfigVersions(t.Context(), "a", 0, 1)
			return err
		},
		"ConfigVersion": func() error { _, err := s.ConfigVersion(t.Context(), "a", 1); return err },
		"Tokens":        func() error { _, err := s.Tokens(t.Context()); return err },
		"Audit":         func() error { _, err := s.Audit(t.Context(), fleet.AuditQuery{Limit: 1}); return err },
		"Request":       func() error { _, err := s.Request(t.Context(), "k"); return err },
		"Ping":          func() error { return s.Ping(t.Context()) },
	} {
		wantInjected(t, name, call())
	}
	if got := inner.AuditLog(); len(got) != 0 {
		t.Errorf("the store has %+v", got)
	}
	s.Heal()
	if err := s.Commit(t.Context(), entry("reset")); err != nil {
		t.Errorf("healed: %v", err)
	}
	if got, want := s.Count(faulty.Commit), (faulty.Count{Calls: 2, Refused: 1}); got != want {
		t.Errorf("Count = %+v, want %+v", got, want)
	}
}

func TestStore_IsOutForSoManyCalls(t *testing.T) {
	t.Parallel()
	s := faulty.New(memory.New(), faulty.Options{})
	s.Outage(3)
	if commits, pings := outcomes(t, s, 4); commits != "--++" || pings != "-+++" {
		t.Errorf("commits %s, pings %s", commits, pings)
	}
	s.Outage(100)
	s.Outage(0)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after the end of an outage: %v", err)
	}
}

func TestStore_LetsTheNthCallFail(t *testing.T) {
	t.Parallel()
	for fault, done := range map[faulty.Fault]int{faulty.None: 3, faulty.Lose: 3, faulty.Refuse: 2} {
		inner := memory.New()
		s := faulty.New(inner, faulty.Options{Hook: faulty.Nth(faulty.Commit, 2, fault)})
		commits, pings := outcomes(t, s, 3)
		if want := map[bool]string{true: "+++", false: "+-+"}[fault == faulty.None]; commits != want || pings != "+++" {
			t.Errorf("fault %d: commits %s, pings %s", fault, commits, pings)
		}
		if got := len(inner.AuditLog()); got != done {
			t.Errorf("fault %d: %d are done, want %d", fault, got, done)
		}
	}
}

func TestStore_TellsTheHookWhatIsWritten(t *testing.T) {
	t.Parallel()
	var s *faulty.Store
	s = faulty.New(memory.New(), faulty.Options{Hook: func(c faulty.Call) faulty.Fault {
		if c.Batch != nil && c.N == s.Count(faulty.Commit).Calls && c.Batch.Audit[0].Action == "bad" {
			return faulty.Refuse
		}
		return faulty.None
	}})
	for action, want := range map[string]bool{"good": true, "bad": false, "better": true} {
		if err := s.Commit(t.Context(), entry(action)); (err == nil) != want {
			t.Errorf("%s: %v", action, err)
		}
	}
}

func TestStore_DelaysAndHeedsItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		took := func() (all []time.Duration) {
			s := faulty.New(memory.New(), faulty.Options{Seed: 3, MaxDelay: time.Second})
			for range 50 {
				start := time.Now()
				if err := s.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				all = append(all, time.Since(start))
			}
			return all
		}
		first := took()
		if diff := cmp.Diff(first, took()); diff != "" {
			t.Errorf("of one seed (-first +second):\n%s", diff)
		}
		if slices.Max(first) > time.Second || slices.Max(first) < 900*time.Millisecond || slices.Min(first) > 100*time.Millisecond {
			t.Errorf("from 0 to 1 s: %v", first)
		}
		slow := faulty.New(memory.New(), faulty.Options{MaxDelay: 1000 * time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := slow.Ping(ctx); fleet.KindOf(err) != fleet.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping = %v", err)
		}
		slow.Heal()
		if err := slow.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What was acknowledged is there once, in order; of what was not, each is there
// or not.
func TestStore_KeepsWhatItAcknowledges(t *testing.T) {
	t.Parallel()
	inner := memory.New()
	s := faulty.New(inner, faulty.Options{Seed: 5, Refuse: 0.3, Lose: 0.3})
	var mu sync.Mutex
	acknowledged := make(map[int64]string)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range 50 {
				b := entry(fmt.Sprintf("%d.%d", w, n))
				if s.Commit(t.Context(), b) == nil {
					mu.Lock()
					acknowledged[b.Audit[0].ID] = b.Audit[0].Action
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	log, c := inner.AuditLog(), s.Count(faulty.Commit)
	if len(log) != c.Calls-c.Refused || len(acknowledged) != len(log)-c.Lost || c.Lost == 0 || c.Refused == 0 {
		t.Errorf("%d are there and %d acknowledged, of %+v", len(log), len(acknowledged), c)
	}
	for id, action := range acknowledged {
		if log[id-1].Action != action {
			t.Errorf("entry %d is %q, want %q", id, log[id-1].Action, action)
		}
	}
}
