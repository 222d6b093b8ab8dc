package switchgear

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const thousand = 1000

// together runs f a thousand times at once, and waits for all.
func together(f func(i int)) {
	var wait sync.WaitGroup
	gate := make(chan struct{})
	for i := range thousand {
		wait.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wait.Wait()
}

// upTo waits until the transition of that number has been told.
func upTo(t *testing.T, l *record[Transition], number uint64) []Transition {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		seen := l.all()
		if n := len(seen); number == 0 || n > 0 && seen[n-1].Number >= number {
			return seen
		}
	}
	t.Fatalf("transition %d was not told", number)
	return nil
}

// quiet stops the timer of a breaker of real time that the test is done with.
func quiet(b *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
}

func TestLaw04_AThousandConcurrentFailuresMakeOneTransition(t *testing.T) {
	t.Parallel()
	for range 20 {
		b := newBreaker(t, Config{FailureThreshold: thousand / 2, ConsecutiveFailureThreshold: thousand / 3, ResetTimeout: time.Hour})
		var log record[Transition]
		b.Observe(log.add)
		together(func(i int) {
			if i%2 == 0 {
				fail(b)
			} else {
				b.HandleError(errBoom, 0)
			}
		})
		if s := b.Snapshot(); s.State != Open || s.Transitions != 1 || s.Operations.Failed+s.Operations.Rejected != thousand {
			t.Fatalf("%v after %d transitions, counted %+v", s.State, s.Transitions, s.Operations)
		}
		if seen := upTo(t, &log, 1); len(seen) != 1 || seen[0].Evidence.ConsecutiveFailures != thousand/3 {
			t.Fatalf("told %+v", seen)
		}
		quiet(b)
	}
}

func TestLaw08_AThousandAskAndOneIsTheProbe(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{ResetTimeout: time.Hour, MinHealthyPeriod: time.Hour})
	for range 50 {
		mustNot(t, b.Reset(HalfOpen, Order{}))
		var granted atomic.Int64
		var probe Permit
		together(func(int) {
			if p, err := b.Allow(context.Background()); err == nil {
				granted.Add(1)
				probe = p // a race, if there are two
			}
		})
		if n := granted.Load(); n != 1 {
			t.Fatalf("%d of a thousand are admitted", n)
		}
		probe.Done(nil)
	}
	quiet(b)
}

func TestLaw09_OneASecondOfAThousand(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{MinHealthyPeriod: time.Hour, RecoverySteps: []float64{1e-12}})
	mustNot(t, b.Reset(HalfOpen, Order{}))
	b.RecordSuccess(0)
	began := time.Now()
	var granted atomic.Int64
	together(func(int) {
		if do(b, nil) {
			granted.Add(1)
		}
	})
	if n, seconds := granted.Load(), int64(time.Since(began)/time.Second); n < 1 || n > seconds+2 {
		t.Errorf("%d of a thousand are admitted in %d s", n, seconds)
	}
	quiet(b)
}

// TestLaw02_PermitsAreConserved lets a thousand goroutines end operations in
// every way while the breaker moves: each is counted once.
func TestLaw02_PermitsAreConserved(t *testing.T) {
	t.Parallel()
	var started, rejected, told atomic.Uint64
	hooks := idle()
	hooks.Rejected = func(context.Context, *OpenError) { told.Add(1) }
	b := newBreaker(t, Config{
		FailureThreshold: 20, ResetTimeout: time.Millisecond, MaxResetTimeout: 2 * time.Millisecond,
		MinHealthyPeriod: 2 * time.Millisecond, ProbeTimeout: time.Hour, HalfOpenFailureThreshold: 3, Hooks: hooks,
	})
	together(func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for range 30 {
			ctx, cancel := context.WithCancel(context.Background())
			apart(func() {
				_, err := Do(ctx, b, func(context.Context) (int, error) {
					started.Add(1)
					if r.IntN(2) == 0 {
						cancel() // of a probe, this races with the return
					}
					runtime.Gosched()
					switch r.IntN(8) {
					case 0:
						panic(errBoom)
					case 1:
						runtime.Goexit()
					case 2:
						return 0, Ignore(errBoom)
					case 3:
						return 0, ctx.Err()
					case 4:
						return 0, errBoom
					}
					return 0, nil
				})
				if errors.Is(err, ErrOpen) {
					rejected.Add(1)
				}
			})
			cancel()
		}
	})
	got := b.Operations()
	if ended := got.Total() + got.Ignored; ended != started.Load() || got.Rejected != rejected.Load() {
		t.Errorf("%d of %d operations and %d of %d rejections are counted: %+v",
			ended, started.Load(), got.Rejected, rejected.Load(), got)
	}
	if told.Load() != got.Rejected {
		t.Errorf("the hooks are told of %d rejections of %d", told.Load(), got.Rejected)
	}
	if r := b.recovery.Load(); r != nil && r.inFlight() != 0 {
		t.Errorf("%d operations are in flight for ever", r.inFlight())
	}
	quiet(b)
}

// TestLaw16_ObserversAreToldInOrder does at once all that can be done, and looks
// at the chain of what was told.
func TestLaw16_ObserversAreToldInOrder(t *testing.T) {
	t.Parallel()
	cfg := Config{
		FailureThreshold: 5, ResetTimeout: time.Millisecond, MaxResetTimeout: time.Millisecond, MinHealthyPeriod: time.Millisecond,
		MonitoringWindow: 100 * time.Millisecond,
	}
	b := newBreaker(t, cfg)
	var logs [3]record[Transition]
	for i := range logs {
		b.Observe(logs[i].add)
	}
	ctx := context.Background()
	orders := []func(r *rand.Rand) error{
		func(r *rand.Rand) error {
			c := cfg
			c.Disabled, c.MonitoringWindow = r.IntN(4) == 0, time.Duration(100+r.IntN(100))*time.Millisecond
			return b.Configure(c)
		},
		func(r *rand.Rand) error {
			return b.Override(Override{
				Mode: ForcedOpen + Mode(r.IntN(2)), Reason: "a test", Actor: "tester", Until: time.Now().Add(time.Hour),
			})
		},
		func(*rand.Rand) error { return ignoring(b.EndOverride(Order{}), ErrNoOverride) },
		func(*rand.Rand) error { return ignoring(b.Reset(Closed, Order{}), ErrOverridden) },
		func(*rand.Rand) error { return ignoring(b.Reset(HalfOpen, Order{}), ErrOverridden) },
		func(*rand.Rand) error { b.Observe(func(Transition) {})(); return nil },
		func(*rand.Rand) error { b.Snapshot(); b.Counts(); b.Config(); b.Advise(); return nil },
	}
	together(func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		for range 10 {
			do(b, []error{nil, errBoom, errBoom, Ignore(errBoom)}[r.IntN(4)]) //nolint:contextcheck // it needs none
			if p, err := b.Allow(ctx); err == nil {
				p.Done(nil)
			}
			b.HandleError(errBoom, 0) //nolint:contextcheck // it has none
			if i%20 != 0 {
				continue
			}
			if err := orders[r.IntN(len(orders))](r); err != nil {
				t.Error(err)
			}
		}
	})
	last := b.Snapshot().Transitions
	for i := range logs {
		seen := upTo(t, &logs[i], last)
		if seen[0].From != Closed || seen[0].Number != 1 {
			t.Errorf("it begins with %+v", seen[0])
		}
		for j := range len(seen) - 1 {
			if a, b := seen[j], seen[j+1]; b.Number != a.Number+1 || b.From != a.To || b.At.Before(a.At) {
				t.Fatalf("%+v comes after %+v", b, a)
			}
		}
	}
	quiet(b)
}

func ignoring(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// TestRestoreDuringTrafficHarmsNothing is for the race detector.
func TestRestoreDuringTrafficHarmsNothing(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{FailureThreshold: 5, ResetTimeout: time.Millisecond, MinHealthyPeriod: time.Millisecond})
	together(func(i int) {
		for j := range 5 {
			do(b, []error{nil, errBoom}[(i+j)%2])
			if i%10 == 0 {
				if err := b.Restore(b.Snapshot()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for deadline := time.Now().Add(time.Minute); b.State() != Closed; runtime.Gosched() {
		do(b, nil)
		if time.Now().After(deadline) {
			t.Fatalf("it is %v for ever", b.State())
		}
	}
	quiet(b)
}

// TestHotPathsTakeNoLock holds the mutex and sees that operations go on.
func TestHotPathsTakeNoLock(t *testing.T) {
	t.Parallel()
	// They are made when their turn has come: a clock that has gone on by then has
	// something to move, under the mutex.
	for name, begin := range map[string]func(*testing.T) *Breaker{
		"closed": func(t *testing.T) *Breaker {
			t.Helper()
			b := newBreaker(t, Config{})
			succeed(b)
			return b
		},
		"open": func(t *testing.T) *Breaker {
			t.Helper()
			b := newBreaker(t, Config{FailureThreshold: 1, ResetTimeout: time.Hour})
			fail(b)
			return b
		},
		"half-open": func(t *testing.T) *Breaker {
			t.Helper()
			b := newBreaker(t, Config{RecoverySteps: []float64{1e-12}, MinHealthyPeriod: time.Hour})
			mustNot(t, b.Reset(HalfOpen, Order{}))
			b.RecordSuccess(0)
			// An admission of a recovery arms its deadline under the mutex: let
			// this second's, and the next, be taken.
			do(b, nil)
			b.recovery.Load().second.Add(1)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := begin(t)
			b.mu.Lock()
			done := make(chan bool)
			go func() {
				ran := do(b, nil)
				b.State()
				b.Mode()
				done <- ran
			}()
			select {
			case got := <-done:
				b.mu.Unlock()
				if want := name == "closed"; got != want {
					t.Errorf("admitted: %v, want %v", got, want)
				}
			case <-time.After(20 * time.Second):
				b.mu.Unlock()
				<-done
				t.Error("an operation waits for the mutex")
			}
			quiet(b)
		})
	}
}

// TestSnapshot_IsOfOneMoment looks while successes are counted, which takes no
// mutex.
func TestSnapshot_IsOfOneMoment(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, Config{})
	succeed(b)
	var over atomic.Bool
	var counting sync.WaitGroup
	for range 2 {
		counting.Go(func() {
			for !over.Load() {
				succeed(b)
			}
		})
	}
	for range 5000 {
		s := b.Snapshot()
		parts := uint64(0)
		for _, w := range s.Window {
			parts += w.Successes
		}
		if parts != s.Successes || s.Operations.Successful != s.Successes {
			t.Errorf("%d successes in all, %d in the window, and %d in its parts", s.Operations.Successful, s.Successes, parts)
			break
		}
	}
	over.Store(true)
	counting.Wait()
	quiet(b)
}
