package switchgear

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLaw13_Outcomes(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancelLate()
	alive := context.Background()
	cfg := Config{FailureThreshold: 100, Classify: classifyTest}
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is what the row is about
		err  error
		want Outcome
	}{
		"nil":                                        {alive, nil, Success},
		"nil while the caller has gone":              {ended, nil, Success},
		"an error":                                   {alive, errBoom, Failure},
		"an error while the caller has gone":         {ended, errBoom, Failure},
		"cancelled by the caller":                    {ended, fmt.Errorf("get: %w", context.Canceled), Ignored},
		"cancelled after the caller's deadline":      {late, context.Canceled, Ignored},
		"cancelled by somebody else":                 {alive, context.Canceled, Failure},
		"a deadline":                                 {alive, context.DeadlineExceeded, Failure},
		"the caller's deadline":                      {late, context.DeadlineExceeded, Failure},
		"ignored":                                    {alive, Ignore(errBoom), Ignored},
		"ignored deep inside":                        {alive, fmt.Errorf("a: %w", errors.Join(errBoom, Ignore(errBoom))), Ignored},
		"classified as ignored":                      {alive, fmt.Errorf("a: %w", classedError{}), Ignored},
		"rejected by an inner breaker":               {alive, &OpenError{Service: "inner"}, Failure},
		"a nil pointer that panics when it is asked": {alive, (*panickyError)(nil), Failure},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			b := newBreaker(t, cfg)
			_, err := Do(c.ctx, b, func(context.Context) (int, error) { return 0, c.err })
			if err != c.err { //nolint:errorlint // the caller is to get what the operation gave
				t.Errorf("the caller gets %v", err)
			}
			var want Operations
			*map[Outcome]*uint64{Success: &want.Successful, Failure: &want.Failed, Ignored: &want.Ignored}[c.want] = 1
			if got := b.Operations(); got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
		}))
	}
	t.Run("a nil pointer that panics when it is unwrapped", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 100})
		for _, bad := range []error{(*fs.PathError)(nil), (*url.Error)(nil)} {
			_, err := Do(alive, b, func(context.Context) (int, error) { return 0, bad })
			_, late := Do(ended, b, func(context.Context) (int, error) { return 0, bad })
			if err != bad || late != bad { //nolint:errorlint // the caller is to get what the operation gave
				t.Errorf("the callers get %v and %v", err, late)
			}
		}
		if got, want := b.Operations(), (Operations{Failed: 4}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	}))
	t.Run("a panic is a failure whatever the classifier says", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{Classify: func(error) Outcome { return Ignored }})
		apart(func() {
			//nolint:errcheck // it does not return
			Do(t.Context(), b, func(context.Context) (int, error) { panic(1) })
		})
		if got, want := b.Operations(), (Operations{Failed: 1}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	}))
	t.Run("a classifier can make a success of an error", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{Classify: func(error) Outcome { return Success }})
		if do(b, errBoom); b.Operations() != (Operations{Successful: 1}) {
			t.Errorf("counted %+v", b.Operations())
		}
	}))
	t.Run("a classifier that panics wedges nothing", bubble(func(t *testing.T) {
		cfg := Config{FailureThreshold: 6, Classify: func(error) Outcome { panic("classifier") }}
		b := newBreaker(t, cfg)
		for range 3 {
			if got := apart(func() { do(b, errBoom) }); got != "classifier" {
				t.Errorf("the caller sees %v", got)
			}
			if got := apart(func() { b.HandleError(errBoom, 0) }); got != "classifier" {
				t.Errorf("the reporter sees %v", got)
			}
		}
		wantState(t, b, Open)
		wait(2 * time.Minute)
		apart(func() { do(b, errBoom) }) // the probe
		wantState(t, b, Open)
		wait(4 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Allow(ctx); err != nil {
			t.Fatal(err)
		}
		wait(time.Second) // the probe's context has ended: nobody sees the panic
		wantState(t, b, Open)
		wait(6 * time.Minute)
		if !do(b, nil) {
			t.Error("the place is not free")
		}
	}))
	t.Run("ignored moves nothing", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 2, ConsecutiveFailureThreshold: 2})
		fail(b)
		was := b.Snapshot()
		for range 10 {
			do(b, Ignore(errBoom))
		}
		is := b.Snapshot()
		is.Operations.Ignored = 0
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("more than the total changed:\n%s", diff)
		}
		fail(b) // and it breaks no row
		wantState(t, b, Open)
	}))
}

func TestLaw14_Overrides(t *testing.T) {
	t.Parallel()
	order := Order{Actor: "somebody", Reason: "it is over"}
	t.Run("a reason, an actor and an end, or none", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		err := b.Override(Override{Mode: Disabled})
		var bad *ConfigError
		if !errors.As(err, &bad) || len(bad.Fields()) != 4 {
			t.Errorf("%v, want four bad fields", err)
		}
		good := untilTomorrow(ForcedOpen)
		for _, spoil := range []func(*Override){
			func(o *Override) { o.Mode = Auto },
			func(o *Override) { o.Reason = "" },
			func(o *Override) { o.Actor = "" },
			func(o *Override) { o.Until = time.Time{} },
			func(o *Override) { o.Until = time.Now() },
		} {
			o := good
			if spoil(&o); b.Override(o) == nil {
				t.Errorf("%+v is accepted", o)
			}
		}
		if err := b.EndOverride(order); b.Mode() != Auto || !errors.Is(err, ErrNoOverride) {
			t.Errorf("mode %v, %v", b.Mode(), err)
		}
	}))
	begin := map[State]func(*testing.T, Config) *Breaker{Closed: newBreaker, Open: opened, HalfOpen: recovering}
	ends := map[Mode]State{ForcedOpen: HalfOpen, ForcedClosed: Closed}
	for state, make := range begin {
		for mode, then := range ends {
			for _, byHand := range []bool{true, false} {
				t.Run(fmt.Sprintf("%v above %v, by hand %v", mode, state, byHand), bubble(func(t *testing.T) {
					b := make(t, Config{})
					told, ends := watch(b), new(record[OverrideEnd])
					b.ObserveOverrideEnds(ends.add)
					o := untilTomorrow(mode)
					if err := b.Override(o); err != nil {
						t.Fatal(err)
					}
					was := b.Snapshot()
					wait(time.Hour)
					for range 10 { // would open, close or reopen it
						if ran := do(b, errBoom); ran != (mode == ForcedClosed) {
							t.Fatalf("admitted: %v", ran)
						}
						b.HandleError(errBoom, 0)
					}
					is := b.Snapshot()
					if is.State != state || is.RecoveryAttempts != was.RecoveryAttempts || len(told.all()) != 0 {
						t.Errorf("the state does not stand still: %v, %v", is.State, told.all())
					}
					if is.Operations.Failed == was.Operations.Failed || is.Failures < 10 {
						t.Errorf("totals and window do not go on: %+v, %d", is.Operations, is.Failures)
					}
					if byHand {
						if err := b.EndOverride(order); err != nil {
							t.Fatal(err)
						}
					}
					wait(23 * time.Hour)
					after := b.Snapshot()
					if after.Mode != Auto || after.State != then || then == Closed && after.Failures != 0 {
						t.Errorf("afterwards it is %v with %d failures, want %v", after.State, after.Failures, then)
					}
					if then == HalfOpen && after.RecoveryAttempts != was.RecoveryAttempts+1 {
						t.Errorf("attempt %d after %d", after.RecoveryAttempts, was.RecoveryAttempts)
					}
					if ended := ends.all(); len(ended) != 1 || ended[0].Expired == byHand || ended[0].Override != o || ended[0].After.State != then {
						t.Errorf("told of the end: %+v", ended)
					}
					wantTold := 1
					if state == then {
						wantTold = 0
					}
					moves := told.all()
					if len(moves) != wantTold || wantTold == 1 && (moves[0].From != state || moves[0].To != then || moves[0].Evidence.Rule != RuleOverrideEnded) {
						t.Errorf("transitions: %+v", moves)
					}
				}))
			}
		}
	}
	t.Run("a restart keeps its end", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		if err := b.Override(untilTomorrow(ForcedOpen)); err != nil {
			t.Fatal(err)
		}
		s := b.Snapshot()
		wait(10 * time.Hour)
		b = newBreaker(t, Config{})
		if err := b.Restore(s); err != nil {
			t.Fatal(err)
		}
		wait(14*time.Hour - 1)
		if b.Mode() != ForcedOpen {
			t.Fatalf("mode %v before the end", b.Mode())
		}
		wait(1)
		if b.Mode() != Auto || b.State() != HalfOpen {
			t.Errorf("%v, %v at the end", b.Mode(), b.State())
		}
	}))
	t.Run("an end that passed meanwhile is applied and told", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		if err := b.Override(untilTomorrow(ForcedOpen)); err != nil {
			t.Fatal(err)
		}
		s := b.Snapshot()
		wait(25 * time.Hour)
		b = newBreaker(t, Config{})
		log, ends := watch(b), new(record[OverrideEnd])
		b.ObserveOverrideEnds(ends.add)
		if err := b.Restore(s); err != nil {
			t.Fatal(err)
		}
		wait(0)
		told, ended := log.all(), ends.all()
		if len(told) != 1 || told[0].To != HalfOpen || told[0].Number != 1 || len(ended) != 1 || !ended[0].Expired {
			t.Errorf("told %+v and %+v", told, ended)
		}
	}))
	t.Run("disabled admits and counts and never opens", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{Disabled: true, FailureThreshold: 2})
		for range 10 {
			if !do(b, errBoom) {
				t.Fatal("an operation is rejected")
			}
		}
		if s := b.Snapshot(); s.State != Closed || s.Failures != 10 || s.Operations.Failed != 10 {
			t.Errorf("%v after %d failures of %+v", s.State, s.Failures, s.Operations)
		}
		if err := b.Configure(Config{FailureThreshold: 2}); err != nil {
			t.Fatal(err)
		}
		if s := b.Snapshot(); s.State != Closed || s.Failures != 0 || s.Mode != Auto {
			t.Errorf("enabled again it is %v with %d failures", s.State, s.Failures)
		}
	}))
	t.Run("enabled again an open circuit is closed", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		for _, cfg := range []Config{{Disabled: true}, {}} {
			if err := b.Configure(cfg); err != nil {
				t.Fatal(err)
			}
			wantState(t, b, map[bool]State{true: Open, false: Closed}[cfg.Disabled])
		}
	}))
	t.Run("a reset is refused", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{Disabled: true})
		if err := b.Reset(Closed, order); !errors.Is(err, ErrOverridden) {
			t.Error(err)
		}
		if err := b.Reset(Open, order); err == nil || errors.Is(err, ErrOverridden) {
			t.Errorf("a reset to open: %v", err)
		}
	}))
}
