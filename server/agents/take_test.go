package agents

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// FuzzTake holds that whatever is taken of a message has values that can be: no
// negative time, no moment that no clock shows, no name that is none.
func FuzzTake(f *testing.F) {
	for _, seed := range []string{
		hello("web"), join("prices"), opens("prices"),
		`{"type":"agent:report","id":#,"services":[` + state("prices", "open", "3", "1", "2") + `]}`,
		`{"type":"agent:report","id":1,"services":[{"service":"a","retry_after_ms":1e308,"circuit_breaker":{"state":"open","mode":"disabled"}}]}`,
		`{"type":"agent:report","id":1,"services":[{"service":"a","durations":{"sum_ms":9e12,"counts":[[0,9007199254740991],[14,1]]},"circuit_breaker":{"state":"half_open","mode":"forced_open","override":{"mode":"forced_open","expires_at":"2026-01-01T00:00:00Z"},"trip":{"rule":"x"},"outage":{"began_at":"2199-12-31T23:59:59Z","openings":1}},"health":{"healthy":false,"error":"x"}}]}`,
		`{"type":"agent:report","id":1,"services":[{"service":"a","circuit_breaker":{"state":"closed","mode":"auto","last_failure":"2100-01-01T00:00:00Z"}}]}`,
		`{"type":"agent:result","order":1,"service":"a","error":{"code":4004,"message":"no","errors":[{"field":"f","message":"m"}]}}`,
	} {
		f.Add([]byte(strings.Replace(seed, "#", "1", 1)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := wire.DecodeAgentMessage(in)
		if err != nil {
			return
		}
		bad := faults{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
		var states []fleet.InstanceState
		switch body := m.Body.(type) {
		case *wire.AgentHello:
			bad.info(body)
		case *wire.AgentJoin:
			for i := range body.Services {
				states = append(states, bad.service("", &body.Services[i]).State)
			}
		case *wire.AgentReport:
			for i := range body.Services {
				states = append(states, bad.state("", &body.Services[i]))
			}
		case *wire.AgentTransitions:
			_, after := bad.transitions(body)
			states = append(states, after)
		case *wire.AgentResult:
			after, _ := bad.result(body)
			states = append(states, after)
		}
		if err := bad.since(0); err != nil {
			if told(err).Code != wire.CodeInvalid || len(told(err).Errors) == 0 {
				t.Errorf("%+v", told(err))
			}
			return
		}
		for i := range states {
			sane(t, &states[i], bad.now)
		}
	})
}

func sane(t *testing.T, s *fleet.InstanceState, now time.Time) {
	t.Helper()
	b := &s.Snapshot
	for _, at := range []time.Time{b.LastFailure, b.LastSuccess, b.LastReset, b.OpenedAt, b.LastRecoveryAttempt, s.Health.CheckedAt} {
		if at.After(now) || !at.IsZero() && at.Year() < 1970 {
			t.Errorf("%v is not in the past", at)
		}
	}
	for _, d := range []time.Duration{b.OpenTime, s.RetryAfter, b.Performance.Average, b.Performance.P99, s.Health.Duration} {
		if d < 0 {
			t.Errorf("%v is negative", d)
		}
	}
	if !switchgear.ValidName(s.Service) || b.AdmittedShare < 0 || b.AdmittedShare > 1 || math.IsNaN(b.AdmittedShare) ||
		b.ConsecutiveFailures < 0 || s.ConfigVersion < 0 || len(b.LastError) > longestText {
		t.Errorf("%+v", s)
	}
	if (b.Mode == switchgear.ForcedOpen || b.Mode == switchgear.ForcedClosed) && b.Override == nil {
		t.Error("a mode that forces without an override")
	}
}

// TestReports_MakeTheSameEntryInAnyOrder sends what a breaker went through in any
// order, any of it twice, and one agent that sends it as it was.
func TestReports_MakeTheSameEntryInAnyOrder(t *testing.T) {
	t.Parallel()
	f := start(t, Config{MessagesPerSecond: -1})
	texts := []string{
		state("S", "closed", "0", "1", "0"), state("S", "closed", "0", "1", "1"), state("S", "closed", "0", "4", "1"),
		state("S", "closed", "0", "4", "2"), state("S", "closed", "0", "9", "2"),
	}
	n := 0
	run := func(order []int) fleet.View {
		n++
		name := "service_" + number(uint64(n))
		p := f.attached(t, "agent", name)
		p.tell(join(name))
		p.want(wire.TypeAgentJoined)
		for _, i := range order {
			p.tell(`{"type":"agent:report","id":#,"services":[` + strings.Replace(texts[i], `"S"`, `"`+name+`"`, 1) + `]}`)
		}
		p.acked(p.id)
		v, err := f.fleet.Service(name)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.conn.CloseNow() // it has no more to say
		return v
	}
	want := run([]int{0, 1, 2, 3, 4})
	if want.Breaker.Operations != (switchgear.Operations{Successful: 9, Failed: 2}) {
		t.Fatalf("in order: %+v", want.Breaker.Operations)
	}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(rt, "order")
		order = append(order, rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(rt, "again")...)
		got := run(order)
		if diff := cmp.Diff(want.Breaker.Operations, got.Breaker.Operations); diff != "" || got.Status != want.Status || got.Breaker.State != want.Breaker.State {
			rt.Fatalf("%v: %s %s\n%s", order, got.Status, got.Breaker.State, diff)
		}
	})
}
