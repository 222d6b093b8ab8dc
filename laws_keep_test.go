package switchgear

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func configure(t *testing.T, b *Breaker, cfg Config) {
	t.Helper()
	cfg.Jitter = -1
	if err := b.Configure(cfg); err != nil {
		t.Fatal(err)
	}
}

func TestLaw15_ReconfiguringKeepsEverything(t *testing.T) {
	t.Parallel()
	begin := map[State]func(*testing.T, Config) *Breaker{Closed: newBreaker, Open: opened, HalfOpen: recovering}
	for state, make := range begin {
		t.Run("state, totals and window of "+state.String(), bubble(func(t *testing.T) {
			b := make(t, Config{})
			succeed(b)
			wait(time.Second)
			fail(b)
			was := b.Snapshot()
			configure(t, b, Config{
				FailureThreshold: 50, MinHealthyPeriod: 3 * time.Minute, MonitoringWindow: 10 * time.Minute,
				HalfOpenFailureThreshold: 3, ProbeTimeout: time.Second,
			})
			if diff := cmp.Diff(was, b.Snapshot(), cmpopts.IgnoreFields(Snapshot{}, "ClosesAt", "Window")); diff != "" {
				t.Errorf("it changed:\n%s", diff)
			}
		}))
	}
	t.Run("the time left is reckoned anew from the opening", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		fail(b) // one failed recovery
		at := time.Now()
		wait(30 * time.Second)
		configure(t, b, Config{ResetTimeout: 40 * time.Second, BackoffMultiplier: 3})
		if s := b.Snapshot(); s.OpenTime != 2*time.Minute || !s.NextAttemptAt.Equal(at.Add(2*time.Minute)) {
			t.Errorf("open for %v until %v", s.OpenTime, s.NextAttemptAt)
		}
		_, err := b.Allow(t.Context())
		var open *OpenError
		if !errors.As(err, &open) || open.RetryAfter() != 90*time.Second {
			t.Errorf("%v, want 90 s to wait", err)
		}
		configure(t, b, Config{ResetTimeout: 10 * time.Second})
		wantState(t, b, HalfOpen) // they are over
	}))
	t.Run("nothing opens by it, and the next failure is judged by the new rule", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 10})
		for range 9 {
			fail(b)
		}
		configure(t, b, Config{FailureThreshold: 2})
		wait(time.Second)
		succeed(b)
		wantState(t, b, Closed)
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("the window is longer", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 3, MonitoringWindow: 10 * time.Second})
		fail(b)
		wait(8 * time.Second)
		fail(b)
		configure(t, b, Config{FailureThreshold: 3, MonitoringWindow: 100 * time.Second})
		wait(80 * time.Second)
		fail(b)
		wantState(t, b, Open)
	}))
	t.Run("the window is shorter", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 3, MonitoringWindow: 1000 * time.Second})
		for range 2 {
			fail(b)
		}
		wait(20 * time.Second) // in the same tenth of the long window
		configure(t, b, Config{FailureThreshold: 3, MonitoringWindow: 10 * time.Second})
		if got := b.Snapshot().Failures; got != 0 {
			t.Errorf("the window holds %d failures", got)
		}
		fail(b)
		wantState(t, b, Closed)
	}))
	t.Run("a bad one leaves the old and names every field", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 2})
		err := b.Configure(Config{FailureThreshold: -1, Jitter: 2})
		var bad *ConfigError
		if !errors.As(err, &bad) || len(bad.Fields()) != 2 {
			t.Errorf("%v, want two bad fields", err)
		}
		if got := b.Config(); got.FailureThreshold != 2 {
			t.Errorf("in force is %+v", got)
		}
	}))
	t.Run("it is given back as it was given", bubble(func(t *testing.T) {
		steps := []float64{0.5}
		for _, cfg := range []Config{
			{},
			{FailureThreshold: 7, MinHealthyPeriod: -1, Jitter: -1, HealthCheckInterval: -1, Version: 3},
			{ProbeTimeout: time.Minute, MaxResetTimeout: time.Hour, RecoverySteps: []float64{}, Disabled: true},
			{RecoverySteps: steps, SlowCallDuration: 1, SlowCallRateThreshold: 0.5, FailureRateThreshold: 1},
		} {
			b := newBreaker(t, cfg)
			got := b.Config()
			if diff := cmp.Diff(cfg, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for i := range got.RecoverySteps { // they are the caller's
				got.RecoverySteps[i] = 99
			}
			if diff := cmp.Diff(cfg, b.Config()); diff != "" {
				t.Errorf("a caller changed it (-want +got):\n%s", diff)
			}
		}
	}))
}

// reborn is a new breaker with the snapshot of b, through its JSON, after a
// while and with the wall clock set forward by jump.
func reborn(t *testing.T, b *Breaker, cfg Config, while, jump time.Duration) (*Breaker, []Transition) {
	t.Helper()
	data, err := json.Marshal(b.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(while)
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	moveTimes(&s, -jump)
	cfg.Jitter = -1
	again := newBreaker(t, cfg)
	told := watch(again)
	if err := again.Restore(s); err != nil {
		t.Fatal(err)
	}
	wait(0)
	return again, told.all()
}

func TestLaw17_Restoring(t *testing.T) {
	t.Parallel()
	begin := map[State]func(*testing.T, Config) *Breaker{Closed: newBreaker, Open: opened, HalfOpen: recovering}
	for state, make := range begin {
		t.Run("all that is known of "+state.String(), bubble(func(t *testing.T) {
			b := make(t, Config{})
			succeed(b)
			b.HandleError(errBoom, 0)
			b.RecordIgnored()
			was := b.Snapshot()
			again, _ := reborn(t, b, Config{}, 0, 0)
			diff := cmp.Diff(was, again.Snapshot(),
				cmpopts.IgnoreFields(Snapshot{}, "AdmittedShare", "ClosesAt", "Performance", "Window"), cmpopts.EquateEmpty())
			if diff != "" {
				t.Errorf("(-was +is):\n%s", diff)
			}
		}))
	}
	for name, c := range map[string]struct {
		while, jump, left time.Duration
	}{
		"at once":                           {0, 0, time.Minute},
		"later":                             {45 * time.Second, 0, 15 * time.Second},
		"with a clock that was set back":    {10 * time.Second, -time.Hour, time.Minute},
		"with a clock that was set forward": {10 * time.Second, 20 * time.Second, 30 * time.Second},
	} {
		t.Run("the time left of an open circuit, "+name, bubble(func(t *testing.T) {
			b, _ := reborn(t, opened(t, Config{}), Config{}, c.while, c.jump)
			told := watch(b)
			wantState(t, b, Open)
			wait(c.left - 1)
			wantState(t, b, Open)
			wait(1)
			wantState(t, b, HalfOpen)
			if got := told.all(); len(got) != 1 || got[0].Number != 2 {
				t.Errorf("told %+v", got)
			}
		}))
	}
	for name, c := range map[string]struct{ while, jump time.Duration }{
		"while it was away":           {2 * time.Minute, 0},
		"by a clock that jumped":      {0, time.Hour},
		"to the nanosecond":           {time.Minute, 0},
		"before the clock was turned": {2 * time.Hour, -time.Minute},
	} {
		t.Run("an open time that has passed "+name, bubble(func(t *testing.T) {
			b, told := reborn(t, opened(t, Config{}), Config{}, c.while, c.jump)
			s := b.Snapshot()
			if s.State != HalfOpen || s.RecoveryAttempts != 1 || !s.LastRecoveryAttempt.Equal(time.Now()) {
				t.Errorf("%v, attempt %d at %v", s.State, s.RecoveryAttempts, s.LastRecoveryAttempt)
			}
			if len(told) != 1 || told[0].Number != 2 || told[0].From != Open || told[0].To != HalfOpen {
				t.Errorf("told %+v", told)
			}
			if !do(b, nil) {
				t.Error("no probe is admitted")
			}
		}))
	}
	t.Run("a recovery begins anew under its number", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		fail(b)
		wait(2 * time.Minute)
		succeed(b)
		wait(100 * time.Second)
		again, told := reborn(t, b, Config{}, 0, 0)
		s := again.Snapshot()
		if s.State != HalfOpen || s.RecoveryAttempts != 2 || s.FailedRecoveries != 1 || !s.ClosesAt.IsZero() || len(told) != 0 {
			t.Errorf("%v, attempt %d after %d failed ones, closes at %v; told %v",
				s.State, s.RecoveryAttempts, s.FailedRecoveries, s.ClosesAt, told)
		}
		wait(time.Hour)
		wantState(t, again, HalfOpen) // its success is forgotten
		fail(again)
		if got := again.Snapshot(); got.OpenTime != 4*time.Minute || got.Transitions != 5 {
			t.Errorf("open for %v, transition %d", got.OpenTime, got.Transitions)
		}
	}))
	t.Run("the window goes on", bubble(func(t *testing.T) {
		cfg := Config{FailureThreshold: 3, MonitoringWindow: 100 * time.Second}
		b := newBreaker(t, cfg)
		wait(3 * time.Second)
		fail(b)
		wait(47 * time.Second)
		fail(b)
		again, _ := reborn(t, b, cfg, 20*time.Second, 0)
		wait(23*time.Second - 1) // the first is a nanosecond younger than nine tenths
		fail(again)
		wantState(t, again, Open)
		again, _ = reborn(t, b, cfg, 30*time.Second, 0)
		fail(again)
		wantState(t, again, Closed) // both are too old by now
	}))
	t.Run("what was disabled and is enabled now is closed", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		configure(t, b, Config{Disabled: true})
		again, told := reborn(t, b, Config{}, time.Hour, 0)
		if again.State() != Closed || again.Snapshot().Failures != 0 || len(told) != 1 {
			t.Errorf("%v, told %+v", again.State(), told)
		}
		again, _ = reborn(t, b, Config{Disabled: true}, time.Hour, 0)
		if again.State() != Open || again.Mode() != Disabled {
			t.Errorf("still disabled it is %v above %v", again.Mode(), again.State())
		}
	}))
	t.Run("a breaker in use forgets what it was", bubble(func(t *testing.T) {
		s := newBreaker(t, Config{}).Snapshot()
		b := recovering(t, Config{})
		succeed(b)
		succeed(b)
		if err := b.Restore(s); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, b.Snapshot(), cmpopts.IgnoreFields(Snapshot{}, "At", "LastSuccess", "Performance")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		wait(time.Hour)
		wantState(t, b, Closed)
	}))
	t.Run("a snapshot that contradicts itself is refused", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		for name, spoil := range map[string]func(*Snapshot){
			`of "another"`:                  func(s *Snapshot) { s.Service = "another" },
			`of the key "a"`:                func(s *Snapshot) { s.Key = "a" },
			"State: State(7)":               func(s *Snapshot) { s.State = 7 },
			"Mode: Mode(4)":                 func(s *Snapshot) { s.Mode = 4 },
			"RecoveryAttempts: -1":          func(s *Snapshot) { s.RecoveryAttempts = -1 },
			"FailedRecoveries: -2":          func(s *Snapshot) { s.FailedRecoveries = -2 },
			"ConsecutiveFailures":           func(s *Snapshot) { s.ConsecutiveFailures = -100 },
			"OpenTime: -1ns":                func(s *Snapshot) { s.OpenTime = -1 },
			"OpenTime: 2562047h":            func(s *Snapshot) { s.OpenTime = math.MaxInt64 },
			"JitterDrawn: NaN":              func(s *Snapshot) { s.JitterDrawn = math.NaN() },
			"JitterDrawn: 1.1":              func(s *Snapshot) { s.JitterDrawn = 1.1 },
			"Mode: it is forced":            func(s *Snapshot) { s.Mode = ForcedOpen },
			"Override.Mode: auto":           func(s *Snapshot) { s.Override = &Override{Mode: Auto} },
			"Window[0]: 5":                  func(s *Snapshot) { s.Window[0].FirstFailure = time.Time{} },
			"Outage: the circuit is closed": func(s *Snapshot) { s.State, s.Trip = Closed, nil },
			"Outage: there is one without":  func(s *Snapshot) { s.Trip = nil },
			"Outage.BeganAt":                func(s *Snapshot) { s.Outage.BeganAt = time.Time{} },
			"Outage.Openings: 0 is less":    func(s *Snapshot) { s.Outage.Openings = 0 },
			"Outage.Openings: 3 is not 0":   func(s *Snapshot) { s.Outage.Openings = 3 },
			"Outage.Openings: 2 is not 3":   func(s *Snapshot) { s.Outage.Openings, s.FailedRecoveries = 2, 3 },
			"Window[1]: 1": func(s *Snapshot) {
				s.Window = append(s.Window, Bucket{Failures: 1, FirstFailure: s.At, LastFailure: s.At.Add(-1)})
			},
		} {
			s := b.Snapshot()
			spoil(&s)
			if err := b.Restore(s); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("the error is %v, want one that says %q", err, name)
			}
		}
		wantState(t, b, Open)
	}))
	t.Run("what is out of reach is bounded", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		year := time.Now().AddDate(-1000, 0, 0)
		mustNot(t, b.Restore(Snapshot{
			Service: b.Name(), Mode: ForcedOpen, Override: &Override{Mode: ForcedOpen, Until: time.Now().AddDate(400, 0, 0)},
			Window: []Bucket{{Failures: 4, Successes: 3, FirstFailure: year, LastFailure: year}},
		}))
		if s := b.Snapshot(); s.Failures != 0 || s.Successes != 0 {
			t.Errorf("of a thousand years ago %d failures and %d successes are in the window", s.Failures, s.Successes)
		}
		wait(30*24*time.Hour - 1)
		if s := b.Snapshot(); s.Mode != ForcedOpen || time.Until(s.Override.Until) != 1 {
			t.Errorf("mode %v, override %+v", s.Mode, s.Override)
		}
		wait(1)
		wantState(t, b, HalfOpen)
		mustNot(t, b.Restore(Snapshot{Service: b.Name(), Mode: ForcedClosed, Override: &Override{Mode: ForcedClosed}}))
		wantState(t, b, Closed)
	}))
}
