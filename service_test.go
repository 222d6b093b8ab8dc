package switchgear_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

func TestService_RefusesABadConfigWhole(t *testing.T) {
	t.Parallel()
	_, err := switchgear.NewService("x", switchgear.ServiceConfig{
		Config: switchgear.Config{Jitter: 2}, CheckTimeout: time.Microsecond, OperationInterval: -1,
	})
	wantFields(t, err, "jitter", "checkTimeoutMs", "operationIntervalMs")
	_, err = switchgear.NewService("x", switchgear.ServiceConfig{CheckTimeout: time.Hour + 1})
	wantMessage(t, err, "checkTimeoutMs", "3600000.000001 is not in 1 … 3600000")
	_, err = switchgear.NewService("x", switchgear.ServiceConfig{OperationInterval: 25 * time.Hour})
	wantMessage(t, err, "operationIntervalMs", "90000000 is not in 1 … 86400000")
	if _, err = switchgear.NewService("X", switchgear.ServiceConfig{}); err == nil {
		t.Error("X is a name")
	}
}

func TestService_CountsEachOutcomeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 100}})
		_ = s.Do(t.Context(), nothing)
		_ = s.Do(t.Context(), func(context.Context) error { return errSick })
		_ = s.Do(t.Context(), func(context.Context) error { return switchgear.Ignore(errSick) })
		_, _ = switchgear.Do(t.Context(), s.Breaker(), func(context.Context) (int, error) { return 0, errSick })
		s.RecordSuccess(time.Second)
		s.HandleError(errSick, time.Second)
		s.HandleError(nil, time.Second)
		override(t, s.Breaker(), switchgear.ForcedOpen)
		_ = s.Do(t.Context(), nothing)
		want := switchgear.Stats{Operations: switchgear.Operations{Successful: 3, Failed: 3, Ignored: 1, Rejected: 1}}
		if diff := cmp.Diff(want, s.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		if s.Stats().Total() != 6 || s.Name() != "x" {
			t.Errorf("total %d of %s", s.Stats().Total(), s.Name())
		}
	})
}

func TestService_CheckIsAnOperationOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	type row struct {
		name          string
		asOperation   bool
		bring         func(*testing.T, *switchgear.Service)
		counted       bool
		wantFailures  uint64
		wantOpenAfter bool
	}
	rows := []row{
		{name: "embedded", wantFailures: 0},
		{name: "probed", asOperation: true, counted: true, wantOpenAfter: true, wantFailures: 5},
		{name: "probed while open", asOperation: true, bring: trip, wantOpenAfter: true, wantFailures: 5},
		{name: "probed while forced open", asOperation: true, bring: func(t *testing.T, s *switchgear.Service) {
			t.Helper()
			override(t, s.Breaker(), switchgear.ForcedOpen)
		}},
		{name: "probed while forced closed", asOperation: true, counted: true, wantFailures: 29, bring: func(t *testing.T, s *switchgear.Service) {
			t.Helper()
			override(t, s.Breaker(), switchgear.ForcedClosed)
		}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &probeLog{err: errSick}
				s := newService(t, switchgear.ServiceConfig{Check: p.check, CheckIsOperation: r.asOperation, Config: switchgear.Config{
					HealthCheckInterval: 10 * time.Second, ResetTimeout: time.Hour,
				}})
				if r.bring != nil {
					r.bring(t, s)
				}
				before := s.Stats().Failed
				s.Start()
				time.Sleep(275 * time.Second) // less than the window
				synctest.Wait()
				snap := s.Breaker().Snapshot()
				counted := s.Stats().Failed - before
				if r.counted != (counted > 0) || (snap.State == switchgear.Open) != r.wantOpenAfter {
					t.Errorf("%d checks counted, the circuit is %v", counted, snap.State)
				}
				if low := r.wantFailures - min(r.wantFailures, 3); snap.Failures < low || snap.Failures > r.wantFailures {
					t.Errorf("%d failures in the window, want %d", snap.Failures, r.wantFailures)
				}
				if h := s.Health(); h.Healthy || h.ConsecutiveFailures < 24 || s.Stats().Rejected != 0 {
					t.Errorf("%+v, %d rejected", h, s.Stats().Rejected)
				}
			})
		})
	}
}

func TestService_ConfigureMovesTheNextCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{}
		var worked int
		s := newService(t, switchgear.ServiceConfig{
			Check:     p.check,
			Operation: func(context.Context) error { worked++; return nil },
		})
		configure := func(interval time.Duration) {
			if err := s.Configure(switchgear.Config{HealthCheckInterval: interval, Jitter: -1}); err != nil {
				t.Fatal(err)
			}
		}
		s.Start()
		time.Sleep(65 * time.Second) // the third is due at about 60 s
		configure(5 * time.Second)
		from := len(p.begun(0)) - 1
		time.Sleep(time.Minute)
		synctest.Wait()
		starts := p.begun(from)
		if len(starts) < 12 {
			t.Errorf("%d checks in a minute", len(starts))
		}
		wantRhythm(t, starts[1:], 5*time.Second)

		configure(-1)
		n, w := len(p.begun(0)), worked
		time.Sleep(time.Hour)
		if got := len(p.begun(0)); got != n || worked != w {
			t.Errorf("%d checks and %d operations on demand only", got-n, worked-w)
		}
		configure(10 * time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(p.begun(0)) != n+1 || worked != w+1 {
			t.Error("what was long due was not done")
		}
		// Configured again and again, it is not put off.
		for range 120 {
			configure(10 * time.Second)
			time.Sleep(500 * time.Millisecond)
		}
		if got := len(p.begun(n)); got < 6 {
			t.Errorf("%d checks in a minute", got)
		}
		if err := s.Configure(switchgear.Config{Jitter: 2}); err == nil || s.Config().HealthCheckInterval != 10*time.Second {
			t.Errorf("%v left %v", err, s.Config().HealthCheckInterval)
		}
	})
}

func TestService_StopWaitsCancelsAndDropsTheResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ended []string
		slowly := func(name string) func(context.Context) error {
			return func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, name)
				return ctx.Err()
			}
		}
		s := newService(t, switchgear.ServiceConfig{
			Check: slowly("check"), CheckTimeout: time.Hour, CheckIsOperation: true,
			Operation: slowly("operation"),
		})
		s.Start()
		time.Sleep(10 * time.Second)
		asked := make(chan error)
		go func() {
			_, err := s.CheckHealth(context.Background())
			asked <- err
		}()
		synctest.Wait()
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Stop(short); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("an impatient stop: %v after %v", err, time.Since(began))
		}
		if err := <-asked; !errors.Is(err, switchgear.ErrStopped) {
			t.Errorf("who had asked got %v", err)
		}
		if err := s.Stop(t.Context()); err != nil || time.Since(began) != 3*time.Second || len(ended) != 2 {
			t.Errorf("%v after %v with %v ended", err, time.Since(began), ended)
		}
		if s.Health().Checked || s.Stats().Failed != 0 || s.Running() {
			t.Errorf("%+v, %+v, running: %v", s.Health(), s.Stats(), s.Running())
		}
		if _, err := s.CheckHealth(t.Context()); !errors.Is(err, switchgear.ErrStopped) {
			t.Errorf("asked after the stop: %v", err)
		}
		s.Start()
		time.Sleep(time.Hour)
		if s.Running() || len(ended) != 2 {
			t.Error("it runs again")
		}
	})
}

func TestService_OperationRunsFromStartToStartThroughTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{takes: 4 * time.Second}
		s := newService(t, switchgear.ServiceConfig{Operation: p.check, OperationInterval: 10 * time.Second})
		s.Start()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		wantRhythm(t, p.begun(0), 10*time.Second)
		if n := s.Stats().Successful; n < 57 || n > 63 {
			t.Errorf("%d operations in ten minutes", n)
		}
		trip(t, s)
		n := len(p.begun(0))
		time.Sleep(50 * time.Second)
		if len(p.begun(0)) != n || s.Stats().Rejected < 4 {
			t.Errorf("while open %d operations ran, %d were rejected", len(p.begun(n)), s.Stats().Rejected)
		}
		time.Sleep(3 * time.Minute) // the operation is the recovery's probe
		synctest.Wait()
		if got := s.Breaker().State(); got != switchgear.Closed {
			t.Errorf("the circuit is %v", got)
		}
	})
}

func TestService_OperationIsOneAtATimeAndOutlivesWhatItDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		n := 0
		s := newService(t, switchgear.ServiceConfig{
			Config:            switchgear.Config{FailureThreshold: 100},
			OperationInterval: 10 * time.Second,
			Operation: func(context.Context) error {
				mu.Lock()
				n++
				turn := n
				mu.Unlock()
				switch turn {
				case 1:
					panic("boom")
				case 2:
					runtime.Goexit()
				case 3:
					time.Sleep(time.Minute)
				}
				return nil
			},
		})
		s.Start()
		time.Sleep(62 * time.Second)
		synctest.Wait()
		mu.Lock()
		if n != 3 {
			t.Errorf("%d operations were begun, want the third to be the last", n)
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := s.Stats(); st.Failed != 1 || st.Ignored != 1 || st.Successful < 3 {
			t.Errorf("%+v", st)
		}
	})
}

func TestService_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newService(t, switchgear.ServiceConfig{
		Config: switchgear.Config{HealthCheckInterval: time.Millisecond, ResetTimeout: time.Millisecond, MinHealthyPeriod: -1, MaxResetTimeout: time.Millisecond},
		Check:  func(context.Context) error { return nil }, CheckIsOperation: true,
		Operation: func(context.Context) error { return errSick }, OperationInterval: time.Millisecond,
		Fallback: func(context.Context, error) error { return nil },
	})
	stop := s.ObserveHealth(func(switchgear.Health) { s.Health() })
	defer stop()
	s.Start()
	calls := []func(i int){
		func(int) { _ = s.Do(t.Context(), func(context.Context) error { return errSick }) },
		func(int) { _ = s.Do(t.Context(), nothing) },
		func(int) { _, _ = s.CheckHealth(t.Context()) },
		func(i int) {
			cfg := s.Config()
			cfg.HealthCheckInterval = time.Duration(1+i%3) * time.Millisecond
			if err := s.Configure(cfg); err != nil {
				t.Error(err)
			}
		},
		func(int) { _ = s.Breaker().Reset(switchgear.HalfOpen, switchgear.Order{}) },
		func(int) { s.Breaker().Snapshot(); s.Stats(); s.Health() },
	}
	var all sync.WaitGroup
	for _, call := range calls {
		for range 4 {
			all.Go(func() {
				for i := range 300 {
					call(i)
				}
			})
		}
	}
	all.Wait()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(fmt.Errorf("after all: %w", err))
	}
}
