package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// calls are all methods, by name.
func calls(ctx context.Context, s fleet.Store) map[string]func() error {
	return map[string]func() error{
		"Load": func() error {
			_, err := s.Load(ctx)
			return err
		},
		"Commit": func() error {
			return s.Commit(ctx, &fleet.Batch{Events: []fleet.Event{event(1, "a", fleet.EventReset, base)}})
		},
		"Events": func() error {
			_, err := s.Events(ctx, fleet.EventQuery{Limit: 1})
			return err
		},
		"ConfigVersions": func() error {
			_, err := s.ConfigVersions(ctx, "a", 0, 1)
			return err
		},
		"ConfigVersion": func() error {
			_, err := s.ConfigVersion(ctx, "a", 1)
			return err
		},
		"Tokens": func() error {
			_, err := s.Tokens(ctx)
			return err
		},
		"Audit": func() error {
			_, err := s.Audit(ctx, fleet.AuditQuery{Limit: 1})
			return err
		},
		"Request": func() error {
			_, err := s.Request(ctx, "k")
			return err
		},
		"Ping": func() error { return s.Ping(ctx) },
	}
}

var callLaws = []law{
	{"HeedAContextThatHasEnded", func(x trial) {
		canceled, cancel := context.WithCancel(x.Context())
		cancel()
		expired, cancel := context.WithDeadline(x.Context(), time.Unix(0, 0))
		defer cancel()
		for cause, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: expired} {
			for name, call := range calls(ctx, x.Store) {
				err := call()
				if x.wantKind(err, fleet.Unavailable); !errors.Is(err, cause) {
					x.Errorf("%s: the error is %v; want one that is %v", name, err, cause)
				}
			}
		}
		// Nobody knows whether a call that was given up has written; these
		// were given up before they began.
		wantSame(x, "events", x.events(fleet.EventQuery{}), nil)
	}},
	{"AnswerAfterOthersWereGivenUp", func(x trial) {
		for range 20 {
			ctx, cancel := context.WithCancel(x.Context())
			done := make(chan error, 1)
			go func() {
				done <- x.Commit(ctx, &fleet.Batch{Services: []fleet.ServiceRow{row("given-up", `{}`)}})
			}()
			cancel()
			if err := <-done; err != nil {
				x.wantKind(err, fleet.Unavailable)
			}
			x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{}`)}})
		}
	}},
	{"PingSucceedsAndChangesNothing", func(x trial) {
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{}`)}, Events: []fleet.Event{event(1, "a", fleet.EventRegistered, base)}})
		before := x.everything()
		for range 3 {
			if err := x.Ping(x.Context()); err != nil {
				x.Fatal(err)
			}
		}
		wantSame(x, "everything", x.everything(), before)
	}},
}

var concurrencyLaws = []law{
	{"OfManyThatWriteAVersionOneWins", func(x trial) {
		const writers, rounds = 8, 5
		for v := 1; v <= rounds; v++ {
			errs := together(writers, func(i int) error {
				c := config("a", v)
				c.Actor = strconv.Itoa(i)
				return x.Commit(x.Context(), &fleet.Batch{Configs: []fleet.ConfigVersion{c}})
			})
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					x.wantKind(err, fleet.Conflict)
				}
			}
			if won != 1 {
				x.Errorf("%d writers wrote version %d", won, v)
			}
		}
	}},
	{"IDsAreNobodyElses", func(x trial) {
		const writers, batches, size = 8, 5, 10
		written := make([][]fleet.Event, writers)
		for _, err := range together(writers, func(i int) error {
			for n := range batches {
				var b fleet.Batch
				for range size {
					b.Events = append(b.Events, event(1, fmt.Sprintf("s%d-%d", i, n), fleet.EventTransition, base))
				}
				if err := x.Commit(x.Context(), &b); err != nil {
					return err
				}
				written[i] = append(written[i], b.Events...)
			}
			return nil
		}) {
			if err != nil {
				x.Fatal(err)
			}
		}
		services := make(map[int64]string)
		for _, e := range x.events(fleet.EventQuery{}) {
			services[e.ID] = e.Service
		}
		if want := writers * batches * size; len(services) != want {
			x.Errorf("%d events are there, want %d", len(services), want)
		}
		for _, list := range written {
			for _, e := range list {
				if services[e.ID] != e.Service {
					x.Errorf("event %d is of %q, want %q", e.ID, services[e.ID], e.Service)
				}
			}
		}
	}},
	{"ReadersSeeWholeBatches", func(x trial) {
		const batches, size = 20, 5
		done := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for running := true; running; {
					select {
					case <-done:
						running = false
					default:
					}
					got, err := x.Load(x.Context())
					if err != nil {
						x.Error(err)
						return
					}
					if len(got.Services)%size != 0 || int(got.Seq) != len(got.Services) {
						x.Errorf("half a batch: %d services, seq %d", len(got.Services), got.Seq)
						return
					}
				}
			})
		}
		for n := range batches {
			var b fleet.Batch
			for i := range size {
				name := fmt.Sprintf("s%d-%d", n, i)
				b.Services = append(b.Services, row(name, `{}`))
				b.Events = append(b.Events, event(uint64(n*size+i+1), name, fleet.EventRegistered, base))
			}
			if err := x.Commit(x.Context(), &b); err != nil {
				x.Error(err)
			}
		}
		close(done)
		wg.Wait()
	}},
}

// together runs f n times at once.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
