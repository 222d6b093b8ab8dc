package ws

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// deaf is an agent that takes what it is sent.
type deaf struct{}

func (deaf) Order(fleet.AgentOrder) error { return nil }
func (deaf) Close(int, string)            {}

func TestInstances_AreToldOnTheStream(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "tokens")
	s, err := f.fleet.Attach(t.Context(), fleet.AgentInfo{
		Instance: "instance_of_web_____", Boot: "secret_of_web_________", Name: "web", StartedAt: time.Now(),
	}, nil, deaf{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(t.Context(), []fleet.AgentService{{
		Name: "prices", State: fleet.InstanceState{Service: "prices", Snapshot: switchgear.Snapshot{Service: "prices"}},
	}}); err != nil {
		t.Fatal(err)
	}
	p, _, _ := f.join(t, "viewer")
	p.send(`{"type":"service:instances","service":"prices","request_id":"r"}`)
	var got wire.ServiceInstances
	if err := json.Unmarshal(p.find(wire.TypeInstances).raw, &got); err != nil {
		t.Fatal(err)
	}
	if got.Service != "prices" || len(got.Instances) != 1 || got.Instances[0].Name != "web" || got.RequestID != `"r"` {
		t.Errorf("got %+v", got)
	}
	p.send(`{"type":"service:instances","service":"nobody"}`)
	if e := p.find(wire.TypeError); e.Code != wire.CodeNoService {
		t.Errorf("of no service: %s", e.raw)
	}
	if err := f.auth.Set(limitedTo(t, "tokens")); err != nil {
		t.Fatal(err)
	}
	p, _, _ = f.join(t, "viewer")
	p.send(`{"type":"service:instances","service":"prices"}`)
	if e := p.find(wire.TypeError); e.Code != wire.CodeNotAllowed {
		t.Errorf("of a service that the token is not for: %s", e.raw)
	}
	eventually(t, "the answers to be counted", func() bool {
		sent := f.Measure().Sent
		return sent[wire.TypeInstances] == 1 && sent["other"] == 0
	})
}
