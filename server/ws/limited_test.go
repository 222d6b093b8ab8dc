package ws

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// limitedTo is the tests' tokens, the operator's and the viewer's for some
// services only.
func limitedTo(t *testing.T, patterns ...string) []fleet.Token {
	t.Helper()
	list := tokens(t, "admin", "operator", "viewer")
	for i := range list[1:] {
		list[i+1].Services = patterns
	}
	return list
}

func TestLimitedToken_SeesItsServicesOnly(t *testing.T) {
	t.Parallel()
	f := start(t, Config{HeartbeatInterval: 20 * time.Millisecond, MessagesPerMinute: -1}, "data.prices", "data.tokens", "game")
	if err := f.auth.Set(limitedTo(t, "data.*")); err != nil {
		t.Fatal(err)
	}
	shown := func(m msg) (names []string) {
		for _, e := range m.entries(t) {
			names = append(names, e.Service)
		}
		return names
	}
	p, status, state := f.join(t, "viewer")
	if got := shown(state); !slices.Equal(got, []string{"data.prices", "data.tokens"}) {
		t.Errorf("it is shown %v", got)
	}
	subscribe := func(filter string) []string {
		p.send(`{"type":"subscribe:services"` + filter + `}`)
		p.find(wire.TypeSubscriptionSuccess)
		return shown(p.find(wire.TypeServicesState))
	}
	for filter, want := range map[string][]string{
		`,"services":["game","data.tokens"]`: {"data.tokens"},
		`,"services":["game"]`:               nil,
		`,"layers":["games"]`:                nil,
		`,"statuses":["unknown"]`:            {"data.prices", "data.tokens"},
		``:                                   {"data.prices", "data.tokens"},
	} {
		if got := subscribe(filter); !slices.Equal(got, want) {
			t.Errorf("%s shows %v", filter, got)
		}
	}
	subscribe("")
	f.open(t, "game")
	f.declare(t, "data.more", "")
	f.declare(t, "other", "games")
	if err := f.fleet.Remove(t.Context(), "game", alice); err != nil {
		t.Fatal(err)
	}
	f.open(t, "data.prices")
	end := f.hub.at()
	var seen []string
	for m := p.next(); m.Type != wire.TypeHeartbeat || m.Seq < end; m = p.next() {
		if m.Epoch != status.Epoch {
			t.Errorf("another epoch than %s: %s", status.Epoch, m.raw)
		}
		if m.Event != nil {
			seen = append(seen, m.Event.Service)
		} else if m.Service != "" {
			seen = append(seen, m.Service)
		}
	}
	slices.Sort(seen)
	if got := slices.Compact(seen); !slices.Equal(got, []string{"data.more", "data.prices"}) {
		t.Errorf("it heard of %v", got)
	}
}

func TestLimitedToken_OrdersNothingElse(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "data.prices", "game")
	if err := f.auth.Set(limitedTo(t, "data.*")); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "operator")
	var said []string
	for _, service := range []string{"game", "nothing", "A b"} { // it may not learn which of them there are
		for _, order := range []string{wire.TypeReset, wire.TypeHealthCheck} {
			p.send(`{"type":"` + order + `","service":"` + service + `","reason":"x","request_id":"r"}`)
			m := p.find(wire.TypeError)
			if m.Code != 4003 || m.RequestID != "r" {
				t.Errorf("%s of %s: got %s", order, service, m.raw)
			}
			said = append(said, m.Message)
		}
	}
	if got := slices.Compact(said); len(got) != 1 {
		t.Errorf("the answers tell them apart: %q", got)
	}
	p.send(`{"type":"service:reset_circuit_breaker","service":"data.prices","reason":"x","request_id":"r"}`)
	p.find(wire.TypeResetResult)
	p.send(`{"type":"service:reset_circuit_breaker","service":"data.none","reason":"x","request_id":"r"}`)
	if m := p.find(wire.TypeError); m.Code != 4040 {
		t.Errorf("got %s", m.raw)
	}
	eventually(t, "the refusals in the audit log", func() bool {
		refused := 0
		for _, e := range f.store.AuditLog() {
			if strings.HasPrefix(e.Result, "refused: 4003") && e.Actor == "the operator" {
				refused++
			}
		}
		return refused == 6
	})
}

// TestLimitedToken_GoesOnFromItsOwnPlacesOnly holds that who sees more than
// before is given a state: what it had everything of was less.
func TestLimitedToken_GoesOnFromItsOwnPlacesOnly(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "data.prices", "game")
	_, whole, _ := f.join(t, "admin")
	place := func(m msg) string { return "?epoch=" + m.Epoch + "&seq=" + number(m.Seq) }
	if err := f.auth.Set(limitedTo(t, "data.*")); err != nil {
		t.Fatal(err)
	}
	_, part, _ := f.join(t, "viewer")
	f.open(t, "data.prices")
	same := f.dial(t, "viewer", place(part))
	same.want(wire.TypeConnectionStatus)
	if m := same.next(); m.Type != wire.TypeServiceEvent || m.Epoch != part.Epoch {
		t.Errorf("with its own place: %s", m.raw)
	}
	for name, p := range map[string]*peer{
		"all, from a part": f.dial(t, "admin", place(part)),
		"a part, from all": f.dial(t, "viewer", place(whole)),
	} {
		p.want(wire.TypeConnectionStatus)
		if m := p.next(); m.Type != wire.TypeServicesState {
			t.Errorf("%s: %s", name, m.raw)
		}
	}
	if err := f.auth.Set(limitedTo(t, "data.*", "game")); err != nil {
		t.Fatal(err)
	}
	wider := f.dial(t, "viewer", place(part))
	wider.want(wire.TypeConnectionStatus)
	if m := wider.next(); m.Type != wire.TypeServicesState || len(m.entries(t)) != 2 {
		t.Errorf("a wider part, from a part: %s", m.raw)
	}
}
