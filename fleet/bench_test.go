package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

const fleetSize = 10_000

// largeFile is a config file of many services, of which each but the first ten
// depends on one of those.
func largeFile() map[string]config.Service {
	services := make(map[string]config.Service, fleetSize)
	for i := range fleetSize {
		def := config.Service{
			Layer: "payment", Description: "a service of a large fleet",
			Config: switchgear.Config{FailureThreshold: 1, HealthCheckInterval: time.Hour, ResetTimeout: time.Hour},
		}
		if i >= 10 {
			def.Dependencies = []string{fmt.Sprintf("s%05d", i%10)}
		}
		services[fmt.Sprintf("s%05d", i)] = def
	}
	return services
}

// runFleet runs a manager over the store with the services of the file.
func runFleet(b *testing.B, store fleet.Store, services map[string]config.Service) (m *fleet.Manager, stop func()) {
	b.Helper()
	m, err := fleet.New(b.Context(), fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	if err := m.ApplyFile(b.Context(), services); err != nil {
		b.Fatal(err)
	}
	return m, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkManager_Start is a start with 10 000 services in the store, up to the
// first answer: those of the config file, and those declared over the API.
func BenchmarkManager_Start(b *testing.B) {
	b.Run("file", func(b *testing.B) {
		store, services := memory.New(), largeFile()
		_, stop := runFleet(b, store, services)
		stop()
		for b.Loop() {
			m, stop := runFleet(b, store, services)
			if _, err := m.Service("s00017"); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			stop()
			b.StartTimer()
		}
	})
	b.Run("api", func(b *testing.B) {
		store := memory.New()
		m, stop := runFleet(b, store, nil)
		for i := range fleetSize {
			if _, _, err := m.Declare(b.Context(), fmt.Sprintf("s%05d", i), config.Service{}, operator); err != nil {
				b.Fatal(err)
			}
		}
		stop()
		for b.Loop() {
			m, stop := runFleet(b, store, nil)
			if _, err := m.Service("s00017"); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			stop()
			b.StartTimer()
		}
	})
}

// BenchmarkManager_ApplyFileUnchanged reads a file of 10 000 services again.
func BenchmarkManager_ApplyFileUnchanged(b *testing.B) {
	services := largeFile()
	m, stop := runFleet(b, memory.New(), services)
	defer stop()
	for b.Loop() {
		if err := m.ApplyFile(b.Context(), services); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkManager_Declare declares a service among 10 000.
func BenchmarkManager_Declare(b *testing.B) {
	m, stop := runFleet(b, memory.New(), largeFile())
	defer stop()
	for i := 0; b.Loop(); i++ {
		def := config.Service{Description: strconv.Itoa(i), Dependencies: []string{"s00001", "s05000"}}
		if _, _, err := m.Declare(b.Context(), "new", def, operator); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkManager_DependencyEdges opens and closes a service on which 1 000 of
// 10 000 depend, which are all told that it fails, and that it does not.
func BenchmarkManager_DependencyEdges(b *testing.B) {
	m, stop := runFleet(b, memory.New(), largeFile())
	defer stop()
	for b.Loop() {
		if _, err := m.Report(b.Context(), "s00003", []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Reset(b.Context(), "s00003", switchgear.Closed, operator); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkManager_Storm opens 10 000 circuits, and stores that.
func BenchmarkManager_Storm(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		m, stop := runFleet(b, memory.New(), largeFile())
		b.StartTimer()
		for i := range fleetSize {
			if _, err := m.Report(b.Context(), fmt.Sprintf("s%05d", i), []fleet.Outcome{{Outcome: switchgear.Failure}}); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}

// BenchmarkManager_Measure is what the metrics of 10 000 services ask for.
func BenchmarkManager_Measure(b *testing.B) {
	m, stop := runFleet(b, memory.New(), largeFile())
	defer stop()
	for b.Loop() {
		if got := len(m.Measure().Services); got != fleetSize {
			b.Fatal(errors.New("services are missing"))
		}
	}
}
