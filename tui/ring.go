package tui

import (
	"math"
	"time"
)

const (
	bucketWidth = 2 * time.Second
	buckets     = 156 // five minutes, and a little, as bars begin at whole spans
)

// counts are operations, by how they ended.
type counts struct{ successful, failed, rejected float64 }

func (c counts) total() float64 { return c.successful + c.failed + c.rejected }

// ring is what one service did in the last five minutes. There may be 10 000 of
// them, most of which do nothing: such a one has no buckets.
type ring struct {
	buckets []([3]float32)
	head    int64 // the newest bucket that was written, counted since 1970

	last      [3]uint64 // the totals at the last look
	lastAt    time.Time // zero: there was none
	knownFrom time.Time
	seeded    bool // what was before the first look has been asked for
}

// push takes in the totals at a moment. What was done since the look before is
// put where it ended; if nobody looked since blind, it is spread over that time.
func (r *ring) push(at, blind time.Time, successful, failed, rejected uint64) {
	totals := [3]uint64{successful, failed, rejected}
	before, beforeAt := r.last, r.lastAt
	r.last, r.lastAt = totals, at
	if beforeAt.IsZero() {
		if r.knownFrom.IsZero() {
			r.knownFrom = at
		}
		return
	}
	var done [3]float64
	for i := range totals {
		if totals[i] < before[i] {
			return // the counts began anew
		}
		done[i] = float64(totals[i] - before[i])
	}
	from := at
	if !blind.IsZero() && blind.Before(at) {
		from = blind
		if from.Before(beforeAt) {
			from = beforeAt
		}
	}
	r.spread(from, at, done)
}

// seed takes in what the manager kept of the time before the first look.
func (r *ring) seed(at time.Time, step time.Duration, c counts) {
	end := at.Add(step)
	if !r.lastAt.IsZero() && end.After(r.knownFrom) {
		end = r.knownFrom
	}
	part := float64(end.Sub(at)) / float64(step)
	if part <= 0 {
		return
	}
	r.spread(at, end.Add(-1), [3]float64{c.successful * part, c.failed * part, c.rejected * part})
}

// rate is how many operations a second ended in the time before now.
func (r *ring) rate(now time.Time, over time.Duration) counts {
	first := bucketAt(now.Add(-over)) + 1
	c := r.sum(first, bucketAt(now)+1)
	from := time.Unix(0, first*int64(bucketWidth))
	if !r.seeded && r.knownFrom.After(from) {
		from = r.knownFrom
	}
	seconds := math.Max(now.Sub(from).Seconds(), 1)
	return counts{c.successful / seconds, c.failed / seconds, c.rejected / seconds}
}

// bars are the last n spans before now, the oldest first. The present one is not
// over and would look like a fall: it is left out.
func (r *ring) bars(now time.Time, n int) []counts {
	out := make([]counts, n)
	if r.buckets == nil {
		return out
	}
	each := max(int64(buckets-buckets%n)/int64(n), 1)
	end := bucketAt(now) / each * each
	for i := range out {
		first := end - int64(n-i)*each
		out[i] = r.sum(first, first+each)
	}
	return out
}

func bucketAt(t time.Time) int64 { return t.UnixNano() / int64(bucketWidth) }

// sum is of the buckets from first, without the one at end.
func (r *ring) sum(first, end int64) counts {
	var c counts
	if r.buckets == nil {
		return c
	}
	for k := max(first, r.head-buckets+1); k < min(end, r.head+1); k++ {
		b := r.buckets[k%buckets]
		c.successful += float64(b[0])
		c.failed += float64(b[1])
		c.rejected += float64(b[2])
	}
	return c
}

func (r *ring) spread(from, to time.Time, done [3]float64) {
	if done == ([3]float64{}) {
		return
	}
	a, b := bucketAt(from), bucketAt(to)
	r.reach(b)
	n := float32(b - a + 1)
	for k := max(a, r.head-buckets+1); k <= b; k++ {
		for i := range done {
			r.buckets[k%buckets][i] += float32(done[i]) / n
		}
	}
}

// reach makes k the newest bucket; those between it and the newest so far are
// empty.
func (r *ring) reach(k int64) {
	switch {
	case r.buckets == nil:
		r.buckets, r.head = make([][3]float32, buckets), k
		return
	case k-r.head >= buckets:
		clear(r.buckets)
	default:
		for j := r.head + 1; j <= k; j++ {
			r.buckets[j%buckets] = [3]float32{}
		}
	}
	r.head = max(r.head, k)
}

// badShare is how large a share of failures is a matter of concern.
const badShare = 0.05

// spark draws bars in so many columns. A bar with many failures is a shaded one,
// and one in which all were refused a dot: that is seen without colour too.
func spark(p *palette, bars []counts) string {
	top := 1.0
	for _, b := range bars {
		top = math.Max(top, b.successful+b.failed)
	}
	text, how := "", asIs
	out := ""
	add := func(cell rune, as paint) {
		if as != how {
			out += p.paint(how, text)
			text, how = "", as
		}
		text += string(cell)
	}
	for _, b := range bars {
		ended := b.successful + b.failed
		switch {
		case ended > 0 && b.failed >= badShare*ended:
			add(level("░▒▓", ended/top), bad)
		case b.failed > 0:
			add(level("▁▂▃▄▅▆▇█", ended/top), warned)
		case ended > 0:
			add(level("▁▂▃▄▅▆▇█", ended/top), asIs)
		case b.rejected > 0:
			add('·', forced)
		default:
			add(' ', asIs)
		}
	}
	return out + p.paint(how, text)
}

// level is the step of a scale that a share of one reaches.
func level(scale string, part float64) rune {
	steps := []rune(scale)
	i := int(math.Ceil(part*float64(len(steps)))) - 1
	return steps[max(0, min(i, len(steps)-1))]
}
