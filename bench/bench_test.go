package main

import (
	"errors"
	"testing"
)

// TestSubjects_DoWhatTheBenchmarksTakeForGranted holds every adapter to passing
// calls and their errors on while closed, and to opening.
func TestSubjects_DoWhatTheBenchmarksTakeForGranted(t *testing.T) {
	for _, p := range append(ours(), peers()...) {
		c := p.make()
		for range 10 {
			if err := c.good(); err != nil {
				t.Errorf("%s: a call that succeeds gives %v", p.name, err)
			}
		}
		if err := c.bad(); !errors.Is(err, errCall) {
			t.Errorf("%s: a call that fails gives %v", p.name, err)
		}
		rejected := 0
		for c = opened(p); rejected == 0; rejected++ {
			for range 100 {
				if c.good() != nil {
					rejected++
				}
			}
			if rejected < 50 {
				t.Errorf("%s: open, it rejects %d of 100", p.name, rejected)
			}
		}
	}
}

func TestOurs_AllocatesNothing(t *testing.T) {
	for _, s := range subjects() {
		if !s.ours {
			continue
		}
		call := s.call()
		if n := testing.AllocsPerRun(1000, func() { _ = call() }); n != 0 {
			t.Errorf("%s: %v allocations a call, want none", s.name, n)
		}
	}
}
