package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// Every breaker is given the same rule, as near as it has one: so many failures
// within a rolling window, or in the rate subjects so large a share of at least
// so many calls, open it for longer than a run takes.
const (
	window   = 10 * time.Second
	buckets  = 10
	failures = 5
	rate     = 0.5
	minimum  = 100
	openFor  = time.Hour
)

var (
	errCall     = errors.New("bench: the call failed")
	errRejected = errors.New("bench: the call was rejected")
)

// The guarded calls stay out of line, so that no wrapper is folded away with
// them.

//go:noinline
func succeed() error { return nil }

//go:noinline
func fail() error { return errCall }

// subject is one line of the table.
type subject struct {
	name     string
	group    string
	beside   string // ours is compared with the peers that have the same here
	floor    bool
	ours     bool
	rejected bool // its calls are to end with an error
	inexact  bool // some may end otherwise, by its design or a defect
	call     func() func() error
}

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

// peer is a breaker to be measured.
type peer struct {
	name    string
	rule    string // of its group
	ours    bool
	inexact bool
	make    func() calls

	noWindow bool // it has no rolling time window
}

const (
	byCount = "failures counted, in a rolling window where the peer has one"
	byRate  = "failure rate in a rolling window"
	bySlow  = "slow-call rule: every call timed, slow before it ends"
)

func subjects() []subject {
	all := floors()
	everyone := append(ours(), peers()...)
	for _, rule := range []string{byCount, byRate, bySlow} {
		for _, p := range everyone {
			if p.rule != rule {
				continue
			}
			all = append(all, subject{
				name: p.name, group: "Closed, success: " + rule, ours: p.ours, inexact: p.inexact, beside: besides(p, rule, "closed"),
				call: func() func() error { return p.make().good },
			})
		}
	}
	for _, p := range everyone {
		all = append(all, subject{
			name: p.name + ", open", group: "Open, rejected", ours: p.ours, inexact: p.inexact, rejected: true, beside: besides(p, "", "open"),
			call: func() func() error { return opened(p).good },
		})
	}
	return all
}

// besides keeps out of the ratios what has no like.
func besides(p peer, rule, state string) string {
	if p.noWindow || p.rule == bySlow {
		return ""
	}
	return state + rule
}

// opened is a new breaker after the failures that open it.
func opened(p peer) calls {
	c := p.make()
	n := minimum
	if p.inexact {
		n *= 200 // the share that it lets in falls as failures mount
	}
	for range n {
		_ = c.bad()
	}
	if !p.inexact && c.good() == nil {
		panic(fmt.Sprintf("%s: %d failures did not open it", p.name, n))
	}
	return c
}

func ours() []peer {
	slow := switchgear.Config{SlowCallDuration: time.Second, SlowCallRateThreshold: 1}
	rated := switchgear.Config{FailureRateThreshold: rate, MinimumOperations: minimum}
	return []peer{
		{name: "switchgear, Do", rule: byCount, ours: true, make: func() calls { return do(breaker(switchgear.Config{})) }},
		{name: "switchgear, Allow and Done", rule: byCount, ours: true, make: func() calls { return allow(breaker(switchgear.Config{})) }},
		{name: "switchgear, Do, rate", rule: byRate, ours: true, make: func() calls { return do(breaker(rated)) }},
		{name: "switchgear, Allow and Done, rate", rule: byRate, ours: true, make: func() calls { return allow(breaker(rated)) }},
		{name: "switchgear, Do, slow calls", rule: bySlow, ours: true, make: func() calls { return do(breaker(slow)) }},
		{name: "switchgear, Allow and Done, slow calls", rule: bySlow, ours: true, make: func() calls { return allow(breaker(slow)) }},
	}
}

func breaker(cfg switchgear.Config) *switchgear.Breaker {
	cfg.FailureThreshold, cfg.MonitoringWindow, cfg.ResetTimeout = failures, window, openFor
	b, err := switchgear.New("bench", cfg)
	if err != nil {
		panic(err)
	}
	return b
}

func do(b *switchgear.Breaker) calls {
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

func allow(b *switchgear.Breaker) calls {
	ctx := context.Background()
	return through(func(call func() error) error {
		p, err := b.Allow(ctx)
		if err != nil {
			return err
		}
		err = call()
		p.Done(err)
		return err
	})
}
