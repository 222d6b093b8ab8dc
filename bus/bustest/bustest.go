// Package bustest is the conformance suite of [fleet.Bus]: its laws, clause by
// clause, for every implementation to run unchanged.
package bustest

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
)

// Join is one more node on the bus of a test.
type Join func() fleet.Bus

// Fault is something that happens to a bus as a whole, and its end. Both may be
// called several times, in turns.
type Fault struct {
	Break, Heal func()
}

type law struct {
	name string
	hold func(x *trial)
}

// Run tests the laws of a bus that works. Each call of open returns a bus of its
// own, without nodes, which the test that it is called with takes down.
func Run(t *testing.T, open func(t *testing.T) Join) {
	t.Helper()
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.hold(&trial{T: t, open: open(t)})
		})
	}
}

// RunFault tests the laws of a bus that is lost and comes back, one after the
// other, so that open may return buses of one server; or at once, if open calls
// t.Parallel.
func RunFault(t *testing.T, open func(t *testing.T) (Join, Fault)) {
	t.Helper()
	for _, l := range faultLaws {
		t.Run(l.name, func(t *testing.T) {
			join, fault := open(t)
			l.hold(&trial{T: t, open: join, Fault: fault})
		})
	}
}

// RunPart tests the laws of nodes that lose the server alone: the fault reaches
// those of near, and none of far.
func RunPart(t *testing.T, open func(t *testing.T) (near, far Join, fault Fault)) {
	t.Helper()
	for _, l := range farLaws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			near, far, fault := open(t)
			l.hold(&trial{T: t, open: near, far: far, Fault: fault})
		})
	}
}
