package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
)

func TestStatus_FirstRuleThatHolds(t *testing.T) {
	t.Parallel()
	healthy := func() *View {
		return &View{
			Running: true,
			Health:  switchgear.Health{Checked: true, Healthy: true},
			Breaker: switchgear.Snapshot{Operations: switchgear.Operations{Successful: 10}, Successes: 10},
		}
	}
	tests := []struct {
		name    string
		change  func(v *View)
		silent  bool
		failing []string
		want    Status
	}{
		{name: "nothing is wrong", want: StatusHealthy},
		{name: "open", change: func(v *View) { v.Breaker.State = switchgear.Open }, want: StatusCircuitOpen},
		{name: "forced open", change: func(v *View) { v.Breaker.Mode = switchgear.ForcedOpen }, want: StatusCircuitOpen},
		{name: "open and silent", change: func(v *View) { v.Breaker.State = switchgear.Open }, silent: true, want: StatusCircuitOpen},
		{name: "open, elsewhere, and silent", change: func(v *View) { v.Breaker.State, v.Source = switchgear.Open, SourceAgent }, silent: true, want: StatusUnknown},
		{name: "nothing has ended", change: func(v *View) { *v = View{Running: true} }, want: StatusUnknown},
		{
			name: "an ignored operation has ended",
			change: func(v *View) {
				*v = View{Running: true, Breaker: switchgear.Snapshot{Operations: switchgear.Operations{Ignored: 1}}}
			},
			want: StatusHealthy,
		},
		{
			name: "a rejection is no operation that ended",
			change: func(v *View) {
				*v = View{Running: true, Breaker: switchgear.Snapshot{Operations: switchgear.Operations{Rejected: 1}}}
			},
			want: StatusUnknown,
		},
		{name: "silent", silent: true, want: StatusUnknown},
		{name: "silent and unwell", change: func(v *View) { v.Health.Healthy = false }, silent: true, want: StatusUnknown},
		{name: "the health check failed", change: func(v *View) { v.Health.Healthy = false }, want: StatusUnhealthy},
		{name: "not running", change: func(v *View) { v.Running = false }, want: StatusUnhealthy},
		{name: "half-open", change: func(v *View) { v.Breaker.State = switchgear.HalfOpen }, want: StatusDegraded},
		{
			name:   "half-open and unwell",
			change: func(v *View) { v.Breaker.State, v.Health.Healthy = switchgear.HalfOpen, false },
			want:   StatusUnhealthy,
		},
		{name: "two of five failures", change: func(v *View) { v.Breaker.Failures = 2 }, want: StatusHealthy},
		{name: "three of five failures", change: func(v *View) { v.Breaker.Failures = 3 }, want: StatusDegraded},
		{
			name: "half the failures, and less than half the rate",
			change: func(v *View) {
				v.Config.FailureRateThreshold, v.Breaker.Failures, v.Breaker.Successes = 0.5, 5, 95
			},
			want: StatusHealthy,
		},
		{
			name: "half the failures and half the rate",
			change: func(v *View) {
				v.Config.FailureRateThreshold, v.Breaker.Failures, v.Breaker.Successes = 0.5, 25, 75
			},
			want: StatusDegraded,
		},
		{
			name: "half a streak",
			change: func(v *View) {
				v.Config.ConsecutiveFailureThreshold, v.Breaker.ConsecutiveFailures, v.Breaker.Failures = 4, 2, 2
			},
			want: StatusDegraded,
		},
		{
			name: "slow calls at half of their threshold",
			change: func(v *View) {
				v.Config.SlowCallDuration, v.Config.SlowCallRateThreshold = time.Second, 0.4
				v.Breaker.Slow, v.Breaker.Successes = 20, 100
			},
			want: StatusHealthy,
		},
		{
			name: "slow calls above half of their threshold",
			change: func(v *View) {
				v.Config.SlowCallDuration, v.Config.SlowCallRateThreshold = time.Second, 0.4
				v.Breaker.Slow, v.Breaker.Successes = 21, 100
			},
			want: StatusDegraded,
		},
		{name: "a dependency fails", failing: []string{"db"}, want: StatusDegraded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := healthy()
			if tt.change != nil {
				tt.change(v)
			}
			if got := statusOf(v, tt.silent, tt.failing); got != tt.want {
				t.Errorf("status %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDetails_SaySinceWhenItOpensAgainAndAgain(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	const since = "; opened 3 times since 2026-11-23T10:00:00Z, first by failures in a row"
	for _, s := range []switchgear.Snapshot{
		{State: switchgear.Open},
		{State: switchgear.HalfOpen, AwaitsCheck: true},
		{State: switchgear.HalfOpen},
		{State: switchgear.HalfOpen, ClosesAt: began},
	} {
		s.Outage = &switchgear.Outage{BeganAt: began, Openings: 3, Cause: switchgear.Evidence{Rule: switchgear.RuleConsecutiveFailures}}
		v := View{Breaker: s}
		if got := v.Details(); !strings.HasSuffix(got, since) {
			t.Errorf("got %q, want it to end in %q", got, since)
		}
		if s.Outage.Openings = 1; strings.Contains(v.Details(), "since") {
			t.Errorf("it opened once, and the details are %q", v.Details())
		}
	}
}

func TestDetails_SayHowManyWereSlow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inFlight int
		want     string
	}{
		{-1, "open: slow calls, 4 of 6 that ended; next attempt at 0001-01-01T00:00:00Z"},
		{5, "open: slow calls, 4 of 6 that ended and 5 in flight; next attempt at 0001-01-01T00:00:00Z"},
	} {
		v := View{Breaker: switchgear.Snapshot{State: switchgear.Open, Trip: &switchgear.Evidence{
			Rule: switchgear.RuleSlowCalls, Failures: 1, Successes: 5, Slow: 4, InFlight: c.inFlight,
		}}}
		if got := v.Details(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
