package switchgear_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

var errSick = errors.New("sick")

// probeLog is a health check that remembers when it was begun. It answers err,
// after the time it takes.
type probeLog struct {
	mu     sync.Mutex
	starts []time.Time
	now    int // under way
	most   int // at a time
	takes  time.Duration
	err    error
}

func (p *probeLog) check(ctx context.Context) error {
	p.mu.Lock()
	p.starts = append(p.starts, time.Now())
	p.now++
	p.most = max(p.most, p.now)
	takes := p.takes
	p.mu.Unlock()
	var err error
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now--
	return errors.Join(err, p.err)
}

func (p *probeLog) answer(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// begun are the starts so far, from the given one on.
func (p *probeLog) begun(from int) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.starts[min(from, len(p.starts)):]...)
}

// wantRhythm fails unless the starts are the interval apart, give or take a
// twentieth.
func wantRhythm(t *testing.T, starts []time.Time, interval time.Duration) {
	t.Helper()
	for i := range len(starts) - 1 {
		if gap := starts[i+1].Sub(starts[i]); gap < interval*95/100 || gap > interval*105/100 {
			t.Errorf("start %d came %v after the one before, want about %v", i+1, gap, interval)
		}
	}
}

// newService makes a service that the test stops.
func newService(t *testing.T, cfg switchgear.ServiceConfig) *switchgear.Service {
	t.Helper()
	if cfg.Config.Jitter == 0 {
		cfg.Config.Jitter = -1
	}
	s, err := switchgear.NewService("x", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("the service did not stop: %v", err)
		}
	})
	return s
}

// trip opens the circuit of a service with the default threshold.
func trip(t *testing.T, s *switchgear.Service) {
	t.Helper()
	for range 5 {
		s.HandleError(errSick, 0)
	}
	if got := s.Breaker().State(); got != switchgear.Open {
		t.Fatalf("after five failures the circuit is %v", got)
	}
}

func override(t *testing.T, b *switchgear.Breaker, m switchgear.Mode) {
	t.Helper()
	o := switchgear.Override{Mode: m, Reason: "test", Actor: "test", Until: time.Now().Add(24 * time.Hour)}
	if err := b.Override(o); err != nil {
		t.Fatal(err)
	}
}

func TestCheck_RunsFromStartToStartInEveryStateAndMode(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name  string
		cfg   switchgear.Config
		bring func(t *testing.T, s *switchgear.Service)
		state switchgear.State
		mode  switchgear.Mode
	}{
		{name: "closed", bring: func(*testing.T, *switchgear.Service) {}},
		{name: "open", state: switchgear.Open, bring: trip},
		{name: "half open", state: switchgear.HalfOpen, bring: func(t *testing.T, s *switchgear.Service) {
			t.Helper()
			if err := s.Breaker().Reset(switchgear.HalfOpen, switchgear.Order{}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "forced open", mode: switchgear.ForcedOpen, bring: func(t *testing.T, s *switchgear.Service) {
			t.Helper()
			override(t, s.Breaker(), switchgear.ForcedOpen)
		}},
		{name: "forced closed over open", state: switchgear.Open, mode: switchgear.ForcedClosed, bring: func(t *testing.T, s *switchgear.Service) {
			t.Helper()
			trip(t, s)
			override(t, s.Breaker(), switchgear.ForcedClosed)
		}},
		{
			name: "disabled", cfg: switchgear.Config{Disabled: true}, mode: switchgear.Disabled,
			bring: func(*testing.T, *switchgear.Service) {},
		},
	}
	for _, asOperation := range []bool{false, true} {
		for _, r := range rows {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := &probeLog{takes: 3 * time.Second}
					cfg := r.cfg
					cfg.HealthCheckInterval, cfg.ResetTimeout, cfg.MinHealthyPeriod = 10*time.Second, 2*time.Hour, 2*time.Hour
					s := newService(t, switchgear.ServiceConfig{Config: cfg, Check: p.check, CheckIsOperation: asOperation})
					s.Start()
					time.Sleep(5 * time.Second)
					r.bring(t, s)
					synctest.Wait()
					from := len(p.begun(0))
					time.Sleep(time.Hour)
					synctest.Wait()
					starts := p.begun(from)
					if n := len(starts); n < 340 || n > 380 {
						t.Errorf("%d checks in an hour", n)
					}
					wantRhythm(t, starts, 10*time.Second)
					b := s.Breaker()
					if b.State() != r.state || b.Mode() != r.mode || b.Operations().Rejected != 0 || p.most != 1 {
						t.Errorf("%v, %v, %d rejected, %d checks at a time", b.State(), b.Mode(), b.Operations().Rejected, p.most)
					}
				})
			})
		}
	}
}

func TestCheck_BeginsWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{}
		s := newService(t, switchgear.ServiceConfig{Check: p.check})
		time.Sleep(time.Hour)
		if n := len(p.begun(0)); n > 0 {
			t.Errorf("%d checks before the start", n)
		}
		s.Start()
		s.Start()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(p.begun(0)); n != 1 {
			t.Errorf("%d checks a second after the start, want 1", n)
		}
	})
}

func TestCheck_SharesOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{takes: 3 * time.Second}
		s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{HealthCheckInterval: 2 * time.Second}})
		s.Start()
		var all sync.WaitGroup
		results := make([]switchgear.Health, 100)
		for i := range results {
			all.Go(func() {
				h, err := s.CheckHealth(t.Context())
				if err != nil {
					t.Error(err)
				}
				results[i] = h
			})
		}
		all.Wait()
		for _, h := range results {
			if diff := cmp.Diff(results[0], h); diff != "" || !h.Healthy || h.Duration != 3*time.Second {
				t.Fatalf("another result (-first +this):\n%s", diff)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(p.begun(0)); p.most != 1 || n < 15 {
			t.Errorf("%d checks at a time, %d in a minute; want one after the other", p.most, n)
		}
	})
}

func TestCheck_OnDemandAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{}
		s := newService(t, switchgear.ServiceConfig{Check: p.check, Config: switchgear.Config{HealthCheckInterval: -1}})
		for range 100 {
			if h, err := s.CheckHealth(t.Context()); err != nil || !h.Healthy {
				t.Errorf("%+v, %v", h, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(p.begun(0)); n != 10 {
			t.Errorf("%d checks in ten seconds", n)
		}
	})
}

func TestCheck_TimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{takes: time.Hour}
		s := newService(t, switchgear.ServiceConfig{Check: p.check, CheckTimeout: 2 * time.Second})
		began := time.Now().UTC()
		h, err := s.CheckHealth(t.Context())
		want := switchgear.Health{
			Checked: true, CheckedAt: began, Duration: 2 * time.Second,
			Err: "no answer within 2 s", ConsecutiveFailures: 1,
		}
		if diff := cmp.Diff(want, h); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(500 * time.Millisecond)
		if _, err := s.CheckHealth(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that gave up got %v", err)
		}
	})
}

func TestCheck_ThatHangsWedgesNothing(t *testing.T) { // alone, for it counts goroutines
	for name, timeout := range map[string]time.Duration{"shorter than the interval": 5 * time.Second, "longer": 35 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { hangs(t, timeout) })
		})
	}
}

func hangs(t *testing.T, timeout time.Duration) {
	t.Helper()
	var mu sync.Mutex
	release, begun := make(chan struct{}), 0
	s := newService(t, switchgear.ServiceConfig{
		Config: switchgear.Config{HealthCheckInterval: 10 * time.Second}, CheckTimeout: timeout,
		Check: func(context.Context) error { // heeds nothing
			mu.Lock()
			begun++
			mu.Unlock()
			<-release
			return nil
		},
	})
	s.Start()
	time.Sleep(time.Minute)
	synctest.Wait()
	goroutines := runtime.NumGoroutine()
	early := s.Health()
	time.Sleep(time.Hour)
	synctest.Wait()
	late := s.Health()
	more := late.ConsecutiveFailures - early.ConsecutiveFailures
	if early.ConsecutiveFailures < 2 || more < 340 || more > 380 || late.Err != "the last check has not returned yet" {
		t.Errorf("after a minute %+v, an hour later %+v", early, late)
	}
	if n := runtime.NumGoroutine(); n > goroutines+20 { // 360 checks were due
		t.Errorf("%d goroutines became %d", goroutines, n)
	}
	if begun != 1 {
		t.Errorf("%d checks at a time", begun)
	}
	if h, err := s.CheckHealth(t.Context()); err != nil || h != late {
		t.Errorf("on demand %+v, %v", h, err)
	}
	close(release)
	synctest.Wait()
	if h := s.Health(); !h.Healthy || h.ConsecutiveFailures != 0 {
		t.Errorf("after it returned %+v", h)
	}
}

// rudeError panics when it is asked.
type rudeError struct{}

func (rudeError) Error() string { panic("rude") }

func TestCheck_ThatDoesNotReturnHasFailed(t *testing.T) {
	t.Parallel()
	rows := map[string]func(context.Context) error{
		"the health check panicked: boom":                    func(context.Context) error { panic("boom") },
		"an error that panics when it is asked what it says": func(context.Context) error { return rudeError{} },
		"the health check ended its goroutine":               func(context.Context) error { runtime.Goexit(); return nil },
	}
	for want, check := range rows {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, switchgear.ServiceConfig{Check: check})
				s.Start()
				time.Sleep(5*time.Minute + 2*time.Second)
				synctest.Wait()
				if h := s.Health(); h.Err != want || h.ConsecutiveFailures < 10 {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

func TestCheck_TextIsCutAtACharacter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := "x"
		for len(text) < 1000 {
			text += "ä"
		}
		s := newService(t, switchgear.ServiceConfig{Check: func(context.Context) error { return errors.New(text) }})
		h, err := s.CheckHealth(t.Context())
		if err != nil || h.Err != text[:511] {
			t.Errorf("%d bytes: %q, %v", len(h.Err), h.Err, err)
		}
	})
}

func TestCheck_TellsEveryResultInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probeLog{err: errSick}
		s := newService(t, switchgear.ServiceConfig{Check: p.check})
		s.RestoreHealth(switchgear.Health{Checked: true, ConsecutiveFailures: 7})
		var got []int
		stop := s.ObserveHealth(func(h switchgear.Health) { got = append(got, h.ConsecutiveFailures) })
		for i := range 5 {
			if i == 3 {
				p.answer(nil)
			}
			if _, err := s.CheckHealth(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		stop()
		if _, err := s.CheckHealth(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]int{8, 9, 10, 0, 0}, got); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestCheck_IsRefusedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	s := newService(t, switchgear.ServiceConfig{})
	s.Start()
	if _, err := s.CheckHealth(t.Context()); !errors.Is(err, switchgear.ErrNoCheck) || s.HasCheck() {
		t.Errorf("got %v", err)
	}
}
