package fleet_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

// threshold edits a config.
func threshold(n string) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"failureThreshold":` + n + `}`), nil
	}
}

func TestAgents_AConfigReachesAllAndWhoRefusesItIsTold(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one, two := joined(t, b, "one", "web"), joined(t, b, "two", "web")
		two.answer = func(o fleet.AgentOrder) (error, bool) { return errNotMine, true }
		if _, err := b.SetConfig(t.Context(), "web", 1, threshold("7"), operator); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		in, err := b.Instances("web")
		if err != nil || len(in) != 2 || in[0].State.ConfigVersion != 2 || in[1].State.ConfigVersion != 1 || in[1].State.ConfigError != errNotMine.Error() {
			t.Errorf("instances are %+v, %v", in, err)
		}
		if got := one.kinds(); !slices.Equal(got, []string{"config"}) {
			t.Errorf("orders to one: %q", got)
		}
		b.wantEvents(t, "registered", "config_changed", "config_warning")
		if m := b.Measure(); m.Services[0].ConfigsRefused != 1 || *m.Services[0].Instances != (fleet.Instances{Total: 2}) {
			t.Errorf("measured %+v", m.Services[0])
		}
		// It says so again and again, and is told of once.
		st := two.state("web")
		st.ConfigError = errNotMine.Error()
		for range 3 {
			two.session.Report([]fleet.InstanceState{st})
			one.session.Heard()
			time.Sleep(2 * time.Second)
		}
		one.fail("web")
		b.wantEvents(t, "registered", "config_changed", "config_warning", "instance_transition")
	})
}

func TestAgents_ARollingDeployTakesTheNewConfigOnce(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		of := func(name string, age time.Duration, n int) *program {
			p := newProgram(t, b, name, "web")
			p.info.StartedAt, p.info.Program = time.Now().Add(-age), "shop "+name
			p.about.Config.FailureThreshold = n
			p.connect()
			p.join(true)
			return p
		}
		want := func(version, n int) {
			t.Helper()
			if v := b.view(t, "web"); v.ConfigVersion != version || v.Config.FailureThreshold != n {
				t.Errorf("version %d with threshold %d, want %d with %d", v.ConfigVersion, v.Config.FailureThreshold, version, n)
			}
		}
		old := of("old", time.Hour, 2)
		want(1, 2)
		of("new", time.Minute, 3)
		want(2, 3)
		old.connect()
		old.join(false)
		want(2, 3)
		of("new too", time.Second, 3)
		of("old too", 30*time.Minute, 2)
		of("between", 30*time.Second, 2)
		want(2, 3)
		if _, err := b.SetConfig(t.Context(), "web", 2, threshold("9"), operator); err != nil {
			t.Fatal(err)
		}
		of("newer", 0, 3) // says what is known
		want(3, 9)
		versions, err := b.ConfigVersions(t.Context(), "web", 0, 10)
		if err != nil || len(versions) != 3 || versions[1].Actor != "agent" || versions[1].Reason != "shop new says so" {
			t.Errorf("versions %+v, %v", versions, err)
		}
		if got := old.versions["web"]; got != 3 {
			t.Errorf("the old one runs version %d, want 3", got)
		}
	})
}

func TestAgents_AnOverrideIsToldAtOnceAndAtJoinAndEndsOnce(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one, two := joined(t, b, "one", "web"), joined(t, b, "two", "web")
		two.answer = func(fleet.AgentOrder) (error, bool) { return nil, false }
		began := time.Now()
		v, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Minute, operator)
		if err != nil || !v.IsOpen() || v.Answers != "1 of 2 instances, 1 silent" || time.Since(began) > 3*time.Second {
			t.Errorf("%+v, %v after %v", v, err, time.Since(began))
		}
		if got := one.breakers["web"].Snapshot().Mode; got != switchgear.ForcedOpen {
			t.Errorf("the first is %v", got)
		}
		three := joined(t, b, "three", "web")
		if got := three.breakers["web"].Snapshot().Mode; got != switchgear.ForcedOpen {
			t.Errorf("the one that joined is %v", got)
		}
		three.report("web")
		b.wantState(t, switchgear.Closed, fleet.StatusCircuitOpen, fleet.Instances{Total: 3, Open: 2})
		two.session.Close(true)
		for range 62 {
			one.live(time.Second)
			three.session.Heard()
			_ = three.send("web", 0)
		}
		time.Sleep(2 * time.Second)
		told := b.told("web")
		if n := len(slices.DeleteFunc(slices.Clone(told), func(k string) bool { return k != "override_expired" })); n != 1 {
			t.Errorf("told %q: the end is told %d times", told, n)
		}
		if v := b.view(t, "web"); v.Breaker.Mode != switchgear.Auto || v.Breaker.Override != nil || v.Breaker.State != switchgear.HalfOpen {
			t.Errorf("after its end: %v, %v, %+v", v.Breaker.State, v.Breaker.Mode, v.Breaker.Override)
		}
	})
	bubble(t, "by hand", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one := joined(t, b, "one", "web")
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		v, err := b.EndOverride(t.Context(), "web", operator)
		if err != nil || v.Breaker.Mode != switchgear.Auto || v.Breaker.State != switchgear.HalfOpen {
			t.Errorf("%v %v, %v", v.Breaker.Mode, v.Breaker.State, err)
		}
		if got := one.breakers["web"].Snapshot(); got.Mode != switchgear.Auto || got.State != switchgear.HalfOpen {
			t.Errorf("the instance is %v, %v", got.Mode, got.State)
		}
		b.wantEvents(t, "registered", "override", "override", "transition closed-half_open")
	})
}

func TestAgents_AnOverrideThatHasEndedIsNotTakenForTheProgramsOwn(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		p := joined(t, b, "one", "web")
		if _, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator); err != nil {
			t.Fatal(err)
		}
		p.answer = func(fleet.AgentOrder) (error, bool) { return nil, false } // it has not heard of the end yet
		if _, err := b.EndOverride(t.Context(), "web", operator); err != nil {
			t.Fatal(err)
		}
		p.live(3 * time.Second)
		b.wantEvents(t, "registered", "override", "override")
		// But what it forces by itself is its state.
		p.breakers["web"].RecordSuccess(0)
		own := switchgear.Override{Mode: switchgear.ForcedOpen, Reason: "mine", Actor: "program", Until: time.Now().Add(time.Hour)}
		if err := p.breakers["web"].Override(own); err != nil {
			t.Fatal(err)
		}
		p.live(3 * time.Second)
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
		b.wantEvents(t, "registered", "override", "override", "transition closed-open")
	})
}

func TestAgents_AResetSaysWhoDidIt(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		all := []*program{joined(t, b, "one", "web"), joined(t, b, "two", "web"), joined(t, b, "three", "web")}
		for _, p := range all {
			p.fail("web")
		}
		silent := func(fleet.AgentOrder) (error, bool) { return nil, false }
		all[2].answer = silent
		began := time.Now()
		v, err := b.Reset(t.Context(), "web", switchgear.Closed, operator)
		if err != nil || v.Breaker.State != switchgear.Closed || !strings.HasPrefix(v.Details(), "2 of 3 instances, 1 silent; closed") {
			t.Errorf("%v, %q, %v", v.Breaker.State, v.Details(), err)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
		all[1].answer = func(fleet.AgentOrder) (error, bool) { return errNotMine, true }
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Conflict || !strings.Contains(err.Error(), "two") {
			t.Errorf("one refuses: %v", err)
		}
		for _, p := range all {
			p.answer = silent
		}
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("all are silent: %v", err)
		}
		if err := b.Remove(t.Context(), "web", operator); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("taken out while they are connected: %v", err)
		}
		for _, p := range all {
			p.session.Close(false)
		}
		if _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("nobody is connected: %v", err)
		}
		if _, err := b.Report(t.Context(), "web", []fleet.Outcome{{}}); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("outcomes from outside: %v", err)
		}
		if err := b.Remove(t.Context(), "web", operator); err != nil {
			t.Error(err)
		}
		all[0].answer = nil
		all[0].connect()
		all[0].join(false) // which registers it anew
		if v := b.view(t, "web"); v.ConfigVersion != 2 || v.Instances.Total != 1 {
			t.Errorf("registered anew: %+v", v)
		}
	})
}

func TestAgents_AHealthCheckIsAllTheirs(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one, two := newProgram(t, b, "one", "web"), newProgram(t, b, "two", "web")
		for i, p := range []*program{one, two} {
			p.hasCheck = true
			p.answer = func(o fleet.AgentOrder) (error, bool) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.health = switchgear.Health{Checked: true, Healthy: i == 0, CheckedAt: time.Now().UTC(), Err: []string{"", "down"}[i]}
				return nil, true
			}
			p.connect()
			p.join(true)
		}
		h, v, err := b.CheckHealth(t.Context(), "web")
		if err != nil || h.Healthy || h.Err != "down" || v.Status != fleet.StatusUnhealthy {
			t.Errorf("%+v, %v, %v", h, v.Status, err)
		}
		time.Sleep(2 * time.Second)
		b.wantEvents(t, "registered", "health_failed")
		if c := b.Measure().Services[0]; c.Checks.Passed != 1 || c.Checks.Failed != 1 || !c.Probed {
			t.Errorf("measured %+v", c.Checks)
		}
	})
}

func TestAgents_WhileTheStoreIsAwayTheyAreToldAndAcknowledgedLater(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		inner := memory.New()
		store := faulty.New(inner, faulty.Options{})
		b := start(t, store, &upstream{})
		p := joined(t, b, "one", "web")
		store.Outage(1 << 20)
		for range 2 {
			p.breakers["web"].HandleError(errDown, 0)
		}
		synctest.Wait()
		for range 2 {
			if err := p.send("web", 0); fleet.KindOf(err) != fleet.Unavailable {
				t.Errorf("while it is away: %v", err)
			}
		}
		b.wantEvents(t, "registered", "transition closed-open")
		b.wantState(t, switchgear.Open, fleet.StatusCircuitOpen, fleet.Instances{Total: 1, Open: 1})
		other := newProgram(t, b, "two", "new")
		other.connect()
		got, err := other.session.Join(t.Context(), []fleet.AgentService{{Name: "new", About: about, State: other.state("new")}})
		if err != nil || fleet.KindOf(got[0].Err) != fleet.Unavailable {
			t.Errorf("a new service: %+v, %v", got, err)
		}
		store.Heal()
		time.Sleep(3 * time.Second)
		if err := p.send("web", 0); err != nil {
			t.Errorf("when it is back: %v", err)
		}
		other.join(true)
		b.wantEvents(t, "registered", "transition closed-open")
		events, err := inner.Events(context.Background(), fleet.EventQuery{Service: "web", Limit: 10})
		if err != nil || len(events) != 2 {
			t.Errorf("the store has %d events, %v", len(events), err)
		}
	})
}
