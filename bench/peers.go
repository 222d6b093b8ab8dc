package main

import (
	"sync"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	bytedance "github.com/bytedance/gopkg/cloud/circuitbreaker"
	"github.com/cenk/backoff"
	resiliency "github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go"
	failsafebreaker "github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/go-kratos/aegis/circuitbreaker/sre"
	rubyist "github.com/rubyist/circuitbreaker"
	"github.com/sony/gobreaker/v2"
	handy "github.com/streadway/handy/breaker"
	gozero "github.com/zeromicro/go-zero/core/breaker"
	"github.com/zeromicro/go-zero/core/logx"
)

// modules are where the peers come from.
var modules = []string{
	"github.com/sony/gobreaker/v2", "github.com/failsafe-go/failsafe-go", "github.com/afex/hystrix-go",
	"github.com/zeromicro/go-zero", "github.com/go-kratos/aegis", "github.com/rubyist/circuitbreaker",
	"github.com/eapache/go-resiliency", "github.com/streadway/handy", "github.com/bytedance/gopkg",
}

func peers() []peer {
	logx.Disable() // go-zero logs when it drops calls
	return []peer{
		{name: "gobreaker", rule: byCount, make: func() calls {
			return gobreakerExecute(func(c gobreaker.Counts) bool { return c.TotalFailures >= failures })
		}},
		{name: "gobreaker, rate", rule: byRate, make: func() calls { return gobreakerExecute(gobreakerRate) }},
		{name: "gobreaker, two steps, rate", rule: byRate, make: gobreakerTwoSteps},
		{name: "failsafe-go", rule: byCount, make: func() calls {
			return through(failsafe.With[any](failsafeCount()).Run)
		}},
		{name: "failsafe-go, permits", rule: byCount, make: func() calls { return failsafePermits(failsafeCount()) }},
		{name: "failsafe-go, rate", rule: byRate, make: func() calls {
			return through(failsafe.With[any](failsafeRate()).Run)
		}},
		{name: "failsafe-go, permits, rate", rule: byRate, make: func() calls { return failsafePermits(failsafeRate()) }},
		{name: "rubyist", rule: byCount, make: func() calls { return rubyistCall(rubyist.ConsecutiveTripFunc(failures)) }},
		{name: "rubyist, rate", rule: byRate, make: func() calls { return rubyistCall(rubyist.RateTripFunc(rate, minimum)) }},
		{name: "go-resiliency (no window)", rule: byCount, noWindow: true, make: func() calls {
			return through(resiliency.New(failures, 1, openFor).Run)
		}},
		{name: "bytedance, rate", rule: byRate, make: func() calls { return bytedancePanel(false) }},
		{name: "bytedance per P, rate", rule: byRate, make: func() calls { return bytedancePanel(true) }},
		// What follows lets some calls through while open, or turns some away
		// while closed, by its design or a defect.
		{name: "hystrix-go", rule: byRate, inexact: true, make: hystrixDo},
		{name: "go-zero", rule: byRate, inexact: true, make: func() calls {
			return through(gozero.NewBreaker(gozero.WithName("bench")).Do)
		}},
		{name: "aegis", rule: byRate, inexact: true, make: aegisSRE},
		{name: "handy", rule: byRate, inexact: true, make: handyAllow},
	}
}

func gobreakerRate(c gobreaker.Counts) bool {
	return c.Requests >= minimum && float64(c.TotalFailures) >= rate*float64(c.Requests)
}

func gobreakerSettings(trips func(gobreaker.Counts) bool) gobreaker.Settings {
	return gobreaker.Settings{Interval: window, BucketPeriod: window / buckets, Timeout: openFor, ReadyToTrip: trips}
}

func gobreakerExecute(trips func(gobreaker.Counts) bool) calls {
	cb := gobreaker.NewCircuitBreaker[struct{}](gobreakerSettings(trips))
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

func gobreakerTwoSteps() calls {
	cb := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreakerSettings(gobreakerRate))
	return through(func(call func() error) error {
		done, err := cb.Allow()
		if err != nil {
			return err
		}
		err = call()
		done(err)
		return err
	})
}

func failsafeCount() failsafebreaker.CircuitBreaker[any] {
	return failsafebreaker.NewBuilder[any]().WithFailureThresholdPeriod(failures, window).WithDelay(openFor).Build()
}

func failsafeRate() failsafebreaker.CircuitBreaker[any] {
	return failsafebreaker.NewBuilder[any]().WithFailureRateThreshold(rate, minimum, window).WithDelay(openFor).Build()
}

// failsafePermits leaves out the executor, and classifies itself.
func failsafePermits(cb failsafebreaker.CircuitBreaker[any]) calls {
	return through(func(call func() error) error {
		if !cb.TryAcquirePermit() {
			return failsafebreaker.ErrOpen
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

func rubyistCall(trips rubyist.TripFunc) calls {
	cb := rubyist.NewBreakerWithOptions(&rubyist.Options{
		BackOff: backoff.NewConstantBackOff(openFor), ShouldTrip: trips, WindowTime: window, WindowBuckets: buckets,
	})
	return through(func(call func() error) error { return cb.Call(call, 0) })
}

// bytedancePanels hand breakers out by a key, which is looked up at each call. A
// hundred buckets are the fewest that they take. A panel cannot be stopped, so
// there is one of each kind.
var bytedancePanels = map[bool]func() bytedance.Panel{
	false: sync.OnceValue(func() bytedance.Panel { return newPanel(false) }),
	true:  sync.OnceValue(func() bytedance.Panel { return newPanel(true) }),
}

func newPanel(perP bool) bytedance.Panel {
	panel, err := bytedance.NewPanel(nil, bytedance.Options{
		BucketTime: window / 100, BucketNums: 100, CoolingTimeout: openFor,
		ShouldTrip: bytedance.RateTripFunc(rate, minimum), EnableShardP: perP,
	})
	if err != nil {
		panic(err)
	}
	return panel
}

func bytedancePanel(perP bool) calls {
	panel := bytedancePanels[perP]()
	panel.RemoveBreaker("bench")
	return through(func(call func() error) error {
		if !panel.IsAllowed("bench") {
			return errRejected
		}
		err := call()
		if err != nil {
			panel.Fail("bench")
		} else {
			panel.Succeed("bench")
		}
		return err
	})
}

// hystrixDo has tickets to spare, for Do returns before its own is back.
func hystrixDo() calls {
	hystrix.ConfigureCommand("bench", hystrix.CommandConfig{
		Timeout: 60_000, MaxConcurrentRequests: 1024, RequestVolumeThreshold: minimum,
		SleepWindow: int(openFor / time.Millisecond), ErrorPercentThreshold: 100 * rate,
	})
	hystrix.Flush()
	return through(func(call func() error) error { return hystrix.Do("bench", call, nil) })
}

// aegisSRE marks what is rejected as failed too, as the framework's middleware
// does: that keeps the rejected share up.
func aegisSRE() calls {
	cb := sre.NewBreaker(sre.WithSuccess(rate), sre.WithRequest(minimum), sre.WithWindow(window), sre.WithBucket(buckets))
	return through(func(call func() error) error {
		err := cb.Allow()
		if err == nil {
			err = call()
		}
		if err != nil {
			cb.MarkFailed()
		} else {
			cb.MarkSuccess()
		}
		return err
	})
}

// handyAllow has a fixed window, and lets one call a second through while open.
func handyAllow() calls {
	cb := handy.NewBreaker(rate)
	return through(func(call func() error) error {
		if !cb.Allow() {
			return errRejected
		}
		err := call()
		if err != nil {
			cb.Failure(0)
		} else {
			cb.Success(0)
		}
		return err
	})
}
