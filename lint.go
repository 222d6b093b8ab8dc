package switchgear

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/internal/timespan"
)

// Warning is a field of a config that is legal but cannot work, or will hurt.
type Warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Usage is what is known of how a breaker is used. A zero is "not known", and
// what hangs on it is not checked.
type Usage struct {
	FeedInterval     time.Duration // how often an outcome arrives, where something else than traffic sets the pace
	Rate             float64       // operations a second, where FeedInterval is not known
	OperationTimeout time.Duration // when an operation is given up
	SlowestOperation time.Duration // the slowest operation seen
}

// maxBlindness is how long a total outage may go unnoticed before the lint
// warns.
const maxBlindness = 30 * time.Second

// Lint returns a warning for each setting of c that is legal but cannot work
// with this usage, or will hurt. A breaker that is Disabled gets none.
func (c Config) Lint(u Usage) []Warning {
	if c.Disabled {
		return nil
	}
	l := linter{cfg: c.Resolved(), usage: u}
	l.reach()
	l.blindness()
	l.halves()
	l.durations()
	return l.warnings
}

// linter is one run of Lint, over a resolved config.
type linter struct {
	cfg      Config
	usage    Usage
	warnings []Warning
}

func (l *linter) warn(field, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{field, fmt.Sprintf(format, args...)})
}

// rated reports whether a rule counts shares, and so needs minimumOperations.
func (l *linter) rated() bool { return l.cfg.FailureRateThreshold > 0 || l.cfg.slowRule() }

// reach does the sum for what has to be in the window together: the window
// remembers nine tenths of its length for sure, so as many outcomes must
// arrive in less than that.
func (l *linter) reach() {
	pace, source := float64(l.usage.FeedInterval), "one outcome each "+timespan.Text(l.usage.FeedInterval)
	if l.usage.FeedInterval <= 0 {
		pace, source = float64(time.Second)/l.usage.Rate, roughly(l.usage.Rate)+" operations a second"
	}
	if !(pace > 0) || math.IsInf(pace, 1) {
		return
	}
	tooMany := func(n int) bool { return 10*pace*float64(n) >= 9*float64(l.cfg.MonitoringWindow) }
	sure := time.Duration(0.9 * float64(l.cfg.MonitoringWindow))
	if tooMany(l.cfg.FailureThreshold) {
		l.warn("failureThreshold", "the circuit cannot open by it: at %s, %d failures do not arrive within %s, nine tenths of monitoringWindowMs",
			source, l.cfg.FailureThreshold, timespan.Text(sure))
	}
	if l.rated() && tooMany(l.cfg.MinimumOperations) {
		l.warn("minimumOperations", "the rate is never judged: at %s, %d operations do not arrive within %s, nine tenths of monitoringWindowMs",
			source, l.cfg.MinimumOperations, timespan.Text(sure))
	}
}

// roughly writes three digits of a measured value, or all those of its whole
// part.
func roughly(v float64) string {
	if v >= 100 {
		return number(math.Round(v))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// blindness does the sum for rates: after a healthy time, failures are the
// needed share of a window only when they fill that share of it.
func (l *linter) blindness() {
	blind := time.Duration(math.Round(l.cfg.FailureRateThreshold * float64(l.cfg.MonitoringWindow)))
	if blind > maxBlindness {
		l.warn("failureRateThreshold", "a total outage goes unnoticed for %s (failureRateThreshold × monitoringWindowMs); more than %s hurts",
			timespan.Text(blind), timespan.Text(maxBlindness))
	}
}

// halves warns of settings that do nothing without another.
func (l *linter) halves() {
	if l.cfg.MinimumOperations > 1 && !l.rated() {
		l.warn("minimumOperations", "it does nothing without failureRateThreshold or a slow-call rule")
	}
	switch {
	case l.cfg.SlowCallDuration > 0 && l.cfg.SlowCallRateThreshold == 0:
		l.warn("slowCallDurationMs", "it does nothing without slowCallRateThreshold")
	case l.cfg.SlowCallDuration == 0 && l.cfg.SlowCallRateThreshold > 0:
		l.warn("slowCallRateThreshold", "it does nothing without slowCallDurationMs")
	}
}

// durations compares with how long operations take.
func (l *linter) durations() {
	if limit := l.usage.OperationTimeout; limit > 0 && l.cfg.SlowCallDuration > limit {
		l.warn("slowCallDurationMs", "no operation can take %s: it is given up after %s",
			timespan.Text(l.cfg.SlowCallDuration), timespan.Text(limit))
	}
	if slowest := l.usage.SlowestOperation; l.cfg.ProbeTimeout < slowest {
		l.warn("probeTimeoutMs", "the slowest operation took %s: in a recovery it would be a failure after %s",
			timespan.Text(slowest), timespan.Text(l.cfg.ProbeTimeout))
	}
}
