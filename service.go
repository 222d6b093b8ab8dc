package switchgear

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ServiceConfig is what a Service is made of. Config alone is enough.
type ServiceConfig struct {
	Config Config

	// Check asks the service itself whether it is well; a nil error is yes, a
	// panic no. It must heed its context. Once the service is started it runs
	// each Config.HealthCheckInterval, from start to start and spread by up to
	// a twentieth, in every state. When a recovery begins it runs at once, and
	// then at least once in each Config.ResetTimeout until the recovery is
	// over, started or not. It never runs twice at a time. nil: there is none,
	// and recoveries begin with an operation.
	Check func(context.Context) error

	// CheckTimeout is when a check that has not returned has failed. 1 ms to
	// 1 h; default 5 s.
	CheckTimeout time.Duration

	// CheckIsOperation makes every check an operation too, unless the circuit
	// is open or forced open: for a service whose only traffic are its checks.
	CheckIsOperation bool

	// Operation, where there is one, runs through the breaker each
	// OperationInterval, from start to start and never twice at a time. 1 ms
	// to 24 h; the default is Config.HealthCheckInterval. Its context ends with
	// Stop. A panic of it is a failure and goes no further.
	Operation         func(context.Context) error
	OperationInterval time.Duration

	// Fallback stands in for an operation of Service.Do that was rejected or
	// failed with the error cause. It gets the caller's context, and what it
	// returns is what Do returns. What it does is counted apart and moves no
	// state. It is not called for an error that is no failure (Config.Classify),
	// nor for a panic.
	Fallback func(ctx context.Context, cause error) error
}

const (
	defaultCheckTimeout = 5 * time.Second
	maxCheckTimeout     = time.Hour
)

// Service is a unit of work behind a breaker, with its health check and, where
// wanted, a periodic operation and a fallback. All methods are safe for
// concurrent use. It has no goroutine of its own, only timers while started.
type Service struct {
	breaker *Breaker
	cfg     ServiceConfig

	fallbackSuccesses, fallbackFailures atomic.Uint64

	mu sync.Mutex

	ctx      context.Context //nolint:containedctx // of all that the service starts; Stop ends it
	cancel   context.CancelFunc
	started  bool
	stopped  bool
	busy     sync.WaitGroup
	health   Health
	watch    observers[Health]
	checks   schedule
	run      *checkRun // the check that has not returned
	runAgain bool      // a recovery began meanwhile
	work     schedule
	working  bool
}

// Health is what the latest health check said.
type Health struct {
	Checked             bool // false: none has ended yet
	Healthy             bool
	CheckedAt           time.Time // when it began
	Duration            time.Duration
	Err                 string // why it failed, cut at 512 bytes; empty where Healthy
	ConsecutiveFailures int    // up to and with this one

	// Late is how long after it was due the check began; zero where somebody
	// asked for it, or a recovery did.
	Late time.Duration
}

// Stats are a service's totals. What the fallback did is in no other count.
type Stats struct {
	Operations

	FallbackSuccesses, FallbackFailures uint64
}

// ErrNoCheck is the answer of CheckHealth where there is no check.
var ErrNoCheck = errors.New("switchgear: the service has no health check")

// ErrStopped is the answer of CheckHealth after Stop.
var ErrStopped = errors.New("switchgear: the service has been stopped")

// NewService makes a service that is not started. The error is New's; a bad
// CheckTimeout or OperationInterval is in it too.
func NewService(name string, cfg ServiceConfig) (*Service, error) {
	var e ConfigError
	if t := cfg.CheckTimeout; t != 0 {
		e.addProblem("checkTimeoutMs", outside(ms(t), 1, ms(maxCheckTimeout)))
	}
	if t := cfg.OperationInterval; t != 0 {
		e.addProblem("operationIntervalMs", outside(ms(t), 1, ms(maxDuration)))
	}
	b, err := New(name, cfg.Config)
	if bad := (*ConfigError)(nil); errors.As(err, &bad) {
		bad.fields = append(bad.fields, e.fields...)
	}
	if err == nil {
		err = e.orNil()
	}
	if err != nil {
		return nil, err
	}
	if cfg.CheckTimeout == 0 {
		cfg.CheckTimeout = defaultCheckTimeout
	}
	s := &Service{breaker: b, cfg: cfg}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.checks.begin = s.checkDue
	s.work.begin = s.workDue
	if cfg.Check != nil {
		b.awaitsCheck = true
		b.wantsCheck = func() { go s.recoveryBegan() }
	}
	return s, nil
}

// Name is the service's.
func (s *Service) Name() string { return s.breaker.name }

// Breaker is the service's breaker. What runs through it is counted once,
// whether by the service's Do or by its own.
func (s *Service) Breaker() *Breaker { return s.breaker }

// HasCheck reports whether the service has a health check.
func (s *Service) HasCheck() bool { return s.cfg.Check != nil }

// Start begins the periodic check and operation, the first of each within a
// second. Starting again does nothing; what was stopped stays so.
func (s *Service) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return
	}
	s.started = true
	s.checks.adjust(s.checkInterval())
	s.work.adjust(s.workInterval())
}

// Running reports whether the service is started and not stopped.
func (s *Service) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started && !s.stopped
}

// Stop ends the periodic check and operation for good and cancels those under
// way, whose results are dropped. It waits until they have returned, or ctx
// ends, whose error it then returns; so they must not call it. The breaker goes
// on without the check: its recoveries begin with an operation.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.checks.plan(0)
	s.work.plan(0)
	s.cancel()
	s.breaker.awaitNoCheck()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.busy.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Do runs fn through the breaker, as the function Do does, and then the
// fallback, where there is one and fn was rejected or failed. The error is the
// fallback's where it was called, else that of the function Do.
func (s *Service) Do(ctx context.Context, fn func(context.Context) error) error {
	admitted := false
	_, err := Do(ctx, s.breaker, func(ctx context.Context) (struct{}, error) {
		admitted = true
		return struct{}{}, fn(ctx)
	})
	switch {
	case err == nil || s.cfg.Fallback == nil:
		return err
	case admitted && classify(ctx, s.breaker.config.Load(), err) != Failure:
		return err
	}
	return s.fallBack(ctx, err)
}

// fallBack runs the fallback and counts it; one that does not return is a
// failure.
func (s *Service) fallBack(ctx context.Context, cause error) (err error) {
	count := &s.fallbackFailures
	defer func() { count.Add(1) }()
	if err = s.cfg.Fallback(ctx, cause); err == nil {
		count = &s.fallbackSuccesses
	}
	return err
}

// RecordSuccess is the breaker's.
func (s *Service) RecordSuccess(d time.Duration) { s.breaker.RecordSuccess(d) }

// HandleError is the breaker's. It runs no fallback.
func (s *Service) HandleError(err error, d time.Duration) { s.breaker.HandleError(err, d) }

// Stats are the totals now.
func (s *Service) Stats() Stats {
	return Stats{
		Operations:        s.breaker.Operations(),
		FallbackSuccesses: s.fallbackSuccesses.Load(), FallbackFailures: s.fallbackFailures.Load(),
	}
}

// Config is the breaker's.
func (s *Service) Config() Config { return s.breaker.Config() }

// Configure is the breaker's; a new HealthCheckInterval counts from the start
// of the last check. Configuring the breaker alone would leave the timer as it
// is.
func (s *Service) Configure(cfg Config) error {
	if err := s.breaker.Configure(cfg); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks.adjust(s.checkInterval())
	s.work.adjust(s.workInterval())
	return nil
}

// Health is what the latest health check said.
func (s *Service) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// RestoreHealth puts back what Health said before a restart. It moves no state
// and is told to nobody.
func (s *Service) RestoreHealth(h Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = h
}

// ObserveHealth calls notify with the result of every health check from now
// on, as Breaker.Observe does with transitions.
func (s *Service) ObserveHealth(notify func(Health)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.watch.add(notify)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watch.remove(o)
	}
}

// workInterval is the time between two periodic operations; zero is never.
func (s *Service) workInterval() time.Duration {
	switch {
	case s.cfg.Operation == nil || !s.started || s.stopped:
		return 0
	case s.cfg.OperationInterval > 0:
		return s.cfg.OperationInterval
	}
	return s.breaker.config.Load().HealthCheckInterval
}

// workDue runs the periodic operation, unless the last one has not ended.
func (s *Service) workDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.work.ready(s.workInterval()) {
		return
	}
	s.work.started = time.Now()
	s.work.plan(s.workInterval())
	if s.working {
		return
	}
	s.working = true
	s.busy.Go(func() {
		defer func() {
			_ = recover() // the breaker has counted it, and nobody is there to take it
			s.mu.Lock()
			defer s.mu.Unlock()
			s.working = false
		}()
		_ = s.Do(s.ctx, s.cfg.Operation) // nor to take its error
	})
}
