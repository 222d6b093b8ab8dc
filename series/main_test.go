package series

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, recordOnAndOn(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var operator = fleet.Actor{Name: "alice", Address: "192.0.2.1", Reason: "a test"}

// bench is a manager with its recorder, in a bubble.
type bench struct {
	*Recorder

	t       *testing.T
	manager *fleet.Manager
	stop    func()
}

// store is what a bench keeps things in.
type store interface {
	fleet.Store
	fleet.SeriesStore
}

// start runs a manager and its recorder over the store until stop.
func start(t *testing.T, s store, cfg Config) *bench {
	t.Helper()
	return startWith(t, s, s, cfg)
}

func startWith(t *testing.T, s fleet.Store, of fleet.SeriesStore, cfg Config) *bench {
	t.Helper()
	b := &bench{t: t}
	var err error
	if b.manager, err = fleet.New(t.Context(), fleet.Deps{Store: s}, fleet.Config{}); err != nil {
		t.Fatal(err)
	}
	if b.Recorder, err = New(Deps{Manager: b.manager, Store: of}, cfg); err != nil {
		t.Fatal(err)
	}
	managing, stopManaging := context.WithCancel(context.Background())
	recording, stopRecording := context.WithCancel(context.Background())
	var manager, recorder sync.WaitGroup
	manager.Go(func() { _ = b.manager.Run(managing) })
	recorder.Go(func() { _ = b.Run(recording) })
	b.stop = sync.OnceFunc(func() {
		stopManaging()
		manager.Wait()
		stopRecording()
		recorder.Wait()
	})
	t.Cleanup(b.stop)
	return b
}

func (b *bench) declare(name string, def config.Service) {
	b.t.Helper()
	if _, _, err := b.manager.Declare(context.Background(), name, def, operator); err != nil {
		b.t.Fatal(err)
	}
}

// report counts operations that took a millisecond.
func (b *bench) report(name string, successes, failures int) {
	b.t.Helper()
	var outcomes []fleet.Outcome
	for range successes {
		outcomes = append(outcomes, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
	}
	for range failures {
		outcomes = append(outcomes, fleet.Outcome{Outcome: switchgear.Failure, Duration: time.Millisecond, Error: "boom"})
	}
	if _, err := b.manager.Report(context.Background(), name, outcomes); err != nil {
		b.t.Fatal(err)
	}
}

// of are a service's points since a moment.
func (b *bench) of(name string, from time.Time, step time.Duration) Answer {
	b.t.Helper()
	a, err := b.Of(context.Background(), name, from, time.Time{}, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// sum is what happened in the points.
func sum(points []Point) (successful, failed uint64) {
	for _, p := range points {
		successful += p.Successful
		failed += p.Failed
	}
	return successful, failed
}

// pass lets time go by, and what is to happen in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lenient is a service whose circuit stays closed.
var lenient = config.Service{Config: switchgear.Config{FailureThreshold: 1_000_000}}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	})
}

func show(points []Point) string {
	var text strings.Builder
	for _, p := range points {
		fmt.Fprintf(&text, "\n%s +%d +%d %v %v share %v failures %d p99 %v",
			p.At.Format("15:04:05"), p.Successful, p.Failed, p.State, p.Mode, p.AdmittedShare, p.Failures, p.P99)
	}
	return text.String()
}

var _ store = memory.New()
