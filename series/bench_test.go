package series

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/sqlite"
)

// busy are services that do between 50 and 1 000 operations a second, as a
// manager tells them.
type busy struct {
	views []fleet.View
	dice  *rand.Rand
}

func newBusy(n int) *busy {
	b := &busy{views: make([]fleet.View, n), dice: rand.New(rand.NewPCG(1, 2))}
	for i := range b.views {
		v := &b.views[i]
		v.Service, v.Running, v.Status = fmt.Sprintf("service-%05d", i), true, fleet.StatusHealthy
		v.Breaker.AdmittedShare = 1
		v.Health = switchgear.Health{Checked: true, Healthy: true}
	}
	return b
}

// second lets all of them work for a second.
func (b *busy) second(r *Recorder) {
	for i := range b.views {
		v := &b.views[i]
		s := &v.Breaker
		rate := uint64(50 + i%950)
		s.Operations.Successful += rate*9/10 + b.dice.Uint64N(rate/5+1)
		if b.dice.IntN(20) == 0 {
			s.Operations.Failed++
			s.Failures = b.dice.Uint64N(4)
		}
		base := time.Duration(1+i%40) * time.Millisecond
		s.Performance.Average = base + time.Duration(b.dice.Int64N(int64(base/5)))
		s.Performance.P50 = base
		s.Performance.P95 = base * time.Duration(2+b.dice.IntN(8)/7)
		s.Performance.P99 = base * time.Duration(4+b.dice.IntN(6)/5)
		told := *v
		r.see(fleet.Change{Service: v.Service, View: &told})
	}
}

func newBenchRecorder(tb testing.TB, s store) *Recorder {
	tb.Helper()
	m, err := fleet.New(context.Background(), fleet.Deps{Store: memory.New()}, fleet.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	r, err := New(Deps{Manager: m, Store: s}, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

func openSQLite(tb testing.TB) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), tb.TempDir(), sqlite.Options{Timeout: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkRecorder_Second is what one second of 10 000 busy services costs:
// to take them in, and, of SQLite, to write what is due of them.
func BenchmarkRecorder_Second(b *testing.B) {
	const services = 10_000
	for _, writes := range []bool{false, true} {
		name := "record"
		if writes {
			name = "record and write"
		}
		b.Run(name, func(b *testing.B) {
			var s store = memory.New()
			if writes {
				s = openSQLite(b)
			}
			r, all := newBenchRecorder(b, s), newBusy(services)
			second := time.Now().Unix() - 40*60
			tick := func() {
				second++
				r.record(second)
				r.gather(second, false)
				if !writes {
					r.waiting, r.bytes = nil, 0
					return
				}
				if err := r.write(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			for range 90 { // until what is begun is written as evenly as later
				all.second(r)
				tick()
			}
			before := r.Stats()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				all.second(r)
				b.StartTimer()
				tick()
			}
			b.StopTimer()
			done := r.Stats()
			if points := done.Points - before.Points; writes && points > 0 {
				b.ReportMetric(float64(done.Bytes-before.Bytes)/float64(points), "B-written/point")
				b.ReportMetric(float64(done.Chunks-before.Chunks)/float64(b.N), "rows/s")
			}
			var mem runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&mem)
			b.ReportMetric(float64(mem.HeapAlloc)/services, "heap-B/service")
		})
	}
}

// fill records a busy service's past into the store, in all tiers.
func fill(tb testing.TB, s store, services int, past time.Duration) {
	tb.Helper()
	r, all := newBenchRecorder(tb, s), newBusy(services)
	now := time.Now().Unix()
	for second := now - int64(past/time.Second); second < now; second++ {
		all.second(r)
		r.record(second)
		r.gather(second, false)
		if err := r.write(context.Background()); err != nil {
			tb.Fatal(err)
		}
	}
	r.gather(now, true)
	if err := r.write(context.Background()); err != nil {
		tb.Fatal(err)
	}
	done := r.Stats()
	tb.Logf("%d points, %d chunks, %.1f B written of a point of 1 s", done.Points, done.Chunks, float64(done.Bytes)/float64(done.Points))
}

// BenchmarkRecorder_Of is what it costs to read 6 hours at 10 s of one busy
// service out of SQLite.
func BenchmarkRecorder_Of(b *testing.B) {
	s := openSQLite(b)
	fill(b, s, 5, 6*time.Hour)
	r := newBenchRecorder(b, s)
	for _, q := range []struct {
		name string
		past time.Duration
		step time.Duration
	}{{"6h at 10s", 5 * time.Hour, 10 * time.Second}, {"15m at 1s", 14 * time.Minute, time.Second}, {"6h at 1m", 6 * time.Hour, time.Minute}} {
		b.Run(q.name, func(b *testing.B) {
			n := 0
			for range b.N {
				a, err := r.Of(context.Background(), "service-00001", time.Now().Add(-q.past), time.Time{}, q.step)
				if err != nil {
					b.Fatal(err)
				}
				n = len(a.Series[0].Points)
			}
			b.ReportMetric(float64(n), "points")
		})
	}
}

// TestEncoding_TakesFewBytes shows what a point takes, for docs/operations.md.
func TestEncoding_TakesFewBytes(t *testing.T) {
	t.Parallel()
	all := newBusy(100)
	r := newBenchRecorder(t, memory.New())
	second := time.Now().Unix() - 7200
	for range 3600 {
		second++
		all.second(r)
		r.record(second)
	}
	for i := range tiers {
		bytes, n := 0, 0
		r.mu.Lock()
		for _, c := range r.waiting {
			if c.Step != tiers[i].step || c.Service == "" {
				continue
			}
			bytes += len(c.Points)
			_ = decode(c.Points, 0, func(*sample) { n++ })
		}
		for _, track := range r.tracks {
			if track.service != "" && track.open[i].n > 0 {
				c := track.open[i].chunk(track.service, &tiers[i], r.run)
				bytes += len(c.Points)
				n += track.open[i].n
			}
		}
		r.mu.Unlock()
		per := float64(bytes) / float64(n)
		t.Logf("step %v: %.1f bytes a point of %d", tiers[i].step, per, n)
		if per > 14 {
			t.Errorf("step %v: %.1f bytes a point", tiers[i].step, per)
		}
	}
}
