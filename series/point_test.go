package series

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// someSamples are samples in the order of time, with all that can be.
var someSamples = rapid.Custom(func(r *rapid.T) []sample {
	total := rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64Range(0, 1000), rapid.Uint64())
	level := rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32())
	s := sample{tick: rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 1<<40)).Draw(r, "tick")}
	samples := make([]sample, 0, 20)
	for range rapid.IntRange(1, 20).Draw(r, "n") {
		if rapid.Bool().Draw(r, "counts") {
			s.successful += total.Draw(r, "successful") // modulo 2⁶⁴: also down
			s.failed += total.Draw(r, "failed")
		}
		if rapid.Bool().Draw(r, "more") {
			s.ignored, s.rejected = total.Draw(r, "ignored"), total.Draw(r, "rejected")
			s.average, s.p50, s.p95, s.p99 = level.Draw(r, "average"), level.Draw(r, "p50"), level.Draw(r, "p95"), level.Draw(r, "p99")
			s.failures, s.share, s.is = level.Draw(r, "failures"), rapid.Uint32Range(0, 1000).Draw(r, "share"), facts(level.Draw(r, "is"))
		}
		s.fresh = rapid.Bool().Draw(r, "fresh")
		samples = append(samples, s)
		s.tick += rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(0, 100_000)).Draw(r, "ticks")
	}
	return samples
})

func TestChunk_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		samples := someSamples.Draw(r, "samples")
		run := rapid.Uint64().Draw(r, "run")
		data := head(run)
		var c coder
		for i := range samples {
			data = c.append(data, &samples[i], i == 0)
		}
		var got []sample
		err := decode(data, samples[0].tick, func(s *sample) {
			got = append(got, *s)
		})
		if diff := cmp.Diff(samples, got, cmp.AllowUnexported(sample{}), cmpopts.IgnoreFields(sample{}, "run")); err != nil || diff != "" {
			r.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		if by := runOf(data); by != run {
			r.Errorf("run %d, want %d", by, run)
		}
		if most := len(head(run)) + len(samples)*120; len(data) > most {
			r.Errorf("%d samples take %d bytes", len(samples), len(data))
		}
	})
}

func TestChunk_ThatIsSpoiledIsReadUpToThere(t *testing.T) {
	t.Parallel()
	data := head(7)
	var c coder
	for i := range int64(3) {
		data = c.append(data, &sample{tick: 100 + i, successful: uint64(10 * i)}, i == 0)
	}
	whole := len(data)
	data = append(data, 0xff, 0xff, 0xff)
	seen := 0
	if err := decode(data, 100, func(*sample) { seen++ }); err == nil || seen != 3 {
		t.Errorf("%v after %d samples, want an error after 3", err, seen)
	}
	seen = 0
	if err := decode(data[:whole], 100, func(*sample) { seen++ }); err != nil || seen != 3 {
		t.Errorf("%v after %d samples, want 3", err, seen)
	}
	for _, bad := range [][]byte{nil, {2, 0, 0}, {format}, {format, 0xff}, {format, 0, maskTick, 1, maskTick, 0xff}, {format, 0, 0x80, 0x80, 0x40}} {
		if err := decode(bad, 1, func(*sample) {}); err == nil {
			t.Errorf("%v is read", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{format, 1, 0, maskTick, 5, maskSuccessful, 2}, int64(12))
	f.Add([]byte{format, 1, maskTick, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, int64(math.MaxInt64/2))
	f.Fuzz(func(t *testing.T, data []byte, tick int64) {
		tick = min(max(tick, 0), maxTick)
		last, n := tick, 0
		_ = decode(data, tick, func(s *sample) {
			if s.tick < last {
				t.Errorf("tick %d after %d", s.tick, last)
			}
			last = s.tick
			n++
		})
		if n > len(data) {
			t.Errorf("%d samples of %d bytes", n, len(data))
		}
	})
}

func TestSample_OfOnePointHasTheWorstAndTheLast(t *testing.T) {
	t.Parallel()
	got := sample{tick: 5, successful: 10, average: 9, p50: 1, p95: 8, p99: 9, failures: 4, share: 1000, is: 1, fresh: true}
	got.roll(&sample{tick: 6, successful: 12, failed: 1, average: 2, p50: 3, p95: 4, p99: 20, failures: 1, share: 50, is: 2})
	want := sample{tick: 5, successful: 12, failed: 1, average: 9, p50: 3, p95: 8, p99: 20, failures: 1, share: 50, is: 2, fresh: true}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
