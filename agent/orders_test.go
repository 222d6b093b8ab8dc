package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/wire"
)

func forcedOpen(reason string) *wire.Override {
	return &wire.Override{Mode: "forced_open", Reason: reason, Actor: "ada", ExpiresAt: wire.Time{Time: time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)}}
}

func TestOrders_AreCarriedOutAndAnswered(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	checked := errors.New("not well")
	s := newService(t, "prices", switchgear.ServiceConfig{
		Config: switchgear.Config{FailureThreshold: 1, Jitter: -1}, Check: func(context.Context) error { return checked },
	})
	plain := newService(t, "plain", switchgear.ServiceConfig{})
	connected(t, m.join(agent.Options{}, agent.Member{Service: s}, agent.Member{Service: plain}))
	s.HandleError(errDown, 0)
	for _, tt := range []struct {
		name  string
		order wire.AgentOrder
		code  int // of the error; 0: there is none
		says  string
		so    func(*wire.AgentState) bool
	}{
		{"a reset", wire.AgentOrder{Kind: wire.OrderReset, Service: "prices", Actor: "ada", Reason: "it is well"}, 0, "", func(w *wire.AgentState) bool { return w.CircuitBreaker.State == "closed" }},
		{"a reset to nowhere", wire.AgentOrder{Kind: wire.OrderReset, Service: "prices", To: "open"}, wire.CodeInvalid, `"open"`, nil},
		{"a config", wire.AgentOrder{Kind: wire.OrderConfig, Service: "prices", Config: json.RawMessage(`{"failureThreshold":9}`), ConfigVersion: 2}, 0, "", func(w *wire.AgentState) bool { return w.ConfigVersion == 2 }},
		{"a config of before", wire.AgentOrder{Kind: wire.OrderConfig, Service: "prices", Config: json.RawMessage(`{"failureThreshold":8}`), ConfigVersion: 1}, 0, "", func(w *wire.AgentState) bool { return w.ConfigVersion == 2 }},
		{
			"a config that cannot be",
			wire.AgentOrder{Kind: wire.OrderConfig, Service: "prices", Config: json.RawMessage(`{"failureThreshold":-9,"x":1}`), ConfigVersion: 3},
			wire.CodeInvalid, "failureThreshold",
			func(w *wire.AgentState) bool {
				return w.ConfigVersion == 2 && strings.Contains(w.ConfigError, "version 3: ")
			},
		},
		{"an override", wire.AgentOrder{Kind: wire.OrderOverride, Service: "prices", Override: forcedOpen("drill")}, 0, "", func(w *wire.AgentState) bool {
			return w.CircuitBreaker.Mode == "forced_open" && w.CircuitBreaker.Override.Reason == "drill" && w.CircuitBreaker.IsOpen
		}},
		{"a reset under it", wire.AgentOrder{Kind: wire.OrderReset, Service: "prices"}, wire.CodeConflict, "", nil},
		{"its end", wire.AgentOrder{Kind: wire.OrderOverrideEnd, Service: "prices", Actor: "ada"}, 0, "", func(w *wire.AgentState) bool {
			return w.CircuitBreaker.Override == nil && w.CircuitBreaker.Mode == "auto" && w.CircuitBreaker.RecoveryAttempts == 1
		}},
		{"its end again", wire.AgentOrder{Kind: wire.OrderOverrideEnd, Service: "prices"}, 0, "", nil},
		{"no override", wire.AgentOrder{Kind: wire.OrderOverride, Service: "prices"}, wire.CodeInvalid, "override", nil},
		{"an override of no mode", wire.AgentOrder{Kind: wire.OrderOverride, Service: "prices", Override: &wire.Override{Mode: "auto"}}, wire.CodeInvalid, `"auto"`, nil},
		{"an override of no end", wire.AgentOrder{Kind: wire.OrderOverride, Service: "prices", Override: &wire.Override{Mode: "forced_open", Reason: "r", Actor: "a"}}, wire.CodeInvalid, "ttl_ms", nil},
		{"a check", wire.AgentOrder{Kind: wire.OrderHealthCheck, Service: "prices"}, 0, "", func(w *wire.AgentState) bool { return w.Health.Error != nil && *w.Health.Error == "not well" }},
		{"a check where there is none", wire.AgentOrder{Kind: wire.OrderHealthCheck, Service: "plain"}, wire.CodeConflict, "no health check", nil},
		{"another service's", wire.AgentOrder{Kind: wire.OrderReset, Service: "quotes"}, wire.CodeNoService, "", nil},
		{"one of later", wire.AgentOrder{Kind: "dance", Service: "prices"}, wire.CodeInvalid, `"dance"`, nil},
	} {
		r := m.order(tt.order)
		code, message := 0, ""
		if r.Error != nil {
			code, message = r.Error.Code, errorText(r.Error)
		}
		if code != tt.code || !strings.Contains(message, tt.says) || r.Service != tt.order.Service || r.State.Service != tt.order.Service {
			t.Errorf("%s: %+v, %s", tt.name, r, message)
		}
		if tt.so != nil && !tt.so(&r.State) {
			t.Errorf("%s: the state after it is %+v", tt.name, r.State)
		}
	}
	if got := s.Config().FailureThreshold; got != 9 {
		t.Errorf("the threshold is %d", got)
	}
	m.shown("prices", "with the config that it refused", func(w *wire.AgentState) bool { return strings.Contains(w.ConfigError, "version 3") })
	_ = m.order(wire.AgentOrder{Kind: wire.OrderConfig, Service: "prices", Config: json.RawMessage(`{"failureThreshold":4}`), ConfigVersion: 4})
	m.shown("prices", "well again", func(w *wire.AgentState) bool { return w.ConfigError == "" && w.ConfigVersion == 4 })
}

func errorText(e *wire.AgentError) string {
	return fmt.Sprint(e.Message, e.Errors)
}

func TestOrders_ACheckThatHangsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	begun := make(chan struct{})
	s := newService(t, "prices", switchgear.ServiceConfig{Check: func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}})
	other := newService(t, "other", switchgear.ServiceConfig{})
	a := m.join(agent.Options{}, agent.Member{Service: s}, agent.Member{Service: other})
	connected(t, a)
	m.mu.Lock()
	for c := range m.connections {
		c.orders++
		if err := m.say(t.Context(), c, wire.AgentOrder{Type: wire.TypeAgentOrder, Order: c.orders, Kind: wire.OrderHealthCheck, Service: "prices"}); err != nil {
			t.Error(err)
		}
	}
	m.mu.Unlock()
	<-begun
	if r := m.order(wire.AgentOrder{Kind: wire.OrderReset, Service: "other"}); r.Service != "other" || r.Error != nil {
		t.Errorf("the answer is %+v", r)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	_ = s.Stop(t.Context())
}

func TestConfig_OfTheManagerHoldsAndKeepsWhatIsTheProgramsOwn(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.service("prices").config, m.service("prices").version = json.RawMessage(`{"failureThreshold":2}`), 5
	m.service("bad").config, m.service("bad").version = json.RawMessage(`{"failureThreshold":"two"}`), 3
	ignored := errors.New("never mind")
	s := newService(t, "prices", switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 50, Classify: func(err error) switchgear.Outcome {
		if errors.Is(err, ignored) {
			return switchgear.Ignored
		}
		return switchgear.Failure
	}}})
	bad := newService(t, "bad", switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 50}})
	connected(t, m.join(agent.Options{}, agent.Member{Service: s}, agent.Member{Service: bad}))
	if got := s.Config(); got.FailureThreshold != 2 || got.Version != 5 || got.Classify == nil {
		t.Errorf("in force is %+v", got)
	}
	_ = s.Do(t.Context(), func(context.Context) error { return ignored })
	if got := s.Stats(); got.Ignored != 1 {
		t.Errorf("it counted %+v", got)
	}
	if got := bad.Config(); got.FailureThreshold != 50 {
		t.Errorf("in force is %+v", got)
	}
	m.shown("bad", "with what is wrong", func(w *wire.AgentState) bool {
		return w.ConfigVersion == 0 && strings.Contains(w.ConfigError, "version 3: ")
	})
}

func TestOverride_OfTheManagerIsToldFromTheProgramsOwn(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	theirs, ours := newService(t, "theirs", switchgear.ServiceConfig{}), newService(t, "ours", switchgear.ServiceConfig{})
	m.service("theirs").override = forcedOpen("drill")
	own := switchgear.Override{Mode: switchgear.ForcedClosed, Reason: "mine", Actor: "program", Until: time.Now().Add(time.Hour)}
	if err := ours.Breaker().Override(own); err != nil {
		t.Fatal(err)
	}
	a := m.join(agent.Options{}, agent.Member{Service: theirs}, agent.Member{Service: ours})
	connected(t, a)
	first := *theirs.Breaker().Snapshot().Override
	if first.Mode != switchgear.ForcedOpen || first.Actor != "ada" || ours.Breaker().Mode() != switchgear.ForcedClosed {
		t.Errorf("they are %+v and %v", first, ours.Breaker().Mode())
	}
	if r := m.order(wire.AgentOrder{Kind: wire.OrderOverrideEnd, Service: "ours"}); r.Error == nil || r.Error.Code != wire.CodeConflict {
		t.Errorf("to end the program's own is answered with %+v", r.Error)
	}
	m.cut()
	m.await("it is back", func() bool { return len(m.service("ours").joins) == 2 })
	connected(t, a)
	if got := *theirs.Breaker().Snapshot().Override; got != first {
		t.Errorf("one that is in force was set anew: %+v", got)
	}
	m.stop()
	m.locked(func() { m.service("theirs").override = nil })
	m.start()
	m.await("it is back", func() bool { return len(m.service("ours").joins) == 3 })
	connected(t, a)
	if theirs.Breaker().Mode() != switchgear.Auto || ours.Breaker().Mode() != switchgear.ForcedClosed {
		t.Errorf("after its end they are %v and %v", theirs.Breaker().Mode(), ours.Breaker().Mode())
	}
	m.locked(func() { m.service("ours").override = forcedOpen("over yours") })
	m.cut()
	m.await("it is back", func() bool { return len(m.service("ours").joins) == 4 })
	connected(t, a)
	if ours.Breaker().Mode() != switchgear.ForcedOpen {
		t.Errorf("the manager's does not replace the program's: %v", ours.Breaker().Mode())
	}
}

func TestFresh_BeginsAsTheManagerRemembersUnlessItHasMoved(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	text := "it was down"
	was := &wire.AgentState{OpenMs: 60_000, RetryAfterMs: 40_000, FailedRecoveries: 1, CircuitBreaker: wire.CircuitBreaker{
		State: "open", LastError: &text, RecoveryAttempts: 1, OpenedAt: wire.Time{Time: time.Now().Add(-20 * time.Second)},
		Trip:   &wire.Trip{Rule: "failure_threshold", Failures: 5, LastError: &text},
		Outage: &wire.Outage{BeganAt: wire.Time{Time: time.Now().Add(-time.Hour)}, Rule: "failure_threshold", Openings: 2},
	}}
	m.service("new").begin, m.service("moved").begin = was, was
	fresh, moved := newService(t, "new", oneFailure()), newService(t, "moved", oneFailure())
	fresh.RecordSuccess(0)
	flap(t, moved, 1)
	a := m.join(agent.Options{}, agent.Member{Service: fresh}, agent.Member{Service: moved})
	connected(t, a)
	got := fresh.Breaker().Snapshot()
	left := time.Until(got.NextAttemptAt)
	if got.State != switchgear.Open || left > 40*time.Second || left < 30*time.Second || got.FailedRecoveries != 1 || got.Outage == nil || got.Outage.Openings != 2 {
		t.Errorf("it begins as %+v", got)
	}
	if got.Operations != (switchgear.Operations{Successful: 1}) || got.Transitions != 0 {
		t.Errorf("it has %+v and %d transitions", got.Operations, got.Transitions)
	}
	if moved.Breaker().State() != switchgear.Closed || m.look("moved").joins[0].Fresh {
		t.Errorf("one that had moved is %v", moved.Breaker().State())
	}
	m.shown("new", "open", func(w *wire.AgentState) bool { return w.CircuitBreaker.IsOpen && w.FailedRecoveries == 1 })
	if err := fresh.Breaker().Reset(switchgear.Closed, switchgear.Order{}); err != nil {
		t.Fatal(err)
	}
	m.cut()
	m.await("it is back", func() bool { return len(m.service("new").joins) == 2 })
	connected(t, a)
	if fresh.Breaker().State() != switchgear.Closed {
		t.Error("it takes the state over again")
	}
}

func TestDir_KeepsTheLastGoodConfigForAStartWithoutTheManager(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "configs")
	m := newManager(t)
	m.service("a:b").config, m.service("a:b").version = json.RawMessage(`{"failureThreshold":2}`), 5
	made := switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 50}}
	a := m.join(agent.Options{Dir: dir}, agent.Member{Service: newService(t, "a:b", made)})
	connected(t, a)
	_ = m.order(wire.AgentOrder{Kind: wire.OrderConfig, Service: "a:b", Config: json.RawMessage(`{"failureThreshold":3}`), ConfigVersion: 6})
	_ = m.order(wire.AgentOrder{Kind: wire.OrderConfig, Service: "a:b", Config: json.RawMessage(`{"failureThreshold":-3}`), ConfigVersion: 7})
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "a%3ab.json" {
		t.Fatalf("kept are %v, %v", files, err)
	}
	file := filepath.Join(dir, files[0].Name())
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	start := func(made switchgear.ServiceConfig) int {
		s := newService(t, "a:b", made)
		joinAt(t, "http://127.0.0.1:1", "token", agent.Options{Dir: dir}, agent.Member{Service: s})
		return s.Config().FailureThreshold
	}
	if got := start(made); got != 3 {
		t.Errorf("without the manager the threshold is %d", got)
	}
	if got := start(switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 51}}); got != 51 {
		t.Errorf("a program that says something else begins with %d", got)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"half of it":        string(good[:len(good)/2]),
		"nothing":           "",
		"another service's": strings.Replace(string(good), "a:b", "a:c", 1),
		"no version":        strings.Replace(string(good), `"version":6`, `"version":0`, 1),
		"a bad config":      strings.Replace(string(good), `"failureThreshold":3`, `"failureThreshold":-3`, 1),
		"something huge":    string(good) + strings.Repeat(" ", 1<<20),
	} {
		if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := start(made); got != 50 {
			t.Errorf("%s: the threshold is %d", name, got)
		}
	}
}
