package switchgear

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// machine drives a breaker and its model through the same history, and compares
// them after every step. It lives in a bubble.
type machine struct {
	fail func(format string, args ...any)

	b         *Breaker
	service   *Service // nil where there is no health check
	keyed     bool     // it is that of a key
	probed    bool     // its checks are operations
	m         *model
	start     time.Time
	given     Config
	permits   []*inFlight
	unobserve func()

	mu     sync.Mutex
	seen   []Transition
	health healthMode
	checks []*healthCheck
	steps  []checkStep
}

// inFlight is an operation between Allow and Done.
type inFlight struct {
	permit Permit
	ctx    context.Context //nolint:containedctx // it is what the test plays with
	cancel context.CancelFunc
	model  *modelPermit
}

type healthMode string

const (
	well  healthMode = "well"
	ill   healthMode = "ill"
	lame  healthMode = "lame"  // passes late
	slack healthMode = "slack" // fails late
)

// healthCheck is a run of the check.
type healthCheck struct {
	began time.Duration
	ended bool
	model modelCheck
}

// checkStep is a check that begins or ends.
type checkStep struct {
	check *healthCheck
	at    time.Duration
	end   bool
	err   error
}

// howEnded is how an operation is made to end.
type howEnded string

const (
	returns   howEnded = "returns"
	fails     howEnded = "fails"
	asksWait  howEnded = "fails and asks to wait"
	isIgnore  howEnded = "is ignored"
	isCancel  howEnded = "is cancelled"
	isLate    howEnded = "misses its deadline"
	isClassed howEnded = "is classified away"
	panics    howEnded = "panics"
	goexits   howEnded = "exits"
)

const waitAsked = 7 * time.Second

var errBoom = errors.New("boom")

// waitError asks for time.
type waitError struct{ wait time.Duration }

func (e waitError) Error() string             { return "come back later" }
func (e waitError) RetryAfter() time.Duration { return e.wait }

type classedError struct{}

func (classedError) Error() string { return "not our fault" }

// classifyTest ignores what is not our fault.
func classifyTest(err error) Outcome {
	if errors.As(err, new(classedError)) {
		return Ignored
	}
	return Failure
}

// meaning is the error of an ending and what the laws say of it.
func (h howEnded) meaning(ctxDone bool) (err error, kind Outcome, asked time.Duration) { //nolint:staticcheck // the error is what is asked for
	switch h {
	case returns:
		return nil, Success, 0
	case asksWait:
		return fmt.Errorf("upstream: %w", waitError{waitAsked}), Failure, waitAsked
	case isIgnore:
		return fmt.Errorf("wrapped: %w", Ignore(errBoom)), Ignored, 0
	case isClassed:
		return classedError{}, Ignored, 0
	case isLate:
		return context.DeadlineExceeded, Failure, 0
	case isCancel:
		if ctxDone {
			return fmt.Errorf("call: %w", context.Canceled), Ignored, 0
		}
		return context.Canceled, Failure, 0
	case goexits:
		return nil, Ignored, 0
	case fails, panics:
	}
	return errBoom, Failure, 0
}

func newMachine(cfg Config, checked, probed bool, fail func(string, ...any)) *machine {
	h := &machine{fail: fail, start: time.Now(), probed: probed, keyed: probed, health: well} // probed means nothing without a check
	h.m = newModel(cfg, checked, h.transition)
	h.make(cfg)
	return h
}

// make gives the machine a new breaker.
func (h *machine) make(cfg Config) {
	var err error
	h.given = cfg
	switch {
	case h.m.checked:
		h.service, err = NewService("machine", ServiceConfig{
			Config: cfg, Check: h.check, CheckIsOperation: h.probed,
		})
		h.b = h.service.Breaker()
	case h.keyed:
		var k *Keyed
		if k, err = NewKeyed("machine", KeyedConfig{Config: cfg}); err == nil {
			h.b = k.Breaker("key")
		}
	default:
		h.b, err = New("machine", cfg)
	}
	if err != nil {
		h.fail("a config of the test is refused: %v", err)
	}
	h.unobserve = h.b.Observe(func(t Transition) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, t)
	})
}

// end lets go of all that the machine began.
func (h *machine) end() {
	for _, p := range h.permits {
		p.cancel()
	}
	h.permits = nil
	h.unobserve()
	if h.service != nil {
		if err := h.service.Stop(context.Background()); err != nil {
			h.fail("Stop: %v", err)
		}
	}
	synctest.Wait()
	h.checks, h.steps = nil, nil
}

func (h *machine) now() time.Duration { return time.Since(h.start) }

// transition is the one of that number, if it was observed.
func (h *machine) transition(number uint64) (Transition, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range slices.Backward(h.seen) {
		if t.Number == number {
			return t, true
		}
	}
	return Transition{}, false
}

// late is how long a late check takes: an odd time, so that it ends when nothing
// else happens.
const late = 1234567891 * time.Nanosecond

// check is the service's health check.
func (h *machine) check(ctx context.Context) error {
	run := &healthCheck{began: h.now()}
	h.mu.Lock()
	mode := h.health
	h.checks = append(h.checks, run)
	h.steps = append(h.steps, checkStep{check: run, at: run.began})
	h.mu.Unlock()
	var err error
	switch mode {
	case well:
	case ill:
		err = errBoom
	case lame, slack:
		select {
		case <-time.After(late):
		case <-ctx.Done():
		}
		if mode == slack {
			err = errBoom
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	run.ended = true
	h.steps = append(h.steps, checkStep{check: run, at: h.now(), end: true, err: err})
	return err
}

// settle waits until the breaker has done what it has to do now, and lets the
// model do it.
func (h *machine) settle() {
	synctest.Wait()
	h.mu.Lock()
	steps := h.steps
	h.steps = nil
	h.mu.Unlock()
	for _, s := range steps {
		h.m.advance(s.at)
		if s.end {
			h.m.checkEnded(s.check.model, s.err, s.at-s.check.began)
		} else {
			s.check.model = h.m.checkBegan(h.probed)
		}
	}
	h.m.advance(h.now())
}
