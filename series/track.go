package series

import (
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// tier is one step at which points are kept.
type tier struct {
	step time.Duration
	keep time.Duration // for how long, at least; 0: not at all

	// span is how long a chunk is when it is ended as it is written: few chunks
	// are few rows, and what is not ended is written anew each time. At most it
	// comes to be half of slack long, so that what began slack before the oldest
	// that is kept can go.
	span, slack time.Duration
}

// tiers are the steps at which points are kept, the finest first. Each is a
// multiple of the one before.
var tiers = [...]tier{
	{step: time.Second, keep: 15 * time.Minute, span: 20 * time.Second, slack: 2 * time.Minute},
	{step: 10 * time.Second, keep: 6 * time.Hour, span: 5 * time.Minute, slack: 10 * time.Minute},
	{step: time.Minute, keep: 30 * 24 * time.Hour, span: time.Hour, slack: 2 * time.Hour},
}

// open is a chunk that is being written: all of its samples but the last are
// encoded.
type open struct {
	coder coder
	data  []byte
	n     int // samples, the last with them
	last  sample
	dirty bool // it is not what was taken last
	base  bool // the last is where a run begins: nothing is put into it

	// start is the second of its first sample, which need not be where that
	// point begins: so two chunks that share a point are still two.
	start int64
}

// add puts a sample of a second behind the others, or into the last if it is of
// the same point. A sample never stands before the one that it follows.
func (o *open) add(s sample, second int64, run uint64) {
	apart := s.fresh || o.base
	o.dirty, o.base = true, false
	switch {
	case o.n == 0:
		o.start = second
	case s.tick <= o.last.tick && !apart:
		o.last.roll(&s)
		return
	default:
		s.tick = max(s.tick, o.last.tick) // of what begins there may be two at a tick
		o.encode(run)
	}
	o.n++
	o.last = s
}

// encode puts the last sample to the encoded ones.
func (o *open) encode(run uint64) {
	if len(o.data) == 0 {
		o.data = head(run)
	}
	o.data = o.coder.append(o.data, &o.last, o.n == 1)
}

// chunk is the chunk as it is now. It shares nothing with o.
func (o *open) chunk(service string, t *tier, run uint64) fleet.SeriesChunk {
	whole := open{coder: o.coder, n: o.n, last: o.last}
	whole.data = append(make([]byte, 0, len(o.data)+maxSample), o.data...)
	whole.encode(run)
	return fleet.SeriesChunk{
		Service: service, Step: t.step, Start: time.Unix(o.start, 0).UTC(), End: t.at(o.last.tick + 1), Points: whole.data,
	}
}

// maxSample is about how many bytes a sample takes at most.
const maxSample = 48

// at is when a tick begins.
func (t *tier) at(tick int64) time.Time {
	return time.Unix(tick*int64(t.step/time.Second), 0).UTC()
}

// tick is the one that a moment is in.
func (t *tier) tick(at time.Time) int64 { return floorDiv(at.Unix(), int64(t.step/time.Second)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ladder are the tiers of a recorder, the finest first.
type ladder [len(tiers)]tier

// finestKept is the finest tier that reaches back to a moment; the one that is
// kept the longest if none does.
func (l *ladder) finestKept(from, now time.Time) int {
	longest := 0
	for i := range l {
		if l[i].reaches(from, now) {
			return i
		}
		if l[i].keep > l[longest].keep {
			longest = i
		}
	}
	return longest
}

// reaches reports whether what was at a moment is kept.
func (t *tier) reaches(from, now time.Time) bool {
	return t.keep > 0 && !from.Before(now.Add(-t.keep-time.Minute)) // a request takes its time
}

// track is one service's series, as far as it is not written.
type track struct {
	service string
	tiers   *ladder
	open    [len(tiers)]open

	// newest is the last sample of all, in seconds, and known says that there
	// is one.
	newest sample
	known  bool

	fresh  bool  // its totals begin anew
	gone   bool  // it was taken out
	queued bool  // it waits to be written
	since  int64 // the second since when it does
}

// add puts what was seen in a second into all tiers, and returns chunks that end
// by that.
func (t *track) add(s sample, run uint64) (ended []fleet.SeriesChunk) {
	second := s.tick
	s.run = run
	for i := range t.tiers {
		o, tier := &t.open[i], &t.tiers[i]
		if tier.keep == 0 {
			continue
		}
		if o.n > 0 && time.Duration(second-o.start)*time.Second >= tier.slack/2 {
			if o.dirty {
				ended = append(ended, o.chunk(t.service, tier, run))
			}
			*o = open{data: o.data[:0]}
		}
		s.tick = floorDiv(second, int64(tier.step/time.Second))
		o.add(s, second, run)
	}
	s.tick = max(second, t.newest.tick)
	t.newest, t.known = s, true
	return ended
}

// begin puts what was known when a run began into all tiers, as add does. It
// stands for nothing that happened: what comes next is counted from it.
func (t *track) begin(s sample, run uint64) (ended []fleet.SeriesChunk) {
	ended = t.add(s, run)
	for i := range t.open {
		t.open[i].base = t.open[i].n > 0
	}
	return ended
}

// what says what take takes.
type what uint8

const (
	present    what = iota // all that there is; what is long enough is ended
	ended                  // what is long enough, and ended by that
	everything             // all that there is, and all is ended
)

// take is what is not written of a track. What comes behind a chunk that is ended
// begins one of its own.
func (t *track) take(run uint64, w what) []fleet.SeriesChunk {
	var chunks []fleet.SeriesChunk
	for i := range t.tiers {
		o, tier := &t.open[i], &t.tiers[i]
		if o.n == 0 || !o.dirty && w != everything {
			continue
		}
		end := w == everything || tier.at(o.last.tick+1).Sub(time.Unix(o.start, 0)) >= tier.span
		if !end && w == ended {
			continue
		}
		if o.dirty {
			chunks = append(chunks, o.chunk(t.service, tier, run))
		}
		if o.dirty = false; end {
			*o = open{data: o.data[:0]}
		}
	}
	return chunks
}
