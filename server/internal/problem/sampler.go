package problem

import (
	"sync"
	"time"
)

const (
	sampleSize   = 60
	sampleWindow = time.Minute
)

// sampler lets so many through a minute, and counts the others. The zero value
// is ready.
type sampler struct {
	mu      sync.Mutex
	since   time.Time
	taken   int
	skipped uint64
}

func (s *sampler) take(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.since) >= sampleWindow {
		s.since, s.taken = now, 0
	}
	if s.taken == sampleSize {
		s.skipped++
		return false
	}
	s.taken++
	return true
}

// missed is how many were not let through since it was asked last.
func (s *sampler) missed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.skipped
	s.skipped = 0
	return n
}
