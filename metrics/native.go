package metrics

import (
	"math"
	"math/bits"

	dto "github.com/prometheus/client_model/go"

	"github.com/degenduel/switchgear"
)

// The native buckets are of schema 2: four to each doubling, so that an upper
// bound is 19 % above the one before. What took less than the first of
// switchgear.DurationBounds is in the zero bucket, which ends at 1/1024 s.
const (
	nativeSchema    = 2
	nativePerDouble = 1 << nativeSchema
	nativeZero      = 1.0 / 1024

	// shareBits says into how many shares a bucket is cut.
	shareBits = 6
	shares    = 1 << shareBits
)

// nativeOf is the number of the native bucket of so many seconds: that of those
// up to 2^(number/4).
func nativeOf(seconds float64) int { return int(math.Ceil(math.Log2(seconds) * nativePerDouble)) }

// spread says how the operations of a bucket are dealt to native ones.
type spread struct {
	first int // the number of the first native bucket

	// dealt[n] are those of each native bucket, of the first n of any 64.
	dealt [shares + 1][]uint64
}

// spreads are those of switchgear.DurationBounds, but the first, and of what
// took longer: that is in one native bucket, the first that begins there.
var spreads = func() (all [len(switchgear.DurationBounds)]spread) {
	low := switchgear.DurationBounds[0].Seconds()
	for i, bound := range switchgear.DurationBounds[1:] {
		high := bound.Seconds()
		all[i] = newSpread(low, high)
		low = high
	}
	last := nativeOf(low) + 1
	all[len(all)-1] = spread{first: last}
	for n := range all[len(all)-1].dealt {
		all[len(all)-1].dealt[n] = []uint64{uint64(n)}
	}
	return all
}()

// newSpread deals evenly, as histogram_quantile takes the operations of a bucket
// to be, and so that each native count only grows: the n-th goes where the bits
// of n say, the lowest first (van der Corput), so that few are dealt evenly too.
func newSpread(low, high float64) spread {
	s := spread{first: nativeOf(math.Nextafter(low, high))}
	room := nativeOf(high) - s.first + 1
	counts := make([]uint64, room)
	for n := range shares {
		s.dealt[n] = append([]uint64(nil), counts...)
		place := (float64(bits.Reverse8(uint8(n))>>(8-shareBits)) + 0.5) / shares
		counts[nativeOf(low+place*(high-low))-s.first]++
	}
	s.dealt[shares] = counts
	return s
}

// native adds the native buckets to a histogram.
func native(to *dto.Histogram, counts *[len(switchgear.DurationBounds) + 1]uint64) {
	schema, zero := int32(nativeSchema), nativeZero
	to.Schema, to.ZeroThreshold, to.ZeroCount = &schema, &zero, &counts[0]
	first, last := spreads[0].first, spreads[len(spreads)-1].first
	all := make([]uint64, last-first+1)
	for i, n := range counts[1:] {
		if n == 0 {
			continue
		}
		s := &spreads[i]
		for j, share := range s.dealt[shares] {
			all[s.first+j-first] += n>>shareBits*share + s.dealt[n%shares][j]
		}
	}
	encodeNative(to, int32(first), all) //nolint:gosec // a bucket's number
}

// encodeNative writes counts, the first of which is of the bucket first, as runs
// of buckets that are not empty, each as its difference to the one before.
func encodeNative(to *dto.Histogram, first int32, counts []uint64) {
	end := int32(0) // behind the last bucket that was written
	before := int64(0)
	for i, n := range counts {
		if n == 0 {
			continue
		}
		at := first + int32(i)
		if len(to.PositiveSpan) == 0 || at > end {
			gap, none := at-end, uint32(0)
			to.PositiveSpan = append(to.PositiveSpan, &dto.BucketSpan{Offset: &gap, Length: &none})
		}
		*to.PositiveSpan[len(to.PositiveSpan)-1].Length++
		to.PositiveDelta = append(to.PositiveDelta, int64(n)-before) //nolint:gosec // a count
		before, end = int64(n), at+1                                 //nolint:gosec // a count
	}
}
