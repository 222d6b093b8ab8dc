package switchgear

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear/internal/timespan"
)

// onDemand is how often a check can be asked for.
const onDemand = time.Second

// checkRun is one health check. The service's mutex guards it until it is over.
type checkRun struct {
	check  check
	began  time.Time
	late   time.Duration
	isOver bool
	over   chan struct{} // closed when there is a result
	health Health        // the result
}

// CheckHealth runs the health check and returns its result. Calls at the same
// time share one run, and one that comes within a second of the last run's
// start, or while a run that has timed out has still not returned, gets the
// latest result. ErrNoCheck where there is no check, ErrStopped after Stop, or
// ctx's error. A check that calls it waits for itself.
func (s *Service) CheckHealth(ctx context.Context) (Health, error) {
	if s.cfg.Check == nil {
		return Health{}, ErrNoCheck
	}
	s.mu.Lock()
	switch {
	case s.stopped:
		s.mu.Unlock()
		return Health{}, ErrStopped
	case s.run != nil && s.run.isOver,
		s.run == nil && s.health.Checked && time.Since(s.checks.started) < onDemand:
		defer s.mu.Unlock()
		return s.health, nil
	case s.run == nil:
		s.beginCheck() //nolint:contextcheck // the run is shared, so it is no caller's
	}
	run := s.run
	s.mu.Unlock()
	select {
	case <-run.over:
		return run.health, nil
	case <-ctx.Done():
		return Health{}, ctx.Err()
	case <-s.ctx.Done():
		return Health{}, ErrStopped
	}
}

// checkInterval is the time between two checks now; zero is never. In a
// recovery there is one at least each resetTimeout, started or not.
func (s *Service) checkInterval() time.Duration {
	cfg := s.breaker.config.Load()
	interval := cfg.HealthCheckInterval
	switch recovering := s.breaker.recovery.Load() != nil; {
	case s.cfg.Check == nil || s.stopped || !s.started && !recovering:
		return 0
	case recovering:
		most := time.Duration(float64(cfg.ResetTimeout) / (1 + spread))
		if interval == 0 || interval > most {
			interval = most
		}
	}
	return interval
}

// checkDue is the timer's.
func (s *Service) checkDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checks.ready(s.checkInterval()) {
		s.checks.wait()
		s.wantCheck()
	}
}

// recoveryBegan runs the check that a recovery awaits. It must have begun after
// the recovery. Whoever moved the breaker may hold the mutex, so this is called
// in a goroutine of its own.
func (s *Service) recoveryBegan() {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.breaker.recovery.Load()
	if s.stopped || r == nil || !r.awaitsCheck.Load() || s.run != nil && s.run.check.generation == r.generation {
		return
	}
	s.wantCheck()
}

// wantCheck begins a run, or sees to it that one follows the present one. The
// mutex is held.
func (s *Service) wantCheck() {
	switch {
	case s.run == nil:
		s.beginCheck()
		return
	case s.run.isOver:
		s.checkHangs()
	}
	s.runAgain = true
}

// beginCheck starts a run. The mutex is held.
func (s *Service) beginCheck() {
	run := &checkRun{began: time.Now(), over: make(chan struct{})}
	s.run, s.runAgain = run, false
	run.late = s.checks.late(run.began)
	run.check = s.breaker.beginCheck(s.cfg.CheckIsOperation)
	s.checks.started = run.began
	s.checks.plan(s.checkInterval())
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.CheckTimeout)
	s.busy.Add(2)
	unwatch := context.AfterFunc(ctx, func() {
		defer s.busy.Done()
		s.endCheck(run, s.errNoAnswer(), false)
	})
	go func() {
		defer s.busy.Done()
		defer cancel()
		err := errCheckExited // unless it returns or panics
		defer func() {
			if v := recover(); v != nil {
				err = &checkError{text: cut(fmt.Sprintf("the health check panicked: %v", v), maxErrorText)}
			}
			if unwatch() {
				s.busy.Done()
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				err = s.errNoAnswer()
			}
			s.endCheck(run, err, true)
		}()
		err = checkErrorOf(s.cfg.Check(ctx))
	}()
}

// checkError is why a check failed: what its error says, for no code of the
// user's runs under a mutex.
type checkError struct {
	text string
	wait time.Duration // that it asks for
}

func checkErrorOf(err error) *checkError {
	if err == nil {
		return nil
	}
	return &checkError{text: errorText(err), wait: retryAfter(err)}
}

var (
	errCheckExited = &checkError{text: "the health check ended its goroutine"}
	errCheckHangs  = &checkError{text: "the last check has not returned yet"}
)

func (s *Service) errNoAnswer() *checkError {
	return &checkError{text: "no answer within " + timespan.Text(s.cfg.CheckTimeout)}
}

// endCheck makes err, or nil, the result of the run, unless it has one or the
// service was stopped. If the run has returned, the next one may begin: in the
// same breath, or its timer would find a run that is over and seems to hang.
func (s *Service) endCheck(run *checkRun, err *checkError, returned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !run.isOver && !s.stopped {
		s.conclude(run, time.Since(run.began), err)
		run.isOver = true
		run.health = s.health
		close(run.over)
		s.planAfter(returned)
	}
	if !returned {
		return
	}
	s.run = nil
	if s.runAgain && !s.stopped {
		s.beginCheck()
	}
}

// planAfter sets the timer anew where the state asks for another rhythm now, or
// where the timer has fired in vain and the run goes on. The mutex is held.
func (s *Service) planAfter(returned bool) {
	if now := time.Now(); !returned && s.checks.interval != 0 && !now.Before(s.checks.due) {
		s.checks.started = now
		s.checks.plan(s.checkInterval())
		return
	}
	s.checks.adjust(s.checkInterval())
}

// conclude lets a result move the breaker, and then the health. The mutex is
// held.
func (s *Service) conclude(run *checkRun, took time.Duration, err *checkError) {
	s.breaker.endCheck(run.check, err, took)
	h := Health{Checked: true, Healthy: err == nil, CheckedAt: run.began.UTC(), Duration: took, Late: run.late}
	if err != nil {
		h.Err = err.text
		h.ConsecutiveFailures = s.health.ConsecutiveFailures + 1
	}
	s.health = h
	s.watch.push(h)
}

// checkHangs is a check that was due while one that timed out still runs: a
// failure, for one at a time is the promise. The mutex is held.
func (s *Service) checkHangs() {
	now := time.Now()
	run := &checkRun{check: s.breaker.beginCheck(s.cfg.CheckIsOperation), began: now, late: s.checks.late(now)}
	s.conclude(run, 0, errCheckHangs)
	s.checks.started = now
	s.checks.plan(s.checkInterval())
}

// awaitNoCheck lets this and all later recoveries begin with an operation.
func (b *Breaker) awaitNoCheck() {
	b.lock()
	defer b.unlock()
	b.awaitsCheck = false
	if r := b.recovery.Load(); r != nil {
		r.awaitsCheck.Store(false)
	}
}
