package agent_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
)

// TestAgent_LosesAndDoublesNothingWhateverHappensToTheManager lets the manager
// die, connections break and the store be away in any order while breakers move.
func TestAgent_LosesAndDoublesNothingWhateverHappensToTheManager(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(seed, 1))
			m := newManager(t)
			services := make([]*switchgear.Service, 3)
			members := make([]agent.Member, len(services))
			for i := range services {
				services[i] = newService(t, fmt.Sprint("s", i), oneFailure())
				members[i].Service = services[i]
			}
			a := m.join(agent.Options{}, members...)
			connected(t, a)
			down := false
			want := make([]uint64, len(services))
			for range 60 {
				switch i := draw.IntN(len(services)); draw.IntN(8) {
				case 0:
					if !down {
						m.cut()
					}
				case 1:
					if down {
						m.start()
					} else {
						m.stop()
					}
					down = !down
				case 2:
					m.locked(func() { m.storeAway = !m.storeAway })
				case 3:
					if !down {
						connected(t, a)
					}
				default:
					n := 1 + draw.IntN(20) // no more than fit, with the others
					flap(t, services[i], n)
					want[i] += 2 * uint64(n)
				}
			}
			m.locked(func() { m.storeAway = false })
			if down {
				m.start()
			}
			for i := range services {
				name := services[i].Name()
				instance := m.hello(0).Instance
				m.await(name+" is told whole, and as it is", func() bool {
					s := m.service(name)
					return len(s.stored[instance]) >= int(want[i]) && s.state.Operations.Failed == want[i]/2
				})
				if diff := cmp.Diff(numbers(1, want[i]), m.told(name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if n := m.look(name).untimely; n > 0 {
					t.Errorf("%s: %d states came before their transitions", name, n)
				}
			}
		})
	}
}
