package auth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func TestSees_GoesByThePatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		patterns string
		service  string
		want     bool
	}{
		{"", "anything", true},
		{"market", "market", true},
		{"market", "market_data", false},
		{"market", "a.market", false},
		{"market*", "market", true},
		{"market*", "market_data", true},
		{"market*", "super_market", false},
		{"*data", "market_data", true},
		{"*data", "market_data_service", false},
		{"*", "x", true},
		{"**", "x", true},
		{"a*b", "ab", true},
		{"a*b", "a", false},
		{"a*a", "a", false}, // one letter is not both ends
		{"a*b*c", "abbc", true},
		{"a*b*c", "acb", false},
		{"*a*b*", "xxaxxbxx", true},
		{"*ab*ba*", "aba", false},
		{"a.c", "abc", false}, // a point is a point
		{"a.*", "a.c", true},
		{"x y*", "yes", true},
		{"x y*", "no", false},
	}
	for _, tt := range tests {
		id := Identity{Services: strings.Fields(tt.patterns)}
		if got := id.Sees(tt.service); got != tt.want {
			t.Errorf("%q sees %q: %v", tt.patterns, tt.service, got)
		}
		if id.Limited() != (tt.patterns != "") {
			t.Errorf("%q: Limited is %v", tt.patterns, id.Limited())
		}
	}
}

func TestSees_TakesNoLongerForAHostilePattern(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("a", 128)
	id := Identity{Services: slices.Repeat([]string{strings.Repeat("*a", 63) + "*b"}, 1000)}
	done := make(chan bool, 1)
	go func() { done <- id.Sees(name) }()
	select {
	case got := <-done:
		if got {
			t.Error("it matches")
		}
	case <-time.After(20 * time.Second): // going back would take for ever
		t.Fatal("it does not end")
	}
}

func TestSet_GivesTokensTheirServices(t *testing.T) {
	t.Parallel()
	limited := token("1", "viewer", viewerSecret)
	limited.Services = []string{"market*"}
	a := newAuth(t, limited, token("2", "admin", adminSecret))
	id, _ := a.Token(viewerSecret)
	if !id.Sees("market_data") || id.Sees("token_sync") || id.Key() != "1" {
		t.Errorf("got %+v", id)
	}
	if id, _ := a.Token(adminSecret); !id.Sees("token_sync") || id.Limited() {
		t.Errorf("got %+v", id)
	}
	limited.Services = []string{"market*", "Data"}
	if err := a.Set([]fleet.Token{limited}); err == nil || !strings.Contains(err.Error(), `"Data"`) {
		t.Errorf("an improper pattern: %v", err)
	}
}

func TestActive_EndsWithWhatTheTokenWas(t *testing.T) {
	t.Parallel()
	was := token("1", "operator", viewerSecret)
	was.Services = []string{"a*", "b"}
	change := func(f func(*fleet.Token)) []fleet.Token {
		next := was
		f(&next)
		return []fleet.Token{next}
	}
	tests := []struct {
		name   string
		tokens []fleet.Token
		want   bool
	}{
		{"the same", change(func(*fleet.Token) {}), true},
		{"another name", change(func(t *fleet.Token) { t.Name = "x" }), true},
		{"revoked", nil, false},
		{"a lower role", change(func(t *fleet.Token) { t.Role = "viewer" }), false},
		{"a higher role", change(func(t *fleet.Token) { t.Role = "admin" }), false},
		{"other services", change(func(t *fleet.Token) { t.Services = []string{"a*"} }), false},
		{"all services", change(func(t *fleet.Token) { t.Services = nil }), false},
		{"another secret", change(func(t *fleet.Token) { t.Hash = Hash(adminSecret) }), false},
		{"expired", change(func(t *fleet.Token) { t.ExpiresAt = time.Now().Add(-time.Second) }), false},
		{"expires later", change(func(t *fleet.Token) { t.ExpiresAt = time.Now().Add(time.Hour) }), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAuth(t, was)
			id, _ := a.Token(viewerSecret)
			changed := a.Changed()
			if !a.Active(id) {
				t.Fatal("it does not hold at all")
			}
			if err := a.Set(tt.tokens); err != nil {
				t.Fatal(err)
			}
			select {
			case <-changed:
			default:
				t.Error("nobody is told that tokens have changed")
			}
			if got := a.Active(id); got != tt.want {
				t.Errorf("Active is %v", got)
			}
		})
	}
}

func TestActive_IsNotForWhatWasMadeUp(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "admin", adminSecret))
	for _, id := range []Identity{
		{}, {TokenID: "1", Role: Admin}, {TokenID: "1", Role: Admin, account: "jwt:x"}, {account: "jwt:x"},
	} {
		if a.Active(id) {
			t.Errorf("%+v is active", id)
		}
	}
}

func TestChanged_IsClosedOncePerSetAndNotBefore(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	first := a.Changed()
	select {
	case <-first:
		t.Error("closed before anything has changed")
	default:
	}
	if err := a.Set([]fleet.Token{{ID: "1"}}); err == nil {
		t.Fatal("a bad set is taken")
	}
	if a.Changed() != first {
		t.Error("a set that was refused has changed something")
	}
	if err := a.Set(nil); err != nil {
		t.Fatal(err)
	}
	<-first
	select {
	case <-a.Changed():
		t.Error("the next one is closed too")
	default:
	}
}
