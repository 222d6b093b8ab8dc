package agents

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// TestAgent_IsAMemberOfTheFleet goes through all that an agent says and is told,
// over a real socket, manager and store.
func TestAgent_IsAMemberOfTheFleet(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Node: "node-1"})
	p := f.dial(t, "agent")
	p.send(hello("web"))
	if w := p.want(wire.TypeAgentWelcome); w.HeartbeatMs != 5000 || w.ReportMs != 1000 || w.MaxServices != 1000 || w.ReconnectMs != 2000 {
		t.Errorf("welcome: %s", w.raw)
	}
	id := p.tell(join("prices", "quotes"))
	j := p.want(wire.TypeAgentJoined)
	if j.ID != id || len(j.Services) != 2 || j.Services[0].Service != "prices" || j.Services[0].Error != nil || j.Services[0].ConfigVersion != 1 ||
		!strings.Contains(string(j.Services[0].Config), `"failureThreshold":2`) || j.Services[0].Override != nil || j.Services[0].Known != 0 {
		t.Fatalf("joined: %s", j.raw)
	}
	p.acked(p.tell(`{"type":"agent:report","id":#,"services":[` + state("prices", "closed", "0", "5", "1") + `]}`))
	p.acked(p.tell(opens("prices")))
	v, err := f.fleet.Service("prices")
	if err != nil {
		t.Fatal(err)
	}
	if v.Status != fleet.StatusCircuitOpen || v.Source != fleet.SourceAgent || v.Breaker.Operations.Failed != 2 || v.Layer != "data" ||
		v.Breaker.NextAttemptAt.Before(time.Now().Add(20*time.Second)) {
		t.Errorf("the service is %+v", v)
	}
	events, err := f.fleet.Events(t.Context(), fleet.EventQuery{Service: "prices", Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 10})
	if err != nil || len(events) != 1 || events[0].To != "open" || !strings.Contains(string(events[0].Evidence), `"last_error":"down"`) {
		t.Errorf("events: %+v, %v", events, err)
	}
	list, err := f.fleet.Instances("prices")
	if err != nil || len(list) != 1 || list[0].Name != "web" || list[0].Node != "node-1" || list[0].Address != "127.0.0.1" || !list[0].Connected || !list[0].IsOpen() {
		t.Errorf("instances: %+v, %v", list, err)
	}
	p.send(`{"type":"agent:heartbeat"}`)
	p.want(wire.TypeAgentHeartbeat)
	f.ordersAndAnswers(t, p)
	p.send(`{"type":"agent:bye"}`)
	if code := p.ended(); code != 1000 {
		t.Errorf("after the bye closed with %d", code)
	}
	eventually(t, "the instance is gone, and no other was there", func() bool {
		list, err := f.fleet.Instances("quotes")
		return err == nil && (len(list) == 0 || !list[0].Connected)
	})
}

// ordersAndAnswers resets a circuit, and changes a config that is refused.
func (f *fixture) ordersAndAnswers(t *testing.T, p *peer) {
	t.Helper()
	alice := fleet.Actor{Name: "alice", Reason: "it is well again"}
	reset := make(chan error, 1)
	go func() {
		_, err := f.fleet.Reset(context.WithoutCancel(t.Context()), "prices", switchgear.Closed, alice)
		reset <- err
	}()
	o := p.want(wire.TypeAgentOrder)
	if o.Kind != wire.OrderReset || o.Service != "prices" || !strings.Contains(o.raw, `"to":"closed"`) || !strings.Contains(o.raw, `"actor":"alice"`) {
		t.Errorf("order: %s", o.raw)
	}
	p.tell(`{"type":"agent:transitions","id":#,"service":"prices","transitions":[{"number":2,"from":"open","to":"closed","at":"2026-11-23T08:00:02Z",` +
		`"actor":"alice","reason":"it is well again","evidence":{"rule":"reset"}}],"state":` + state("prices", "closed", "2", "7", "2") + `}`)
	p.send(`{"type":"agent:result","order":` + number(o.Order) + `,"service":"prices","state":` + state("prices", "closed", "2", "7", "2") + `}`)
	if err := <-reset; err != nil {
		t.Errorf("reset: %v", err)
	}
	p.acked(p.id)
	forced := make(chan error, 1)
	go func() {
		_, err := f.fleet.Override(context.WithoutCancel(t.Context()), "prices", switchgear.ForcedOpen, time.Minute, alice)
		forced <- err
	}()
	o = p.want(wire.TypeAgentOrder)
	if o.Kind != wire.OrderOverride || o.Override == nil || o.Override.Mode != "forced_open" || o.Override.ExpiresAt.IsZero() {
		t.Errorf("order: %s", o.raw)
	}
	p.send(`{"type":"agent:result","order":` + number(o.Order) + `,"service":"prices","error":{"code":4090,"message":"not now"}}`)
	if err := <-forced; err != nil {
		t.Errorf("override: %v", err) // the manager's stands, whatever one instance says
	}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func TestJoin_RefusesServicesOneByOne(t *testing.T) {
	t.Parallel()
	f := start(t, Config{ServicesPerAgent: 2})
	p := f.attached(t, "limited", "web")
	p.tell(strings.Replace(join("market_a", "other", "market_a", "market_b", "market_c", "Bad Name"), `"failureThreshold":2`, `"failureThreshold":0`, 1))
	j := p.want(wire.TypeAgentJoined)
	var codes []int
	for _, s := range j.Services {
		code := 0
		if s.Error != nil {
			code = s.Error.Code
		}
		codes = append(codes, code)
	}
	// A config that cannot be, a service of others, then two that are taken and one
	// too many, and a name that is none.
	want := []int{4004, 4003, 0, 0, 4029, 4004}
	for i := range want {
		if i >= len(codes) || codes[i] != want[i] {
			t.Fatalf("the answers are %v, want %v: %s", codes, want, j.raw)
		}
	}
	if e := j.Services[0].Error; len(e.Errors) != 1 || e.Errors[0].Field != "services[0].config.failureThreshold" {
		t.Errorf("the first: %+v", e)
	}
}
