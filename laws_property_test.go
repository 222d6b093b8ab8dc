package switchgear

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestLaws_RandomHistoriesMatchTheModel holds all laws that one goroutine can
// see against random histories. Deeper: -rapid.checks=10000 -rapid.steps=100.
func TestLaws_RandomHistoriesMatchTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, r, rapid.Bool().Draw(r, "checked"), func(h *machine, draw *rapid.T) {
			draw.Repeat(h.actions())
		})
	})
}

// machineFailure is what a machine panics with; rapid panics with other things.
type machineFailure string

// inBubble runs a history of a machine with a drawn config in a bubble of its
// own, and lets rapid see how it ends.
func inBubble(t *testing.T, r *rapid.T, checked bool, run func(*machine, *rapid.T)) {
	t.Helper()
	var ended any
	synctest.Test(t, func(*testing.T) {
		var h *machine
		fail := func(format string, args ...any) { panic(machineFailure(fmt.Sprintf(format, args...))) }
		defer func() {
			ended = recover()
			if h != nil {
				h.fail = func(string, ...any) {}
				h.end()
			}
		}()
		h = newMachine(drawConfig(r), checked, rapid.Bool().Draw(r, "probed"), fail)
		run(h, r)
	})
	if text, ok := ended.(machineFailure); ok {
		r.Fatal(string(text))
	}
	if ended != nil {
		panic(ended)
	}
}

func sample[T any](r *rapid.T, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(r, what)
}

func drawConfig(r *rapid.T) Config {
	cfg := Config{
		Disabled:                 rapid.IntRange(0, 15).Draw(r, "disabled") == 15,
		FailureThreshold:         rapid.IntRange(1, 4).Draw(r, "failureThreshold"),
		ResetTimeout:             sample(r, "resetTimeout", time.Second, 8*time.Second, time.Minute),
		MinHealthyPeriod:         sample[time.Duration](r, "minHealthyPeriod", -1, 3*time.Second, 10*time.Second, 2*time.Minute),
		MonitoringWindow:         sample(r, "monitoringWindow", time.Second, 10*time.Second, 5*time.Minute),
		HealthCheckInterval:      sample[time.Duration](r, "healthCheckInterval", -1, 2*time.Second, 30*time.Second),
		FailureRateThreshold:     sample(r, "failureRate", 0, 0, 0.5, 0.9),
		MinimumOperations:        sample(r, "minimumOperations", 1, 2, 3, 12),
		HalfOpenFailureThreshold: sample(r, "halfOpenFailures", 1, 1, 2, 3),
		ProbeTimeout:             sample(r, "probeTimeout", 0, 800*time.Millisecond, 4*time.Second, 40*time.Second),
		BackoffMultiplier:        sample(r, "backoff", 1.0, 2, 3),
		MaxResetTimeout:          sample(r, "maxResetTimeout", 0, time.Minute, time.Hour),
		Jitter:                   sample(r, "jitter", -1, 0.1, 1),
		RecoverySteps:            sample(r, "steps", []float64{}, []float64{0.05, 0.2, 0.5}, []float64{0.5, 1}),
		Classify:                 classifyTest,
		Hooks:                    sample(r, "hooks", nil, &Hooks{}, idle()),
		Version:                  rapid.IntRange(0, 9).Draw(r, "version"),
	}
	if rapid.Bool().Draw(r, "row rule") {
		cfg.ConsecutiveFailureThreshold = rapid.IntRange(2, 5).Draw(r, "consecutiveFailures")
	}
	if rapid.Bool().Draw(r, "slow rule") {
		cfg.SlowCallDuration = time.Second
		cfg.SlowCallRateThreshold = sample(r, "slowCallRate", 0.3, 1)
	}
	return cfg
}

var (
	ways         = []howEnded{returns, fails, asksWait, isIgnore, isCancel, isLate, isClassed}
	waysOfDo     = append(slices.Clone(ways), panics, goexits)
	tookChoices  = []time.Duration{0, 3 * time.Millisecond, 1000000007, 5000000011}
	jumpChoices  = []time.Duration{0, 0, -time.Hour, time.Hour, 2 * time.Second}
	whileChoices = []time.Duration{0, time.Second, time.Minute, 10 * time.Minute}
)

// actions are the steps of a random history. The empty one is done after each.
func (h *machine) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"":        func(*rapid.T) { h.compare() },
		"succeed": func(*rapid.T) { h.call(returns, 0) },
		"fail":    func(*rapid.T) { h.call(fails, 0) },
		"call": func(r *rapid.T) {
			h.call(sample(r, "how", waysOfDo...), sample(r, "took", tookChoices...))
		},
		"record": func(r *rapid.T) {
			h.record(sample(r, "how", ways...), sample(r, "took", tookChoices...))
		},
		"begin": func(r *rapid.T) {
			h.begin(sample(r, "deadline", 0, 0, 300000013*time.Nanosecond))
		},
		"finish": func(r *rapid.T) {
			i := h.drawPermit(r)
			h.finish(i, sample(r, "how", ways...))
			if rapid.Bool().Draw(r, "never again") {
				h.forget(i)
			}
		},
		"cancel": func(r *rapid.T) { h.cancel(h.drawPermit(r)) },
		"forget": func(r *rapid.T) { h.forget(h.drawPermit(r)) },
		"sleep": func(r *rapid.T) {
			h.sleep(sample(r, "time", 1, time.Millisecond, 100*time.Millisecond, time.Second, 3*time.Second, time.Minute))
		},
		"sleep until": func(r *rapid.T) { h.sleepUntil(r) },
		"more sleep":  func(r *rapid.T) { h.sleepUntil(r) },
		"configure":   func(r *rapid.T) { h.configure(drawConfig(r)) },
		"override": func(r *rapid.T) {
			h.override(sample(r, "mode", ForcedOpen, ForcedClosed), sample(r, "lasts", time.Second, time.Minute, time.Hour))
		},
		"end override": func(*rapid.T) { h.endOverride() },
		"follow":       func(r *rapid.T) { h.follow(sample(r, "to", Open, HalfOpen)) },
		"hold":         func(r *rapid.T) { h.hold(sample(r, "for", 0, time.Second, time.Minute, time.Hour)) },
		"reset":        func(r *rapid.T) { h.reset(sample(r, "to", Closed, HalfOpen)) },
		"restart": func(r *rapid.T) {
			cfg := h.given
			if rapid.Bool().Draw(r, "another config") {
				cfg = drawConfig(r)
			}
			h.restart(cfg, sample(r, "while", whileChoices...), sample(r, "jump", jumpChoices...))
		},
	}
	if h.m.checked {
		actions["check"] = func(*rapid.T) { h.checkNow() }
		actions["start"] = func(*rapid.T) { h.service.Start() }
		actions["health"] = func(r *rapid.T) {
			mode := sample(r, "health", well, well, ill, lame, slack)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.health = mode
		}
	}
	return actions
}

func (h *machine) drawPermit(r *rapid.T) int {
	if len(h.permits) == 0 {
		r.Skip("nothing is in flight")
	}
	return rapid.IntRange(0, len(h.permits)-1).Draw(r, "operation")
}

// sleepUntil sleeps until something is due, or a nanosecond less or more.
func (h *machine) sleepUntil(r *rapid.T) {
	var due []time.Duration
	for _, at := range h.m.landmarks() {
		for _, off := range []time.Duration{-1, 0, 1} {
			if d := at + off - h.now(); d > 0 && d < 2*time.Hour {
				due = append(due, d)
			}
		}
	}
	if len(due) == 0 {
		r.Skip("nothing is due")
	}
	h.sleep(sample(r, "until", due...))
}

// landmarks are the times at which something becomes another.
func (m *model) landmarks() []time.Duration {
	var at []time.Duration
	if m.override != nil {
		at = append(at, m.overrideEnd)
	}
	if m.state == Open {
		at = append(at, m.until)
	}
	if r := m.recovery; r != nil {
		if r.firstSuccess != notYet {
			at = append(at, r.firstSuccess+m.cfg.MinHealthyPeriod, r.firstSuccess+time.Duration(m.second())*time.Second)
		}
		for _, p := range r.inFlight {
			at = append(at, p.expires)
		}
	}
	for _, p := range m.watched() {
		at = append(at, p.slowAt)
	}
	length := m.cfg.MonitoringWindow
	for _, e := range m.events[max(0, len(m.events)-3):] {
		at = append(at, e.late+length-length/10, e.late+length)
	}
	return at
}
