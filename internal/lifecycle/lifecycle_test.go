package lifecycle_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/internal/lifecycle"
)

func TestStack_ClosesTheNewestFirstAndOnce(t *testing.T) {
	t.Parallel()
	var s lifecycle.Stack
	var got []string
	for _, name := range []string{"store", "manager", "server"} {
		s.Push(name, func(context.Context) error {
			got = append(got, name)
			return nil
		})
	}
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"server", "manager", "store"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestStack_FailuresAndPanicsStopNothingAndAreAllNamed(t *testing.T) {
	t.Parallel()
	var s lifecycle.Stack
	errStore, errServer := errors.New("disk full"), errors.New("still busy")
	var ran bool
	s.Push("lock", func(context.Context) error {
		ran = true
		return nil
	})
	s.Push("store", func(context.Context) error { return errStore })
	s.Push("manager", func(context.Context) error { panic("lost") })
	s.Push("server", func(context.Context) error { return errServer })
	err := s.Close(t.Context())
	if !ran {
		t.Error("the clean-up below the failing ones did not run")
	}
	if !errors.Is(err, errStore) || !errors.Is(err, errServer) {
		t.Errorf("got %v, want it to wrap both errors", err)
	}
	at := -1
	for _, want := range []string{"server: still busy", "manager: panic: lost", "lifecycle_test.go", "store: disk full"} {
		i := strings.Index(err.Error(), want)
		if i <= at {
			t.Errorf("%q is missing or out of order in:\n%v", want, err)
		}
		at = i
	}
}

func TestStack_GivesEveryCleanUpTheContextThoughItHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var s lifecycle.Stack
	var got []error
	for range 2 {
		s.Push("step", func(ctx context.Context) error {
			got = append(got, ctx.Err())
			return nil
		})
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if len(got) != 2 || got[0] == nil || got[1] == nil {
		t.Errorf("the clean-ups saw %v, want two contexts that have ended", got)
	}
}

func TestStack_RunsWhatACleanUpPushes(t *testing.T) {
	t.Parallel()
	var s lifecycle.Stack
	var got []string
	s.Push("first", func(context.Context) error {
		got = append(got, "first")
		return nil
	})
	s.Push("second", func(context.Context) error {
		got = append(got, "second")
		s.Push("late", func(context.Context) error {
			got = append(got, "late")
			return nil
		})
		return nil
	})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"second", "late", "first"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestStack_ConcurrentPushAndCloseRunEachCleanUpOnce(t *testing.T) {
	t.Parallel()
	const pushers = 100
	var s lifecycle.Stack
	var ran atomic.Int64
	var wg sync.WaitGroup
	for range pushers {
		wg.Go(func() {
			s.Push("step", func(context.Context) error {
				ran.Add(1)
				return nil
			})
		})
		wg.Go(func() {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := ran.Load(); got != pushers {
		t.Errorf("%d clean-ups ran, want %d", got, pushers)
	}
}
