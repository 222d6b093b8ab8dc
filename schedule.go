package switchgear

import (
	"math/rand/v2"
	"time"
)

// spread is how far, as a share of the interval, a start is moved at random, so
// that services that were started together drift apart.
const spread = 0.05

// firstWithin bounds how long the first start is put off, at random too.
const firstWithin = time.Second

// schedule is a timer for what is done from start to start. The service's
// mutex guards it.
type schedule struct {
	begin    func()
	timer    *time.Timer
	interval time.Duration // that the timer is set by; zero is never
	due      time.Time
	started  time.Time // when it was last begun
	waiting  time.Time // since when one that was due has not begun; zero: none has
}

// plan sets the timer by the interval: so long after the last start, within a
// second where there was none, never where it is zero.
func (p *schedule) plan(interval time.Duration) {
	p.interval = interval
	drawn := rand.Float64() //nolint:gosec // spreads load, guards no secret
	switch {
	case interval == 0:
		if p.timer != nil {
			p.timer.Stop()
		}
		return
	case p.started.IsZero():
		p.due = time.Now().Add(time.Duration(drawn * float64(min(interval, firstWithin))))
	default:
		p.due = p.started.Add(time.Duration((1 + spread*(2*drawn-1)) * float64(interval)))
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(time.Until(p.due), p.begin)
	} else {
		p.timer.Reset(time.Until(p.due))
	}
}

// wait notes that what is due has not begun yet.
func (p *schedule) wait() {
	if p.waiting.IsZero() {
		p.waiting = p.due
	}
}

// late is how long after it was due it begins now; zero where it was not due.
func (p *schedule) late(now time.Time) time.Duration {
	due := p.waiting
	p.waiting = time.Time{}
	if due.IsZero() {
		return 0
	}
	return max(now.Sub(due), 0)
}

// adjust is plan where the interval is another than before.
func (p *schedule) adjust(interval time.Duration) {
	if interval != p.interval {
		p.plan(interval)
	}
}

// ready reports whether it is time to begin, when the timer says so: the timer
// may have fired while it was being set anew, or the interval may have changed
// since.
func (p *schedule) ready(interval time.Duration) bool {
	if interval != p.interval {
		p.plan(interval)
		return false
	}
	return interval != 0 && !time.Now().Before(p.due)
}
