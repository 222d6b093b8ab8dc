package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/wire"
)

// brief opens for a moment only, so that what holds it open for longer is the fleet
// rule.
func brief() switchgear.ServiceConfig {
	return switchgear.ServiceConfig{Config: switchgear.Config{ResetTimeout: time.Millisecond, Jitter: -1}}
}

// moves are the states that a breaker goes to from now on.
func moves(t *testing.T, s *switchgear.Service) <-chan switchgear.Transition {
	t.Helper()
	all := make(chan switchgear.Transition, 100)
	t.Cleanup(s.Breaker().Observe(func(tr switchgear.Transition) { all <- tr }))
	return all
}

func next(t *testing.T, all <-chan switchgear.Transition, to switchgear.State, rule string) {
	t.Helper()
	select {
	case tr := <-all:
		if tr.To != to || tr.Evidence.Rule != rule {
			t.Fatalf("it goes to %v by %s, want %v by %s", tr.To, tr.Evidence.Rule, to, rule)
		}
	case <-time.After(patience):
		t.Fatalf("it does not go to %v", to)
	}
}

func (m *manager) fleet(to string) wire.AgentResult {
	m.t.Helper()
	return m.order(wire.AgentOrder{Kind: wire.OrderFleet, Service: "prices", To: to, Actor: "fleet", Reason: "2 of 3 are open"})
}

// heldOver wants the breaker to stay open for longer than a hold lasts that nobody
// renews.
func (m *manager) heldOver(s *switchgear.Service) {
	m.t.Helper()
	m.mu.Lock()
	from := m.beats
	m.mu.Unlock()
	m.await("eight heartbeats have come", func() bool { return m.beats >= from+8 })
	if got := s.Breaker().State(); got != switchgear.Open {
		m.t.Errorf("it is %v, and nobody told it to recover", got)
	}
}

func TestFleet_WhatItSaysIsDone(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	s := newService(t, "prices", brief())
	connected(t, m.join(agent.Options{}, agent.Member{Service: s}))
	all := moves(t, s)
	if r := m.fleet(wire.FleetOpen); r.Error != nil || r.State.CircuitBreaker.State != "open" || r.State.CircuitBreaker.Trip.Rule != "fleet_quorum" {
		t.Fatalf("%+v", r)
	}
	next(t, all, switchgear.Open, switchgear.RuleFleetQuorum)
	m.heldOver(s)
	if r := m.fleet(wire.FleetRecover); r.Error != nil || r.State.CircuitBreaker.State != "half_open" {
		t.Fatalf("%+v", r)
	}
	next(t, all, switchgear.HalfOpen, switchgear.RuleFleetQuorum)
	_ = m.fleet(wire.FleetOpen)
	next(t, all, switchgear.Open, switchgear.RuleFleetQuorum)
	if got := s.Breaker().Snapshot().FailedRecoveries; got != 0 {
		t.Errorf("the recovery that was cut off is one of %d that failed", got)
	}
	if r := m.fleet(wire.FleetAlone); r.Error != nil {
		t.Fatalf("%+v", r)
	}
	next(t, all, switchgear.HalfOpen, switchgear.RuleResetTimeout)
	if r := m.fleet("closed"); r.Error == nil || !strings.Contains(r.Error.Message, `"closed"`) {
		t.Errorf("to closed: %+v", r)
	}
	_ = m.order(wire.AgentOrder{Kind: wire.OrderOverride, Service: "prices", Override: forcedOpen("drill")})
	if r := m.fleet(wire.FleetOpen); r.Error == nil || r.Error.Code != wire.CodeConflict {
		t.Errorf("under an override: %+v", r)
	}
}

func TestFleet_NothingHoldsWithoutTheManager(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*manager, *agent.Agent){
		"the connection is cut":    func(m *manager, _ *agent.Agent) { m.stop() },
		"the program leaves":       func(_ *manager, a *agent.Agent) { _ = a.Close(t.Context()) },
		"the service leaves":       func(_ *manager, a *agent.Agent) { a.Leave("prices") },
		"the manager says no word": func(m *manager, _ *agent.Agent) { m.locked(func() { m.mute = true }) },
		"a reset": func(m *manager, _ *agent.Agent) {
			_ = m.order(wire.AgentOrder{Kind: wire.OrderReset, Service: "prices", To: "half_open"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t)
			s := newService(t, "prices", brief())
			m.locked(func() { m.service("prices").fleet = wire.FleetOpen })
			all := moves(t, s)
			a := m.join(agent.Options{}, agent.Member{Service: s})
			connected(t, a)
			next(t, all, switchgear.Open, switchgear.RuleFleetQuorum)
			m.heldOver(s)
			end(m, a)
			rule := switchgear.RuleResetTimeout
			if name == "a reset" {
				rule = switchgear.RuleReset
			}
			next(t, all, switchgear.HalfOpen, rule)
			m.locked(func() { m.mute = false })
		})
	}
}
