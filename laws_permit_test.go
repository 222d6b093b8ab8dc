package switchgear

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestLaw02_PermitOfARecovery(t *testing.T) {
	t.Parallel()
	t.Run("settling again does nothing", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		p, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Done(nil)
		p.Done(errBoom)
		p.Done(nil)
		if got, want := b.Operations(), (Operations{Successful: 1}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
		new(Permit).Done(errBoom) // of no breaker
	}))
	t.Run("the first copy counts", bubble(func(t *testing.T) {
		b := recovering(t, Config{HalfOpenFailureThreshold: 3})
		p, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other := p
		other.Done(errBoom)
		p.Done(nil)
		if got := b.Operations(); got.Successful != 0 || got.Failed != 6 {
			t.Errorf("counted %+v, want the first copy's failure only", got)
		}
	}))
	for name, end := range map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		cause   error
		state   State
		want    Operations
	}{
		"cancelled": {context.WithCancel, context.Canceled, HalfOpen, Operations{Failed: 5, Ignored: 1}},
		"past its deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, context.DeadlineExceeded, Open, Operations{Failed: 6}},
	} {
		t.Run("the place of a probe whose context is "+name, bubble(func(t *testing.T) {
			b := recovering(t, Config{})
			ctx, cancel := end.context(t.Context())
			p, err := b.Allow(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if errors.Is(end.cause, context.Canceled) {
				cancel()
			}
			wait(time.Second)
			cancel()
			wantState(t, b, end.state)
			p.Done(nil) // too late
			if got := b.Operations(); got != end.want {
				t.Errorf("counted %+v, want %+v", got, end.want)
			}
			if end.state == HalfOpen && !do(b, nil) {
				t.Error("the place is not free")
			}
		}))
	}
	t.Run("the place of a probe that hangs", bubble(func(t *testing.T) {
		b := recovering(t, Config{ProbeTimeout: 10 * time.Second, HalfOpenFailureThreshold: 2})
		p, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wait(10*time.Second - 1)
		if do(b, nil) {
			t.Error("the place was free before the deadline")
		}
		wait(1)
		if !do(b, nil) {
			t.Error("the place is not free at the deadline")
		}
		p.Done(nil) // settled by the deadline
		if got, want := b.Operations(), (Operations{Failed: 6, Successful: 1, Rejected: 1}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	}))
	t.Run("callers who have gone take no place", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 10 {
			ran := false
			_, err := Do(gone, b, func(context.Context) (int, error) { ran = true; return 0, nil })
			var open *OpenError
			if !errors.As(err, &open) || ran || open.RetryAfter() <= 0 {
				t.Fatalf("one gets %v, and it ran: %v", err, ran)
			}
		}
		if got := b.Counts().Rejections; got != (Rejections{HalfOpen: 10}) {
			t.Errorf("counted %+v", got)
		}
		succeed(b)
		if _, err := Do(gone, b, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Errorf("after the first success there is no place to give up, and one gets %v", err)
		}
	}))
	t.Run("a lost one of a closed circuit", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{})
		for range 1000 {
			if _, err := b.Allow(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Hour)
		if do(b, nil); b.State() != Closed || b.Operations() != (Operations{Successful: 1}) {
			t.Errorf("%v after %+v", b.State(), b.Operations())
		}
	}))
	t.Run("a lost probe is not watched for ever", bubble(func(t *testing.T) {
		b := recovering(t, Config{})
		ctx := &countingContext{Context: t.Context(), done: make(chan struct{})}
		for range 20 {
			if _, err := b.Allow(ctx); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)                     // the probe's deadline
			wait(b.Snapshot().OpenTime)           // of the new opening
			wantState(t, b, HalfOpen)             // and so on
			if watched := ctx.live; watched > 0 { // by nobody now
				t.Fatalf("%d watches are left", watched)
			}
		}
	}))
}

// countingContext counts those who wait for its end.
type countingContext struct {
	context.Context //nolint:containedctx // a context is what it is

	done chan struct{}
	live int
}

func (c *countingContext) Done() <-chan struct{} { return c.done }

// AfterFunc is what context.AfterFunc asks a context for.
func (c *countingContext) AfterFunc(func()) (stop func() bool) {
	c.live++
	stopped := false
	return func() bool {
		if !stopped {
			c.live--
		}
		stopped = true
		return true
	}
}

// TestLaw03_OlderGenerationsAddToTheTotalsOnly settles an operation of each
// generation in each that can follow it.
func TestLaw03_OlderGenerationsAddToTheTotalsOnly(t *testing.T) {
	t.Parallel()
	order := Order{Actor: "tester", Reason: "a test"}
	moves := map[string]func(*testing.T, *Breaker){
		"open": func(t *testing.T, b *Breaker) {
			t.Helper()
			for b.State() != Open {
				b.HandleError(errBoom, 0)
			}
		},
		"half_open": func(t *testing.T, b *Breaker) {
			t.Helper()
			if err := b.Reset(HalfOpen, order); err != nil {
				t.Fatal(err)
			}
		},
		"closed": func(t *testing.T, b *Breaker) {
			t.Helper()
			if err := b.Reset(Closed, order); err != nil {
				t.Fatal(err)
			}
		},
		"an override's end": func(t *testing.T, b *Breaker) {
			t.Helper()
			if err := b.Override(untilTomorrow(ForcedClosed)); err != nil {
				t.Fatal(err)
			}
			if err := b.EndOverride(order); err != nil {
				t.Fatal(err)
			}
		},
	}
	begin := map[string]func(*testing.T, Config) *Breaker{"closed": newBreaker, "half_open": recovering}
	for from, make := range begin {
		for to, move := range moves {
			for _, err := range []error{nil, errBoom, Ignore(errBoom)} {
				t.Run(from+" to "+to, bubble(func(t *testing.T) {
					b := make(t, Config{ConsecutiveFailureThreshold: 3, FailureThreshold: 3})
					p, refused := b.Allow(t.Context())
					if refused != nil {
						t.Fatal(refused)
					}
					move(t, b)
					was := b.Snapshot()
					p.Done(err)
					is := b.Snapshot()
					if got, want := is.Operations.Total()+is.Operations.Ignored, was.Operations.Total()+was.Operations.Ignored+1; got != want {
						t.Errorf("the totals are %d, want %d", got, want)
					}
					is.Operations, is.AdmittedShare = was.Operations, was.AdmittedShare
					if diff := diffSnapshots(was, is); diff != "" {
						t.Errorf("more than the totals changed:\n%s", diff)
					}
				}))
			}
		}
	}
	t.Run("a success begun before it opened does not close it", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{MinHealthyPeriod: -1})
		p, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for b.State() == Closed {
			fail(b)
		}
		wait(2 * time.Minute)
		wantState(t, b, HalfOpen)
		p.Done(nil)
		wantState(t, b, HalfOpen)
	}))
}
