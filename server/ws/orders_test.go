package ws

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

func TestReset_IsDoneAndAnswered(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	f.open(t, "prices")
	p, _, _ := f.join(t, "operator")
	for _, tt := range []struct{ to, state string }{{"", "closed"}, {`,"to":"half_open"`, "half_open"}, {`,"to":"closed"`, "closed"}} {
		p.send(`{"type":"service:reset_circuit_breaker","service":"prices","reason":"it is well","request_id":"r1"` + tt.to + `}`)
		m := p.find(wire.TypeResetResult)
		if !m.Success || m.Service != "prices" || m.RequestID != "r1" || m.Breaker.State != tt.state {
			t.Errorf("to %q: got %s", tt.to, m.raw)
		}
	}
	audit := f.store.AuditLog()
	if a := audit[len(audit)-1]; a.Action != "reset" || a.Actor != "the operator" || a.Reason != "it is well" || a.Address != "127.0.0.1" {
		t.Errorf("audit %+v", a)
	}
}

func TestReset_IsRefusedWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, _, _ := f.join(t, "operator")
	f.store.Fail(errDown)
	p.send(`{"type":"service:reset_circuit_breaker","service":"prices","reason":"x","request_id":"r"}`)
	if m := p.find(wire.TypeError); m.Code != 5030 || m.RequestID != "r" {
		t.Errorf("got %s", m.raw)
	}
}

func TestReset_NeedsAReasonThatSaysSomething(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, _, _ := f.join(t, "operator")
	for _, reason := range []string{``, `,"reason":""`, `,"reason":" \t"`} {
		p.send(`{"type":"service:reset_circuit_breaker","service":"prices","request_id":"r"` + reason + `}`)
		if m := p.find(wire.TypeError); m.Code != 4004 || m.RequestID != "r" {
			t.Errorf("%s: got %s", reason, m.raw)
		}
	}
}

func TestReset_TakesTheReasonsThatRESTTakes(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, _, _ := f.join(t, "operator")
	for reason, want := range map[string]string{
		strings.Repeat("x", wire.MaxReason):   wire.TypeResetResult,
		`two\nlines\tand ünïcödé`:             wire.TypeResetResult,
		strings.Repeat("x", wire.MaxReason+1): wire.TypeError,
		`a bell \u0007`:                       wire.TypeError,
		`a \u007f`:                            wire.TypeError,
	} {
		p.send(`{"type":"service:reset_circuit_breaker","service":"prices","request_id":"r","reason":"` + reason + `"}`)
		m := p.next()
		for m.RequestID != "r" {
			m = p.next()
		}
		if m.Type != want || want == wire.TypeError && (m.Code != 4004 || !strings.HasPrefix(m.Message, "reason: ")) {
			t.Errorf("%q: got %s", reason, m.raw)
		}
	}
}

func TestRefusals_AreLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerMinute: -1, SocketsPerIdentity: -1})
	const clients = 80
	for i := range clients {
		p, _, _ := f.join(t, "viewer")
		for range 3 {
			p.send(fmt.Sprintf(`{"type":"make:coffee","request_id":"r%d"}`, i))
			if m := p.find(wire.TypeError); m.Code != 4004 {
				t.Errorf("got %s", m.raw)
			}
		}
	}
	logged := f.log.String()
	if n := strings.Count(logged, "message refused"); n != 60 {
		t.Errorf("%d lines for %d clients that were refused three times each", n, clients)
	}
	if !strings.Contains(logged, "make:coffee") || !strings.Contains(logged, "code=4004") {
		t.Errorf("the log does not say what was refused:\n%.500s", logged)
	}
}

func TestHealthCheck_IsDoneAndAnswered(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.probe.err = errDown
	if _, _, err := f.fleet.Declare(t.Context(), "web", probed(), alice); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "operator")
	p.send(`{"type":"service:health_check","service":"web","request_id":"r2"}`)
	m := p.find(wire.TypeHealthCheckResult)
	if m.Healthy || m.Service != "web" || m.Status != string(fleet.StatusUnhealthy) || m.RequestID != "r2" || m.Breaker == nil {
		t.Errorf("got %s", m.raw)
	}
}

func TestOrders_KeepNobodyWaitingAndAreBounded(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	hold := make(chan struct{})
	f.probe.hold = hold
	if _, _, err := f.fleet.Declare(t.Context(), "web", probed(), alice); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "operator")
	for i := range maxOrders + 1 {
		p.send(fmt.Sprintf(`{"type":"service:health_check","service":"web","request_id":"%d"}`, i))
	}
	if m := p.find(wire.TypeError); m.Code != 4029 || m.RequestID != strconv.Itoa(maxOrders) || m.RetryAfterMs == 0 {
		t.Errorf("got %s", m.raw)
	}
	p.send(`{"type":"ping","timestamp":1}`)
	p.find(wire.TypePong) // while all the checks hang
	close(hold)
	answered := map[string]bool{}
	for range maxOrders {
		answered[p.find(wire.TypeHealthCheckResult).RequestID] = true
	}
	if len(answered) != maxOrders {
		t.Errorf("answered: %v", answered)
	}
}

func TestOrders_EndWithTheirClient(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.probe.hold = make(chan struct{}) // for ever
	if _, _, err := f.fleet.Declare(t.Context(), "web", probed(), alice); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "operator")
	p.send(`{"type":"service:health_check","service":"web"}`)
	p.send(`{"type":"ping"}`)
	p.find(wire.TypePong)
	_ = p.conn.CloseNow()
	eventually(t, "the client's end", func() bool { return f.Clients() == 0 })
}
