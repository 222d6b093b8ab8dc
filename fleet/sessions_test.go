package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func session(parent, hash string) fleet.Token {
	return fleet.Token{Name: "ada", Role: "admin", Hash: hash, Parent: parent, ExpiresAt: time.Now().Add(12 * time.Hour)}
}

// open opens a session, replacing another if that is not empty.
func open(t *testing.T, m *fleet.Manager, s fleet.Token, replaced string) fleet.Token {
	t.Helper()
	made, err := m.OpenSession(t.Context(), s, replaced, operator)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// ids are those of what the store has.
func ids(t *testing.T, store fleet.Store) (list []string) {
	t.Helper()
	all, err := store.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range all {
		list = append(list, tok.ID)
	}
	return list
}

func TestManager_Sessions(t *testing.T) {
	bubble(t, "end with their token, in its transaction", func(t *testing.T) {
		store := &counting{Store: memory.New()}
		m, _ := known(t, store)
		parent, err := m.CreateToken(t.Context(), fleet.Token{Name: "ada", Role: "admin", Hash: "aa"}, operator)
		if err != nil {
			t.Fatal(err)
		}
		mine, others := open(t, m, session(parent.ID, "bb"), ""), open(t, m, session("environment", "cc"), "")
		if stored, err := store.Tokens(t.Context()); err != nil || cmp.Diff(m.Tokens(), stored) != "" {
			t.Errorf("%v, stored (-want +got)\n%s", err, cmp.Diff(m.Tokens(), stored))
		}
		before := store.commits.Load()
		if err := m.RevokeToken(t.Context(), parent.ID, operator); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, store); !slices.Equal(got, []string{others.ID}) || store.commits.Load() != before+1 {
			t.Errorf("after %d transactions there are %v; %s was opened with the token, %s was not", store.commits.Load()-before, got, mine.ID, others.ID)
		}
		m, _ = known(t, store)
		if got := m.Tokens(); len(got) != 1 || got[0].ID != others.ID || got[0].Parent != "environment" {
			t.Errorf("after a restart there are %+v", got)
		}
	})
	bubble(t, "are twenty of a token, and replace one another", func(t *testing.T) {
		store := memory.New()
		m, _ := known(t, store)
		var made []string
		for i := range 20 {
			made = append(made, open(t, m, session("p", fmt.Sprint("h", i)), "").ID)
			time.Sleep(time.Second)
		}
		replaced := open(t, m, session("p", "again"), made[7])
		want := append(slices.Concat(made[:7], made[8:]), replaced.ID)
		if got := ids(t, store); !slices.Equal(got, want) {
			t.Errorf("one in the place of another: %v, want %v", got, want)
		}
		time.Sleep(time.Second)
		more := open(t, m, session("p", "more"), "")
		if got := ids(t, store); !slices.Equal(got, append(want[1:], more.ID)) {
			t.Errorf("one more: %v; the oldest is to go", got)
		}
	})
	bubble(t, "that have expired make room, and take none of the tokens", func(t *testing.T) {
		store := memory.New()
		m, _ := known(t, store)
		old := open(t, m, session("p", "old"), "")
		time.Sleep(13 * time.Hour)
		next := open(t, m, session("q", "next"), "")
		if got := ids(t, store); !slices.Equal(got, []string{next.ID}) {
			t.Errorf("there are %v; %s had expired", got, old.ID)
		}
	})
	bubble(t, "are capped, and leave room for tokens", func(t *testing.T) {
		store := memory.New()
		var full []fleet.Token
		for i := range 10_000 {
			s := session(fmt.Sprint("p", i), fmt.Sprint("h", i))
			s.ID = fmt.Sprintf("s%05d", i)
			full = append(full, s)
		}
		if err := store.Commit(t.Context(), &fleet.Batch{Tokens: full}); err != nil {
			t.Fatal(err)
		}
		m, _ := known(t, store)
		if _, err := m.OpenSession(t.Context(), session("q", "one more"), "", operator); fleet.KindOf(err) != fleet.Exhausted {
			t.Errorf("one too many: %v", err)
		}
		open(t, m, session("q", "in the place of one"), "s00004")
		if _, err := m.CreateToken(t.Context(), fleet.Token{Name: "ci", Role: "viewer", Hash: "aa"}, operator); err != nil {
			t.Errorf("a token beside them: %v", err)
		}
	})
	bubble(t, "are closed once, by whoever they are", func(t *testing.T) {
		store := memory.New()
		m, _ := known(t, store)
		parent, err := m.CreateToken(t.Context(), fleet.Token{Name: "ada", Role: "admin", Hash: "aa"}, operator)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, m, session(parent.ID, "bb"), "")
		if err := m.CloseSession(t.Context(), parent.ID, operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("a token: %v", err)
		}
		if err := m.CloseSession(t.Context(), s.ID, operator); err != nil {
			t.Error(err)
		}
		if err := m.CloseSession(t.Context(), s.ID, operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("again: %v", err)
		}
		if _, err := m.OpenSession(t.Context(), session("", "cc"), "", operator); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("without a parent: %v", err)
		}
		if _, err := m.OpenSession(t.Context(), session("p", "aa"), "", operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("with another's secret: %v", err)
		}
		if err := m.Note(t.Context(), "log in", "", operator); err != nil {
			t.Error(err)
		}
		var log []string
		for _, e := range store.AuditLog() {
			log = append(log, e.Actor+" "+e.Action+" "+e.Result)
		}
		want := []string{
			"alice create token ok: " + parent.ID, "alice log in ok: " + s.ID, "alice log out ok: " + s.ID, "alice log in ok",
		}
		if !slices.Equal(log, want) {
			t.Errorf("audit %q, want %q", log, want)
		}
	})
}

func TestManager_TriesAConfigAndChangesNothing(t *testing.T) {
	bubble(t, "but says what it would be", func(t *testing.T) {
		store := &counting{Store: memory.New()}
		m, _ := known(t, store)
		if _, _, err := m.Declare(t.Context(), "web", config.Service{}, operator); err != nil {
			t.Fatal(err)
		}
		before, entry := store.commits.Load(), m.Services()
		as := func(doc string) func(json.RawMessage) (json.RawMessage, error) {
			return func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(doc), nil }
		}
		got, err := m.TryConfig(t.Context(), "web", 1, as(`{"failureThreshold":7,"minimumOperations":9}`), operator)
		if err != nil || got.Version != 2 || got.Actor != "alice" || got.Reason != operator.Reason || len(got.Warnings) == 0 {
			t.Errorf("%+v, %v", got, err)
		}
		same, err := m.TryConfig(t.Context(), "web", fleet.AnyVersion, as(`{}`), operator)
		if err != nil || same.Version != 1 || !same.At.Equal(time.Now()) {
			t.Errorf("what is in force: %+v, %v", same, err)
		}
		if _, err := m.TryConfig(t.Context(), "web", 2, as(`{}`), operator); fleet.KindOf(err) != fleet.Precondition {
			t.Errorf("of another version: %v", err)
		}
		if _, err := m.TryConfig(t.Context(), "web", 1, as(`{"failureThreshold":-1}`), operator); len(fleet.FieldsOf(err)) != 1 {
			t.Errorf("a bad one: %v", err)
		}
		if _, err := m.TryConfig(t.Context(), "none", 1, as(`{}`), operator); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("of nobody: %v", err)
		}
		if diff := cmp.Diff(entry, m.Services()); diff != "" || store.commits.Load() != before {
			t.Errorf("%d transactions, and (-before +after)\n%s", store.commits.Load()-before, diff)
		}
		set, err := m.SetConfig(t.Context(), "web", 1, as(`{"failureThreshold":7,"minimumOperations":9}`), operator)
		if diff := cmp.Diff(got, set); err != nil || diff != "" {
			t.Errorf("%v, and what it became (-tried +set)\n%s", err, diff)
		}
	})
}

// counting counts transactions.
type counting struct {
	fleet.Store

	commits atomic.Int64
}

func (s *counting) Commit(ctx context.Context, b *fleet.Batch) error {
	s.commits.Add(1)
	return s.Store.Commit(ctx, b)
}
