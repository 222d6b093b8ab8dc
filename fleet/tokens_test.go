package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// known runs a manager over the store, and returns what it told of tokens last.
func known(t *testing.T, store fleet.Store) (m *fleet.Manager, names func() []string) {
	t.Helper()
	var mu sync.Mutex
	var last []fleet.Token
	m, err := fleet.New(t.Context(), fleet.Deps{Store: store, OnTokens: func(tokens []fleet.Token) {
		mu.Lock()
		defer mu.Unlock()
		last = slices.Clone(tokens)
	}}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return m, func() (out []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, tok := range last {
			out = append(out, tok.Name)
		}
		return out
	}
}

func TestManager_Tokens(t *testing.T) {
	bubble(t, "are made, listed, told, kept and revoked", func(t *testing.T) {
		store := memory.New()
		m, names := known(t, store)
		ci, err := m.CreateToken(t.Context(), fleet.Token{
			Name: "ci", Role: "viewer", Hash: "aa", Services: []string{"web*"}, ExpiresAt: time.Now().Add(time.Hour),
		}, operator)
		if err != nil || ci.ID == "" || ci.CreatedBy != "alice" || ci.CreatedAt.IsZero() {
			t.Fatalf("%+v, %v", ci, err)
		}
		time.Sleep(time.Second)
		if _, err := m.CreateToken(t.Context(), fleet.Token{Name: "cd", Role: "admin", Hash: "bb"}, operator); err != nil {
			t.Fatal(err)
		}
		if _, err := m.CreateToken(t.Context(), fleet.Token{Name: "again", Hash: "aa"}, operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("a secret of another's: %v", err)
		}
		if diff := cmp.Diff([]string{"ci", "cd"}, names()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
		stored, err := store.Tokens(t.Context())
		if diff := cmp.Diff(m.Tokens(), stored); err != nil || diff != "" {
			t.Errorf("%v, stored (-want +got)\n%s", err, diff)
		}
		if err := m.RevokeToken(t.Context(), ci.ID, operator); err != nil {
			t.Fatal(err)
		}
		if err := m.RevokeToken(t.Context(), ci.ID, operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("revoked again: %v", err)
		}
		if diff := cmp.Diff([]string{"cd"}, names()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
		var actions []string
		for _, e := range store.AuditLog() {
			actions = append(actions, e.Action+" "+e.Result)
		}
		if want := "revoke token ok: " + ci.ID; len(actions) != 3 || actions[2] != want {
			t.Errorf("audit %q", actions)
		}
		_, again := known(t, store)
		if diff := cmp.Diff([]string{"cd"}, again()); diff != "" {
			t.Errorf("after a restart (-want +got)\n%s", diff)
		}
	})
	bubble(t, "are refused while the store is away", func(t *testing.T) {
		store := memory.New()
		m, names := known(t, store)
		ci, err := m.CreateToken(t.Context(), fleet.Token{Name: "ci", Hash: "aa"}, operator)
		if err != nil {
			t.Fatal(err)
		}
		store.Fail(errDown)
		if _, err := m.CreateToken(t.Context(), fleet.Token{Name: "cd", Hash: "bb"}, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("create: %v", err)
		}
		if err := m.RevokeToken(t.Context(), ci.ID, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("revoke: %v", err)
		}
		store.Fail(nil)
		time.Sleep(3 * time.Second)
		if diff := cmp.Diff([]string{"ci"}, names()); diff != "" {
			t.Errorf("told (-want +got)\n%s", diff)
		}
	})
	bubble(t, "are what the store says when an answer was lost", func(t *testing.T) {
		store := &lossy{Store: memory.New()}
		m, names := known(t, store)
		store.lose.Store(true)
		if _, err := m.CreateToken(t.Context(), fleet.Token{Name: "ci", Hash: "aa"}, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("create: %v", err)
		}
		time.Sleep(3 * time.Second)
		if diff := cmp.Diff([]string{"ci"}, names()); diff != "" {
			t.Fatalf("told (-want +got)\n%s", diff)
		}
		store.lose.Store(true)
		if err := m.RevokeToken(t.Context(), m.Tokens()[0].ID, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatalf("revoke: %v", err)
		}
		time.Sleep(3 * time.Second)
		if got := names(); len(got) != 0 || len(m.Tokens()) != 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestManager_TokensOfManyAtOnceAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, names := known(t, memory.New())
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				tok, err := m.CreateToken(context.Background(), fleet.Token{Name: "n", Hash: string(rune('a' + i))}, operator)
				if err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					if err := m.RevokeToken(context.Background(), tok.ID, operator); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := len(names()); got != 50 || len(m.Tokens()) != 50 {
			t.Errorf("%d are told, and there are %d", got, len(m.Tokens()))
		}
	})
}

// ended is a token that expired so long ago.
func ended(n int, ago time.Duration) fleet.Token {
	id := fmt.Sprintf("t%05d", n)
	return fleet.Token{ID: id, Name: id, Role: "agent", Hash: id, ExpiresAt: time.Now().Add(-ago)}
}

func TestManager_TokensThatHaveExpiredMakeRoom(t *testing.T) {
	const day = 24 * time.Hour
	create := func(t *testing.T, tokens []fleet.Token) (store *memory.Store, left []string, err error) {
		t.Helper()
		store = memory.New()
		if err := store.Commit(t.Context(), &fleet.Batch{Tokens: tokens}); err != nil {
			t.Fatal(err)
		}
		m, names := known(t, store)
		_, err = m.CreateToken(t.Context(), fleet.Token{Name: "new", Hash: "new"}, operator)
		return store, names(), err
	}
	bubble(t, "30 days after it", func(t *testing.T) {
		store, left, err := create(t, []fleet.Token{ended(1, 31*day), ended(2, 29*day), ended(3, -day), {ID: "for-ever", Name: "for-ever", Hash: "f"}})
		slices.Sort(left)
		if diff := cmp.Diff([]string{"for-ever", "new", "t00002", "t00003"}, left); err != nil || diff != "" {
			t.Errorf("%v, left (-want +got)\n%s", err, diff)
		}
		stored, err := store.Tokens(t.Context())
		if err != nil || len(stored) != 4 {
			t.Errorf("%d are stored, %v", len(stored), err)
		}
		if got := results(store, "revoke token"); len(got) != 1 || got["switchgear: ok: t00001"] != 1 {
			t.Errorf("audit %v", got)
		}
	})
	bubble(t, "at once where there is none", func(t *testing.T) {
		var full []fleet.Token
		for i := range 10_000 {
			full = append(full, ended(i, time.Duration(i-9_000)*time.Second)) // of the last 999 the last is the longest ago
		}
		_, left, err := create(t, full)
		if err != nil || len(left) != 10_000 || slices.Contains(left, "t09999") || !slices.Contains(left, "t09998") {
			t.Errorf("%v, %d are left", err, len(left))
		}
	})
	bubble(t, "but those that have not do not", func(t *testing.T) {
		var full []fleet.Token
		for i := range 10_000 {
			full = append(full, ended(i, -day))
		}
		if _, left, err := create(t, full); fleet.KindOf(err) != fleet.Exhausted || len(left) != 10_000 {
			t.Errorf("%v, %d are left", err, len(left))
		}
	})
}
