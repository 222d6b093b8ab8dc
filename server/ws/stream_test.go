package ws

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/wire"
)

func TestStream_BeginsWithStatusAndState(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices", "tokens")
	_, status, state := f.join(t, "operator")
	want := wire.ConnectionStatus{
		Type: wire.TypeConnectionStatus, Status: "connected", Role: "operator", Epoch: f.fleet.Epoch(),
		Seq: f.hub.at(), HeartbeatMs: 5000, ReconnectMs: 2000,
	}
	var got wire.ConnectionStatus
	if err := strict.Decode(status.raw, &got, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	if time.Since(got.Timestamp.Time).Abs() > time.Minute {
		t.Errorf("timestamp %v", got.Timestamp)
	}
	got.Timestamp = wire.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if state.Seq != status.Seq || state.Epoch != f.fleet.Epoch() || state.Page != 1 || state.Pages != 1 {
		t.Errorf("state at %s %d, page %d of %d", state.Epoch, state.Seq, state.Page, state.Pages)
	}
	var names []string
	for _, e := range state.entries(t) {
		names = append(names, e.Service)
	}
	if diff := cmp.Diff([]string{"prices", "tokens"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStream_OfNoServicesIsAnEmptyPage(t *testing.T) {
	t.Parallel()
	_, _, state := start(t, Config{}).join(t, "viewer")
	if string(state.Services) != "[]" || state.Pages != 1 {
		t.Errorf("got %s", state.raw)
	}
}

func TestStream_MessagesAreThoseOfTheWire(t *testing.T) {
	t.Parallel()
	f := start(t, Config{HeartbeatInterval: 20 * time.Millisecond}, "prices")
	p, _, state := f.join(t, "viewer")
	decode := func(m msg, v any) {
		t.Helper()
		if err := strict.Decode(m.raw, v, strict.Options{}); err != nil {
			t.Errorf("%s: %v", m.raw, err)
		}
	}
	decode(state, &wire.ServicesState{})
	f.open(t, "prices")
	var event wire.ServiceEvent
	decode(p.find(wire.TypeServiceEvent), &event)
	if e := event.Event; event.Seq != e.Seq || e.Kind != "transition" || *e.To != "open" || e.ID == nil || !e.Durable {
		t.Errorf("event %+v", event)
	}
	// One transition is one event and one update, with the same entry that a
	// snapshot has.
	m := p.find(wire.TypeServiceUpdate)
	var update wire.ServiceUpdate
	decode(m, &update)
	if update.Seq <= event.Seq || !update.CircuitBreaker.IsOpen || update.Status != "circuit_open" {
		t.Errorf("update %s", m.raw)
	}
	_, _, state = f.join(t, "viewer")
	if got, want := marshal(t, state.entries(t)[0]), marshal(t, update.Entry); !bytes.Equal(got, want) {
		t.Errorf("snapshot has %s\nupdate has %s", got, want)
	}
	var beat wire.Heartbeat
	for beat.Seq < update.Seq {
		decode(p.find(wire.TypeHeartbeat), &beat)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestStream_TellsAllClientsTheSameBytes(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	a, _, _ := f.join(t, "viewer")
	b, _, _ := f.join(t, "admin")
	f.open(t, "prices")
	for range 2 {
		if x, y := a.next(), b.next(); !bytes.Equal(x.raw, y.raw) {
			t.Errorf("%s\n%s", x.raw, y.raw)
		}
	}
}

func TestPromiseF_IdleClientsAreWokenByAChange(t *testing.T) {
	t.Parallel()
	f := start(t, Config{HeartbeatInterval: time.Hour}, "prices")
	p, _, _ := f.join(t, "viewer")
	for range 50 { // with nothing else going on, nothing but the news can wake the writer
		f.open(t, "prices")
		if e := p.find(wire.TypeServiceEvent); *e.Event.To != "open" {
			t.Fatalf("got %s", e.raw)
		}
		f.reset(t, "prices")
		p.find(wire.TypeServiceEvent) // the reset
		p.find(wire.TypeServiceEvent) // the transition that it brings
	}
}

func TestStream_TellsArrivalsAndRemovals(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, _, _ := f.join(t, "viewer")
	f.declare(t, "tokens", "data")
	if e := p.find(wire.TypeServiceEvent); e.Event.Kind != "registered" || e.Event.Service != "tokens" {
		t.Errorf("got %s", e.raw)
	}
	if u := p.find(wire.TypeServiceUpdate); u.Service != "tokens" {
		t.Errorf("got %s", u.raw)
	}
	if err := f.fleet.Remove(t.Context(), "tokens", alice); err != nil {
		t.Fatal(err)
	}
	if e := p.find(wire.TypeServiceEvent); e.Event.Kind != "removed" || e.Event.Service != "tokens" {
		t.Errorf("got %s", e.raw)
	}
	_, _, state := f.join(t, "viewer")
	if got := state.entries(t); len(got) != 1 {
		t.Errorf("got %s", state.raw)
	}
}

func TestStream_CutsALargeStateIntoPages(t *testing.T) {
	t.Parallel()
	services := []string{"a", "b", "c", "d", "e"}
	f := start(t, Config{PageSize: 1}, services...)
	p := f.dial(t, "viewer", "")
	status := p.want(wire.TypeConnectionStatus)
	for i, name := range services {
		m := p.want(wire.TypeServicesState)
		if e := m.entries(t); m.Page != i+1 || m.Pages != 5 || m.Seq != status.Seq || len(e) != 1 || e[0].Service != name {
			t.Errorf("page %d of %d at %d: %s", m.Page, m.Pages, m.Seq, m.Services)
		}
	}
}

func TestPromiseB_ComingBackGivesWhatWasMissed(t *testing.T) {
	t.Parallel()
	f := start(t, Config{KeptEvents: 8}, "prices", "tokens")
	p, status, _ := f.join(t, "viewer")
	f.open(t, "prices")
	p.find(wire.TypeServiceEvent)
	seen := p.find(wire.TypeServiceUpdate)
	_ = p.conn.CloseNow()

	f.reset(t, "prices")
	f.open(t, "tokens")
	back := f.dial(t, "viewer", "?epoch="+status.Epoch+"&seq="+number(seen.Seq))
	if m := back.want(wire.TypeConnectionStatus); m.Seq != seen.Seq {
		t.Errorf("goes on after %d, want %d", m.Seq, seen.Seq)
	}
	var kinds []string
	latest := map[string]string{}
	for last := seen.Seq; len(kinds) < 3 || latest["tokens"] != "circuit_open"; {
		m := back.next()
		if m.Seq <= last {
			t.Fatalf("%d after %d", m.Seq, last)
		}
		last = m.Seq
		switch m.Type {
		case wire.TypeServiceEvent:
			kinds = append(kinds, m.Event.Service+" "+m.Event.Kind)
		case wire.TypeServiceUpdate:
			latest[m.Service] = m.Status
		default:
			t.Fatalf("got %s", m.raw)
		}
	}
	if diff := cmp.Diff([]string{"prices reset", "prices transition", "tokens transition"}, kinds); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	for range 4 { // until the events after seen are not all kept
		f.reset(t, "tokens")
		f.open(t, "tokens")
	}
	for _, query := range []string{
		"?epoch=" + status.Epoch + "&seq=" + number(seen.Seq),
		"?epoch=another&seq=" + number(f.hub.at()),
		"?epoch=" + status.Epoch + "&seq=" + number(f.hub.at()+1000),
		"?epoch=" + status.Epoch + "&seq=-1", "?epoch=" + status.Epoch, "?seq=1",
	} {
		late := f.dial(t, "viewer", query)
		late.want(wire.TypeConnectionStatus)
		if m := late.want(wire.TypeServicesState); m.Seq < seen.Seq {
			t.Errorf("%s: state at %d", query, m.Seq)
		}
	}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func TestSubscribe_Filters(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.declare(t, "prices", "data")
	f.declare(t, "tokens", "data")
	f.declare(t, "contest", "game")
	tests := []struct {
		name, filter string
		want         []string // services of the state
		hears        []string // services that it hears of when all open
	}{
		{"all", ``, []string{"contest", "prices", "tokens"}, []string{"contest", "prices", "tokens"}},
		{"empty lists", `,"services":[],"layers":[]`, []string{"contest", "prices", "tokens"}, []string{"contest", "prices", "tokens"}},
		{"services", `,"services":["prices","nothing"]`, []string{"prices"}, []string{"prices"}},
		{"layers", `,"layers":["data"]`, []string{"prices", "tokens"}, []string{"prices", "tokens"}},
		{"both", `,"layers":["data"],"services":["contest","tokens"]`, []string{"tokens"}, []string{"tokens"}},
		{"statuses", `,"services":["prices"],"statuses":["circuit_open"]`, nil, []string{"prices"}},
	}
	var peers []*peer
	for _, tt := range tests {
		p, _, _ := f.join(t, "viewer")
		p.send(`{"type":"subscribe:services","request_id":"r"` + tt.filter + `}`)
		if m := p.find(wire.TypeSubscriptionSuccess); m.RequestID != "r" {
			t.Errorf("%s: got %s", tt.name, m.raw)
		}
		var got []string
		for _, e := range p.find(wire.TypeServicesState).entries(t) {
			got = append(got, e.Service)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
		peers = append(peers, p)
	}
	for _, name := range []string{"contest", "prices", "tokens"} {
		f.open(t, name)
	}
	for i, tt := range tests {
		var got []string
		for range tt.hears {
			got = append(got, peers[i].find(wire.TypeServiceEvent).Event.Service)
		}
		if diff := cmp.Diff(tt.hears, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	// One that leaves the statuses is told once more, or it would stay for ever.
	last := peers[len(peers)-1]
	if m := last.find(wire.TypeServiceUpdate); m.Status != "circuit_open" {
		t.Errorf("got %s", m.raw)
	}
	f.reset(t, "prices")
	if m := last.find(wire.TypeServiceUpdate); m.Status == "circuit_open" {
		t.Errorf("got %s", m.raw)
	}
}

func TestSubscribe_SinceGoesOnFromThere(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, status, _ := f.join(t, "viewer")
	f.open(t, "prices")
	first := p.find(wire.TypeServiceEvent)
	p.find(wire.TypeServiceUpdate)
	p.send(`{"type":"subscribe:services","since":{"epoch":"` + status.Epoch + `","seq":` + number(status.Seq) + `}}`)
	p.want(wire.TypeSubscriptionSuccess)
	if m := p.next(); m.Type != wire.TypeServiceEvent || m.Seq != first.Seq {
		t.Errorf("got %s, want what came after %d", m.raw, status.Seq)
	}
	p.send(`{"type":"subscribe:services","since":{"epoch":"another","seq":1}}`)
	p.find(wire.TypeSubscriptionSuccess)
	p.want(wire.TypeServicesState)
}

func TestShutdown_ClosesWith1001(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	var peers []*peer
	for range 5 {
		p, _, _ := f.join(t, "viewer")
		peers = append(peers, p)
	}
	codes := make(chan websocket.StatusCode)
	for _, p := range peers {
		go func() { codes <- p.ended() }()
	}
	f.raw(t) // one that never answers its close frame
	f.stop()
	for range peers {
		if code := <-codes; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d, want 1001", code)
		}
	}
	if n := f.Clients(); n != 0 {
		t.Errorf("%d clients after Run", n)
	}
	if _, err := f.connect(t, "viewer", ""); err == nil {
		t.Error("a client is taken in after the end")
	}
}

// TestStream_HealthCheckChangesAreTold holds that what a probe finds comes too.
func TestStream_HealthCheckChangesAreTold(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.probe.err = errDown
	p, _, _ := f.join(t, "viewer")
	if _, _, err := f.fleet.Declare(t.Context(), "web", probed(), alice); err != nil {
		t.Fatal(err)
	}
	for {
		if e := p.find(wire.TypeServiceEvent).Event; e.Kind == string(fleet.EventHealthFailed) {
			return
		}
	}
}

func probed() config.Service {
	return config.Service{
		Config:      switchgear.Config{FailureThreshold: 100, HealthCheckInterval: time.Hour},
		HealthCheck: &config.HealthCheck{TCP: &config.TCPCheck{Address: "127.0.0.1:1"}, Timeout: time.Minute},
	}
}
