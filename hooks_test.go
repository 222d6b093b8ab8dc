package switchgear

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is what hooks were told, each with the caller that it came from.
type told struct {
	what   string
	caller any
	state  State
	mode   Mode
	key    string
	rule   string
}

type callerKey struct{}

// from is the context of a caller.
func from(name string) context.Context {
	return context.WithValue(context.Background(), callerKey{}, name)
}

// listening are hooks that write down what they are told.
func listening(list *record[told]) *Hooks {
	add := func(what string, ctx context.Context, e *OpenError) {
		list.add(told{what, ctx.Value(callerKey{}), e.State, e.Mode, e.Key, e.Cause.Rule})
	}
	return &Hooks{
		Rejected: func(ctx context.Context, e *OpenError) { add("rejected", ctx, e) },
		Opened:   func(ctx context.Context, e *OpenError) { add("opened", ctx, e) },
		Recovering: func(ctx context.Context, a Admission) {
			what := "probe"
			if !a.Probe {
				what = "share"
			}
			list.add(told{what, ctx.Value(callerKey{}), HalfOpen, Auto, a.Key, a.Cause.Rule})
		},
	}
}

// idle are hooks that do nothing.
func idle() *Hooks {
	return &Hooks{
		Rejected:   func(context.Context, *OpenError) {},
		Opened:     func(context.Context, *OpenError) {},
		Recovering: func(context.Context, Admission) {},
		TraceID:    func(context.Context) string { return "a trace" },
	}
}

func wantTold(t *testing.T, got *record[told], want ...told) {
	t.Helper()
	if diff := cmp.Diff(want, got.taken(), cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("the hooks are told (-want +got)\n%s", diff)
	}
}

// taken is what was added since it was last asked for.
func (r *record[T]) taken() (list []T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, r.list = r.list, nil
	return list
}

// through runs an operation of a caller.
func through(b *Breaker, caller string, err error) error {
	_, got := Do(from(caller), b, func(context.Context) (struct{}, error) { return struct{}{}, err })
	return got
}

func TestHooks_AreToldWithTheCallersOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var list record[told]
		b := newBreaker(t, Config{FailureThreshold: 2, ResetTimeout: time.Minute, MinHealthyPeriod: time.Minute, Jitter: -1, Hooks: listening(&list)})
		for range 100 {
			mustNot(t, through(b, "well", nil))
		}
		_ = through(b, "first", errBoom)
		wantTold(t, &list)
		_ = through(b, "second", errBoom)
		wantTold(t, &list, told{"opened", "second", Open, Auto, "", RuleFailureThreshold})
		err := through(b, "third", nil)
		_, refused := b.Allow(from("fourth"))
		if !errors.Is(err, ErrOpen) || !errors.Is(refused, ErrOpen) {
			t.Fatalf("an open circuit lets in: %v, %v", err, refused)
		}
		wantTold(t, &list,
			told{"rejected", "third", Open, Auto, "", RuleFailureThreshold},
			told{"rejected", "fourth", Open, Auto, "", RuleFailureThreshold})
		wait(time.Minute)
		p, err := b.Allow(from("probe"))
		mustNot(t, err)
		_ = through(b, "beside", nil)
		p.Done(errBoom)
		wantTold(t, &list,
			told{"probe", "probe", HalfOpen, Auto, "", RuleFailureThreshold},
			told{"rejected", "beside", HalfOpen, Auto, "", RuleFailureThreshold},
			told{"opened", "probe", Open, Auto, "", RuleRecoveryFailure})
		wait(2 * time.Minute)
		mustNot(t, through(b, "probe", nil))
		mustNot(t, through(b, "one a second", nil))
		wantTold(t, &list,
			told{"probe", "probe", HalfOpen, Auto, "", RuleRecoveryFailure},
			told{"share", "one a second", HalfOpen, Auto, "", RuleRecoveryFailure})
		wait(time.Minute)
		mustNot(t, through(b, "closed", nil))
		mustNot(t, b.Override(untilTomorrow(ForcedOpen)))
		_ = through(b, "forced", nil)
		wantTold(t, &list, told{"rejected", "forced", Closed, ForcedOpen, "", ""})
	})
}

func TestHooks_Opened(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, b *Breaker){
		"an error": func(ctx context.Context, b *Breaker) {
			_, _ = Do(ctx, b, func(context.Context) (int, error) { return 0, errBoom })
		},
		"a permit's error": func(ctx context.Context, b *Breaker) {
			p, _ := b.Allow(ctx)
			p.Done(errBoom)
		},
		"a panic": func(ctx context.Context, b *Breaker) {
			apart(func() { _, _ = Do(ctx, b, func(context.Context) (int, error) { panic(errBoom) }) })
		},
		"the end of a probe's context": func(ctx context.Context, b *Breaker) {
			mustEnd := func() { _ = b.Reset(HalfOpen, Order{}) }
			mustEnd()
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, _ = b.Allow(ctx)
			wait(2 * time.Second)
		},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			var list record[told]
			b := newBreaker(t, Config{FailureThreshold: 1, Hooks: listening(&list)})
			for range 200 { // so many that the next one is not timed
				succeed(b)
			}
			end(from("it"), b)
			wantState(t, b, Open)
			all := list.taken()
			if n := len(all); n == 0 || all[n-1].what != "opened" || all[n-1].caller != "it" {
				t.Errorf("the hooks are told %+v", all)
			}
		}))
	}
}

func TestHooks_OfAKeyAndItsParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var list record[told]
		k, all := family(t, KeyedConfig{Config: Config{Hooks: listening(&list), ResetTimeout: time.Minute, Jitter: -1}, OpenShare: 0.5}, 3, 1)
		list.taken()
		_ = through(all[1], "it", errBoom)
		wantTold(t, &list,
			told{"opened", "it", Open, Auto, "key1", RuleFailureThreshold},
			told{"opened", "it", Open, Auto, "", RuleChildrenOpen})
		_ = through(all[2], "of the parent", nil)
		_ = through(all[1], "of its own", nil)
		wantTold(t, &list,
			told{"rejected", "of the parent", Open, Auto, "", RuleChildrenOpen},
			told{"rejected", "of its own", Open, Auto, "key1", RuleFailureThreshold})
		wait(time.Minute)
		wantState(t, k.Parent(), HalfOpen)
		_ = through(all[1], "it", errBoom)
		wantTold(t, &list,
			told{"probe", "it", HalfOpen, Auto, "key1", RuleFailureThreshold},
			told{"probe", "it", HalfOpen, Auto, "", RuleChildrenOpen},
			told{"opened", "it", Open, Auto, "key1", RuleRecoveryFailure},
			told{"opened", "it", Open, Auto, "", RuleRecoveryFailure})
	})
}

func TestHooks_ThatDoNotReturnWedgeNothing(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(){"panic": explode, "exit": runtime.Goexit} {
		t.Run(name, bubble(func(t *testing.T) {
			alone := func(f func()) {
				if v := apart(f); v != nil {
					t.Errorf("the panic of a hook reaches the caller: %v", v)
				}
			}
			hooks := &Hooks{
				Rejected:   func(context.Context, *OpenError) { misbehave() },
				Opened:     func(context.Context, *OpenError) { misbehave() },
				Recovering: func(context.Context, Admission) { misbehave() },
				TraceID:    func(context.Context) string { misbehave(); return "" },
			}
			b := newBreaker(t, Config{FailureThreshold: 1, ResetTimeout: time.Second, MinHealthyPeriod: time.Second, ProbeTimeout: time.Hour, Jitter: -1, Hooks: hooks})
			alone(func() { _ = through(b, "it", errBoom) })
			wantState(t, b, Open)
			for range 2 {
				alone(func() { _ = through(b, "it", nil) })
				alone(func() { _, _ = b.Allow(from("it")) })
			}
			wait(time.Second)
			alone(func() {
				p, err := b.Allow(from("it"))
				mustNot(t, err)
				p.Done(Ignore(errBoom))
			})
			mustNot(t, b.Configure(Config{FailureThreshold: 1, ResetTimeout: time.Second, MinHealthyPeriod: time.Second, ProbeTimeout: time.Hour, Jitter: -1}))
			mustNot(t, through(b, "it", nil)) // the probe's place is free
			wait(time.Second)
			wantState(t, b, Closed)
		}))
	}
}

func TestHooks_AreCalledOutsideEveryLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *Breaker
		calls := 0
		look := func() {
			calls++
			_ = b.Snapshot()
			mustNot(t, b.Configure(b.Config()))
			succeed(b)
		}
		b = newBreaker(t, Config{FailureThreshold: 1, ResetTimeout: time.Second, Jitter: -1, Hooks: &Hooks{
			Rejected: func(ctx context.Context, _ *OpenError) {
				if ctx != context.Background() {
					look()
				}
			},
			Opened: func(context.Context, *OpenError) { look() },
			Recovering: func(ctx context.Context, _ Admission) {
				if ctx.Value(callerKey{}) != nil {
					look()
				}
			},
			TraceID: func(context.Context) string { _ = b.Snapshot(); calls++; return "" },
		}})
		_ = through(b, "it", errBoom)
		_ = through(b, "it", nil)
		wait(time.Second)
		_ = through(b, "it", nil)
		if calls < 5 {
			t.Errorf("only %d calls", calls)
		}
	})
}

func TestHooks_AreToldNothingOfWhatHasNoContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var list record[told]
		b := newBreaker(t, Config{FailureThreshold: 1, Hooks: listening(&list)})
		p, err := b.Allow(nil) //nolint:staticcheck // it is what is tested
		mustNot(t, err)
		p.Done(errBoom)
		_, _ = b.Allow(nil) //nolint:staticcheck // as above
		mustNot(t, b.Reset(Closed, Order{}))
		b.HandleError(errBoom, time.Second)
		wantState(t, b, Open)
		wantTold(t, &list)
	})
}

func TestHooks_ComeAndGoWithTheConfig(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var list record[told]
		b := opened(t, Config{})
		mustNot(t, b.Configure(Config{Hooks: listening(&list)}))
		_ = through(b, "it", nil)
		if all := list.all(); len(all) != 1 {
			t.Errorf("the hooks are told %+v", all)
		}
		next, err := b.Config().Replace([]byte(`{"failureThreshold": 7}`))
		mustNot(t, err)
		mustNot(t, b.Configure(next))
		_ = through(b, "it", nil)
		if all := list.all(); len(all) != 2 {
			t.Errorf("after a config in JSON the hooks are told %+v", all)
		}
		mustNot(t, b.Configure(Config{}))
		_ = through(b, "it", nil)
		if all := list.all(); len(all) != 2 {
			t.Errorf("without hooks they are told %+v", all)
		}
	})
}

func TestExemplars_AreTheLatestTraceOfEachBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		b := newBreaker(t, Config{Hooks: &Hooks{TraceID: func(ctx context.Context) string {
			asked++
			id, _ := ctx.Value(callerKey{}).(string)
			return id
		}}})
		run := func(trace string, d time.Duration, err error) {
			_, _ = Do(from(trace), b, func(context.Context) (int, error) {
				wait(d)
				return 0, err
			})
		}
		run("", 3*time.Millisecond, nil) // not traced
		if got := b.Exemplars(); got != nil || asked != 1 {
			t.Errorf("without a trace there are %+v, asked %d times", got, asked)
		}
		run("a", 3*time.Millisecond, nil)
		run("b", 4*time.Millisecond, nil) // within a second
		run("c", time.Minute, errBoom)
		run("ignored", 300*time.Millisecond, Ignore(errBoom))
		at := time.Now().UTC()
		run("d", 4*time.Millisecond, nil)
		want := []Exemplar{
			{Bucket: 2, TraceID: "d", Value: 4 * time.Millisecond, At: at.Add(4 * time.Millisecond)},
			{Bucket: len(DurationBounds), TraceID: "c", Value: time.Minute, At: at.Add(-300 * time.Millisecond)},
		}
		if diff := cmp.Diff(want, b.Exemplars()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if asked != 4 {
			t.Errorf("asked %d times, want 4: of b within a second of a, and of what is ignored, not", asked)
		}
	})
}

func TestExemplars_OfKeysAreTheirParents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, all := family(t, KeyedConfig{Config: Config{Hooks: &Hooks{TraceID: func(context.Context) string { return "t" }}}}, 20, 0)
		if got := k.Exemplars(); len(got) != 1 || got[0].TraceID != "t" || all[0].Exemplars() != nil {
			t.Errorf("the exemplars are %+v, and of a key %+v", got, all[0].Exemplars())
		}
	})
}

// TestHooks_AllocateNothing is alone: it counts allocations.
func TestHooks_AllocateNothing(t *testing.T) {
	traced := 0
	hooks := &Hooks{
		Rejected: func(ctx context.Context, _ *OpenError) {
			if ctx.Value(callerKey{}) != nil {
				traced++
			}
		},
		Opened:     func(context.Context, *OpenError) { traced++ },
		Recovering: func(context.Context, Admission) { traced++ },
		TraceID:    func(context.Context) string { return "" },
	}
	closed, open := newBreaker(t, Config{Hooks: hooks}), newBreaker(t, Config{Hooks: hooks, FailureThreshold: 1})
	fail(open)
	defer quiet(open)
	defer quiet(closed)
	ctx := t.Context()
	call := func(context.Context) (int, error) { return 0, nil }
	for name, run := range map[string]func(){
		"a success":               func() { _, _ = Do(ctx, closed, call) },
		"a permit":                func() { p, _ := closed.Allow(ctx); p.Done(nil) },
		"a rejection":             func() { _, _ = Do(ctx, open, call) },
		"a rejection of a permit": func() { _, _ = open.Allow(ctx) },
	} {
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	if traced != 1 {
		t.Errorf("%d were told of, want the opening", traced)
	}
}
