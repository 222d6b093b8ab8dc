package alert

import (
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// The places of the kinds in a ruleset. Flapping is judged before what it keeps
// from ending.
const (
	flapping = iota
	circuit
	failures
	recovery
	slowness
	unknown
	kinds
)

var kindNames = [kinds]fleet.AlertKind{
	flapping: fleet.AlertFlapping,
	circuit:  fleet.AlertCircuitStateChange,
	failures: fleet.AlertConsecutiveFailures,
	recovery: fleet.AlertRecoveryFailure,
	slowness: fleet.AlertPerformanceDegradation,
	unknown:  fleet.AlertServiceUnknown,
}

func placeOf(kind fleet.AlertKind) (int, bool) {
	for i, name := range kindNames {
		if name == kind {
			return i, true
		}
	}
	return 0, false
}

// rule is what holds of one kind of alert.
type rule struct {
	on       bool
	severity fleet.Severity
	hold     time.Duration // how long it must be so
	after    time.Duration // how long it must be over
	p95      time.Duration // 0: what the service's config calls slow
	within   time.Duration
	count    int
}

type ruleset [kinds]rule

// rulesOf puts together what holds; rules go before the defaults.
func rulesOf(rules config.AlertRules, resolveAfter time.Duration) *ruleset {
	var set ruleset
	all := rules.Or(config.DefaultAlertRules())
	for i, kind := range kindNames {
		r := all[string(kind)]
		set[i] = rule{
			on: r.Enabled == nil || *r.Enabled, severity: fleet.Severity(r.Severity), after: resolveAfter,
			within: r.Within, count: max(r.Threshold, r.Openings),
		}
		if r.For != nil {
			set[i].hold = *r.For
		}
		if r.P95 != nil {
			set[i].p95 = *r.P95
		}
	}
	set[flapping].after = 0 // it is over when it was calm for most of a window
	return &set
}

// verdict is what a rule says of a service now.
type verdict uint8

const (
	between verdict = iota // neither so nor over
	bad
	calm
	standing // an administrator's mode is in force: what is stays
)

// judge is what the rule of a kind says of the service, whose view is there, and
// when to ask again though nothing is told of it; zero: never.
func (s *service) judge(kind int, r *rule, now time.Time) (verdict, time.Time) {
	b := &s.view.Breaker
	switch kind {
	case flapping:
		return s.judgeFlapping(r, now)
	case circuit:
		return s.judgeCircuit(r), time.Time{}
	case failures:
		return s.judgeFailures(r, now)
	case recovery:
		switch {
		case b.State == switchgear.Closed:
			return calm, time.Time{}
		case b.Mode != switchgear.Auto:
			return standing, time.Time{}
		case b.FailedRecoveries >= r.count:
			return bad, time.Time{}
		}
	case slowness:
		return s.judgeSlowness(r, now)
	case unknown:
		return s.judgeUnknown(now)
	}
	return between, time.Time{}
}

// judgeFailures forgets failed operations where the window has gone by since the
// last, as the circuit does: nobody uses the service any more, and the alert would
// never end. An open circuit is not calm for that.
func (s *service) judgeFailures(r *rule, now time.Time) (verdict, time.Time) {
	b := &s.view.Breaker
	n, until := b.ConsecutiveFailures, time.Time{}
	if n > 0 && b.State == switchgear.Closed {
		if until = b.LastFailure.Add(s.view.Config.Resolved().MonitoringWindow); !now.Before(until) {
			n, until = 0, time.Time{}
		}
	}
	n = max(n, s.view.Health.ConsecutiveFailures)
	switch {
	case n >= r.count:
		return bad, until
	case n == 0 && b.State == switchgear.Closed:
		return calm, time.Time{}
	}
	return between, until
}

// judgeUnknown does not take for news of a service that was silent before a restart
// that nobody has had the time yet to find it silent after it.
func (s *service) judgeUnknown(now time.Time) (verdict, time.Time) {
	if in := s.view.Instances; in.Total > 0 && in.Stale == in.Total || s.known && s.view.Status == fleet.StatusUnknown {
		return bad, time.Time{}
	}
	interval := s.view.ReportInterval
	if s.view.Source == fleet.SourceAgent {
		interval = fleet.AgentHeartbeat
	}
	if s.conds[unknown].alert != nil && interval > 0 && s.operatedAt.IsZero() {
		if until := s.cameAt.Add(silentAfter*interval + leastSilent); now.Before(until) {
			return between, until
		}
	}
	return calm, time.Time{}
}

const (
	// silentAfter is how many reports a service misses before the manager finds it
	// silent, and leastSilent until when, after that, it has said so.
	silentAfter = 3
	leastSilent = 5 * time.Second
)

func (s *service) judgeCircuit(r *rule) verdict {
	b := &s.view.Breaker
	switch {
	case b.State == switchgear.Closed && s.opened && r.hold == 0:
		return bad // it has opened, and closed before anybody looked
	case b.State == switchgear.Closed && s.conds[flapping].alert == nil:
		return calm
	case b.State == switchgear.Closed:
		return between
	case b.Mode != switchgear.Auto:
		return standing
	case b.Outage != nil:
		return bad
	}
	return between // somebody asked for a recovery, or ended an override
}

func (s *service) judgeFlapping(r *rule, now time.Time) (verdict, time.Time) {
	from := now.Add(-r.within)
	n := 0
	for _, at := range s.openings {
		if at.After(from) {
			n++
		}
	}
	switch {
	case n >= r.count:
		return bad, s.openings[len(s.openings)-r.count].Add(r.within)
	case n >= 2:
		return between, s.openings[len(s.openings)-2].Add(r.within)
	}
	return calm, time.Time{}
}

// leastOperating is how long, at least, an operation means that operations go on.
const leastOperating = time.Minute

func (s *service) judgeSlowness(r *rule, now time.Time) (verdict, time.Time) {
	limit := s.limit(r)
	p95 := s.view.Breaker.Performance.P95
	if p95 < limit*9/10 {
		return calm, time.Time{}
	}
	until := s.operatedAt.Add(max(leastOperating, 2*s.view.Config.HealthCheckInterval))
	switch {
	case s.operatedAt.IsZero() || !now.Before(until):
		return calm, time.Time{}
	case p95 >= limit:
		return bad, until
	}
	return between, until
}

// defaultLimit is from when on a 95th percentile is too long where nobody says so.
const defaultLimit = 2 * time.Second

func (s *service) limit(r *rule) time.Duration {
	switch {
	case r.p95 > 0:
		return r.p95
	case s.view.Config.SlowCallDuration > 0:
		return s.view.Config.SlowCallDuration
	}
	return defaultLimit
}
