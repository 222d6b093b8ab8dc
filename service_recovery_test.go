package switchgear_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

func nothing(context.Context) error { return nil }

func TestRecovery_BeginsWithTheCheckAtOnceAndAdmitsNothingBefore(t *testing.T) {
	t.Parallel()
	for name, started := range map[string]bool{"started": true, "never started": false} {
		for _, interval := range []time.Duration{-1, 24 * time.Hour} {
			t.Run(name+" at "+interval.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := &probeLog{takes: 3 * time.Second}
					s := newService(t, switchgear.ServiceConfig{Config: switchgear.Config{HealthCheckInterval: interval}, Check: p.check})
					if started {
						s.Start()
						time.Sleep(10 * time.Second)
					}
					trip(t, s)
					before := len(p.begun(0))
					time.Sleep(time.Minute)
					synctest.Wait()
					if starts := p.begun(before); len(starts) != 1 || !starts[0].Equal(time.Now()) {
						t.Fatalf("at half-open the checks since the opening began at %v", starts)
					}
					for range 100 {
						if err := s.Do(t.Context(), nothing); !errors.Is(err, switchgear.ErrOpen) {
							t.Errorf("before the check passed: %v", err)
						}
						time.Sleep(20 * time.Millisecond)
					}
					if snap := s.Breaker().Snapshot(); !snap.AwaitsCheck || snap.AdmittedShare != 0 {
						t.Errorf("awaits the check: %v, admits %v", snap.AwaitsCheck, snap.AdmittedShare)
					}
					time.Sleep(time.Second)
					synctest.Wait()
					snap := s.Breaker().Snapshot()
					if snap.AwaitsCheck || snap.AdmittedShare != 0.05 || time.Until(snap.ClosesAt) != 2*time.Minute {
						t.Errorf("after the check passed: awaits it %v, admits %v, closes at %v", snap.AwaitsCheck, snap.AdmittedShare, snap.ClosesAt)
					}
					if err := s.Do(t.Context(), nothing); err != nil {
						t.Errorf("after the check passed: %v", err)
					}
				})
			})
		}
	}
}

func TestRecovery_ChecksAtItsIntervalAndOnceInResetTimeoutAtLeast(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name           string
		interval, want time.Duration
	}{
		{"on demand only", -1, 20 * time.Second},
		{"seldom", time.Hour, 20 * time.Second},
		{"often", 5 * time.Second, 5 * time.Second},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &probeLog{}
				s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{
					HealthCheckInterval: r.interval, ResetTimeout: 20 * time.Second, MinHealthyPeriod: time.Hour,
				}})
				trip(t, s)
				time.Sleep(20*time.Second + 30*time.Minute)
				synctest.Wait()
				starts := p.begun(0)
				for i := range len(starts) - 1 {
					gap := starts[i+1].Sub(starts[i])
					if gap > min(20*time.Second, r.want*105/100) || gap < r.want*90/100 {
						t.Errorf("a check came %v after the one before", gap)
					}
				}
				if n := len(starts); n < int(29*time.Minute/r.want) {
					t.Errorf("%d checks in half an hour", n)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if s.Breaker().State() != switchgear.Closed {
					t.Fatal("the circuit has not closed")
				}
				from := len(p.begun(0))
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := len(p.begun(from)); n > 0 {
					t.Errorf("%d checks after the recovery of a service that was never started", n)
				}
			})
		})
	}
}

func TestRecovery_WithFailingChecksReopensAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{err: errSick}
		s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{
			HealthCheckInterval: -1, ResetTimeout: 10 * time.Second, HalfOpenFailureThreshold: 3,
			BackoffMultiplier: 1, MinHealthyPeriod: 30 * time.Second,
		}})
		trip(t, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		snap := s.Breaker().Snapshot()
		if n := len(p.begun(0)); snap.FailedRecoveries < 100 || n < 3*snap.FailedRecoveries || p.most != 1 {
			t.Errorf("%d recoveries failed in an hour, by %d checks", snap.FailedRecoveries, n)
		}
		if snap.LastError != "sick" || snap.Operations.Total() != 5 {
			t.Errorf("last error %q, %d operations", snap.LastError, snap.Operations.Total())
		}
		p.answer(nil)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if got := s.Breaker().State(); got != switchgear.Closed {
			t.Errorf("50 s after the service became healthy the circuit is %v", got)
		}
	})
}

func TestRecovery_OfAServiceWhoseOnlyTrafficIsChecks(t *testing.T) {
	t.Parallel()
	for name, asOperation := range map[string]bool{"embedded": false, "probed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &probeLog{}
				s := newService(t, switchgear.ServiceConfig{Check: p.check, CheckIsOperation: asOperation})
				var edges []string
				s.Breaker().Observe(func(tr switchgear.Transition) {
					edges = append(edges, tr.From.String()+" "+tr.To.String()+" "+tr.Evidence.Rule)
				})
				s.Start()
				time.Sleep(time.Second)
				trip(t, s)
				time.Sleep(3*time.Minute + 30*time.Second)
				synctest.Wait()
				want := []string{
					"closed open " + switchgear.RuleFailureThreshold,
					"open half_open " + switchgear.RuleResetTimeout,
					"half_open closed " + switchgear.RuleMinHealthyPeriod,
				}
				if diff := cmp.Diff(want, edges); diff != "" {
					t.Errorf("transitions (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRecovery_DoesNotTakeACheckThatBeganBeforeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{takes: 4 * time.Second}
		s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{HealthCheckInterval: -1}})
		trip(t, s)
		time.Sleep(58 * time.Second)
		go s.CheckHealth(t.Context()) //nolint:errcheck // the run is looked at, not the answer
		time.Sleep(4*time.Second + time.Millisecond)
		synctest.Wait()
		if snap := s.Breaker().Snapshot(); !snap.AwaitsCheck || len(p.begun(0)) != 2 {
			t.Errorf("awaits the check: %v, after %d checks", snap.AwaitsCheck, len(p.begun(0)))
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if s.Breaker().Snapshot().AwaitsCheck || len(p.begun(0)) != 2 {
			t.Errorf("the recovery has not taken its own check, of %d", len(p.begun(0)))
		}
	})
}

func TestRecovery_WithACheckThatHangsReopens(t *testing.T) {
	t.Parallel()
	for name, earlier := range map[string]time.Duration{"begun by it": 0, "begun before it": 2 * time.Second, "hanging before it": 15 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				s := newService(t, switchgear.ServiceConfig{
					Check: func(context.Context) error { <-release; return nil },
					Config: switchgear.Config{
						HealthCheckInterval: -1, ResetTimeout: 20 * time.Second, BackoffMultiplier: 1, MinHealthyPeriod: time.Minute,
					},
				})
				trip(t, s)
				if earlier > 0 {
					time.Sleep(20*time.Second - earlier)
					go s.CheckHealth(t.Context()) //nolint:errcheck // it hangs, and is asked for no more than that
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := s.Breaker().Snapshot().FailedRecoveries; n < 100 {
					t.Errorf("%d recoveries failed in an hour", n)
				}
				close(release)
				time.Sleep(20*time.Second + time.Minute)
				synctest.Wait()
				if got := s.Breaker().State(); got != switchgear.Closed {
					t.Errorf("the circuit is %v after the check came back", got)
				}
			})
		})
	}
}

// The timer of the breaker and a call of the service's can both be the first to
// find that the open time is over; whoever it is, the check runs.
func TestRecovery_FoundByAnyCallRunsTheCheck(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*testing.T, *switchgear.Service){
		"nobody":      func(*testing.T, *switchgear.Service) {},
		"CheckHealth": func(t *testing.T, s *switchgear.Service) { t.Helper(); _, _ = s.CheckHealth(t.Context()) },
		"Configure":   func(_ *testing.T, s *switchgear.Service) { _ = s.Configure(s.Config()) },
		"State":       func(_ *testing.T, s *switchgear.Service) { s.Breaker().State() },
		"Do":          func(t *testing.T, s *switchgear.Service) { t.Helper(); _ = s.Do(t.Context(), nothing) },
		"Start":       func(_ *testing.T, s *switchgear.Service) { s.Start() },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &probeLog{takes: 100 * time.Millisecond}
				s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{
					HealthCheckInterval: -1, MinHealthyPeriod: time.Second, ResetTimeout: 10 * time.Second,
				}})
				for i := range 50 {
					trip(t, s)
					time.Sleep(10 * time.Second)
					call(t, s)
					time.Sleep(2 * time.Second)
					synctest.Wait()
					if got := s.Breaker().State(); got != switchgear.Closed {
						t.Fatalf("the circuit is %v", got)
					}
					if n := len(p.begun(0)); n != i+1 {
						t.Fatalf("%d checks in %d recoveries", n, i+1)
					}
				}
			})
		})
	}
}

func TestRecovery_OfAStoppedServiceBeginsWithAnOperation(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"open": 0, "awaiting the check": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &probeLog{takes: 4 * time.Second}
				s := newService(t, switchgear.ServiceConfig{Check: p.check})
				trip(t, s)
				time.Sleep(after)
				synctest.Wait()
				if err := s.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := s.Do(t.Context(), nothing); err != nil {
					t.Errorf("the probe: %v", err)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if got := s.Breaker().State(); got != switchgear.Closed {
					t.Errorf("the circuit is %v", got)
				}
			})
		})
	}
}

func TestRecovery_OfARestoredServiceBeginsWithTheCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{}
		old := newService(t, switchgear.ServiceConfig{})
		trip(t, old)
		kept := old.Breaker().Snapshot()
		time.Sleep(2 * time.Minute)
		s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{HealthCheckInterval: -1}})
		if err := s.Breaker().Restore(kept); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		snap := s.Breaker().Snapshot()
		if snap.State != switchgear.HalfOpen || len(p.begun(0)) != 1 || snap.AwaitsCheck {
			t.Errorf("restored %v, after %d checks it awaits one: %v", snap.State, len(p.begun(0)), snap.AwaitsCheck)
		}
	})
}
