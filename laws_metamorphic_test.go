package switchgear

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// happening is an outcome of a trace, some time after the one before.
type happening struct {
	after   time.Duration
	outcome Outcome
}

// change is a change of state as a trace sees it.
type change struct {
	at time.Duration
	to State
}

// run plays a trace and returns what changed, and half an hour more of it.
// Outcomes of a closed circuit come from operations, others from elsewhere.
func run(t *testing.T, cfg Config, trace []happening) (changes []change) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, cfg)
		start := time.Now()
		told := watch(b)
		for _, h := range trace {
			wait(h.after)
			err := []error{Success: nil, Failure: errBoom, Ignored: Ignore(errBoom)}[h.outcome]
			if b.State() == Closed {
				do(b, err)
			} else {
				b.HandleError(err, 0)
			}
		}
		wait(30 * time.Minute)
		for _, tr := range told.all() {
			changes = append(changes, change{tr.At.Sub(start), tr.To})
		}
	})
	return changes
}

func drawTrace(r *rapid.T, from ...Outcome) []happening {
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) happening {
		return happening{
			after:   sample(r, "after", 0, time.Millisecond, time.Second, 7*time.Second, time.Minute),
			outcome: sample(r, "outcome", from...),
		}
	}), 0, 30).Draw(r, "trace")
}

func drawSteadyConfig(r *rapid.T) Config {
	return Config{
		FailureThreshold: rapid.IntRange(1, 5).Draw(r, "failureThreshold"),
		ResetTimeout:     sample(r, "resetTimeout", time.Second, 10*time.Second),
		MinHealthyPeriod: sample[time.Duration](r, "minHealthyPeriod", -1, 20*time.Second),
		MonitoringWindow: sample(r, "monitoringWindow", 5*time.Second, time.Minute),
		Jitter:           -1,
	}
}

// insert puts outcomes at random places of a trace, at the time of what follows.
func insert(r *rapid.T, trace []happening, what Outcome) []happening {
	trace = slices.Clone(trace)
	for range rapid.IntRange(1, 10).Draw(r, "inserted") {
		i := rapid.IntRange(0, len(trace)).Draw(r, "place")
		h := happening{outcome: what}
		if i < len(trace) {
			h.after, trace[i].after = trace[i].after, 0
		}
		trace = slices.Insert(trace, i, h)
	}
	return trace
}

// TestLaw13_IgnoredOutcomesLeaveTheTraceUnchanged is metamorphic: the same
// history with any number of ignored outcomes in it.
func TestLaw13_IgnoredOutcomesLeaveTheTraceUnchanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		cfg, trace := drawSteadyConfig(r), drawTrace(r, Success, Failure, Failure)
		was, is := run(t, cfg, trace), run(t, cfg, insert(r, trace, Ignored))
		if fmt.Sprint(was) != fmt.Sprint(is) {
			r.Fatalf("without %v, with %v", was, is)
		}
	})
}

// first is when the trace came to the state.
func first(changes []change, to State) time.Duration {
	for _, c := range changes {
		if c.to == to {
			return c.at
		}
	}
	return 1 << 62
}

// TestLaw04_SuccessesNeverOpenItEarlier is metamorphic: the same history with
// any number of successes in it.
func TestLaw04_SuccessesNeverOpenItEarlier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		cfg, trace := drawSteadyConfig(r), drawTrace(r, Success, Failure, Failure)
		cfg.ConsecutiveFailureThreshold = sample(r, "consecutiveFailures", 0, 2, 3)
		cfg.FailureRateThreshold = sample(r, "rate", 0, 0.5)
		was, is := run(t, cfg, trace), run(t, cfg, insert(r, trace, Success))
		if first(is, Open) < first(was, Open) {
			r.Fatalf("without %v, with %v", was, is)
		}
	})
}

// TestLaw04_HigherThresholdsNeverOpenItEarlier is metamorphic: the same history
// with a higher threshold, and with a longer open time.
func TestLaw04_HigherThresholdsNeverOpenItEarlier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		cfg, trace := drawSteadyConfig(r), drawTrace(r, Success, Failure, Failure)
		higher, longer := cfg, cfg
		higher.FailureThreshold += rapid.IntRange(1, 3).Draw(r, "higher by")
		longer.ResetTimeout += time.Duration(rapid.IntRange(1, 20).Draw(r, "longer by")) * time.Second
		was := run(t, cfg, trace)
		if is := run(t, higher, trace); first(is, Open) < first(was, Open) {
			r.Fatalf("with threshold %d %v, with %d %v", cfg.FailureThreshold, was, higher.FailureThreshold, is)
		}
		if is := run(t, longer, trace); first(is, HalfOpen) < first(was, HalfOpen) {
			r.Fatalf("open for %v %v, for %v %v", cfg.ResetTimeout, was, longer.ResetTimeout, is)
		}
	})
}

// TestLaws_EverySmallHistory walks through all histories of a small breaker, up
// to a length, leaving out those that lead where another has been.
func TestLaws_EverySmallHistory(t *testing.T) {
	t.Parallel()
	const reset, window = 8 * time.Second, 20 * time.Second
	cfg := Config{
		FailureThreshold: 3, ResetTimeout: reset, MinHealthyPeriod: 2 * reset, MonitoringWindow: window, Jitter: -1,
		MinimumOperations: 1, HalfOpenFailureThreshold: 1, BackoffMultiplier: 2, RecoverySteps: []float64{},
	}
	steps := []func(*machine){
		func(h *machine) { h.call(returns, 0) },
		func(h *machine) { h.call(fails, 0) },
		func(h *machine) { h.call(goexits, 0) },
		func(h *machine) { h.begin(0) },
		func(h *machine) { h.each(func() { h.finish(0, returns) }) },
		func(h *machine) { h.each(func() { h.finish(0, fails) }) },
		func(h *machine) { h.sleep(1) },
		func(h *machine) { h.sleep(reset - 1) },
		func(h *machine) { h.sleep(reset) },
		func(h *machine) { h.sleep(window) },
	}
	const length = 6
	synctest.Test(t, func(t *testing.T) {
		seen, paths := make(map[string]bool), [][]int{nil}
		for range length {
			var next [][]int
			for _, path := range paths {
				for step := range steps {
					h := newMachine(cfg, false, false, t.Fatalf)
					longer := append(slices.Clone(path), step)
					for _, i := range longer {
						steps[i](h)
					}
					h.compare()
					if where := h.where(); !seen[where] {
						seen[where] = true
						next = append(next, longer)
					}
					h.end()
				}
			}
			paths = next
		}
		t.Logf("%d states", len(seen))
	})
}

// each does it while there is an operation in flight.
func (h *machine) each(finish func()) {
	if len(h.permits) > 0 {
		finish()
		h.forget(0)
	}
}

// where says all that the future depends on.
func (h *machine) where() string {
	m := h.m
	where := []any{m.state, m.attempts, m.failed, m.streak, m.until - m.now}
	for _, e := range m.events {
		if age := m.now - e.late; age < m.cfg.MonitoringWindow {
			where = append(where, age, e.failure)
		}
	}
	if r := m.recovery; r != nil {
		where = append(where, "recovery", r.firstSuccess-m.now, r.failures)
		for _, p := range r.inFlight {
			where = append(where, p.expires-m.now, p.settled, p.expired)
		}
	}
	for _, p := range h.permits {
		where = append(where, "permit", p.model.generation == m.generation, p.model.settled)
	}
	return fmt.Sprint(where...)
}
