// Package bench measures the breaker beside its peers and beside the machine
// primitives that are the floor under every breaker, all in one run and each
// through its exported functions. It is a module of its own, so that the peers
// are nobody's dependency.
package bench

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// loads are how a benchmark calls: in a plain loop, or from so many goroutines
// (0: one for each P).
var loads = []struct {
	name string
	run  func(b *testing.B, call func() error, check func(error))
}{
	{"serial", func(b *testing.B, call func() error, check func(error)) {
		b.Helper()
		for b.Loop() {
			check(call())
		}
	}},
	{"par", func(b *testing.B, call func() error, check func(error)) {
		b.Helper()
		parallel(b, 1, call, check)
	}},
	{"par16", func(b *testing.B, call func() error, check func(error)) {
		b.Helper()
		procs := runtime.GOMAXPROCS(0)
		parallel(b, max(1, 16/procs), call, check)
	}},
}

func parallel(b *testing.B, perProc int, call func() error, check func(error)) {
	b.Helper()
	b.SetParallelism(perProc)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			check(call())
		}
	})
}

// BenchmarkClosed is a successful call through a closed breaker.
func BenchmarkClosed(b *testing.B) {
	for _, s := range subjects {
		for _, l := range loads {
			b.Run(s.name+"/"+l.name, func(b *testing.B) {
				var bad atomic.Int64 // touched only where the benchmark fails
				call := s.new().good
				b.ReportAllocs()
				l.run(b, call, func(err error) {
					if err != nil {
						bad.Add(1)
					}
				})
				if n := bad.Load(); n > 0 {
					b.Errorf("%d of %d calls were refused", n, b.N)
				}
			})
		}
	}
}

// BenchmarkOpen is a call that an open breaker rejects.
func BenchmarkOpen(b *testing.B) {
	for _, s := range subjects {
		if s.floor {
			continue
		}
		for _, l := range loads {
			b.Run(s.name+"/"+l.name, func(b *testing.B) {
				var let atomic.Int64
				call := opened(b, s).good
				b.ReportAllocs()
				l.run(b, call, func(err error) {
					if err == nil {
						let.Add(1)
					}
				})
				if n := let.Load(); n > 0 {
					b.Errorf("%d of %d calls were let in", n, b.N)
				}
			})
		}
	}
}

// opened is a new breaker after the failures that open it.
func opened(tb testing.TB, s subject) calls {
	tb.Helper()
	c := s.new()
	for range minimum {
		_ = c.bad()
	}
	if c.good() == nil {
		tb.Fatalf("%s: %d failures did not open it", s.name, minimum)
	}
	return c
}

// TestSubjects_DoWhatTheBenchmarksTakeForGranted holds every adapter to passing
// calls and their errors on while closed, and to opening.
func TestSubjects_DoWhatTheBenchmarksTakeForGranted(t *testing.T) {
	t.Parallel()
	for _, s := range subjects {
		c := s.new()
		for range 10 {
			if err := c.good(); err != nil {
				t.Errorf("%s: a call that succeeds gives %v", s.name, err)
			}
		}
		if err := c.bad(); !errors.Is(err, errCall) {
			t.Errorf("%s: a call that fails gives %v", s.name, err)
		}
		if !s.floor {
			opened(t, s)
		}
	}
}

// TestSwitchgear_AllocatesNothing has no t.Parallel: AllocsPerRun counts what
// the whole process allocates.
func TestSwitchgear_AllocatesNothing(t *testing.T) {
	for _, s := range subjects {
		if !strings.HasPrefix(s.name, "switchgear") {
			continue
		}
		closed, open := s.new(), opened(t, s)
		for what, call := range map[string]func() error{"closed": closed.good, "open": open.good} {
			if n := testing.AllocsPerRun(1000, func() { _ = call() }); n != 0 {
				t.Errorf("%s, %s: %v allocations a call, want none", s.name, what, n)
			}
		}
	}
}
