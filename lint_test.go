package switchgear_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

func TestLint_WarnsAtTheEdgeAndNotBefore(t *testing.T) {
	t.Parallel()
	type config = switchgear.Config
	type usage = switchgear.Usage
	slow := func(c config) config {
		c.SlowCallDuration, c.SlowCallRateThreshold = time.Second, 0.5
		return c
	}
	// The window is 300 s, of which 270 s are remembered for sure.
	rows := []struct {
		name       string
		cfg        config
		usage      usage
		want       string // the field, or none
		quiet      config // the same just inside
		quietUsage usage
	}{
		{
			name: "failures that are fed too slowly",
			cfg:  config{FailureThreshold: 9}, usage: usage{FeedInterval: 30 * time.Second}, want: "failureThreshold",
			quiet: config{FailureThreshold: 8}, quietUsage: usage{FeedInterval: 30 * time.Second},
		},
		{
			name: "a feed that is just too slow",
			cfg:  config{FailureThreshold: 9}, usage: usage{FeedInterval: 30 * time.Second}, want: "failureThreshold",
			quiet: config{FailureThreshold: 9}, quietUsage: usage{FeedInterval: 30*time.Second - 1},
		},
		{
			name: "a window that is just too short",
			cfg:  config{MonitoringWindow: 500 * time.Second, FailureThreshold: 15}, usage: usage{FeedInterval: 30 * time.Second}, want: "failureThreshold",
			quiet: config{MonitoringWindow: 501 * time.Second, FailureThreshold: 15}, quietUsage: usage{FeedInterval: 30 * time.Second},
		},
		{
			name: "a rate of operations that is too low",
			cfg:  config{FailureThreshold: 270}, usage: usage{Rate: 1}, want: "failureThreshold",
			quiet: config{FailureThreshold: 269}, quietUsage: usage{Rate: 1},
		},
		{
			name: "the longest feed and the highest threshold",
			cfg:  config{FailureThreshold: 1_000_000}, usage: usage{FeedInterval: 24 * time.Hour}, want: "failureThreshold",
			quiet: config{FailureThreshold: 1_000_000}, quietUsage: usage{Rate: 4000},
		},
		{
			name: "a rate that is never judged",
			cfg:  config{FailureRateThreshold: 0.1, MinimumOperations: 270}, usage: usage{Rate: 1}, want: "minimumOperations",
			quiet: config{FailureRateThreshold: 0.1, MinimumOperations: 269}, quietUsage: usage{Rate: 1},
		},
		{
			name: "a slow-call rate that is never judged",
			cfg:  slow(config{MinimumOperations: 270}), usage: usage{FeedInterval: time.Second}, want: "minimumOperations",
			quiet: slow(config{MinimumOperations: 269}), quietUsage: usage{FeedInterval: time.Second},
		},
		{
			name: "a total outage that goes unnoticed", want: "failureRateThreshold",
			cfg:   config{FailureRateThreshold: 0.5, MonitoringWindow: time.Minute + 2},
			quiet: config{FailureRateThreshold: 0.5, MonitoringWindow: time.Minute},
		},
		{
			name: "a total outage that goes unnoticed for a share that is not exact", want: "failureRateThreshold",
			cfg:   config{FailureRateThreshold: 0.101},
			quiet: config{FailureRateThreshold: 0.1},
		},
		{
			name: "a minimum without a rate", want: "minimumOperations",
			cfg:   config{MinimumOperations: 2},
			quiet: config{MinimumOperations: 1},
		},
		{
			name: "a minimum without a whole slow-call rule", want: "minimumOperations",
			cfg:   config{MinimumOperations: 2},
			quiet: slow(config{MinimumOperations: 2}),
		},
		{
			name: "half a slow-call rule", want: "slowCallDurationMs",
			cfg:   config{SlowCallDuration: time.Second},
			quiet: slow(config{}),
		},
		{
			name: "the other half", want: "slowCallRateThreshold",
			cfg:   config{SlowCallRateThreshold: 0.5},
			quiet: slow(config{}),
		},
		{
			name: "slower than the operation's timeout", want: "slowCallDurationMs",
			cfg: slow(config{}), usage: usage{OperationTimeout: time.Second - 1},
			quiet: slow(config{}), quietUsage: usage{OperationTimeout: time.Second},
		},
		{
			name: "a recovery that ends before the operation", want: "probeTimeoutMs",
			cfg: config{ProbeTimeout: time.Second}, usage: usage{SlowestOperation: time.Second + 1},
			quiet: config{ProbeTimeout: time.Second}, quietUsage: usage{SlowestOperation: time.Second},
		},
		{
			name: "the same with the derived timeout", want: "probeTimeoutMs",
			cfg: config{ResetTimeout: time.Second}, usage: usage{SlowestOperation: time.Second + 1},
			quiet: config{ResetTimeout: time.Second}, quietUsage: usage{SlowestOperation: time.Second},
		},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if got := warned(r.cfg, r.usage); !slices.Equal(got, []string{r.want}) {
				t.Errorf("warned of %v, want %s", got, r.want)
			}
			if got := r.quiet.Lint(r.quietUsage); len(got) > 0 {
				t.Errorf("just inside it warns: %v", got)
			}
		})
	}
}

func warned(c switchgear.Config, u switchgear.Usage) []string {
	var fields []string
	for _, w := range c.Lint(u) {
		fields = append(fields, w.Field)
	}
	return fields
}

func TestLint_SaysTheSum(t *testing.T) {
	t.Parallel()
	c := switchgear.Config{FailureThreshold: 10, FailureRateThreshold: 0.5, MinimumOperations: 20}
	want := []switchgear.Warning{
		{
			Field:   "failureThreshold",
			Message: "the circuit cannot open by it: at one outcome each 30 s, 10 failures do not arrive within 4 min 30 s, nine tenths of monitoringWindowMs",
		},
		{
			Field:   "minimumOperations",
			Message: "the rate is never judged: at one outcome each 30 s, 20 operations do not arrive within 4 min 30 s, nine tenths of monitoringWindowMs",
		},
		{
			Field:   "failureRateThreshold",
			Message: "a total outage goes unnoticed for 2 min 30 s (failureRateThreshold × monitoringWindowMs); more than 30 s hurts",
		},
	}
	if diff := cmp.Diff(want, c.Lint(switchgear.Usage{FeedInterval: 30 * time.Second})); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	got := switchgear.Config{FailureThreshold: 100}.Lint(switchgear.Usage{Rate: 1.0 / 3})
	want = []switchgear.Warning{{
		Field:   "failureThreshold",
		Message: "the circuit cannot open by it: at 0.333 operations a second, 100 failures do not arrive within 4 min 30 s, nine tenths of monitoringWindowMs",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestLint_IsSilentAboutWhatWorksOrIsNotKnown(t *testing.T) {
	t.Parallel()
	market := switchgear.Config{FailureThreshold: 3, ResetTimeout: 30 * time.Second}
	contest := switchgear.Config{
		FailureThreshold: 10, ResetTimeout: 120 * time.Second, MinHealthyPeriod: 180 * time.Second,
		MonitoringWindow: 600 * time.Second,
	}
	highTraffic := switchgear.Config{FailureRateThreshold: 0.5, MinimumOperations: 20, MonitoringWindow: 30 * time.Second}
	for name, c := range map[string]switchgear.Config{"default": {}, "market": market, "contest": contest} {
		if got := c.Lint(switchgear.Usage{FeedInterval: 30 * time.Second, OperationTimeout: 5 * time.Second}); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := highTraffic.Lint(switchgear.Usage{Rate: 12_345, SlowestOperation: time.Second}); len(got) > 0 {
		t.Errorf("high traffic: %v", got)
	}
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if got := highTraffic.Lint(switchgear.Usage{Rate: rate}); len(got) > 0 {
			t.Errorf("at a rate of %v: %v", rate, got)
		}
	}
	disabled := switchgear.Config{Disabled: true, FailureThreshold: 1_000_000, MinimumOperations: 7}
	if got := disabled.Lint(switchgear.Usage{Rate: 1}); len(got) > 0 {
		t.Errorf("disabled: %v", got)
	}
}
