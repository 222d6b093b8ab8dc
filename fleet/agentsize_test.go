package fleet_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
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
// the service.
func TestAgents_AnInstanceIsSmall(t *testing.T) {
	store := &forgetful{Store: memory.New()}
	b := start(t, store, &upstream{})
	b.mute()
	const services, agents = 100, 100
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
	for n := 1; n <= agents; n++ {
		join(n)
	}
	each := float64(heap()-before) / (services * agents)
	t.Logf("%.0f bytes an instance", each)
	if each > 1024 && !raced {
		t.Errorf("an instance takes %.0f bytes, which is above 1024", each)
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

// forgetful is a store that takes all and keeps the first events only, so that its
// own memory is not measured.
type forgetful struct{ *memory.Store }

func (f *forgetful) Commit(ctx context.Context, b *fleet.Batch) error {
	own := *b
	own.Instances, own.Services = nil, nil
	return f.Store.Commit(ctx, &own)
}

// mute has the bench remember nothing more of what it is told.
func (b *bench) mute() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.muted = true
}
