package fleet

import (
	"time"

	"github.com/degenduel/switchgear"
)

// performances make one of many, weighted by the operations in the windows.
type performances struct {
	n                  float64
	sum, p50, p95, p99 float64
	last               time.Time
	out                switchgear.Performance
	low, high          [3]time.Duration // of the percentiles of those that have operations
}

func (p *performances) add(s *switchgear.Snapshot) {
	f := &s.Performance
	if at := later(s.LastSuccess, s.LastFailure); f.Last > 0 && (p.out.Last == 0 || at.After(p.last)) {
		p.out.Last, p.last = f.Last, at
	}
	p.out.Slowest = max(p.out.Slowest, f.Slowest)
	n := float64(s.Failures + s.Successes)
	if n == 0 {
		return
	}
	of := [3]time.Duration{f.P50, f.P95, f.P99}
	for i, d := range of {
		if p.n == 0 || d < p.low[i] {
			p.low[i] = d
		}
		p.high[i] = max(p.high[i], d)
	}
	p.n += n
	p.sum += n * float64(f.Average)
	p.p50 += n * float64(f.P50)
	p.p95 += n * float64(f.P95)
	p.p99 += n * float64(f.P99)
}

func (p *performances) performance() switchgear.Performance {
	if p.n > 0 {
		p.out.Average = time.Duration(p.sum / p.n)
		p.out.P50, p.out.P95, p.out.P99 = time.Duration(p.p50/p.n), time.Duration(p.p95/p.n), time.Duration(p.p99/p.n)
	}
	return p.out
}

// percentiles puts in place of the weighted means what a histogram of the last
// operations of all says. Its buckets are wide; but the percentile of a whole
// lies between those of its parts.
func percentiles(p *switchgear.Performance, of []*instance, recent *switchgear.Durations) {
	var total uint64
	for _, n := range recent.Counts {
		total += n
	}
	var parts performances
	for _, i := range of {
		parts.add(&i.state.Snapshot)
	}
	if total == 0 || parts.n == 0 {
		return
	}
	for k, to := range []struct {
		share float64
		d     *time.Duration
	}{{0.50, &p.P50}, {0.95, &p.P95}, {0.99, &p.P99}} {
		*to.d = min(max(quantile(recent, total, to.share), parts.low[k]), parts.high[k])
	}
}

// quantile is what that share of the operations took at most.
func quantile(d *switchgear.Durations, total uint64, share float64) time.Duration {
	rank, below := share*float64(total), 0.0
	low := time.Duration(0)
	for i, n := range d.Counts {
		high := 2 * low
		if i < len(switchgear.DurationBounds) {
			high = switchgear.DurationBounds[i]
		}
		if f := float64(n); n > 0 && below+f >= rank {
			return low + time.Duration(float64(high-low)*(rank-below)/f)
		}
		below += float64(n)
		low = high
	}
	return low
}

// recent is what has been counted in the last window or two.
type recent struct {
	at           time.Time
	before, last switchgear.Durations // all, when the windows began
}

// since moves the windows on and is what was counted in them.
func (r *recent) since(now time.Time, window time.Duration, all *switchgear.Durations) switchgear.Durations {
	switch age := now.Sub(r.at); {
	case r.at.IsZero() || age >= 2*window:
		r.before, r.last, r.at = *all, *all, now
	case age >= window:
		r.before, r.last, r.at = r.last, *all, now
	}
	t := totals{Durations: *all}
	t.take(&totals{Durations: r.before})
	return t.Durations
}
