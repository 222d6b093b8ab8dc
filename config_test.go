package switchgear_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

const day = 24 * time.Hour

func TestConfig_ZeroIsEveryDefault(t *testing.T) {
	t.Parallel()
	want := switchgear.Config{
		FailureThreshold: 5, ResetTimeout: time.Minute, MinHealthyPeriod: 2 * time.Minute,
		MonitoringWindow: 5 * time.Minute, HealthCheckInterval: 30 * time.Second,
		MinimumOperations: 1, HalfOpenFailureThreshold: 1, ProbeTimeout: time.Minute,
		BackoffMultiplier: 2, MaxResetTimeout: 5 * time.Minute, Jitter: 0.1,
		RecoverySteps: []float64{0.05, 0.2, 0.5},
	}
	if diff := cmp.Diff(want, switchgear.Config{}.Resolved()); diff != "" {
		t.Errorf("resolved (-want +got):\n%s", diff)
	}
	if err := (switchgear.Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfig_DerivesFromItsOwnFields(t *testing.T) {
	t.Parallel()
	r := switchgear.Config{ResetTimeout: 10 * time.Minute, MonitoringWindow: time.Minute}.Resolved()
	if r.ProbeTimeout != 10*time.Minute || r.MaxResetTimeout != 10*time.Minute {
		t.Errorf("probe timeout %v, max reset timeout %v; want both from the reset timeout", r.ProbeTimeout, r.MaxResetTimeout)
	}
	r = switchgear.Config{ResetTimeout: time.Second, MonitoringWindow: time.Hour}.Resolved()
	if r.MaxResetTimeout != time.Hour {
		t.Errorf("max reset timeout %v, want the window", r.MaxResetTimeout)
	}
}

func TestConfig_NegativeSaysZeroWhereZeroIsTheDefault(t *testing.T) {
	t.Parallel()
	c := switchgear.Config{MinHealthyPeriod: -time.Hour, HealthCheckInterval: -1, Jitter: -0.5}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if r := c.Resolved(); r.MinHealthyPeriod != 0 || r.HealthCheckInterval != 0 || r.Jitter != 0 {
		t.Errorf("%v, %v, %v; want zeros", r.MinHealthyPeriod, r.HealthCheckInterval, r.Jitter)
	}
	none := switchgear.Config{RecoverySteps: []float64{}}.Resolved()
	if none.RecoverySteps == nil || len(none.RecoverySteps) != 0 {
		t.Errorf("no steps resolved to %v", none.RecoverySteps)
	}
}

// numericField is a field with a range, in the unit of its name on the wire.
type numericField struct {
	name      string
	low, high float64
	step      float64 // the smallest that is told apart
	set       func(c *switchgear.Config, v float64)
}

func numericFields() []numericField {
	count := func(at func(*switchgear.Config) *int) func(*switchgear.Config, float64) {
		return func(c *switchgear.Config, v float64) { *at(c) = int(v) }
	}
	millis := func(at func(*switchgear.Config) *time.Duration) func(*switchgear.Config, float64) {
		return func(c *switchgear.Config, v float64) { *at(c) = time.Duration(v * float64(time.Millisecond)) }
	}
	share := func(at func(*switchgear.Config) *float64) func(*switchgear.Config, float64) {
		return func(c *switchgear.Config, v float64) { *at(c) = v }
	}
	type config = switchgear.Config
	return []numericField{
		{"failureThreshold", 1, 1_000_000, 1, count(func(c *config) *int { return &c.FailureThreshold })},
		{"resetTimeoutMs", 1, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.ResetTimeout })},
		{"minHealthyPeriodMs", 0, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.MinHealthyPeriod })},
		{"monitoringWindowMs", 100, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.MonitoringWindow })},
		{"healthCheckIntervalMs", 0, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.HealthCheckInterval })},
		{"failureRateThreshold", 0, 1, 0.001, share(func(c *config) *float64 { return &c.FailureRateThreshold })},
		{"minimumOperations", 1, 1_000_000, 1, count(func(c *config) *int { return &c.MinimumOperations })},
		{"consecutiveFailureThreshold", 0, 1_000_000, 1, count(func(c *config) *int { return &c.ConsecutiveFailureThreshold })},
		{"slowCallDurationMs", 0, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.SlowCallDuration })},
		{"slowCallRateThreshold", 0, 1, 0.001, share(func(c *config) *float64 { return &c.SlowCallRateThreshold })},
		{"halfOpenFailureThreshold", 1, 1000, 1, count(func(c *config) *int { return &c.HalfOpenFailureThreshold })},
		{"probeTimeoutMs", 1, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.ProbeTimeout })},
		{"backoffMultiplier", 1, 10, 0.001, share(func(c *config) *float64 { return &c.BackoffMultiplier })},
		{"maxResetTimeoutMs", 60_000, 86_400_000, 0.5, millis(func(c *config) *time.Duration { return &c.MaxResetTimeout })},
		{"jitter", 0, 1, 0.001, share(func(c *config) *float64 { return &c.Jitter })},
	}
}

// saysZero are the fields in which a negative value is not a bad one.
var saysZero = map[string]bool{"minHealthyPeriodMs": true, "healthCheckIntervalMs": true, "jitter": true}

func TestConfig_EveryRangeHasItsEnds(t *testing.T) {
	t.Parallel()
	for _, f := range numericFields() {
		validate := func(v float64) error {
			var c switchgear.Config
			f.set(&c, v)
			return c.Validate()
		}
		for _, v := range []float64{f.low, f.high} {
			if err := validate(v); err != nil {
				t.Errorf("%s %v: %v", f.name, v, err)
			}
		}
		bad := []float64{f.high + f.step}
		switch {
		case f.low-f.step != 0 && !saysZero[f.name]:
			bad = append(bad, f.low-f.step, -f.step)
		case !saysZero[f.name]: // below the range there is the zero, which is the default
			bad = append(bad, -f.step)
		}
		for _, v := range bad {
			wantFields(t, validate(v), f.name)
		}
	}
}

func TestConfig_RefusesWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	c := switchgear.Config{
		FailureRateThreshold: nan, SlowCallRateThreshold: inf, BackoffMultiplier: nan, Jitter: nan,
		RecoverySteps: []float64{0.5, nan},
	}
	wantFields(t, c.Validate(), "failureRateThreshold", "slowCallRateThreshold", "backoffMultiplier", "jitter", "recoverySteps")
	c = switchgear.Config{Jitter: inf, BackoffMultiplier: inf, RecoverySteps: []float64{inf}}
	wantFields(t, c.Validate(), "backoffMultiplier", "jitter", "recoverySteps")
}

func TestConfig_RecoveryStepsRise(t *testing.T) {
	t.Parallel()
	good := [][]float64{
		nil,
		{},
		{1},
		{math.SmallestNonzeroFloat64, 1},
		{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1},
	}
	for _, steps := range good {
		if err := (switchgear.Config{RecoverySteps: steps}).Validate(); err != nil {
			t.Errorf("%v: %v", steps, err)
		}
	}
	bad := [][]float64{
		{0},
		{-0.1},
		{0, 0.5},
		{0.5, 0.5},
		{0.5, 0.2},
		{0.5, 1.0001},
		{0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1},
		make([]float64, 100_000),
	}
	for _, steps := range bad {
		wantFields(t, switchgear.Config{RecoverySteps: steps}.Validate(), "recoverySteps")
	}
}

func TestConfig_ReportsEveryBadFieldAtOnce(t *testing.T) {
	t.Parallel()
	c := switchgear.Config{
		FailureThreshold: -1, ResetTimeout: 48 * time.Hour, MinHealthyPeriod: 25 * time.Hour,
		MonitoringWindow: time.Millisecond, HealthCheckInterval: 25 * time.Hour, FailureRateThreshold: 1.5,
		MinimumOperations: 2_000_000, ConsecutiveFailureThreshold: -3, SlowCallDuration: -time.Second,
		SlowCallRateThreshold: -0.0000001, HalfOpenFailureThreshold: 1001, ProbeTimeout: time.Microsecond,
		BackoffMultiplier: 0.5, MaxResetTimeout: 72 * time.Hour, Jitter: 2, RecoverySteps: []float64{0.5, 0.1},
	}
	want := []switchgear.FieldError{
		{Field: "failureThreshold", Message: "-1 is not in 1 … 1000000"},
		{Field: "resetTimeoutMs", Message: "172800000 is not in 1 … 86400000"},
		{Field: "minHealthyPeriodMs", Message: "90000000 is not in 0 … 86400000"},
		{Field: "monitoringWindowMs", Message: "1 is not in 100 … 86400000"},
		{Field: "healthCheckIntervalMs", Message: "90000000 is not in 0 … 86400000"},
		{Field: "failureRateThreshold", Message: "1.5 is not in 0 … 1"},
		{Field: "minimumOperations", Message: "2000000 is not in 1 … 1000000"},
		{Field: "consecutiveFailureThreshold", Message: "-3 is not in 0 … 1000000"},
		{Field: "slowCallDurationMs", Message: "-1000 is not in 0 … 86400000"},
		{Field: "slowCallRateThreshold", Message: "-1e-07 is not in 0 … 1"},
		{Field: "halfOpenFailureThreshold", Message: "1001 is not in 1 … 1000"},
		{Field: "probeTimeoutMs", Message: "0.001 is not in 1 … 86400000"},
		{Field: "backoffMultiplier", Message: "0.5 is not in 1 … 10"},
		{Field: "maxResetTimeoutMs", Message: "259200000 is not in 1 … 86400000"},
		{Field: "jitter", Message: "2 is not in 0 … 1"},
		{Field: "recoverySteps", Message: "[0.5, 0.1] is not 0 … 10 rising shares in (0, 1]"},
	}
	err := c.Validate()
	var bad *switchgear.ConfigError
	if !errors.As(err, &bad) {
		t.Fatalf("%v is no *ConfigError", err)
	}
	if diff := cmp.Diff(want, bad.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	n := 0
	bad.EachField(func(field, message string) {
		if n++; !strings.Contains(err.Error(), field+": "+message) {
			t.Errorf("the error does not say %s: %s", field, message)
		}
	})
	if n != len(want) {
		t.Errorf("EachField gave %d fields, want %d", n, len(want))
	}
	if _, err := switchgear.New("x", c); !errors.As(err, &bad) {
		t.Errorf("New: %v", err)
	}
}

func TestConfig_MaxResetTimeoutBeginsAtResetTimeout(t *testing.T) {
	t.Parallel()
	c := switchgear.Config{ResetTimeout: time.Minute, MaxResetTimeout: time.Minute}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.MaxResetTimeout--
	wantMessage(t, c.Validate(), "maxResetTimeoutMs", "59999.999999 is not in 60000 … 86400000")
	c = switchgear.Config{ResetTimeout: day, MaxResetTimeout: day + 1}
	wantFields(t, c.Validate(), "maxResetTimeoutMs")
	// A bad reset timeout begins no range.
	c = switchgear.Config{ResetTimeout: -1, MaxResetTimeout: time.Minute}
	wantFields(t, c.Validate(), "resetTimeoutMs")
	c.MaxResetTimeout = 2 * day
	wantFields(t, c.Validate(), "resetTimeoutMs", "maxResetTimeoutMs")
}

func TestConfig_IsNotTheCallersToChangeLater(t *testing.T) {
	t.Parallel()
	steps := []float64{0.5}
	b, err := switchgear.New("x", switchgear.Config{RecoverySteps: steps})
	if err != nil {
		t.Fatal(err)
	}
	steps[0] = 7
	if got := b.Config().RecoverySteps[0]; got != 0.5 {
		t.Errorf("the step is %v", got)
	}
}

// wantFields fails unless err is a *ConfigError of just these fields.
func wantFields(t *testing.T, err error, fields ...string) {
	t.Helper()
	var bad *switchgear.ConfigError
	if !errors.As(err, &bad) {
		t.Errorf("%v is no *ConfigError; want one of %v", err, fields)
		return
	}
	var got []string
	for _, f := range bad.Fields() {
		got = append(got, f.Field)
		if len(f.Message) > 200 {
			t.Errorf("%s: a message of %d bytes is not for people", f.Field, len(f.Message))
		}
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

// wantMessage fails unless err is a *ConfigError that says just this.
func wantMessage(t *testing.T, err error, field, message string) {
	t.Helper()
	var bad *switchgear.ConfigError
	if !errors.As(err, &bad) {
		t.Errorf("%v is no *ConfigError; want %s: %s", err, field, message)
		return
	}
	if diff := cmp.Diff([]switchgear.FieldError{{Field: field, Message: message}}, bad.Fields()); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}
