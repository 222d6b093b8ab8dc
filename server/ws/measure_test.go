package ws

import (
	"net/http"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

func TestMeasure_CountsMessagesByTypeAndResult(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerMinute: 6}, "prices")
	p, _, _ := f.join(t, "viewer")
	for _, m := range []string{
		`{"type":"ping"}`, `{"type":"ping"}`, `{"type":"no such type"}`, `not JSON`,
		`{"type":"service:reset_circuit_breaker","service":"prices","reason":"a test"}`, // a viewer may not
		`{"type":"subscribe:services","services":["prices"]}`,
		`{"type":"ping"}`, // one too many
	} {
		p.send(m)
	}
	for refused := 0; refused < 4; {
		if p.next().Type == wire.TypeError {
			refused++
		}
	}
	f.open(t, "prices")
	p.find(wire.TypeServiceEvent)
	p.find(wire.TypeServiceUpdate)
	want := map[metrics.Message]uint64{
		{Type: wire.TypePing, Result: "ok"}: 2, {Type: wire.TypePing, Result: "limited"}: 1,
		{Type: "other", Result: "invalid"}: 2, {Type: wire.TypeReset, Result: "refused"}: 1,
		{Type: wire.TypeSubscribe, Result: "ok"}: 1,
	}
	got := f.Measure()
	for m, n := range want {
		if got.Received[m] != n {
			t.Errorf("%d of %v, want %d", got.Received[m], m, n)
		}
	}
	if len(got.Received) != len(want) {
		t.Errorf("received %v", got.Received)
	}
	eventually(t, "all that was sent to be counted", func() bool {
		sent := f.Measure().Sent
		return sent[wire.TypePong] == 2 && sent[wire.TypeError] == 4 && sent[wire.TypeConnectionStatus] == 1 &&
			sent[wire.TypeServiceEvent] == 1 && sent[wire.TypeServiceUpdate] >= 1 && sent[wire.TypeServicesState] == 2 &&
			sent[wire.TypeSubscriptionSuccess] == 1 && sent[socket.OtherType] == 0
	})
	if got.Clients != 1 || got.SentBytes == 0 {
		t.Errorf("%d clients, %d bytes", got.Clients, got.SentBytes)
	}
}

func TestMeasure_CountsHandshakesThatWereRefused(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Body.Close()
	}
	if got := f.Measure().Refused; len(got) != 1 || got[http.StatusUnauthorized] != 2 {
		t.Errorf("refused %v", got)
	}
}

// TestMeasure_TellsHowFarTheSlowestIsBehind has a client that reads nothing, until
// it is let go, and one that reads all.
func TestMeasure_TellsHowFarTheSlowestIsBehind(t *testing.T) {
	t.Parallel()
	f := start(t, Config{WriteTimeout: 500 * time.Millisecond}, append(many(200), "prices")...)
	fast, _, _ := f.join(t, "viewer")
	if m := f.Measure(); m.Behind > 0 && m.Lag > time.Second {
		t.Errorf("it is %d behind, %v", m.Behind, m.Lag)
	}
	_, _ = f.raw(t)
	eventually(t, "both clients", func() bool { return f.Clients() == 2 })
	var most metrics.Stream
	for f.Clients() == 2 {
		f.open(t, "prices")
		fast.find(wire.TypeServiceEvent)
		f.reset(t, "prices")
		fast.find(wire.TypeServiceEvent)
		fast.find(wire.TypeServiceEvent)
		if m := f.Measure(); m.Behind > most.Behind {
			most = m
		}
	}
	if most.Behind < 10 || most.Lag < 100*time.Millisecond || most.Held == 0 {
		t.Errorf("while it was slow it was seen to be %d behind, %v, of %d", most.Behind, most.Lag, most.Held)
	}
	if got := f.Measure().Closed[socket.CloseTryLater]; got != 1 {
		t.Errorf("%d clients were let go", got)
	}
	eventually(t, "nobody to be behind", func() bool {
		m := f.Measure()
		return m.Behind == 0 && m.Lag == 0
	})
}

func TestMeasure_CountsTheUpdatesThatAReaderWasSpared(t *testing.T) {
	t.Parallel()
	w := &watched{}
	h, stop, err := newHub(w, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for seq := range uint64(100) {
		w.tell(fleet.Change{Seq: seq + 1, Service: "prices", View: &fleet.View{Service: "prices"}})
	}
	w.tell(fleet.Change{Seq: 101, Service: "wallet", View: &fleet.View{Service: "wallet"}})
	recs, reached, ok := h.read(0, &filter{sees: func(s string) bool { return s == "wallet" }}, make([]*record, 0, 10))
	if len(recs) != 1 || reached != 101 || !ok {
		t.Fatalf("it reads %d up to %d", len(recs), reached)
	}
	if n := h.coalesced.Load(); n != 99 {
		t.Errorf("it was spared %d, want 99: what a filter leaves out is none", n)
	}
	_, _, _ = h.read(101, &filter{}, make([]*record, 0, 10))
	if n := h.coalesced.Load(); n != 99 {
		t.Errorf("reading nothing spares %d", n-99)
	}
}
