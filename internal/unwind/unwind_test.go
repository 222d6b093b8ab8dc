package unwind_test

import (
	"runtime"
	"testing"

	"github.com/degenduel/switchgear/internal/unwind"
)

// guard asks as the adapters do: in a method, deferred by a generic function.
type guard struct{ exiting, asked bool }

func (g *guard) ask() { g.exiting, g.asked = unwind.Exiting(), true }

func under[T any](g *guard, f func() T) T {
	defer g.ask()
	return f()
}

func TestExiting_TellsAGoexitFromAPanicAndAReturn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		f    func() int
		want bool
	}{
		"a return":                   {func() int { return 1 }, false},
		"a panic":                    {func() int { panic("boom") }, false},
		"a Goexit":                   {func() int { runtime.Goexit(); return 1 }, true},
		"a Goexit after a recovery":  {func() int { recovered(); runtime.Goexit(); return 1 }, true},
		"a panic of a deferred call": {func() int { defer panic("boom"); runtime.Goexit(); return 1 }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var g guard
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				under(&g, tt.f)
			}()
			<-done
			if !g.asked || g.exiting != tt.want {
				t.Errorf("asked %v, exiting %v, want %v", g.asked, g.exiting, tt.want)
			}
		})
	}
}

func recovered() {
	defer func() { _ = recover() }()
	panic("inside")
}
