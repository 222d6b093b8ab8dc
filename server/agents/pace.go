package agents

import "time"

// pace says how long a message has to wait, so that no more of them are taken
// than a rate, after a burst. It is one goroutine's.
type pace struct {
	every time.Duration // between two; 0: there is no limit
	burst int
	due   time.Time // when the next would be due at that rate
}

// next counts a message and says how long it has to wait.
func (p *pace) next(now time.Time) time.Duration {
	if p.every <= 0 {
		return 0
	}
	if p.due.Before(now) {
		p.due = now
	}
	wait := p.due.Sub(now) - time.Duration(p.burst-1)*p.every
	p.due = p.due.Add(p.every)
	return max(wait, 0)
}
