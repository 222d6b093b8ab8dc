package series

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/store/memory"
)

func TestRecorder_RecordsWhatHappens(t *testing.T) {
	t.Parallel()
	bubble(t, "counted in the second in which it is told", func(t *testing.T) {
		b := start(t, memory.New(), Config{})
		pass(100 * time.Millisecond)
		b.declare("web", lenient)
		from := time.Now()
		for range 30 {
			b.report("web", 3, 1)
			pass(time.Second)
		}
		pass(2 * time.Second)
		a := b.of("web", from, 0)
		if a.Step != time.Second || len(a.Gaps) != 0 {
			t.Errorf("step %v, gaps %v", a.Step, a.Gaps)
		}
		if ok, failed := sum(a.Series[0].Points); ok != 90 || failed != 30 {
			t.Errorf("%d and %d happened, want 90 and 30:%s", ok, failed, show(a.Series[0].Points))
		}
		for i, p := range a.Series[0].Points[2:30] {
			if p.Successful != 3 || p.Failed != 1 {
				t.Errorf("point %d: %d and %d, want 3 and 1", i+2, p.Successful, p.Failed)
			}
		}
	})
	bubble(t, "nothing where nothing happens", func(t *testing.T) {
		b := start(t, memory.New(), Config{})
		b.declare("web", config.Service{})
		b.report("web", 1, 0)
		pass(10 * time.Minute)
		from := time.Now().Add(-5 * time.Minute)
		a := b.of("web", from, 0)
		if points := a.Series[0].Points; len(points) != 1 || !points[0].At.Equal(a.From) || points[0].Successful != 0 || points[0].AdmittedShare != 1 {
			t.Errorf("points:%s", show(points))
		}
		if len(a.Gaps) != 0 {
			t.Errorf("gaps %v", a.Gaps)
		}
	})
	bubble(t, "state, share and percentiles", func(t *testing.T) {
		b := start(t, memory.New(), Config{})
		b.declare("web", config.Service{Config: switchgear.Config{FailureThreshold: 2, ResetTimeout: 10 * time.Second, Jitter: -1}})
		b.report("web", 1, 0)
		pass(3 * time.Second)
		b.report("web", 0, 2)
		pass(20 * time.Second)
		a := b.of("web", time.Now().Add(-time.Minute), 0)
		var states []switchgear.State
		for _, p := range a.Series[0].Points {
			if len(states) == 0 || states[len(states)-1] != p.State {
				states = append(states, p.State)
			}
			if p.State == switchgear.Open && p.AdmittedShare != 0 {
				t.Errorf("share %v while open", p.AdmittedShare)
			}
		}
		if len(states) != 3 || states[1] != switchgear.Open || states[2] != switchgear.HalfOpen {
			t.Errorf("states %v:%s", states, show(a.Series[0].Points))
		}
		if p := a.Series[0].Points[1]; p.P99 == 0 || p.P50 == 0 || p.Average == 0 {
			t.Errorf("durations: %+v", p)
		}
	})
}

func TestRecorder_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	bubble(t, "nothing twice and nothing less", func(t *testing.T) {
		s := memory.New()
		b := start(t, s, Config{})
		b.declare("web", lenient)
		from := time.Now()
		for range 5 {
			for range 25 {
				b.report("web", 2, 1)
				pass(700 * time.Millisecond)
			}
			b.stop()
			b = start(t, s, Config{})
		}
		pass(3 * time.Second)
		for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
			a := b.of("web", from, step)
			if ok, failed := sum(a.Series[0].Points); ok != 250 || failed != 125 {
				t.Errorf("step %v: %d and %d, want 250 and 125:%s", step, ok, failed, show(a.Series[0].Points))
			}
			if len(a.Gaps) != 0 {
				t.Errorf("gaps %v", a.Gaps)
			}
		}
	})
	bubble(t, "also of a service of the config file", func(t *testing.T) {
		s := memory.New()
		file := map[string]config.Service{"web": lenient}
		from := time.Now()
		for range 3 {
			b := start(t, s, Config{})
			if err := b.manager.ApplyFile(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			for range 25 {
				b.report("web", 2, 1)
				pass(700 * time.Millisecond)
			}
			b.stop()
		}
		a := start(t, s, Config{}).of("web", from, time.Second)
		if ok, failed := sum(a.Series[0].Points); ok != 150 || failed != 75 {
			t.Errorf("%d and %d, want 150 and 75:%s", ok, failed, show(a.Series[0].Points))
		}
	})
	bubble(t, "the time in between is a gap", func(t *testing.T) {
		s := memory.New()
		b := start(t, s, Config{})
		b.declare("web", lenient)
		from := time.Now()
		b.report("web", 5, 0)
		pass(30 * time.Second)
		b.stop()
		stopped := time.Now()
		pass(10 * time.Minute)
		b = start(t, s, Config{})
		began := time.Now()
		pass(5 * time.Second)
		for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
			a := b.of("web", from, step)
			if len(a.Gaps) != 1 || a.Gaps[0].From.Sub(stopped).Abs() > step || a.Gaps[0].To.Sub(began).Abs() > step {
				t.Errorf("step %v: gaps %v, want one from %v to %v", step, a.Gaps, stopped, began)
			}
		}
	})
}

func TestRecorder_CountsAnewWhatIsRegisteredAnew(t *testing.T) {
	t.Parallel()
	bubble(t, "removed and declared again", func(t *testing.T) {
		b := start(t, memory.New(), Config{})
		from := time.Now()
		for range 4 {
			b.declare("web", lenient)
			b.report("web", 10, 2)
			pass(3 * time.Second)
			if err := b.manager.Remove(t.Context(), "web", operator); err != nil {
				t.Fatal(err)
			}
			pass(1500 * time.Millisecond)
		}
		for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
			a := b.of("web", from, step)
			if ok, failed := sum(a.Series[0].Points); ok != 40 || failed != 8 {
				t.Errorf("step %v: %d and %d, want 40 and 8:%s", step, ok, failed, show(a.Series[0].Points))
			}
		}
		pass(2 * time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if n := len(b.tracks); n != 1 {
			t.Errorf("%d services are held in memory, want the recorder's own alone", n)
		}
	})
}
