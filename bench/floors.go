package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// floors are one machine primitive each in the place of a breaker.
func floors() []subject {
	floor := func(name string, run func(call func() error) error) subject {
		return subject{name: name, group: "Floors", floor: true, call: func() func() error { return through(run).good }}
	}
	var open atomic.Bool
	var calls atomic.Uint64
	var mu sync.Mutex
	locked := 0
	base := time.Now()
	return []subject{
		floor("direct call", func(call func() error) error { return call() }),
		floor("atomic load", func(call func() error) error {
			if open.Load() {
				return errCall
			}
			return call()
		}),
		floor("shared atomic add", func(call func() error) error {
			calls.Add(1)
			return call()
		}),
		floor("mutex", func(call func() error) error {
			mu.Lock()
			locked++
			mu.Unlock()
			return call()
		}),
		floor("time.Now", func(call func() error) error {
			if time.Now().IsZero() {
				return errCall
			}
			return call()
		}),
		floor("time.Since", func(call func() error) error {
			if time.Since(base) < 0 {
				return errCall
			}
			return call()
		}),
	}
}
