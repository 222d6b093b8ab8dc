package config_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestAlertRules_TheServiceGoesBeforeTheFileAndThatBeforeTheDefaults(t *testing.T) {
	t.Parallel()
	service := config.AlertRules{
		"performance_degradation": {P95: new(time.Duration(0))},
		"flapping":                {Enabled: new(false)},
	}
	file := config.AlertRules{
		"performance_degradation": {P95: new(500 * time.Millisecond), For: new(time.Duration(0)), Severity: "info"},
		"flapping":                {Openings: 5, Enabled: new(true)},
		"consecutive_failures":    {Threshold: 7},
	}
	want := config.AlertRules{
		"circuit_state_change":    {Enabled: new(true), Severity: "critical", For: new(time.Duration(0))},
		"consecutive_failures":    {Enabled: new(true), Severity: "warning", Threshold: 7},
		"recovery_failure":        {Enabled: new(true), Severity: "critical", Threshold: 3},
		"performance_degradation": {Enabled: new(true), Severity: "info", P95: new(time.Duration(0)), For: new(time.Duration(0))},
		"service_unknown":         {Enabled: new(true), Severity: "warning", For: new(30 * time.Second)},
		"flapping":                {Enabled: new(false), Severity: "warning", Openings: 5, Within: 10 * time.Minute},
	}
	got := service.Or(file).Or(config.DefaultAlertRules())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestAlertRules_OrSharesNothingWithWhatItIsOf(t *testing.T) {
	t.Parallel()
	a, b := config.AlertRules{"flapping": {Enabled: new(true)}}, config.DefaultAlertRules()
	got := a.Or(b)
	*got["flapping"].Enabled = false
	*got["service_unknown"].For = 0
	delete(got, "recovery_failure")
	if !*a["flapping"].Enabled || *b["service_unknown"].For == 0 || len(b) != 6 {
		t.Errorf("changed with what was made of them: %v and %v", a, b)
	}
	if diff := cmp.Diff(b, config.DefaultAlertRules()); diff != "" {
		t.Errorf("defaults changed (-was +is):\n%s", diff)
	}
}

func TestAlertRules_AreEqualWhereTheySayTheSame(t *testing.T) {
	t.Parallel()
	if all := config.DefaultAlertRules(); !all.Equal(config.DefaultAlertRules()) || !config.AlertRules(nil).Equal(config.AlertRules{}) {
		t.Error("the same is not equal")
	}
	for kind, rule := range map[string]config.AlertRule{
		"circuit_state_change":    {Enabled: new(false)},
		"consecutive_failures":    {Threshold: 4},
		"recovery_failure":        {Severity: "info"},
		"performance_degradation": {P95: new(time.Second)},
		"service_unknown":         {For: new(time.Second)},
		"flapping":                {Openings: 5},
	} {
		all := config.DefaultAlertRules()
		other := config.AlertRules{kind: rule}.Or(all)
		if all.Equal(other) || other.Equal(all) {
			t.Errorf("%s: equal to one that says something else", kind)
		}
	}
	all := config.DefaultAlertRules()
	less := maps.Clone(all)
	delete(less, "flapping")
	within := config.AlertRules{"flapping": {Within: time.Hour}}.Or(all)
	if all.Equal(less) || less.Equal(all) || all.Equal(within) {
		t.Error("equal to less, or to another time")
	}
}

func TestService_AlertsComeBackAsTheyWereSaid(t *testing.T) {
	t.Parallel()
	const said = `{"circuit_state_change":{"enabled":false},"consecutive_failures":{"severity":"critical","threshold":4},` +
		`"flapping":{"openings":5,"withinMs":60000},"performance_degradation":{"forMs":0,"p95Ms":1.5}}`
	s, err := config.DecodeService([]byte(`{"alerts":`+said+`}`), config.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Alerts json.RawMessage }
	if err := json.Unmarshal(stored, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(said, string(got.Alerts)); diff != "" {
		t.Errorf("alerts (-said +stored):\n%s", diff)
	}
	back, err := config.DecodeService(stored, config.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !back.Alerts.Equal(s.Alerts) {
		t.Errorf("got %v back, want %v", back.Alerts, s.Alerts)
	}
	for _, nothing := range []string{`{}`, `{"alerts":null}`, `{"alerts":{}}`, `{"alerts":{"flapping":null,"recovery_failure":{}}}`} {
		if s, err := config.DecodeService([]byte(nothing), config.DecodeOptions{}); err != nil || s.Alerts != nil {
			t.Errorf("%s: got %v (%v), want nothing said", nothing, s.Alerts, err)
		}
	}
}

func TestService_AlertsOutOfTheirRangesAreNamed(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"circuit_state_change":{"forMs":86400001}}`:       "alerts.circuit_state_change.forMs: 86400001 is not in 0 … 86400000",
		`{"service_unknown":{"forMs":-1}}`:                  "alerts.service_unknown.forMs: -1 is not in 0 … 86400000",
		`{"service_unknown":{"forMs":1e300}}`:               "alerts.service_unknown.forMs: 4611686018427.388 is not in 0 … 86400000",
		`{"consecutive_failures":{"threshold":0}}`:          "alerts.consecutive_failures.threshold: 0 is not in 1 … 1000",
		`{"recovery_failure":{"threshold":1001}}`:           "alerts.recovery_failure.threshold: 1001 is not in 1 … 1000",
		`{"recovery_failure":{"threshold":2.5}}`:            "alerts.recovery_failure.threshold: must be a whole number, without a point or an exponent",
		`{"performance_degradation":{"p95Ms":600001}}`:      "alerts.performance_degradation.p95Ms: 600001 is not in 0 … 600000",
		`{"flapping":{"openings":1}}`:                       "alerts.flapping.openings: 1 is not in 2 … 100",
		`{"flapping":{"openings":101}}`:                     "alerts.flapping.openings: 101 is not in 2 … 100",
		`{"flapping":{"withinMs":999}}`:                     "alerts.flapping.withinMs: 999 is not in 1000 … 86400000",
		`{"flapping":{"withinMs":0}}`:                       "alerts.flapping.withinMs: 0 is not in 1000 … 86400000",
		`{"flapping":{"severity":"page"}}`:                  `alerts.flapping.severity: "page" is not one of critical, warning, info`,
		`{"flapping":{"severity":""}}`:                      `alerts.flapping.severity: "" is not one of critical, warning, info`,
		`{"flapping":{"threshold":3}}`:                      "alerts.flapping.threshold: means nothing for flapping",
		`{"consecutive_failures":{"forMs":3}}`:              "alerts.consecutive_failures.forMs: means nothing for consecutive_failures",
		`{"circuit_state_change":{"p95Ms":3}}`:              "alerts.circuit_state_change.p95Ms: means nothing for circuit_state_change",
		`{"service_unknown":{"openings":3}}`:                "alerts.service_unknown.openings: means nothing for service_unknown",
		`{"service_unknown":{"withinMs":3}}`:                "alerts.service_unknown.withinMs: means nothing for service_unknown",
		`{"flaping":{}}`:                                    "alerts.flaping: is no kind of alert; there are circuit_state_change, consecutive_failures, flapping, performance_degradation, recovery_failure, service_unknown",
		`{"flapping":{"opening":3}}`:                        `alerts.flapping.opening: unknown field, did you mean "openings"?`,
		`{"flapping":{"enabled":"no"}}`:                     "alerts.flapping.enabled: must be true or false, not a string",
		`[]`:                                                "alerts: must be an object, not a list",
		`{"rules":{"flapping":{}},"flapping":{"For":"1s"}}`: `alerts.rules.flapping: unknown field`,
	} {
		_, err := config.DecodeService([]byte(`{"alerts":`+in+`}`), config.DecodeOptions{})
		if err == nil {
			t.Errorf("%s: is read", in)
		} else if got := fieldsOf(t, err); !slices.Contains(got, want) {
			t.Errorf("%s: got %q, want %q among them", in, got, want)
		}
	}
}
