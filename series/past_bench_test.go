package series

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// BenchmarkRecorder_StateAt is what it costs to say how 10 000 services were, each
// of which has 20 events, two configs, and a series.
func BenchmarkRecorder_StateAt(b *testing.B) {
	const services = 10_000
	s := openSQLite(b)
	now := time.Now()
	cfg, err := json.Marshal(switchgear.Config{})
	if err != nil {
		b.Fatal(err)
	}
	seq := uint64(0)
	for first := 0; first < services; first += 100 {
		var batch fleet.Batch
		for i := first; i < first+100; i++ {
			name := fmt.Sprintf("service-%05d", i)
			about := json.RawMessage(fmt.Sprintf(`{"source":"api","config_version":1,"layer":"l%d","description":"one of many","dependencies":["service-%05d"]}`, i%7, (i+1)%services))
			batch.Events = append(batch.Events, fleet.Event{Service: name, Kind: fleet.EventRegistered, At: now.Add(-30 * time.Hour), Evidence: about})
			batch.Configs = append(batch.Configs,
				fleet.ConfigVersion{Service: name, Version: 1, Config: cfg, At: now.Add(-30 * time.Hour)},
				fleet.ConfigVersion{Service: name, Version: 2, Config: cfg, At: now.Add(-time.Hour)})
			for n := range 6 {
				at := now.Add(-time.Duration(7-n) * time.Hour)
				for k, to := range []string{"open", "half_open", "closed"} {
					batch.Events = append(batch.Events, fleet.Event{
						Service: name, Kind: fleet.EventTransition, From: "closed", To: to, At: at.Add(time.Duration(k) * time.Minute),
						Evidence: json.RawMessage(`{"transition":3,"rule":"failure_threshold","failures":5,"successes":12,"slow":0,"consecutive_failures":5,"last_error":"boom","recovery_attempt":0,"config_version":1,"open_ms":60000}`),
					})
				}
			}
			batch.Events = append(batch.Events, fleet.Event{Service: name, Kind: fleet.EventHealthFailed, At: now.Add(-9 * time.Hour), Reason: "down", Evidence: json.RawMessage(`{"healthy":false}`)})
		}
		for i := range batch.Events {
			seq++
			batch.Events[i].Seq = seq
		}
		if err := s.Commit(context.Background(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	r, all := newBenchRecorder(b, s), newBusy(services)
	for _, past := range []int64{9 * 3600, 2*3600 + 60, 2*3600 + 30, 600, 320, 310, 60} {
		all.second(r)
		r.record(now.Unix() - past)
		r.gather(now.Unix()-past, true)
		if err := r.write(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	for _, past := range []time.Duration{5 * time.Minute, 2 * time.Hour, 8 * time.Hour} {
		b.Run(past.String(), func(b *testing.B) {
			for range b.N {
				views, err := r.StateAt(context.Background(), now.Add(-past), nil)
				if err != nil || len(views) != services {
					b.Fatalf("%d services, %v", len(views), err)
				}
			}
		})
	}
	b.Run("of ten", func(b *testing.B) {
		ten := func(name string) bool { return strings.HasPrefix(name, "service-0012") }
		for range b.N {
			views, err := r.StateAt(context.Background(), now.Add(-2*time.Hour), ten)
			if err != nil || len(views) != 10 {
				b.Fatalf("%d services, %v", len(views), err)
			}
		}
	})
	b.Run("the events", func(b *testing.B) {
		for range b.N {
			if _, err := s.StateAt(context.Background(), now.Add(-2*time.Hour), fleet.Which{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("the series", func(b *testing.B) {
		for range b.N {
			if _, err := s.SeriesAt(context.Background(), 10*time.Second, now.Add(-2*time.Hour), fleet.Which{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
