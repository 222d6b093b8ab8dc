package server

import (
	"context"
	"runtime"
	"runtime/metrics"

	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

// info is how the server is now.
func (s *Server) info(ctx context.Context) wire.ServerInfo {
	h := s.manager.Condition()
	info := wire.ServerInfo{
		Version: s.version.Version, Commit: s.version.Commit, Go: s.version.Go,
		StartedAt: wire.Time{Time: s.started}, Epoch: s.manager.Epoch(), Services: h.Services,
		Store: wire.StoreInfo{
			Answers: h.StoreAvailable, Waiting: h.Waiting, DroppedEvents: h.EventsDropped, FailedWrites: h.StoreFailures,
		},
		Stream: s.stream.Info(), MemoryBytes: memory(), Goroutines: runtime.NumGoroutine(),
	}
	if err := s.manager.Ready(ctx); err != nil {
		_, text := problem.Describe(unavailable{err}) // what a store says may hold paths
		info.Store.Error = &text
	}
	if kept := s.watchers().Series; kept != nil {
		done := kept.Stats()
		info.Series = wire.SeriesInfo{Points: done.Points, Chunks: done.Chunks, Bytes: done.Bytes, Dropped: done.Dropped}
	}
	info.Ready = info.Store.Error == nil
	if s.clusterInfo != nil {
		info.Cluster = s.clusterInfo()
		info.Ready = info.Ready && info.Cluster.Problem == nil
	}
	return info
}

// memory is what the Go runtime has of the system and has not given back, in
// bytes. To read it stops nothing.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0
		}
	}
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
