package switchgear

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// diffSnapshots compares snapshots of the same moment.
func diffSnapshots(want, got Snapshot) string { return cmp.Diff(want, got) }

func TestLaw04_Opening(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for name, s := range map[string]struct {
		cfg    Config
		script []row
	}{
		"at the threshold, not above it": {Config{FailureThreshold: 3}, []row{
			{0, fail, Closed, 1, 0},
			{1 * second, fail, Closed, 2, 0},
			{2 * second, fail, Open, 3, 0},
		}},
		"successes between do not help": {Config{FailureThreshold: 3}, []row{
			{0, fail, Closed, 1, 0},
			{1 * second, succeed, Closed, 1, 1},
			{2 * second, fail, Closed, 2, 1},
			{3 * second, succeed, Closed, 2, 2},
			{4 * second, fail, Open, 3, 2},
		}},
		"a success never opens": {Config{FailureThreshold: 2, FailureRateThreshold: 0.5, MinimumOperations: 3}, []row{
			{0, fail, Closed, 1, 0},
			{0, fail, Closed, 2, 0},    // two operations are too few
			{0, succeed, Closed, 2, 1}, // three of them, two failures: but this was a success
			{0, fail, Open, 3, 1},
		}},
		"the rate is reached, not exceeded": {Config{FailureThreshold: 1, FailureRateThreshold: 0.5}, []row{
			{0, succeed, Closed, 0, 1},
			{0, succeed, Closed, 0, 2},
			{0, succeed, Closed, 0, 3},
			{0, fail, Closed, 1, 3},
			{0, fail, Closed, 2, 3},
			{0, fail, Open, 3, 3},
		}},
		"the rate and the threshold": {Config{FailureThreshold: 3, FailureRateThreshold: 0.5}, []row{
			{0, fail, Closed, 1, 0},
			{0, fail, Closed, 2, 0},
			{0, fail, Open, 3, 0},
		}},
		"minimumOperations is of rates only": {Config{FailureThreshold: 2, MinimumOperations: 100}, []row{
			{0, fail, Closed, 1, 0},
			{0, fail, Open, 2, 0},
		}},
		"so many in a row": {Config{FailureThreshold: 100, ConsecutiveFailureThreshold: 3}, []row{
			{0, fail, Closed, 1, 0},
			{0, fail, Closed, 2, 0},
			{0, succeed, Closed, 2, 1},
			{0, fail, Closed, 3, 1},
			{0, fail, Closed, 4, 1},
			{0, fail, Open, 5, 1},
		}},
		"so many in a row whatever the rate": {Config{FailureThreshold: 100, ConsecutiveFailureThreshold: 2, FailureRateThreshold: 0.9, MinimumOperations: 100}, []row{
			{0, succeed, Closed, 0, 1},
			{0, fail, Closed, 1, 1},
			{0, fail, Open, 2, 1},
		}},
		"slow calls": {Config{SlowCallDuration: second, SlowCallRateThreshold: 0.5, MinimumOperations: 4}, []row{
			{0, slowly, Closed, 0, 1},
			{0, slowly, Closed, 0, 2},
			{0, succeed, Closed, 0, 3},
			{0, succeed, Closed, 0, 4}, // enough, and half were slow: but this one was fast
			{0, slowly, Open, 0, 5},
		}},
		"as slow as can be is not too slow": {Config{SlowCallDuration: 2*second + 1, SlowCallRateThreshold: 0.1}, []row{
			{0, slowly, Closed, 0, 1},
		}},
	} {
		t.Run(name, bubble(func(t *testing.T) { play(t, s.cfg, s.script) }))
	}
	t.Run("an operation that is slow by the clock", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{SlowCallDuration: time.Second, SlowCallRateThreshold: 1})
		if _, err := Do(t.Context(), b, func(context.Context) (int, error) { time.Sleep(time.Second); return 0, nil }); err != nil {
			t.Error(err)
		}
		wantState(t, b, Open)
	}))
	t.Run("within the call that does it", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1})
		p, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.Done(errBoom)
		if _, err := b.Allow(t.Context()); !errors.Is(err, ErrOpen) {
			t.Errorf("the next operation gets %v", err)
		}
	}))
}

func TestLaw05_Window(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	cfg := Config{FailureThreshold: 2, MonitoringWindow: window}
	// The window moves in tenths from wherever the breaker's clock began, so the
	// first failure is put in many places of its tenth.
	for i := range 12 {
		first := time.Duration(i) * 97 * time.Millisecond
		t.Run(fmt.Sprintf("a failure at %v", first), bubble(func(t *testing.T) {
			play(t, cfg, []row{
				{first, fail, Closed, 1, 0},
				{first + window - window/10 - 1, fail, Open, 2, 0},
			})
			play(t, cfg, []row{
				{first, fail, Closed, 1, 0},
				{first + window, fail, Closed, 1, 0},
				{first + 2*window, fail, Closed, 1, 0},
			})
			play(t, cfg, []row{ // it was busy all the time
				{first, fail, Closed, 1, 0},
				{first + window/2, succeed, Closed, 1, 1},
				{first + window, fail, Closed, 1, 1},
			})
		}))
	}
	t.Run("reading it moves it too", bubble(func(t *testing.T) {
		play(t, cfg, []row{{0, fail, Closed, 1, 0}, {window, nothing, Closed, 0, 0}, {window, fail, Closed, 1, 0}})
	}))
	for name, jump := range map[string]time.Duration{"back": -2 * time.Hour, "forward": 2 * time.Hour} {
		// In real time, for a bubble has one clock and not two.
		t.Run("the wall clock jumps "+name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, Config{FailureThreshold: 3, MonitoringWindow: time.Hour, ResetTimeout: time.Hour})
			for range 3 {
				wantState(t, b, Closed)
				jumpWallClock(b, jump)
				fail(b)
			}
			jumpWallClock(b, jump)
			wantState(t, b, Open)
			_, err := b.Allow(t.Context())
			var open *OpenError
			if !errors.As(err, &open) || open.RetryAfter() < 59*time.Minute || open.RetryAfter() > 67*time.Minute {
				t.Errorf("%v, want an hour to wait, and its jitter", err)
			}
		})
	}
}

// jumpWallClock sets the wall clock forward, as the breaker sees it: it moves
// the wall clock's part, and that alone, of the origin of the breaker's clock
// the other way.
func jumpWallClock(b *Breaker, jump time.Duration) {
	wall := (*uint64)(unsafe.Pointer(&b.base)) // the first word of a time.Time: a flag, 33 bits of seconds, 30 of nanoseconds
	was := b.base
	*wall -= uint64(int64(jump/time.Second)) << 30
	if !b.base.Round(0).Equal(was.Round(0).Add(-jump)) || b.base.Sub(was) != 0 {
		panic("a time.Time is not what it was")
	}
}

func TestLaw06_Open(t *testing.T) {
	t.Parallel()
	t.Run("rejects everything and says why", bubble(func(t *testing.T) {
		b := opened(t, Config{FailureThreshold: 3, Version: 7})
		wait(20 * time.Second)
		for range 100 {
			ran := false
			_, err := Do(t.Context(), b, func(context.Context) (int, error) { ran = true; return 1, nil })
			var open *OpenError
			if ran || !errors.Is(err, ErrOpen) || !errors.As(err, &open) {
				t.Fatalf("ran: %v, with %v", ran, err)
			}
			if open.Service != "a_service" || open.State != Open || open.RetryAfter() != 40*time.Second ||
				!open.Until.Equal(time.Now().Add(40*time.Second)) {
				t.Errorf("the error is %+v, to wait %v", open, open.RetryAfter())
			}
			want := Evidence{
				Rule: RuleFailureThreshold, Failures: 3, ConsecutiveFailures: 3, LastError: "boom",
				ConfigVersion: 7, OpenTime: time.Minute, InFlight: -1,
			}
			if diff := cmp.Diff(want, open.Cause); diff != "" {
				t.Errorf("Cause (-want +got):\n%s", diff)
			}
		}
		if got := b.Operations().Rejected; got != 100 {
			t.Errorf("%d rejections are counted", got)
		}
	}))
	t.Run("one error an opening", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		_, first := b.Allow(t.Context())
		_, second := b.Allow(t.Context())
		if first != second { //nolint:errorlint // the identity is what is promised
			t.Error("there are two")
		}
	}))
	t.Run("the open time backs off to its cap", bubble(func(t *testing.T) {
		b := opened(t, Config{ResetTimeout: 10 * time.Second, BackoffMultiplier: 3, MaxResetTimeout: time.Minute})
		for _, want := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, time.Minute} {
			wait(want - 1)
			wantState(t, b, Open)
			wait(1)
			wantState(t, b, HalfOpen)
			fail(b)
		}
		if err := b.Reset(Closed, Order{}); err != nil {
			t.Fatal(err)
		}
		for b.State() == Closed {
			fail(b)
		}
		if got := b.Snapshot().OpenTime; got != 10*time.Second {
			t.Errorf("after a close the open time is %v", got)
		}
	}))
	t.Run("jitter only lengthens, after the cap too", bubble(func(t *testing.T) {
		least, most := time.Hour, time.Duration(0)
		for range 200 {
			b := newBreaker(t, Config{FailureThreshold: 1, ResetTimeout: time.Minute, MaxResetTimeout: time.Minute, Jitter: 0.5})
			fail(b)
			least, most = min(least, b.Snapshot().OpenTime), max(most, b.Snapshot().OpenTime)
		}
		if least < time.Minute || least > 63*time.Second || most < 87*time.Second || most > 90*time.Second {
			t.Errorf("200 openings took %v to %v, want them spread over 60 s to 90 s", least, most)
		}
	}))
	asks := func(d time.Duration) error { return fmt.Errorf("upstream: %w", waitError{d}) }
	for name, c := range map[string]struct {
		err  error
		want time.Duration
	}{
		"more":         {asks(3 * time.Minute), 3 * time.Minute},
		"less":         {asks(time.Second), time.Minute},
		"nonsense":     {asks(-time.Hour), time.Minute},
		"for ever":     {asks(1 << 62), time.Hour},
		"a panic":      {(*panickyError)(nil), time.Minute},
		"by its inner": {&OpenError{Service: "inner", Until: time.Now().Add(30 * time.Minute)}, 30 * time.Minute},
	} {
		t.Run("the error that opens it asks for "+name, bubble(func(t *testing.T) {
			b := newBreaker(t, Config{FailureThreshold: 2, Jitter: -1})
			do(b, asks(50*time.Minute)) // does not open it
			if inner := (*OpenError)(nil); errors.As(c.err, &inner) {
				c.err = &OpenError{Service: "inner", Until: time.Now().Add(c.want)}
			}
			do(b, c.err)
			wantState(t, b, Open)
			if got := b.Snapshot().OpenTime; got != c.want {
				t.Errorf("the open time is %v, want %v", got, c.want)
			}
		}))
	}
	t.Run("the wait asked for is capped by maxResetTimeout where that is longer", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{FailureThreshold: 1, MaxResetTimeout: 2 * time.Hour, Jitter: -1})
		if do(b, asks(10*time.Hour)); b.Snapshot().OpenTime != 2*time.Hour {
			t.Errorf("the open time is %v", b.Snapshot().OpenTime)
		}
	}))
	t.Run("in half-open RetryAfter is the next second", bubble(func(t *testing.T) {
		b := recovering(t, Config{RecoverySteps: []float64{1e-9}})
		wait(300 * time.Millisecond)
		succeed(b)
		succeed(b) // the first second's
		for _, c := range []struct{ sleep, want time.Duration }{
			{0, time.Second},
			{400 * time.Millisecond, 600 * time.Millisecond},
			{599500 * time.Microsecond, time.Millisecond}, // at least
		} {
			wait(c.sleep)
			_, err := b.Allow(t.Context())
			var open *OpenError
			if !errors.As(err, &open) || open.State != HalfOpen || open.RetryAfter() != c.want {
				t.Errorf("%v, want a wait of %v", err, c.want)
			}
		}
	}))
}

// panickyError is an error of which a nil pointer is easily made.
type panickyError struct{ text string }

func (e *panickyError) Error() string             { return e.text }
func (e *panickyError) RetryAfter() time.Duration { return time.Duration(len(e.text)) }

// The timer and an operation may be due at the same moment: it must not hang
// on which of them is faster.
func TestLaw07_AdmitsAtTheMomentTheOpenTimeEnds(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			b, err := New("web", Config{FailureThreshold: 1, Jitter: -1})
			if err != nil {
				t.Fatal(err)
			}
			b.HandleError(errors.New("boom"), 0)
			time.Sleep(time.Minute - time.Nanosecond)
			if _, err := b.Allow(t.Context()); !errors.Is(err, ErrOpen) {
				t.Fatalf("a nanosecond before the end: %v", err)
			}
			time.Sleep(time.Nanosecond)
			if _, err := b.Allow(t.Context()); err != nil {
				t.Fatalf("at the end: %v", err)
			}
		})
	}
}
