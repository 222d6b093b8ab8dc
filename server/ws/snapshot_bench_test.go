package ws

import (
	"fmt"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// reporting is a manager with so many services as agents report them: about
// 1.6 KB each on the wire.
func reporting(services int) *watched {
	w := &watched{seq: 1}
	now := time.Now()
	for i := range services {
		w.states = append(w.states, reported(i, now))
	}
	return w
}

func reported(i int, now time.Time) fleet.View {
	return fleet.View{
		Service: fmt.Sprintf("service_%06d", i), Status: fleet.StatusHealthy, Running: true, Layer: "data",
		Description:  "One of the services that a snapshot is made of",
		Dependencies: []string{"service_000000"}, Source: fleet.SourceAgent, Instances: fleet.Instances{Total: 3},
		Config: switchgear.Config{FailureThreshold: 3 + i%5}, ConfigVersion: 1,
		Breaker: switchgear.Snapshot{
			Failures: 1, LastError: "connection refused", LastFailure: now, LastSuccess: now, LastReset: now, AdmittedShare: 1,
			Operations:  switchgear.Operations{Successful: uint64(1000 + i), Failed: 17},
			Performance: switchgear.Performance{Average: 1800 * time.Microsecond, P99: 12 * time.Millisecond},
		},
	}
}

// BenchmarkSnapshot is all services in pages, for a client that is the first to
// want them after every one has changed.
func BenchmarkSnapshot(b *testing.B) {
	for _, services := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("first/%d", services), func(b *testing.B) {
			w := reporting(services)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				b.StopTimer()
				h, stop, err := newHub(w, 10)
				if err != nil {
					b.Fatal(err)
				}
				s := &snapshots{hub: h, pageSize: 256 << 10}
				b.StartTimer()
				snap, err := s.all()
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				for i := range snap.pages() {
					size += len(s.take(&snap, i))
				}
				stop()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*services), "ns/service")
			b.ReportMetric(float64(size)/float64(services), "B/service")
		})
	}
}
