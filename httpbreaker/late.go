package httpbreaker

import (
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
)

// spare keeps an operation of a recovery from being taken for one that hangs,
// where it is the caller who is late with the body of the request: then it is
// ignored, shortly before its time is over.
type spare struct {
	claimed, over atomic.Bool
	timer         *time.Timer
}

// spareLate begins the time of an operation that was admitted just now. The
// permit is a copy: of a recovery's the first to settle counts.
func spareLate(permit switchgear.Permit, sent *sentBody, timeout time.Duration) *spare {
	s := &spare{}
	begun := make(chan struct{})
	seen, looked := uint64(0), false
	s.timer = time.AfterFunc(timeout/8*6, func() {
		<-begun
		turns := sent.turns.Load()
		switch {
		case s.over.Load():
		case !looked:
			seen, looked = turns, true
			s.timer.Reset(timeout / 8)
		case turns%2 == 1 || turns != seen: // it waits for the caller, or goes on
			if s.claim() {
				permit.Done(errLate)
			}
		}
	})
	close(begun)
	return s
}

// claim reports whether the permit is yet to be settled, by whoever asks.
func (s *spare) claim() bool { return s == nil || s.claimed.CompareAndSwap(false, true) }

// stop is called when the server has answered, or will not.
func (s *spare) stop() {
	if s != nil {
		s.over.Store(true)
		s.timer.Stop()
	}
}
