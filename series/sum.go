package series

import "time"

// summer makes points of samples: differences of totals, by the step that they
// are in.
type summer struct {
	a       *Answer
	step    int64 // seconds
	buckets []bucket

	last, first  sample // the one before, and the last before the range
	known, began bool   // there are such
	place        int64  // the bucket of the one before; -1 of none
}

// bucket is a point in the making.
type bucket struct {
	filled                                bool
	successful, failed, ignored, rejected uint64
	sample                                sample
}

func newSummer(a *Answer) *summer {
	return &summer{a: a, step: int64(a.Step / time.Second), buckets: make([]bucket, a.buckets())}
}

// begin takes in a sample from before the range.
func (s *summer) begin(p *sample) {
	s.pass(p)
	s.first, s.began = *p, true
}

// pass takes in a sample that is in no point.
func (s *summer) pass(p *sample) { s.last, s.known, s.place = *p, true, -1 }

// add takes in a sample of the point that begins at a second.
func (s *summer) add(p *sample, at int64) {
	i := (at - s.a.From.Unix()) / s.step
	if i < 0 || i >= int64(len(s.buckets)) {
		return
	}
	b := &s.buckets[i]
	switch {
	case p.fresh:
		b.rise(p, &sample{})
	case s.known && s.follows(p, i):
		b.rise(p, &s.last)
	}
	if b.filled {
		b.sample.roll(p)
	} else {
		b.filled, b.sample = true, *p
	}
	s.pass(p)
	s.place = i
}

// follows reports whether what happened since the sample before is of the point
// that this one is in. What a killed recorder has not told happened somewhere
// between the last sample of one run and the first of the next, which is of that
// point only if both are in it.
func (s *summer) follows(p *sample, place int64) bool {
	return p.run == s.last.run || place == s.place && p.tick >= s.last.tick
}

// rise counts what happened between two samples. A total that is lower than it
// was is one that a killed manager had not stored: it was counted then.
func (b *bucket) rise(now, was *sample) {
	less := func(now, was uint64) uint64 {
		if now < was {
			return 0
		}
		return now - was
	}
	b.successful += less(now.successful, was.successful)
	b.failed += less(now.failed, was.failed)
	b.ignored += less(now.ignored, was.ignored)
	b.rejected += less(now.rejected, was.rejected)
}

// points are the points that there are, in order.
func (s *summer) points() []Point {
	points := []Point{}
	for i := range s.buckets {
		b := &s.buckets[i]
		if !b.filled {
			if i > 0 || !s.began {
				continue
			}
			b.sample = s.first
		}
		p := b.sample.point()
		p.At = s.a.From.Add(time.Duration(i) * s.a.Step)
		p.Successful, p.Failed, p.Ignored, p.Rejected = b.successful, b.failed, b.ignored, b.rejected
		points = append(points, p)
	}
	return points
}

// point is how the service was.
func (s *sample) point() Point {
	return Point{
		Average: us(s.average), P50: us(s.p50), P95: us(s.p95), P99: us(s.p99),
		State: s.is.state(), Mode: s.is.mode(), AdmittedShare: float64(s.share) / 1000, Failures: uint64(s.failures),
	}
}

func us(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }
