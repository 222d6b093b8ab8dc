package series

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// sample is a point as it is kept: the totals, and how the service was.
type sample struct {
	tick int64  // since 1970, in steps
	run  uint64 // of the recorder, where it was read

	successful, failed, ignored, rejected uint64 // totals

	average, p50, p95, p99 uint32 // µs
	failures               uint32 // in the window
	share                  uint32 // ‰ of what is admitted
	is                     facts

	// fresh is of a service whose totals began anew, at 0, since the sample
	// before.
	fresh bool
}

// facts are what is known of a service besides: state, mode and flags.
type facts uint32

// The facts. The lowest two bits are the state, the next two the mode.
const (
	running facts = 1 << (iota + 4)
	silent        // its reports have stopped
	near          // it is half way to opening, or more
	checked       // a health check has ended
	healthy       // the newest of them passed
)

func (f facts) state() switchgear.State { return switchgear.State(f & 3) }
func (f facts) mode() switchgear.Mode   { return switchgear.Mode(f >> 2 & 3) }
func (f facts) has(flag facts) bool     { return f&flag != 0 }

// sampleOf is what is kept of a view.
func sampleOf(v *fleet.View, tick int64, fresh bool) sample {
	s := &v.Breaker
	is := facts(s.State) | facts(s.Mode)<<2
	for _, flag := range [...]struct {
		fact facts
		set  bool
	}{
		{running, v.Running},
		{silent, v.Instances.Stale > 0 && v.Instances.Stale == v.Instances.Total},
		{near, v.NearOpening()},
		{checked, v.Health.Checked},
		{healthy, v.Health.Healthy},
	} {
		if flag.set {
			is |= flag.fact
		}
	}
	return sample{
		tick: tick, successful: s.Operations.Successful, failed: s.Operations.Failed,
		ignored: s.Operations.Ignored, rejected: s.Operations.Rejected,
		average: micros(s.Performance.Average), p50: micros(s.Performance.P50),
		p95: micros(s.Performance.P95), p99: micros(s.Performance.P99),
		failures: uint32(min(s.Failures, math.MaxUint32)),
		share:    uint32(math.Round(1000 * min(max(s.AdmittedShare, 0), 1))),
		is:       is, fresh: fresh,
	}
}

func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

// roll is what becomes of two samples of one point.
func (s *sample) roll(next *sample) {
	worst := *s
	*s = *next
	s.tick = worst.tick
	s.fresh = worst.fresh
	s.average, s.p50 = max(s.average, worst.average), max(s.p50, worst.p50)
	s.p95, s.p99 = max(s.p95, worst.p95), max(s.p99, worst.p99)
}

// coder encodes samples, or decodes them: it knows what came before. Each sample
// is a mask of what is not as it was expected, and then just that. Totals are
// expected to rise as they did last, everything else to stay.
type coder struct {
	last                             sample
	dSuccessful, dFailed, dIgn, dRej uint64 // by how much they rose
}

// The bits of a mask; the likely ones fit a byte.
const (
	maskSuccessful = 1 << iota
	maskAverage
	maskTick // it is not the next
	maskFailures
	maskFailed
	maskRejected
	maskP99
	maskP95
	maskP50
	maskFacts
	maskShare
	maskIgnored
	maskFresh

	masks = 1 << iota
)

// append encodes a sample behind what is in b. Of the first, the tick is that of
// where the chunk starts.
func (c *coder) append(b []byte, s *sample, first bool) []byte {
	var room [80]byte
	body := room[:0]
	var mask uint64
	set := func(bit, v uint64) {
		mask |= bit
		body = binary.AppendUvarint(body, v)
	}
	rise := func(bit, now, was uint64, d *uint64) {
		step := now - was
		if step != *d {
			set(bit, zigzag(step-*d))
		}
		*d = step
	}
	change := func(bit uint64, now, was uint32) {
		if now != was {
			set(bit, zigzag(uint64(now)-uint64(was)))
		}
	}
	last := &c.last
	rise(maskSuccessful, s.successful, last.successful, &c.dSuccessful)
	change(maskAverage, s.average, last.average)
	if ticks := s.tick - last.tick; !first && ticks != 1 {
		set(maskTick, uint64(ticks)) //nolint:gosec // it is not below 0
	}
	change(maskFailures, s.failures, last.failures)
	rise(maskFailed, s.failed, last.failed, &c.dFailed)
	rise(maskRejected, s.rejected, last.rejected, &c.dRej)
	change(maskP99, s.p99, last.p99)
	change(maskP95, s.p95, last.p95)
	change(maskP50, s.p50, last.p50)
	change(maskFacts, uint32(s.is), uint32(last.is))
	change(maskShare, s.share, last.share)
	rise(maskIgnored, s.ignored, last.ignored, &c.dIgn)
	if s.fresh {
		mask |= maskFresh
	}
	c.last = *s
	return append(binary.AppendUvarint(b, mask), body...)
}

// zigzag makes a small number of a small difference, whatever its sign.
func zigzag(d uint64) uint64 { return d<<1 ^ -(d >> 63) }

func zagzig(z uint64) uint64 { return z>>1 ^ -(z & 1) }

// format is the first byte of a chunk.
const format = 1

var errSpoiled = errors.New("series: a chunk cannot be read")

// head begins a chunk of a run of the recorder.
func head(run uint64) []byte { return binary.AppendUvarint([]byte{format}, run) }

// runOf is the run of the recorder that has written a chunk; 0 of one that cannot
// be read.
func runOf(data []byte) uint64 {
	if len(data) == 0 || data[0] != format {
		return 0
	}
	run, _ := binary.Uvarint(data[1:])
	return run
}

// decode calls yield with each sample of a chunk that starts at a tick. What comes
// before the spoiled part of a chunk is good.
func decode(data []byte, tick int64, yield func(s *sample)) error {
	if len(data) == 0 || data[0] != format {
		return errSpoiled
	}
	run, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return errSpoiled
	}
	r := reader{data: data[1+n:]}
	c := coder{}
	for first := true; len(r.data) > 0; first = false {
		s := r.sample(&c, tick, first)
		if r.bad {
			return errSpoiled
		}
		c.last = s
		s.run = run
		yield(&s)
	}
	return nil
}

type reader struct {
	data []byte
	bad  bool
}

func (r *reader) next() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

// maxTick is far enough away, and a sum of two fits.
const maxTick = math.MaxInt64 / 2

func (r *reader) sample(c *coder, tick int64, first bool) sample {
	mask := r.next()
	if mask >= masks {
		r.bad = true
	}
	rise := func(bit, was uint64, d *uint64) uint64 {
		if mask&bit != 0 {
			*d += zagzig(r.next())
		}
		return was + *d
	}
	change := func(bit uint64, was uint32) uint32 {
		if mask&bit != 0 {
			was += uint32(zagzig(r.next())) //nolint:gosec // modulo 2³², as it was written
		}
		return was
	}
	s := c.last
	s.successful = rise(maskSuccessful, s.successful, &c.dSuccessful)
	s.average = change(maskAverage, s.average)
	switch {
	case first:
		s.tick = tick
	case mask&maskTick == 0:
		s.tick++
	default:
		ticks := r.next()
		r.bad = r.bad || ticks > maxTick
		s.tick += int64(ticks) //nolint:gosec // as was checked
	}
	r.bad = r.bad || s.tick > maxTick
	s.failures = change(maskFailures, s.failures)
	s.failed = rise(maskFailed, s.failed, &c.dFailed)
	s.rejected = rise(maskRejected, s.rejected, &c.dRej)
	s.p99 = change(maskP99, s.p99)
	s.p95 = change(maskP95, s.p95)
	s.p50 = change(maskP50, s.p50)
	s.is = facts(change(maskFacts, uint32(s.is)))
	s.share = change(maskShare, s.share)
	s.ignored = rise(maskIgnored, s.ignored, &c.dIgn)
	s.fresh = mask&maskFresh != 0
	return s
}
