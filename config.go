package switchgear

import (
	"math"
	"slices"
	"time"
)

// Config is how a breaker decides. The zero Config is a good breaker: it opens
// on 5 failures within 5 minutes, stays open for a minute, and recovers over
// two. Every field's zero is its default; where a zero must be said
// (MinHealthyPeriod, HealthCheckInterval, Jitter) a negative value says it.
//
// As JSON a Config has the wire's names and units (failureThreshold,
// resetTimeoutMs, …); errors and warnings use those names too.
type Config struct { //nolint:recvcheck // a value for its users; a pointer where it is read or asked on the path of an operation
	// Disabled admits everything and goes on counting; nothing opens. On the
	// wire it is "enabled", turned around.
	Disabled bool

	// FailureThreshold is how many failures within MonitoringWindow open the
	// circuit: reached, not exceeded. 1 to 1 000 000; default 5.
	FailureThreshold int

	// ResetTimeout is how long the circuit stays open before the first
	// recovery attempt. 1 ms to 24 h; default 60 s.
	ResetTimeout time.Duration

	// MinHealthyPeriod is how long a recovery must stay stable, from its first
	// success, before the circuit closes. Up to 24 h; default 120 s; negative:
	// the first success closes it.
	MinHealthyPeriod time.Duration

	// MonitoringWindow is the sliding window in which failures count. It moves
	// in tenths: a failure older than the window never counts, one younger
	// than nine tenths of it always does. 100 ms to 24 h; default 300 s.
	MonitoringWindow time.Duration

	// HealthCheckInterval is the time between the starts of two health checks
	// of a Service; a recovery checks at least once in each ResetTimeout. A
	// Breaker alone has no checks. Up to 24 h; default 30 s; negative: only on
	// demand and for recoveries.
	HealthCheckInterval time.Duration

	// FailureRateThreshold, where set, asks beside FailureThreshold that
	// failures be at least this share of the operations in the window, and
	// that there be at least MinimumOperations of them. 0 to 1; default 0, off.
	FailureRateThreshold float64

	// MinimumOperations is how many operations the window must hold before a
	// rate is judged (FailureRateThreshold, SlowCallRateThreshold). It means
	// nothing to the other rules. 1 to 1 000 000; default 1.
	MinimumOperations int

	// ConsecutiveFailureThreshold opens the circuit also on so many failures
	// in a row. Up to 1 000 000; default 0, off.
	ConsecutiveFailureThreshold int

	// SlowCallDuration and SlowCallRateThreshold open the circuit also if at
	// least this share of the operations in the window, which are at least
	// MinimumOperations, took at least this long. An operation that has been
	// running for so long counts before it ends; that is noticed an eighth of
	// it late at most, or a millisecond if that is more. During a recovery an
	// operation that took this long is a failure. With the rule on, the clock
	// is read twice for every operation. Up to 24 h, and 0 to 1; default 0,
	// off; both are needed.
	SlowCallDuration      time.Duration
	SlowCallRateThreshold float64

	// HalfOpenFailureThreshold is how many failures during a recovery open the
	// circuit again. 1 to 1 000; default 1.
	HalfOpenFailureThreshold int

	// ProbeTimeout is when an operation of a recovery that has not ended
	// counts as a failure of it and its place is free again. It must be longer
	// than an operation takes. 1 ms to 24 h; default ResetTimeout.
	ProbeTimeout time.Duration

	// BackoffMultiplier multiplies the open time at each failed recovery. 1 to
	// 10; default 2.
	BackoffMultiplier float64

	// MaxResetTimeout caps the open time. ResetTimeout to 24 h; default the
	// larger of ResetTimeout and MonitoringWindow.
	MaxResetTimeout time.Duration

	// Jitter lengthens the open time by up to this share of it, at random. 0
	// to 1; default 0.1; negative: none.
	Jitter float64

	// RecoverySteps are the shares of traffic admitted in equal parts of
	// MinHealthyPeriod after the first success of a recovery. Up to 10 rising
	// shares above 0 and up to 1; nil is 0.05, 0.2, 0.5; empty admits
	// everything after the first success.
	RecoverySteps []float64

	// Classify says what an error that an operation returned means; nil: every
	// error is a failure. It is not asked about a nil error, a success, nor
	// about what Ignore marked or context.Canceled while the caller's own
	// context is done, both ignored. context.DeadlineExceeded is an error like
	// others. It is not asked about health checks. It may be asked twice about
	// one error; it is called without any lock.
	Classify func(error) Outcome

	// Hooks are told what the breaker does with single operations, for traces;
	// nil: nobody is.
	Hooks *Hooks

	// Version is carried into the evidence of transitions, so that one can
	// tell by which config a circuit opened. It decides nothing.
	Version int
}

// The defaults of Config.
const (
	defaultFailureThreshold    = 5
	defaultResetTimeout        = time.Minute
	defaultMinHealthyPeriod    = 2 * time.Minute
	defaultMonitoringWindow    = 5 * time.Minute
	defaultHealthCheckInterval = 30 * time.Second
	defaultBackoffMultiplier   = 2
	defaultJitter              = 0.1
)

const (
	maxDuration = 24 * time.Hour
	maxCount    = 1_000_000
	maxSteps    = 10

	// maxRetryAfter bounds the wait that an upstream's error may ask for.
	maxRetryAfter = time.Hour
)

var defaultRecoverySteps = []float64{0.05, 0.2, 0.5}

// Resolved is c with every default put in and every negative value that says
// zero turned into zero. Resolving a resolved Config would read its zeros as
// defaults again: keep the original for New and Configure.
func (c Config) Resolved() Config {
	c = c.resolved()
	c.RecoverySteps = slices.Clone(c.RecoverySteps)
	return c
}

// resolved is Resolved with the steps of c, or the default's own.
func (c Config) resolved() Config {
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orDuration := func(v *time.Duration, d time.Duration) {
		switch {
		case *v == 0:
			*v = d
		case *v < 0:
			*v = 0
		}
	}
	orInt(&c.FailureThreshold, defaultFailureThreshold)
	orInt(&c.MinimumOperations, 1)
	orInt(&c.HalfOpenFailureThreshold, 1)
	orDuration(&c.ResetTimeout, defaultResetTimeout)
	orDuration(&c.MinHealthyPeriod, defaultMinHealthyPeriod)
	orDuration(&c.MonitoringWindow, defaultMonitoringWindow)
	orDuration(&c.HealthCheckInterval, defaultHealthCheckInterval)
	orDuration(&c.ProbeTimeout, c.ResetTimeout)
	orDuration(&c.MaxResetTimeout, max(c.ResetTimeout, c.MonitoringWindow))
	if c.BackoffMultiplier == 0 {
		c.BackoffMultiplier = defaultBackoffMultiplier
	}
	switch {
	case c.Jitter == 0:
		c.Jitter = defaultJitter
	case c.Jitter < 0:
		c.Jitter = 0
	}
	if c.RecoverySteps == nil {
		c.RecoverySteps = defaultRecoverySteps // nobody writes to it, so one will do
	}
	return c
}

// noSlowRule is the duration of slow calls where the slow-call rule is off.
const noSlowRule = int64(math.MaxInt64)

// slowRule reports whether the slow-call rule of a resolved config is on.
func (c *Config) slowRule() bool { return c.SlowCallDuration > 0 && c.SlowCallRateThreshold > 0 }

// openTime is how long the circuit of a resolved config stays open after so
// many failed recoveries, lengthened by the drawn part, in [0, 1), of the
// jitter.
func (c *Config) openTime(failedRecoveries int, drawn float64) time.Duration {
	t := float64(c.ResetTimeout) * math.Pow(c.BackoffMultiplier, float64(failedRecoveries))
	t = min(t, float64(c.MaxResetTimeout))
	return time.Duration(t * (1 + c.Jitter*drawn))
}

// Validate returns a *ConfigError that names every field of c that is out of
// its range, with its value and its range; or nil.
func (c Config) Validate() error {
	var e ConfigError
	for _, f := range wireFields {
		e.addProblem(f.name, f.check(&c))
	}
	return e.orNil()
}
