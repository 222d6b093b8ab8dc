package agent_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/wire"
)

var errDown = errors.New("it is down")

// flap opens a breaker and closes it, so many times.
func flap(t *testing.T, s *switchgear.Service, times int) {
	t.Helper()
	for range times {
		s.HandleError(errDown, 0)
		if err := s.Breaker().Reset(switchgear.Closed, switchgear.Order{Actor: "test", Reason: "again"}); err != nil {
			t.Fatal(err)
		}
	}
}

func oneFailure() switchgear.ServiceConfig {
	return switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 1, Jitter: -1}}
}

func numbers(from, to uint64) (all []uint64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

func TestJoin_WaitsForNobody(t *testing.T) {
	t.Parallel()
	s := newService(t, "prices", oneFailure())
	a, err := agent.Join(t.Context(), "http://127.0.0.1:1", "token", s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := switchgear.Do(t.Context(), s.Breaker(), func(context.Context) (int, error) { return 0, errDown }); !errors.Is(err, errDown) {
		t.Errorf("an operation gives %v", err)
	}
	if s.Breaker().State() != switchgear.Open || !s.Running() {
		t.Errorf("the breaker is %v, the service is running: %v", s.Breaker().State(), s.Running())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.Connected(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without a manager, Connected says %v", err)
	}
	if st := a.State(); st.Connected || st.Refused || st.Err == nil || st.Services[0].Unsent != 1 {
		t.Errorf("its state is %+v", st)
	}
	if err := a.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "1 transitions") {
		t.Errorf("the end is %v", err)
	}
	if err := a.Add(agent.Member{Service: s}); !errors.Is(err, agent.ErrClosed) {
		t.Errorf("after the end, Add says %v", err)
	}
}

func TestJoin_RefusesArgumentsThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newService(t, "prices", switchgear.ServiceConfig{})
	long := strings.Repeat("x", 2000)
	for name, tt := range map[string]struct {
		url, token string
		opts       agent.Options
		members    []agent.Member
		want       string
	}{
		"a URL":         {url: "ftp://a", want: "http"},
		"a node":        {url: "http://a", opts: agent.Options{Nodes: []string{"b"}}, want: `"b"`},
		"a token":       {url: "http://a", token: "a b", want: "token"},
		"a name":        {url: "http://a", opts: agent.Options{Name: long}, want: "Options.Name: 2000 bytes"},
		"a folder":      {url: "http://a", opts: agent.Options{Dir: "/dev/null/x"}, want: "Options.Dir"},
		"nil":           {url: "http://a", members: []agent.Member{{}}, want: "service 1 of 1 is nil"},
		"twice":         {url: "http://a", members: []agent.Member{{Service: s}, {Service: s}}, want: `two services "prices"`},
		"a description": {url: "http://a", members: []agent.Member{{Service: s, Description: long}}, want: "Description: 2000 bytes"},
		"a dependency":  {url: "http://a", members: []agent.Member{{Service: s, Dependencies: []string{"A"}}}, want: "Dependencies[0]"},
	} {
		if _, err := agent.JoinWith(t.Context(), tt.url, tt.token, tt.opts, tt.members...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAgent_SaysWhoItIsAndWhatItHas(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	s := newService(t, "prices", switchgear.ServiceConfig{
		Config: switchgear.Config{FailureThreshold: 7}, Check: func(context.Context) error { return nil },
	})
	a := m.join(agent.Options{Name: "shop-1", Program: "shop\n1.2"}, agent.Member{
		Service: s, Layer: "edge", Description: "prices\x00 of the exchange", Dependencies: []string{"exchange"},
	})
	connected(t, a)
	m.cut()
	m.await("it has come back", func() bool { return len(m.hellos) == 2 && len(m.service("prices").joins) == 2 })
	first, second := m.hello(0), m.hello(1)
	if first.Name != "shop-1" || first.Program != "shop 1.2" || !strings.HasPrefix(first.Library, "switchgear") || first.StartedAt.IsZero() {
		t.Errorf("its hello is %+v", first)
	}
	if len(first.Instance) < 16 || len(first.Boot) < 16 || first.Instance == first.Boot || first != second {
		t.Errorf("it comes back as %+v", second)
	}
	j := m.look("prices").joins[0]
	if j.Layer != "edge" || j.Description != "prices\uFFFD of the exchange" || !slices.Equal(j.Dependencies, []string{"exchange"}) || !j.HasCheck || !j.Fresh {
		t.Errorf("its join is %+v", j)
	}
	if !strings.Contains(string(j.Config), `"failureThreshold":7`) || j.State.CircuitBreaker.State != "closed" || j.State.ConfigVersion != 0 {
		t.Errorf("its join is %+v with %s", j.State, j.Config)
	}
	if again := m.look("prices").joins[1]; again.Fresh || again.State.ConfigVersion != 1 {
		t.Errorf("it joins again as %+v", again)
	}
}

func TestAgent_ReportsWhatChangedAndNothingElse(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	busy, idle := newService(t, "busy", switchgear.ServiceConfig{}), newService(t, "idle", switchgear.ServiceConfig{})
	a := m.join(agent.Options{}, agent.Member{Service: busy}, agent.Member{Service: idle})
	connected(t, a)
	for n := uint64(1); n <= 5; n++ {
		busy.RecordSuccess(time.Millisecond)
		m.shown("busy", "with its operations", func(s *wire.AgentState) bool { return s.Operations.Successful == n })
	}
	if got := m.look("busy").state; got.Durations == nil || len(got.Durations.Counts) != 1 || got.Durations.Counts[0] != [2]uint64{1, 5} {
		t.Errorf("the durations are %+v", got.Durations)
	}
	if n := len(m.look("idle").states); n > 1 {
		t.Errorf("what does nothing is reported %d times", n)
	}
}

func TestAgent_TellsEachTransitionOnceAndInOrderThroughAnOutage(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	s := newService(t, "prices", oneFailure())
	a := m.join(agent.Options{}, agent.Member{Service: s})
	connected(t, a)
	flap(t, s, 2)
	m.await("four are stored", func() bool { return m.service("prices").told == 4 })
	m.stop()
	flap(t, s, 200)
	s.HandleError(errDown, 0)
	if a.State().Services[0].ConfigVersion != 1 {
		t.Errorf("its state is %+v", a.State())
	}
	m.start()
	m.shown("prices", "open after all of them", func(w *wire.AgentState) bool {
		return w.CircuitBreaker.Transitions == 405 && w.CircuitBreaker.State == "open" && len(m.service("prices").stored[m.hellos[0].Instance]) == 405
	})
	if diff := cmp.Diff(numbers(1, 405), m.told("prices")); diff != "" {
		t.Errorf("the numbers (-want +got):\n%s", diff)
	}
	if p := m.look("prices"); p.doubled > 0 || p.untimely > 0 || p.messages < 3 {
		t.Errorf("%d are told twice, %d states came before their transitions, in %d messages", p.doubled, p.untimely, p.messages)
	}
	if e := string(m.look("prices").evidences[404]); !strings.Contains(e, `"rule":"failure_threshold"`) || !strings.Contains(e, `"last_error":"it is down"`) {
		t.Errorf("the evidence of the last is %s", e)
	}
}

func TestAgent_ShowsTheHoleOfWhatItCouldNotKeep(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	s := newService(t, "prices", oneFailure())
	a := m.join(agent.Options{}, agent.Member{Service: s})
	connected(t, a)
	m.stop()
	heard := make(chan uint64, 2048)
	defer s.Breaker().Observe(func(tr switchgear.Transition) { heard <- tr.Number })()
	for range 1100 {
		s.HandleError(errDown, 0)
		_ = s.Breaker().Reset(switchgear.Closed, switchgear.Order{})
		<-heard
		<-heard
	}
	for st := a.State().Services[0]; uint64(st.Unsent)+st.Dropped < 2200; st = a.State().Services[0] {
		runtime.Gosched()
	}
	m.start()
	m.await("the rest has come", func() bool {
		all := m.service("prices").stored[m.hellos[0].Instance]
		return len(all) > 0 && all[len(all)-1] == 2200
	})
	all := m.told("prices")
	if len(all) != 1024 || !slices.IsSorted(all) {
		t.Errorf("%d came, from %d", len(all), all[0])
	}
	if got := a.State().Services[0].Dropped; got != 2200-uint64(len(all)) {
		t.Errorf("%d are counted as dropped", got)
	}
}

func TestAgent_TellsAgainUntilItIsStored(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.storeAway = true
	s := newService(t, "prices", oneFailure())
	a := m.join(agent.Options{}, agent.Member{Service: s})
	connected(t, a)
	flap(t, s, 1)
	m.await("they were told", func() bool { return m.service("prices").told == 2 })
	s.HandleError(errDown, 0)
	m.await("the next is told at once, and all of them again", func() bool {
		return m.service("prices").told == 3 && m.service("prices").doubled >= 3
	})
	if got := a.State().Services[0].Unsent; got != 3 {
		t.Errorf("%d are not stored, it says", got)
	}
	m.cut() // what the store has is known by the answer to the join, too
	m.await("it is done without an acknowledgement", func() bool { return a.State().Services[0].Unsent == 0 })
	s.HandleError(errDown, 0)
	m.locked(func() { m.storeAway = false })
	m.await("it is done", func() bool { return a.State().Services[0].Unsent == 0 })
	if got := m.told("prices"); !slices.Equal(got, numbers(1, 3)) {
		t.Errorf("stored are %v", got)
	}
}

func TestAgent_DropsWhatTheManagerWillNeverTakeAndJoinsAnewWhereItHasTo(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.rejectWith = wire.CodeInvalid
	s := newService(t, "prices", oneFailure())
	a := m.join(agent.Options{}, agent.Member{Service: s})
	connected(t, a)
	flap(t, s, 1)
	m.await("they are dropped", func() bool {
		st := a.State().Services[0]
		return st.Unsent == 0 && st.Dropped == 2
	})
	m.locked(func() { m.rejectWith = wire.CodeNoService })
	s.HandleError(errDown, 0)
	m.await("it joins anew", func() bool { return len(m.service("prices").joins) > 1 })
	m.locked(func() { m.rejectWith = 0 })
	m.await("it is taken", func() bool {
		return m.service("prices").state.CircuitBreaker.IsOpen && a.State().Services[0].Unsent == 0
	})
	if got := m.told("prices"); !slices.Equal(got, []uint64{3}) {
		t.Errorf("stored are %v", got)
	}
}

func TestAgent_TriesTheNodesInTurn(t *testing.T) {
	t.Parallel()
	one, two := newManager(t), newManager(t)
	one.stop()
	s := newService(t, "prices", switchgear.ServiceConfig{})
	a := joinAt(t, one.url(), "token", agent.Options{Nodes: []string{two.url()}}, agent.Member{Service: s})
	connected(t, a)
	if got := a.State().URL; got != two.url() {
		t.Errorf("it is at %s", got)
	}
	one.start()
	two.stop()
	one.await("it has come", func() bool { return len(one.hellos) == 1 })
}

func TestAgent_SaysLoudlyWhatRefusesIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refuse, code int
		token        string
	}{
		"the token is unknown":  {token: "other"},
		"the role may not":      {token: "token", refuse: http.StatusForbidden},
		"another one has it":    {token: "token", code: wire.CodeConflict},
		"the token has ended":   {token: "token", code: wire.CodeAuthenticationEnded},
		"the manager is of old": {token: "token", refuse: http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t)
			m.refuse, m.closeWith = tt.refuse, tt.code
			a := joinAt(t, m.url(), tt.token, agent.Options{}, agent.Member{Service: newService(t, "prices", switchgear.ServiceConfig{})})
			m.await("it has tried", func() bool { return m.opened > 0 })
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := a.Connected(ctx); err == nil {
				t.Error("it is connected")
			}
			if st := a.State(); !st.Refused || st.Connected || st.Err == nil {
				t.Errorf("its state is %+v", st)
			}
			m.await("it has tried once", func() bool { return m.opened == 1 })
		})
	}
}

func TestAgent_SaysWhichServiceTheManagerDoesNotTake(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.service("secret").refusal = &wire.AgentError{Code: wire.CodeNotAllowed, Message: "not with this token"}
	a := m.join(agent.Options{}, agent.Member{Service: newService(t, "secret", switchgear.ServiceConfig{})},
		agent.Member{Service: newService(t, "prices", switchgear.ServiceConfig{})})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Connected(ctx); err == nil || !strings.Contains(err.Error(), "not with this token") {
		t.Errorf("it says %v", err)
	}
	if st := a.State().Services; !st[0].Joined || st[1].Joined || st[1].Err == "" {
		t.Errorf("its state is %+v", st)
	}
	a.Leave("secret")
	connected(t, a)
	m.await("it hears of it", func() bool { return slices.Equal(m.leaves, []string{"secret"}) })
	if err := a.Add(agent.Member{Service: newService(t, "quotes", switchgear.ServiceConfig{})}); err != nil {
		t.Fatal(err)
	}
	connected(t, a)
	if st := a.State().Services; len(st) != 2 || st[1].Service != "quotes" || !st[1].Joined {
		t.Errorf("its state is %+v", st)
	}
}

func TestAgent_LeavesAManagerThatHasGoneSilent(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	a := m.join(agent.Options{}, agent.Member{Service: newService(t, "prices", switchgear.ServiceConfig{})})
	connected(t, a)
	m.locked(func() { m.mute = true })
	m.await("it comes anew", func() bool { return m.opened > 1 })
	m.locked(func() { m.mute = false })
	connected(t, a)
}

func TestAgent_JoinsInPages(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	var members []agent.Member
	for i := range 250 {
		name := "s" + strings.Repeat("x", i%7) + "-" + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
		members = append(members, agent.Member{Service: newService(t, name, oneFailure())})
	}
	a := m.join(agent.Options{}, members...)
	connected(t, a)
	for _, member := range members {
		member.Service.HandleError(errDown, 0)
	}
	m.await("all are shown open", func() bool {
		n := 0
		for _, s := range m.services {
			if s.state.CircuitBreaker.IsOpen && s.told == 1 {
				n++
			}
		}
		return n == 250
	})
}

func TestClose_TellsTheRestAndSaysGoodbye(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	s := newService(t, "prices", oneFailure())
	ctx, cancel := context.WithCancel(t.Context())
	a, err := agent.Join(ctx, m.url(), "token", s)
	if err != nil {
		t.Fatal(err)
	}
	connected(t, a)
	flap(t, s, 300)
	cancel() // which says what Close does
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	m.await("it said goodbye", func() bool { return m.byes == 1 && len(m.connections) == 0 })
	if got := m.look("prices"); len(m.told("prices")) != 600 || got.state.Operations.Failed != 300 {
		t.Errorf("%d transitions and %+v", len(m.told("prices")), got.state.Operations)
	}
	if err := a.Connected(t.Context()); !errors.Is(err, agent.ErrClosed) {
		t.Errorf("after the end Connected says %v", err)
	}
	s.HandleError(errDown, 0)
	if s.Breaker().State() != switchgear.Open {
		t.Error("the breaker does not go on")
	}
}
