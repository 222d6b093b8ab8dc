package switchgear

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble is a subtest with a clock of its own.
func bubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	}
}

func newBreaker(t *testing.T, cfg Config) *Breaker {
	t.Helper()
	b, err := New("a_service", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// do runs an operation that ends with err, and says whether it ran.
func do(b *Breaker, err error) (ran bool) {
	_, got := Do(context.Background(), b, func(context.Context) (int, error) { return 0, err })
	return !errors.Is(got, ErrOpen) || errors.Is(err, ErrOpen)
}

// wait sleeps and lets the breaker do what is due.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// record keeps what other goroutines tell.
type record[T any] struct {
	mu   sync.Mutex
	list []T
}

func (r *record[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, v)
}

func (r *record[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.list)
}

// watch keeps a breaker's transitions.
func watch(b *Breaker) *record[Transition] {
	told := new(record[Transition])
	b.Observe(told.add)
	return told
}

func wantState(t *testing.T, b *Breaker, want State) {
	t.Helper()
	if got := b.State(); got != want {
		t.Fatalf("State is %v, want %v", got, want)
	}
}

// opened is a breaker that has just opened, without jitter.
func opened(t *testing.T, cfg Config) *Breaker {
	t.Helper()
	cfg.Jitter = -1
	b := newBreaker(t, cfg)
	for b.State() == Closed {
		do(b, errBoom)
	}
	return b
}

// recovering is a breaker that has just gone to half-open.
func recovering(t *testing.T, cfg Config) *Breaker {
	t.Helper()
	b := opened(t, cfg)
	wait(b.Snapshot().OpenTime)
	wantState(t, b, HalfOpen)
	return b
}

// row is a line of a script: at a time since the beginning something happens,
// and then the breaker is in a state and its window holds so much.
type row struct {
	at                  time.Duration
	do                  func(*Breaker)
	state               State
	failures, successes uint64
}

// What happens in scripts. An operation that is let in or turned away against
// the script's word changes the counts, so that is seen.
func fail(b *Breaker)    { do(b, errBoom) }
func succeed(b *Breaker) { do(b, nil) }
func nothing(*Breaker)   {}

func slowly(b *Breaker) { b.RecordSuccess(2 * time.Second) }

func play(t *testing.T, cfg Config, script []row) {
	t.Helper()
	if cfg.Jitter == 0 {
		cfg.Jitter = -1
	}
	b := newBreaker(t, cfg)
	start := time.Now()
	for i, r := range script {
		wait(r.at - time.Since(start))
		r.do(b)
		synctest.Wait()
		s := b.Snapshot()
		if b.State() != r.state || s.Failures != r.failures || s.Successes != r.successes {
			t.Fatalf("row %d at %v: %v with %d failures and %d successes, want %v with %d and %d",
				i, r.at, b.State(), s.Failures, s.Successes, r.state, r.failures, r.successes)
		}
	}
}

func untilTomorrow(mode Mode) Override {
	return Override{Mode: mode, Reason: "a test", Actor: "tester", Until: time.Now().Add(24 * time.Hour)}
}

func TestLaw01_StatesAndModes(t *testing.T) {
	t.Parallel()
	t.Run("names on the wire", func(t *testing.T) {
		t.Parallel()
		for want, got := range map[string]interface{ String() string }{
			"closed": Closed, "open": Open, "half_open": HalfOpen,
			"auto": Auto, "forced_open": ForcedOpen, "forced_closed": ForcedClosed, "disabled": Disabled,
		} {
			if got.String() != want {
				t.Errorf("%v, want %v", got, want)
			}
		}
	})
	begin := map[State]func(*testing.T, Config) *Breaker{Closed: newBreaker, Open: opened, HalfOpen: recovering}
	for state, make := range begin {
		for _, mode := range []Mode{ForcedOpen, ForcedClosed} {
			t.Run(mode.String()+" above "+state.String(), bubble(func(t *testing.T) {
				b := make(t, Config{})
				if err := b.Override(untilTomorrow(mode)); err != nil {
					t.Fatal(err)
				}
				wait(12 * time.Hour)
				if b.Mode() != mode || b.State() != state {
					t.Errorf("%v above %v, want %v above %v", b.Mode(), b.State(), mode, state)
				}
			}))
		}
		t.Run("disabled above "+state.String(), bubble(func(t *testing.T) {
			b := make(t, Config{})
			if err := b.Configure(Config{Disabled: true}); err != nil {
				t.Fatal(err)
			}
			wait(12 * time.Hour)
			if b.Mode() != Disabled || b.State() != state {
				t.Errorf("%v above %v, want disabled above %v", b.Mode(), b.State(), state)
			}
		}))
	}
}

// endings are all the ways in which an operation ends, and what is counted.
var endings = map[string]struct {
	run  func(context.Context) (int, error)
	want Operations
}{
	"return":  {func(context.Context) (int, error) { return 1, nil }, Operations{Successful: 1}},
	"error":   {func(context.Context) (int, error) { return 0, errBoom }, Operations{Failed: 1}},
	"panic":   {func(context.Context) (int, error) { panic(errBoom) }, Operations{Failed: 1}},
	"nil map": {func(context.Context) (int, error) { var m map[int]int; m[1] = 1; return 0, nil }, Operations{Failed: 1}}, //nolint:staticcheck // it is to panic
	"Goexit":  {func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, Operations{Ignored: 1}},
	"ignored": {func(context.Context) (int, error) { return 0, Ignore(errBoom) }, Operations{Ignored: 1}},
	"deferred panic in a Goexit": {func(context.Context) (int, error) {
		defer panic(errBoom)
		runtime.Goexit()
		return 0, nil
	}, Operations{Failed: 1}},
	"deferred Goexit in a panic": {func(context.Context) (int, error) {
		defer runtime.Goexit()
		panic(errBoom)
	}, Operations{Ignored: 1}},
	"recovered panic": {func(context.Context) (n int, err error) {
		defer func() { _ = recover() }()
		panic(errBoom)
	}, Operations{Successful: 1}},
}

// apart runs f in a goroutine that may panic or end, and waits for it.
func apart(f func()) (panicked any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
	}()
	<-done
	return panicked
}

func TestLaw02_EveryEndingSettlesOnce(t *testing.T) {
	t.Parallel()
	cfg := Config{FailureThreshold: 100, HalfOpenFailureThreshold: 100}
	begin := map[string]func(*testing.T) *Breaker{
		"closed": func(t *testing.T) *Breaker { t.Helper(); return newBreaker(t, cfg) },
		"a streak": func(t *testing.T) *Breaker {
			t.Helper()
			b := newBreaker(t, cfg)
			do(b, errBoom)
			return b
		},
		"probe": func(t *testing.T) *Breaker { t.Helper(); return recovering(t, cfg) },
		"ramp": func(t *testing.T) *Breaker {
			t.Helper()
			b := recovering(t, cfg)
			b.RecordSuccess(0)
			return b
		},
		"forced closed": func(t *testing.T) *Breaker {
			t.Helper()
			b := opened(t, cfg)
			if err := b.Override(untilTomorrow(ForcedClosed)); err != nil {
				t.Fatal(err)
			}
			return b
		},
		"disabled": func(t *testing.T) *Breaker { t.Helper(); return newBreaker(t, Config{Disabled: true}) },
		"hooked": func(t *testing.T) *Breaker {
			t.Helper()
			with := cfg
			with.Hooks = idle()
			b := newBreaker(t, with)
			for range 200 { // so many that the next one is not timed
				succeed(b)
			}
			return b
		},
	}
	for where, make := range begin {
		for how, end := range endings {
			t.Run(where+" "+how, bubble(func(t *testing.T) {
				b := make(t)
				was := b.Operations()
				apart(func() {
					//nolint:errcheck // the counts say what came of it
					Do(t.Context(), b, end.run)
				})
				synctest.Wait()
				is := b.Operations()
				got := Operations{
					Successful: is.Successful - was.Successful, Failed: is.Failed - was.Failed,
					Rejected: is.Rejected - was.Rejected, Ignored: is.Ignored - was.Ignored,
				}
				if got != end.want {
					t.Errorf("counted %+v, want %+v", got, end.want)
				}
				if r := b.recovery.Load(); r != nil && r.inFlight() != 0 {
					t.Errorf("%d operations are still in flight", r.inFlight())
				}
			}))
		}
	}
}

//go:noinline
func explode() { panic(errBoom) }

func TestLaw02_PanicGoesOnWithItsValueAndItsStack(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{})
	defer func() {
		if v := recover(); v != any(errBoom) {
			t.Errorf("the panic is %v", v)
		}
		if stack := string(debug.Stack()); !strings.Contains(stack, "switchgear.explode") {
			t.Errorf("the stack does not show who panicked:\n%s", stack)
		}
	}()
	//nolint:errcheck // it does not return
	Do(t.Context(), b, func(context.Context) (int, error) { explode(); return 0, nil })
}
