// Package lifecycle undoes a start: what was opened is closed in the reverse
// order, each step by its name.
//
//	var s lifecycle.Stack
//	defer func() { err = errors.Join(err, s.Close(ctx)) }()
//	store, err := sqlite.Open(ctx, dir)
//	…
//	s.Push("store", func(context.Context) error { return store.Close() })
//
// A start that fails half way closes the same stack, so the way back is written
// once.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Stack is a last-in, first-out list of clean-ups. The zero Stack is empty and
// ready. It is safe for concurrent use; clean-ups run outside its lock and may
// push others.
type Stack struct {
	mu    sync.Mutex
	steps []step // those that have not begun
}

type step struct {
	name string
	run  func(context.Context) error
}

// Push adds a clean-up that runs before all that are there already. The name
// stands before its error.
func (s *Stack) Push(name string, cleanUp func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name, cleanUp})
}

// Close runs every clean-up once, the newest first and one after the other, and
// those too that a running one pushes. A failure, a panic or a ctx that has
// ended keeps none of the rest from running: how long a clean-up may take is
// its own to read off ctx. The errors are joined, each with its clean-up's name;
// a panic is one of them. A second Close has nothing left to do; of two at once
// each clean-up runs in one.
func (s *Stack) Close(ctx context.Context) error {
	var errs []error
	for {
		top, ok := s.pop()
		if !ok {
			return errors.Join(errs...)
		}
		if err := top.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", top.name, err))
		}
	}
}

func (s *Stack) pop() (step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		return step{}, false
	}
	last := len(s.steps) - 1
	top := s.steps[last]
	s.steps[last] = step{} // lets go of what the clean-up holds
	s.steps = s.steps[:last]
	return top, true
}

func (s step) close(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return s.run(ctx)
}
