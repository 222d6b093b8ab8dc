package switchgear_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

func TestService_FallbackStandsInAndIsCountedApart(t *testing.T) {
	t.Parallel()
	errFallback := errors.New("nothing either")
	errGood := errors.New("not found")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	rows := []struct {
		name     string
		ctx      context.Context //nolint:containedctx // a row
		open     bool
		err      error
		fallback error
		want     error
		cause    error // that the fallback is told; nil: it is not called
		stats    switchgear.Stats
	}{
		{name: "success", stats: switchgear.Stats{Operations: switchgear.Operations{Successful: 1}}},
		{name: "failure", err: errSick, cause: errSick, stats: switchgear.Stats{
			Operations: switchgear.Operations{Failed: 1}, FallbackSuccesses: 1,
		}},
		{name: "failure of both", err: errSick, fallback: errFallback, want: errFallback, cause: errSick, stats: switchgear.Stats{
			Operations: switchgear.Operations{Failed: 1}, FallbackFailures: 1,
		}},
		{name: "rejection", open: true, cause: switchgear.ErrOpen, stats: switchgear.Stats{
			Operations: switchgear.Operations{Failed: 5, Rejected: 1}, FallbackSuccesses: 1,
		}},
		{name: "an inner rejection", err: switchgear.ErrOpen, cause: switchgear.ErrOpen, stats: switchgear.Stats{
			Operations: switchgear.Operations{Failed: 1}, FallbackSuccesses: 1,
		}},
		{name: "ignored", err: switchgear.Ignore(errSick), want: errSick, stats: switchgear.Stats{Operations: switchgear.Operations{Ignored: 1}}},
		{name: "classified as a success", err: errGood, want: errGood, stats: switchgear.Stats{Operations: switchgear.Operations{Successful: 1}}},
		{name: "the caller has gone", ctx: ended, err: context.Canceled, want: context.Canceled, stats: switchgear.Stats{Operations: switchgear.Operations{Ignored: 1}}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var told error
			s := newService(t, switchgear.ServiceConfig{
				Config: switchgear.Config{Classify: func(err error) switchgear.Outcome {
					_, rejected := errors.AsType[*switchgear.OpenError](err)
					switch {
					case errors.Is(err, errGood):
						return switchgear.Success
					case rejected: // which is not an outcome that it is asked about
						return switchgear.Ignored
					}
					return switchgear.Failure
				}},
				Fallback: func(_ context.Context, cause error) error { told = cause; return r.fallback },
			})
			if r.open {
				trip(t, s)
			}
			ctx := r.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if got := s.Do(ctx, func(context.Context) error { return r.err }); !errors.Is(got, r.want) {
				t.Errorf("got %v, want %v", got, r.want)
			}
			if !errors.Is(told, r.cause) {
				t.Errorf("the fallback was told %v, want %v", told, r.cause)
			}
			if diff := cmp.Diff(r.stats, s.Stats()); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		})
	}
}

func TestService_FallbackThatPanicsIsItsCallers(t *testing.T) {
	t.Parallel()
	s := newService(t, switchgear.ServiceConfig{Fallback: func(context.Context, error) error { panic("fallback") }})
	for name, fn := range map[string]func(context.Context) error{
		"fallback":  func(context.Context) error { return errSick },
		"operation": func(context.Context) error { panic("operation") },
	} {
		func() {
			defer func() {
				if v := recover(); v != name {
					t.Errorf("recovered %v, want %s", v, name)
				}
			}()
			_ = s.Do(t.Context(), fn)
		}()
	}
	want := switchgear.Stats{Operations: switchgear.Operations{Failed: 2}, FallbackFailures: 1}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}
