package main

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/bench/internal/results"
)

// spans counts durations in buckets of which each is 2^(1/16), some 4 %, wider
// than the one before, from a microsecond to an hour: so many millions take as
// much room as one.
type spans struct {
	counts [perOctave * octaves]atomic.Int64
}

const perOctave, octaves = 16, 32

func (s *spans) add(d time.Duration) {
	us := max(float64(d)/float64(time.Microsecond), 1)
	s.counts[min(int(math.Log2(us)*perOctave), len(s.counts)-1)].Add(1)
}

// forget begins anew.
func (s *spans) forget() {
	for i := range s.counts {
		s.counts[i].Store(0)
	}
}

func (s *spans) count() (n int64) {
	for i := range s.counts {
		n += s.counts[i].Load()
	}
	return n
}

// at is what the share of them is below, to 4 %; 0 of none.
func (s *spans) at(share float64) time.Duration {
	left := int64(share * float64(s.count()))
	for i := range s.counts {
		if n := s.counts[i].Load(); n > 0 {
			if left -= n; left < 0 {
				return time.Duration(math.Exp2(float64(i+1)/perOctave) * float64(time.Microsecond))
			}
		}
	}
	return 0
}

// text is the median and the 99th of 100, in milliseconds.
func (s *spans) text() string {
	if s.count() == 0 {
		return "–"
	}
	return results.MS(s.at(0.5)) + ", " + results.MS(s.at(0.99))
}
