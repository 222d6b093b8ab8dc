package ws

import (
	"io"
	"runtime"
	"sort"
	"sync"
	"bytes"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	f := start(t, Config{HeartbeatInterval: time.Hour}, "prices")
	const n = 1000
	var before, after runtime.MemStats
	runtime.GC(); runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	type hit struct{ at time.Time; round int }
	hits := make(chan time.Time, n*200)
	for range n {
		_, r := f.raw(t)
		wg.Go(func() {
			buf := make([]byte, 8192)
			var acc []byte
			for {
				k, err := r.Read(buf)
				if err != nil { return }
				acc = append(acc, buf[:k]...)
				for {
					i := bytes.Index(acc, []byte(`"to":"open"`))
					if i < 0 { break }
					hits <- time.Now()
					acc = acc[i+10:]
				}
				if len(acc) > 64 { acc = acc[len(acc)-64:] }
			}
		})
	}
	eventually(t, "all", func() bool { return f.Clients() == n })
	runtime.GC(); runtime.ReadMemStats(&after)
	t.Logf("per conn (both ends): %d B heap+stack", (after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n)
	var all []time.Duration
	var last []time.Duration
	for range 50 {
		began := time.Now()
		f.open(t, "prices")
		var l time.Duration
		for range n {
			d := (<-hits).Sub(began)
			all = append(all, d); l = max(l, d)
		}
		last = append(last, l)
		f.reset(t, "prices")
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	sort.Slice(last, func(i, j int) bool { return last[i] < last[j] })
	t.Logf("latency report->client p50 %v p99 %v max %v; last client p50 %v", all[len(all)/2], all[len(all)*99/100], all[len(all)-1], last[len(last)/2])
	_ = io.EOF
	_ = wg
}
func TestMeasureSnapshot(t *testing.T) {
	f := start(t, Config{}, many(10000)...)
	for range 3 {
		began := time.Now()
		s, err := f.snapshots.all()
		if err != nil { t.Fatal(err) }
		size := 0
		for _, p := range s.pages { size += len(p) }
		t.Logf("snapshot of 10000: %v, %d pages, %d bytes", time.Since(began), len(s.pages), size)
		f.open(t, "service_0")
	}
}
