package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	failsafe "github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/degenduel/switchgear"
)

// Every breaker is given the same rule, as near as it has one: so many failures
// within a rolling window, or in the -rate subjects so large a share of at least
// so many calls, open it for longer than a benchmark takes.
const (
	window   = 10 * time.Second
	buckets  = 10
	failures = 5
	rate     = 0.5
	minimum  = 100
	openFor  = time.Hour
)

var errCall = errors.New("bench: the call failed")

// The guarded calls stay out of line, so that no wrapper is folded away with
// them.

//go:noinline
func succeed() error { return nil }

//go:noinline
func fail() error { return errCall }

// calls are one breaker with a call that succeeds and one that fails, each
// passed through it in the way its documentation says to.
type calls struct{ good, bad func() error }

// through makes the two calls of a function that runs any.
func through(run func(call func() error) error) calls {
	return calls{
		good: func() error { return run(succeed) },
		bad:  func() error { return run(fail) },
	}
}

type subject struct {
	name  string
	floor bool // one machine primitive in the place of a breaker; never opens
	new   func() calls
}

var subjects = []subject{
	{"direct", true, func() calls {
		return through(func(call func() error) error { return call() })
	}},
	{"atomic-load", true, func() calls {
		var open atomic.Bool
		return through(func(call func() error) error {
			if open.Load() {
				return errCall
			}
			return call()
		})
	}},
	{"mutex", true, func() calls {
		var mu sync.Mutex
		total := 0
		return through(func(call func() error) error {
			mu.Lock()
			total++
			mu.Unlock()
			return call()
		})
	}},
	{"time-now", true, func() calls {
		return through(func(call func() error) error {
			if time.Now().IsZero() {
				return errCall
			}
			return call()
		})
	}},
	{"switchgear-do", false, func() calls { return ours(breaker(switchgear.Config{})) }},
	{"switchgear-do-rate", false, func() calls {
		return ours(breaker(switchgear.Config{FailureRateThreshold: rate, MinimumOperations: minimum}))
	}},
	{"switchgear-allow", false, func() calls {
		b, ctx := breaker(switchgear.Config{}), context.Background()
		return through(func(call func() error) error {
			p, err := b.Allow(ctx)
			if err != nil {
				return err
			}
			err = call()
			p.Done(err)
			return err
		})
	}},
	{"gobreaker", false, func() calls {
		return sony(func(c gobreaker.Counts) bool { return c.TotalFailures >= failures })
	}},
	{"gobreaker-rate", false, func() calls {
		return sony(func(c gobreaker.Counts) bool {
			return c.Requests >= minimum && float64(c.TotalFailures) >= rate*float64(c.Requests)
		})
	}},
	{"failsafe-permit", false, func() calls {
		return permits(failsafe.NewBuilder[any]().WithFailureThresholdPeriod(failures, window))
	}},
	{"failsafe-permit-rate", false, func() calls {
		return permits(failsafe.NewBuilder[any]().WithFailureRateThreshold(rate, minimum, window))
	}},
}

func breaker(cfg switchgear.Config) *switchgear.Breaker {
	cfg.FailureThreshold, cfg.MonitoringWindow, cfg.ResetTimeout = failures, window, openFor
	b, err := switchgear.New("bench", cfg)
	if err != nil {
		panic(err)
	}
	return b
}

func ours(b *switchgear.Breaker) calls {
	run := func(call func(context.Context) (struct{}, error)) func() error {
		ctx := context.Background()
		return func() error {
			_, err := switchgear.Do(ctx, b, call)
			return err
		}
	}
	return calls{
		good: run(func(context.Context) (struct{}, error) { return struct{}{}, succeed() }),
		bad:  run(func(context.Context) (struct{}, error) { return struct{}{}, fail() }),
	}
}

func sony(trips func(gobreaker.Counts) bool) calls {
	cb := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Interval: window, BucketPeriod: window / buckets, Timeout: openFor, ReadyToTrip: trips,
	})
	run := func(call func() (struct{}, error)) func() error {
		return func() error {
			_, err := cb.Execute(call)
			return err
		}
	}
	return calls{
		good: run(func() (struct{}, error) { return struct{}{}, succeed() }),
		bad:  run(func() (struct{}, error) { return struct{}{}, fail() }),
	}
}

func permits(builder failsafe.Builder[any]) calls {
	cb := builder.WithDelay(openFor).Build()
	return through(func(call func() error) error {
		if !cb.TryAcquirePermit() {
			return failsafe.ErrOpen
		}
		err := call()
		if err != nil {
			cb.RecordFailure()
		} else {
			cb.RecordSuccess()
		}
		return err
	})
}
