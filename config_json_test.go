package switchgear_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

// wholeDefault is the zero Config on the wire.
const wholeDefault = `{"enabled":true,"failureThreshold":5,"resetTimeoutMs":60000,"minHealthyPeriodMs":120000,` +
	`"monitoringWindowMs":300000,"healthCheckIntervalMs":30000,"failureRateThreshold":0,"minimumOperations":1,` +
	`"consecutiveFailureThreshold":0,"slowCallDurationMs":0,"slowCallRateThreshold":0,"halfOpenFailureThreshold":1,` +
	`"probeTimeoutMs":60000,"backoffMultiplier":2,"maxResetTimeoutMs":300000,"jitter":0.1,"recoverySteps":[0.05,0.2,0.5]}`

func TestConfigJSON_ShowsEveryDefault(t *testing.T) {
	t.Parallel()
	if got := marshal(t, switchgear.Config{}); got != wholeDefault {
		t.Errorf("got  %s\nwant %s", got, wholeDefault)
	}
	if c := unmarshal(t, `{}`); marshal(t, c) != wholeDefault {
		t.Errorf("an empty object is %+v", c)
	}
}

func TestConfigJSON_ReadsEveryField(t *testing.T) {
	t.Parallel()
	got := unmarshal(t, `{"enabled":false,"failureThreshold":3,"resetTimeoutMs":1000,"minHealthyPeriodMs":2000,
		"monitoringWindowMs":3000,"healthCheckIntervalMs":4000,"failureRateThreshold":0.5,"minimumOperations":6,
		"consecutiveFailureThreshold":7,"slowCallDurationMs":8.5,"slowCallRateThreshold":0.9,"halfOpenFailureThreshold":10,
		"probeTimeoutMs":11000,"backoffMultiplier":1.5,"maxResetTimeoutMs":13000,"jitter":0.14,"recoverySteps":[0.15,1]}`)
	want := switchgear.Config{
		Disabled: true, FailureThreshold: 3, ResetTimeout: time.Second, MinHealthyPeriod: 2 * time.Second,
		MonitoringWindow: 3 * time.Second, HealthCheckInterval: 4 * time.Second, FailureRateThreshold: 0.5,
		MinimumOperations: 6, ConsecutiveFailureThreshold: 7, SlowCallDuration: 8500 * time.Microsecond,
		SlowCallRateThreshold: 0.9, HalfOpenFailureThreshold: 10, ProbeTimeout: 11 * time.Second,
		BackoffMultiplier: 1.5, MaxResetTimeout: 13 * time.Second, Jitter: 0.14, RecoverySteps: []float64{0.15, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestConfigJSON_EveryRangeHasItsEnds(t *testing.T) {
	t.Parallel()
	for _, f := range numericFields() {
		for _, v := range []float64{f.low, f.high} {
			doc := fmt.Sprintf(`{%q:%s}`, f.name, plain(v))
			c := unmarshal(t, doc)
			if back := marshal(t, c); !strings.Contains(back, strings.Trim(doc, "{}")) {
				t.Errorf("%s came back as %s", doc, back)
			}
		}
		for _, v := range []float64{f.low - f.step, f.high + f.step} {
			err := new(switchgear.Config).UnmarshalJSON(fmt.Appendf(nil, `{%q:%s}`, f.name, plain(v)))
			wantMessage(t, err, f.name, fmt.Sprintf("%s is not in %s … %s", plain(v), plain(f.low), plain(f.high)))
		}
	}
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func TestConfigJSON_SaysWhatIsWrongWithAValue(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, field, raw, message string }{
		{"a string for a count", "failureThreshold", `"5"`, `"5" is not a whole number in 1 … 1000000`},
		{"a fraction for a count", "failureThreshold", `2.5`, `2.5 is not a whole number in 1 … 1000000`},
		{"a huge count", "failureThreshold", `1e300`, `1e300 is not in 1 … 1000000`},
		{"an overflow", "failureThreshold", `1e999`, `1e999 is not in 1 … 1000000`},
		{"a negative overflow", "jitter", `-1e999`, `-1e999 is not in 0 … 1`},
		{"a zero for no default", "failureThreshold", `0`, `0 is not in 1 … 1000000`},
		{"less than a nanosecond", "resetTimeoutMs", `0.0000001`, `0.0000001 is not in 1 … 86400000`},
		{"a list for a duration", "resetTimeoutMs", `[1]`, `[1] is not a number in 1 … 86400000`},
		{"an object for a share", "jitter", `{"a":1}`, `{"a":1} is not a number in 0 … 1`},
		{"true for a share", "jitter", `true`, `true is not a number in 0 … 1`},
		{"a negative zero that is said", "minHealthyPeriodMs", `-1`, `-1 is not in 0 … 86400000`},
		{"a number for a claim", "enabled", `1`, `1 is not true or false`},
		{"a string for a claim", "enabled", `"true"`, `"true" is not true or false`},
		{"a number for a list", "recoverySteps", `0.5`, `0.5 is not 0 … 10 rising shares in (0, 1]`},
		{"a string in a list", "recoverySteps", `["x"]`, `["x"] is not 0 … 10 rising shares in (0, 1]`},
		{"null in a list", "recoverySteps", `[null]`, `[0] is not 0 … 10 rising shares in (0, 1]`},
		{"too long a list", "recoverySteps", `[1,2,3,4,5,6,7,8,9,10,11]`, `11 shares are not 0 … 10 rising shares in (0, 1]`},
		{
			"a long text", "failureThreshold", `"` + strings.Repeat("ä", 5000) + `"`,
			`"` + strings.Repeat("ä", 19) + `… is not a whole number in 1 … 1000000`,
		},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			wantMessage(t, new(switchgear.Config).UnmarshalJSON(fmt.Appendf(nil, `{%q:%s}`, r.field, r.raw)), r.field, r.message)
		})
	}
}

func TestConfigJSON_ReportsEveryBadFieldAtOnceInOrder(t *testing.T) {
	t.Parallel()
	var c switchgear.Config
	err := c.UnmarshalJSON([]byte(`{"zzz":1,"recoverySteps":[2],"jitter":"x","maxResetTimeoutMs":1,"resetTimeoutMs":-5,
		"enabled":null,"failureThreshold":0,"aaa":{},"minimumOperations":1.5}`))
	wantFields(t, err, "failureThreshold", "resetTimeoutMs", "minimumOperations", "jitter", "recoverySteps", "aaa", "zzz")
}

func TestConfigJSON_NamesUnknownFields(t *testing.T) {
	t.Parallel()
	rows := map[string]string{
		"FailureThreshold":     "no such field; did you mean failureThreshold?",
		"resetTimeout":         "no such field; did you mean resetTimeoutMs?",
		"reset_timeout_ms":     "no such field; did you mean resetTimeoutMs?",
		"max-reset-timeout-ms": "no such field; did you mean maxResetTimeoutMs?",
		"JITTER":               "no such field; did you mean jitter?",
		"threshold":            "no such field",
		"":                     "no such field",
	}
	for name, message := range rows {
		wantMessage(t, new(switchgear.Config).UnmarshalJSON(fmt.Appendf(nil, `{%q:1}`, name)), name, message)
	}
	long := strings.Repeat("x", 1<<20)
	wantMessage(t, new(switchgear.Config).UnmarshalJSON(fmt.Appendf(nil, `{%q:1}`, long)), long[:40]+"…", "no such field")
}

func TestConfigJSON_RefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{`[]`, `"x"`, `7`, `true`} {
		err := new(switchgear.Config).UnmarshalJSON([]byte(doc))
		if err == nil || strings.Contains(err.Error(), "map[") {
			t.Errorf("%s: %v", doc, err)
		}
	}
	for _, edit := range []func([]byte) (switchgear.Config, error){switchgear.Config{}.Merge, switchgear.Config{}.Replace} {
		if _, err := edit([]byte(`null`)); err == nil {
			t.Error("null is a config")
		}
	}
	for _, doc := range []string{``, `{`, `{"jitter":}`} {
		if new(switchgear.Config).UnmarshalJSON([]byte(doc)) == nil {
			t.Errorf("%q was read", doc)
		}
	}
}

func TestConfigJSON_NullIsTheDefault(t *testing.T) {
	t.Parallel()
	c := unmarshal(t, `{"enabled":false,"failureThreshold":9,"minHealthyPeriodMs":0,"probeTimeoutMs":7,"jitter":0,"recoverySteps":[]}`)
	nulls := allNull(wholeDefault)
	if err := json.Unmarshal([]byte(nulls), &c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(switchgear.Config{}, c); diff != "" {
		t.Errorf("after %s (-want +got):\n%s", nulls, diff)
	}
}

// allNull is the document with null for every value.
func allNull(doc string) string {
	var fields map[string]any
	if json.Unmarshal([]byte(doc), &fields) != nil {
		return ""
	}
	for name := range fields {
		fields[name] = nil
	}
	nulls, _ := json.Marshal(fields) //nolint:errchkjson // nulls only
	return string(nulls)
}

func TestConfigJSON_MergesOntoAConfig(t *testing.T) {
	t.Parallel()
	whole := switchgear.Config{
		FailureThreshold: 3, ResetTimeout: time.Second, ProbeTimeout: 7 * time.Second, MaxResetTimeout: time.Hour,
		RecoverySteps: []float64{0.3}, Jitter: -1, Version: 4,
	}
	c := whole
	if err := json.Unmarshal([]byte(`{"failureThreshold":8}`), &c); err != nil {
		t.Fatal(err)
	}
	want := whole
	want.FailureThreshold = 8
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	// What only happens to be what would be derived was set by somebody.
	c = switchgear.Config{ProbeTimeout: 30 * time.Second}
	if err := json.Unmarshal([]byte(`{"resetTimeoutMs":30000}`), &c); err != nil || c.ProbeTimeout != 30*time.Second {
		t.Errorf("the probe timeout became %v, %v", c.ProbeTimeout, err)
	}
	if err := json.Unmarshal([]byte(`null`), &c); err != nil || c.ProbeTimeout != 30*time.Second {
		t.Errorf("null made %+v, %v", c, err)
	}
}

func TestConfigJSON_RefusedWholeIsUnchanged(t *testing.T) {
	t.Parallel()
	before := switchgear.Config{FailureThreshold: 3, RecoverySteps: []float64{0.3}}
	doc := []byte(`{"failureThreshold":8,"recoverySteps":[0.5],"jitter":2}`)
	c := before
	wantFields(t, c.UnmarshalJSON(doc), "jitter")
	if diff := cmp.Diff(before, c); diff != "" {
		t.Errorf("after a refused document (-want +got):\n%s", diff)
	}
	for name, edit := range map[string]func([]byte) (switchgear.Config, error){"Merge": c.Merge, "Replace": c.Replace} {
		got, err := edit(doc)
		wantFields(t, err, "jitter")
		if diff := cmp.Diff(before, got); diff != "" {
			t.Errorf("%s after a refused document (-want +got):\n%s", name, diff)
		}
	}
}

func TestConfigJSON_DerivedStaysDerivedWhenSaidAgain(t *testing.T) {
	t.Parallel()
	c := unmarshal(t, wholeDefault)
	if c.ProbeTimeout != 0 || c.MaxResetTimeout != 0 {
		t.Errorf("%v and %v are not derived", c.ProbeTimeout, c.MaxResetTimeout)
	}
	// In a document of its own another value than the derived one is meant,
	// even if it is what the default would derive.
	c = unmarshal(t, `{"resetTimeoutMs":30000,"probeTimeoutMs":60000,"monitoringWindowMs":1000,"maxResetTimeoutMs":300000}`)
	if c.ProbeTimeout != time.Minute || c.MaxResetTimeout != 5*time.Minute {
		t.Errorf("%v and %v are not what was said", c.ProbeTimeout, c.MaxResetTimeout)
	}
}

func TestConfigJSON_DerivedSentBackAsShownStaysDerived(t *testing.T) {
	t.Parallel()
	var c switchgear.Config
	edited := strings.Replace(marshal(t, c), `"resetTimeoutMs":60000`, `"resetTimeoutMs":600000`, 1)
	patch := `{"resetTimeoutMs":600000,"maxResetTimeoutMs":300000,"probeTimeoutMs":null}`
	for _, edit := range []func() (switchgear.Config, error){
		func() (switchgear.Config, error) { return c.Replace([]byte(edited)) },
		func() (switchgear.Config, error) { return c.Merge([]byte(patch)) },
	} {
		got, err := edit()
		if err != nil {
			t.Fatal(err)
		}
		if r := got.Resolved(); got.ProbeTimeout != 0 || r.ProbeTimeout != 10*time.Minute || r.MaxResetTimeout != 10*time.Minute {
			t.Errorf("probe timeout %v, max reset timeout %v; want both to follow", r.ProbeTimeout, r.MaxResetTimeout)
		}
	}
	c.ProbeTimeout = 60 * time.Second // said, though it is what would be derived
	got, err := c.Replace([]byte(edited))
	if err != nil || got.ProbeTimeout != time.Minute {
		t.Errorf("what was said became %v, %v", got.ProbeTimeout, err)
	}
}

func TestConfigJSON_ReplaceTakesDefaultsAndMergeKeeps(t *testing.T) {
	t.Parallel()
	classify := func(error) switchgear.Outcome { return switchgear.Ignored }
	c := switchgear.Config{FailureThreshold: 3, MinimumOperations: 2, Classify: classify, Version: 4}
	doc := []byte(`{"failureThreshold":8}`)
	merged, err := c.Merge(doc)
	if err != nil || merged.FailureThreshold != 8 || merged.MinimumOperations != 2 || merged.Classify == nil {
		t.Errorf("merged %+v, %v", merged, err)
	}
	replaced, err := c.Replace(doc)
	if err != nil || replaced.FailureThreshold != 8 || replaced.MinimumOperations != 0 || replaced.Classify == nil || replaced.Version != 4 {
		t.Errorf("replaced %+v, %v", replaced, err)
	}
	if c.FailureThreshold != 3 {
		t.Errorf("the config itself changed: %+v", c)
	}
}

func TestConfigJSON_SaidZerosComeBack(t *testing.T) {
	t.Parallel()
	c := unmarshal(t, `{"minHealthyPeriodMs":0,"healthCheckIntervalMs":1e-9,"jitter":0,"recoverySteps":[]}`)
	r := c.Resolved()
	if r.MinHealthyPeriod != 0 || r.HealthCheckInterval != 0 || r.Jitter != 0 || len(r.RecoverySteps) != 0 {
		t.Errorf("resolved to %+v", r)
	}
	again := unmarshal(t, marshal(t, c))
	if diff := cmp.Diff(r, again.Resolved()); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func FuzzConfigJSON(f *testing.F) {
	for _, seed := range []string{
		wholeDefault, `{}`, `null`, `[]`, `{"jitter":0,"recoverySteps":[]}`, `{"resetTimeoutMs":1e-7}`,
		`{"resetTimeoutMs":600000,"maxResetTimeoutMs":300000}`, `{"ENABLED":true}`, `{"slowCallDurationMs":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var c switchgear.Config
		if err := json.Unmarshal(doc, &c); err != nil {
			if diff := cmp.Diff(switchgear.Config{}, c); diff != "" {
				t.Errorf("refused and changed (-want +got):\n%s", diff)
			}
			if bad := (*switchgear.ConfigError)(nil); errors.As(err, &bad) && len(bad.Fields()) == 0 {
				t.Error("refused without a reason")
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("read, but %v", err)
		}
		first := marshal(t, c)
		again := unmarshal(t, first)
		if second := marshal(t, again); first != second {
			t.Errorf("%s came back as %s", first, second)
		}
		for _, edit := range []func([]byte) (switchgear.Config, error){c.Merge, c.Replace} {
			if same, err := edit([]byte(first)); err != nil || marshal(t, same) != first {
				t.Errorf("sent back it is %+v, %v", same, err)
			}
		}
	})
}

func marshal(t *testing.T, c switchgear.Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("null")) {
		t.Errorf("%s has a null", text)
	}
	return string(text)
}

func unmarshal(t *testing.T, doc string) switchgear.Config {
	t.Helper()
	var c switchgear.Config
	if err := json.Unmarshal([]byte(doc), &c); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return c
}
