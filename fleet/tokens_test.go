package fleet_test

import (
	"context"
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
