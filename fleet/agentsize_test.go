package fleet_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// deaf takes orders and does nothing.
type deaf struct{}

func (deaf) Order(fleet.AgentOrder) error { return nil }
func (deaf) Close(int, string)            {}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAgents_AnInstanceIsSmall holds the budget: 1 KiB each, beside the entry of
// the service. One that is open has an eighth more for what the outage began with.
//
// It is in a bubble so that no flush is under way when it measures.
func TestAgents_AnInstanceIsSmall(t *testing.T) { synctest.Test(t, measureInstances) }

func measureInstances(t *testing.T) {
	t.Helper()
	store := &forgetful{Store: memory.New()}
	b := start(t, store, &upstream{})
	b.mute()
	services, agents := 100, 100
	if raced { // nothing is measured
		agents = 5
	}
	names := make([]string, services)
	for i := range names {
		names[i] = fmt.Sprintf("service-%03d", i)
	}
	join := func(n int) *fleet.AgentSession {
		s, err := b.Attach(t.Context(), fleet.AgentInfo{
			Instance: fmt.Sprintf("instance-%012d", n), Boot: strings.Repeat("b", 16), Name: "host", Program: "shop", StartedAt: time.Now(),
		}, nil, deaf{})
		if err != nil {
			t.Fatal(err)
		}
		all := make([]fleet.AgentService, services)
		for i, name := range names {
			all[i] = fleet.AgentService{Name: name, About: about, Fresh: true, State: fleet.InstanceState{
				Running: true, Durations: &switchgear.Durations{}, Snapshot: switchgear.Snapshot{LastError: fmt.Sprint("timeout of ", n)},
			}}
		}
		got, err := s.Join(t.Context(), all)
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got[0].Err)
		}
		return s
	}
	join(0)
	before := heap()
	var all []*fleet.AgentSession
	for n := 1; n <= agents; n++ {
		all = append(all, join(n))
	}
	small := func(what string, most float64) {
		synctest.Wait()
		each := float64(heap()-before) / float64(services*agents)
		t.Logf("%s: %.0f bytes an instance", what, each)
		if each > most && !raced {
			t.Errorf("%s an instance takes %.0f bytes, which is above %.0f", what, each, most)
		}
	}
	small("closed", 1024)
	for n, s := range all {
		for _, name := range names {
			tr, after := opened(name, n)
			if err := s.Transitions(t.Context(), name, []switchgear.Transition{tr}, after); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.KeepAlive(all)
	small("open", 1152)
}

// opened is the first transition of an instance, and the state after it, in which
// every text is one by itself, as a wire makes them.
func opened(service string, n int) (switchgear.Transition, fleet.InstanceState) {
	now := time.Now()
	why := func() switchgear.Evidence {
		return switchgear.Evidence{
			Rule: strings.Clone(switchgear.RuleFailureThreshold), Failures: 2, LastError: fmt.Sprint("dial tcp 192.0.2.1:443: connection refused, try ", n),
		}
	}
	trip := why()
	return switchgear.Transition{Service: service, Number: 1, From: switchgear.Closed, To: switchgear.Open, At: now, Evidence: why()}, fleet.InstanceState{
		Running: true, Durations: &switchgear.Durations{}, Snapshot: switchgear.Snapshot{
			State: switchgear.Open, Transitions: 1, OpenedAt: now, NextAttemptAt: now.Add(time.Hour), LastFailure: now, LastError: why().LastError,
			Trip: &trip, Outage: &switchgear.Outage{BeganAt: now, Cause: why(), Openings: 1}, Operations: switchgear.Operations{Failed: 2},
		},
	}
}

func TestAgents_AThousandServicesOfOneInstance(t *testing.T) {
	bubble(t, "join, report and open", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprintf("service-%04d", i)
		}
		p := newProgram(t, b, "one", names...)
		p.connect()
		var all []fleet.AgentService
		for _, name := range names {
			all = append(all, fleet.AgentService{Name: name, About: about, Fresh: true, State: p.state(name)})
		}
		got, err := p.session.Join(t.Context(), all)
		if err != nil || len(got) != len(names) {
			t.Fatal(err)
		}
		for _, j := range got {
			if j.Err != nil {
				t.Fatal(j.Err)
			}
		}
		if got, err := p.session.Join(t.Context(), []fleet.AgentService{{Name: "one-more", About: about}}); err != nil || fleet.KindOf(got[0].Err) != fleet.Exhausted {
			t.Errorf("one more: %+v, %v", got, err)
		}
		for _, name := range names {
			p.fail(name)
		}
		for _, v := range b.Services() {
			if v.Status != fleet.StatusCircuitOpen || v.Source != fleet.SourceAgent {
				t.Fatalf("%s is %s", v.Service, v.Status)
			}
		}
	})
}

// forgetful is a store that takes all and keeps nothing of services, so that its
// own memory is not measured.
type forgetful struct {
	*memory.Store

	last int64 // the ID of an event
}

func (f *forgetful) Commit(ctx context.Context, b *fleet.Batch) error {
	own := *b
	own.Instances, own.Services, own.Events, own.Audit = nil, nil, nil, nil
	for i := range b.Events {
		f.last++
		b.Events[i].ID = f.last
	}
	return f.Store.Commit(ctx, &own)
}

// mute has the bench remember nothing more of what it is told.
func (b *bench) mute() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.muted = true
}

func TestAgents_AStateThatIsKeptLeavesTheGivenOneAlone(t *testing.T) {
	bubble(t, "an outage of one opening, and of two", func(t *testing.T) {
		b := start(t, memory.New(), &upstream{})
		p := joined(t, b, "one", "web")
		tr, after := opened("web", 1)
		given := *after.Snapshot.Outage
		trip := *after.Snapshot.Trip
		for openings := 1; openings <= 2; openings++ {
			if err := p.session.Transitions(t.Context(), "web", []switchgear.Transition{tr}, after); err != nil {
				t.Fatal(err)
			}
			v, err := b.Instances("web")
			if err != nil || *v[0].State.Snapshot.Trip != *after.Snapshot.Trip || *v[0].State.Snapshot.Outage != *after.Snapshot.Outage {
				t.Errorf("it is kept as %+v and %+v, %v", v[0].State.Snapshot.Trip, v[0].State.Snapshot.Outage, err)
			}
			if *after.Snapshot.Outage != given || *after.Snapshot.Trip != trip {
				t.Errorf("it became %+v and %+v", after.Snapshot.Outage, after.Snapshot.Trip)
			}
			tr.Number++
			tr.From, tr.To, tr.Evidence.Rule = switchgear.HalfOpen, switchgear.Open, switchgear.RuleRecoveryFailure
			trip.Rule = switchgear.RuleRecoveryFailure
			given.Openings++
			again, outage := trip, given
			after.Snapshot.Transitions, after.Snapshot.FailedRecoveries, after.Snapshot.Trip, after.Snapshot.Outage = tr.Number, 1, &again, &outage
		}
	})
}
