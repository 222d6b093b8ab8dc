package config

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// AlertRule says when one kind of alert fires. A zero field was not said; which
// fields a kind has are those of DefaultAlertRules. Their names in the file are
// those in brackets.
type AlertRule struct {
	// Enabled is whether it fires at all (enabled). Default true.
	Enabled *bool

	// Severity is how much it matters (severity): critical, warning or info.
	Severity string

	// For is how long it must be so before it fires (forMs). 0 to 24 h.
	For *time.Duration

	// P95 is the 95th percentile of the durations of operations that is too
	// long (p95Ms). 0 to 10 min; 0 is what the service's config calls a slow
	// call, or 2 s where it calls nothing so.
	P95 *time.Duration

	// Threshold is how many in a row are too many (threshold). 1 to 1 000.
	Threshold int

	// Openings are how many openings of the circuit within a time are too many
	// (openings, withinMs). 2 to 100, within 1 s to 24 h.
	Openings int
	Within   time.Duration
}

// AlertRules are rules by the kind of alert. The zero AlertRules say nothing.
type AlertRules map[string]AlertRule

const (
	maxAlertFor       = 24 * time.Hour
	maxAlertP95       = 10 * time.Minute
	maxAlertThreshold = 1000
	minAlertOpenings  = 2
	maxAlertOpenings  = 100
	minAlertWithin    = time.Second
	maxAlertWithin    = 24 * time.Hour
)

var alertSeverities = []string{"critical", "warning", "info"}

// alertRuleDefaults also say which keys a kind has: those that are set.
var alertRuleDefaults = AlertRules{
	"circuit_state_change":    {Severity: "critical", For: new(time.Duration(0))},
	"consecutive_failures":    {Severity: "warning", Threshold: 3},
	"recovery_failure":        {Severity: "critical", Threshold: 3},
	"performance_degradation": {Severity: "warning", P95: new(time.Duration(0)), For: new(time.Minute)},
	"service_unknown":         {Severity: "warning", For: new(30 * time.Second)},
	"flapping":                {Severity: "warning", Openings: 3, Within: 10 * time.Minute},
}

// DefaultAlertRules are what holds of every kind where nobody says otherwise.
func DefaultAlertRules() AlertRules {
	rules := maps.Clone(alertRuleDefaults)
	for kind, rule := range rules {
		rule.Enabled = new(true)
		rules[kind] = rule.clone()
	}
	return rules
}

// Or is r with what it does not say taken from next. So service.Or(file).
// Or(DefaultAlertRules()) is what holds.
func (r AlertRules) Or(next AlertRules) AlertRules {
	both := make(AlertRules, max(len(r), len(next)))
	for kind, rule := range next {
		both[kind] = rule.clone()
	}
	for kind, rule := range r {
		both[kind] = rule.or(next[kind]).clone()
	}
	return both
}

// Equal reports whether two say the same.
func (r AlertRules) Equal(o AlertRules) bool {
	return maps.EqualFunc(r, o, func(a, b AlertRule) bool {
		return samePointed(a.Enabled, b.Enabled) && samePointed(a.For, b.For) && samePointed(a.P95, b.P95) &&
			a.Severity == b.Severity && a.Threshold == b.Threshold && a.Openings == b.Openings && a.Within == b.Within
	})
}

func samePointed[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func (r AlertRule) or(next AlertRule) AlertRule {
	if r.Enabled == nil {
		r.Enabled = next.Enabled
	}
	if r.Severity == "" {
		r.Severity = next.Severity
	}
	if r.For == nil {
		r.For = next.For
	}
	if r.P95 == nil {
		r.P95 = next.P95
	}
	if r.Threshold == 0 {
		r.Threshold = next.Threshold
	}
	if r.Openings == 0 {
		r.Openings = next.Openings
	}
	if r.Within == 0 {
		r.Within = next.Within
	}
	return r
}

func (r AlertRule) clone() AlertRule {
	for _, p := range []**time.Duration{&r.For, &r.P95} {
		if *p != nil {
			*p = new(**p)
		}
	}
	if r.Enabled != nil {
		r.Enabled = new(*r.Enabled)
	}
	return r
}

// alertRuleJSON is a rule as it is written.
type alertRuleJSON struct {
	Enabled   *bool    `json:"enabled,omitempty"`
	Severity  *string  `json:"severity,omitempty"`
	ForMs     *float64 `json:"forMs,omitempty"`
	P95Ms     *float64 `json:"p95Ms,omitempty"`
	Threshold *int     `json:"threshold,omitempty"`
	Openings  *int     `json:"openings,omitempty"`
	WithinMs  *float64 `json:"withinMs,omitempty"`
}

// MarshalJSON writes what was said, as the file has it.
func (r AlertRule) MarshalJSON() ([]byte, error) {
	doc := alertRuleJSON{Enabled: r.Enabled}
	if r.Severity != "" {
		doc.Severity = &r.Severity
	}
	if r.For != nil {
		doc.ForMs = new(inMs(*r.For))
	}
	if r.P95 != nil {
		doc.P95Ms = new(inMs(*r.P95))
	}
	if r.Threshold != 0 {
		doc.Threshold = &r.Threshold
	}
	if r.Openings != 0 {
		doc.Openings = &r.Openings
	}
	if r.Within != 0 {
		doc.WithinMs = new(inMs(r.Within))
	}
	return json.Marshal(doc)
}

// alertRulesJSON are rules as they are written.
type alertRulesJSON map[string]*alertRuleJSON

// rules are what was said under a path; nil for nothing.
func (d alertRulesJSON) rules(bad *problems, path string) AlertRules {
	var rules AlertRules
	for _, kind := range slices.Sorted(maps.Keys(d)) {
		field := join(path, kind)
		like, ok := alertRuleDefaults[kind]
		switch {
		case !ok:
			bad.add(field, "is no kind of alert; there are %s", strings.Join(slices.Sorted(maps.Keys(alertRuleDefaults)), ", "))
		case d[kind] != nil && *d[kind] != (alertRuleJSON{}):
			if rules == nil {
				rules = make(AlertRules)
			}
			rules[kind] = d[kind].rule(bad, field, kind, like)
		}
	}
	return rules
}

// rule reads a rule of a kind that has the keys that are set in like.
func (d *alertRuleJSON) rule(bad *problems, path, kind string, like AlertRule) AlertRule {
	rule := AlertRule{Enabled: d.Enabled}
	if d.Severity != nil {
		if rule.Severity = *d.Severity; !slices.Contains(alertSeverities, rule.Severity) {
			bad.add(join(path, "severity"), "%s is not one of %s", quote(rule.Severity), strings.Join(alertSeverities, ", "))
		}
	}
	known := func(key string, said, has bool) bool {
		if said && !has {
			bad.add(join(path, key), "means nothing for %s", kind)
		}
		return said && has
	}
	duration := func(key string, ms *float64, has bool, low, high time.Duration) *time.Duration {
		if !known(key, ms != nil, has) {
			return nil
		}
		d := milliseconds(*ms)
		if d < low || d > high {
			bad.add(join(path, key), "%s", msRange(d, low, high))
		}
		return &d
	}
	count := func(key string, n *int, has bool, low, high int) int {
		if !known(key, n != nil, has) {
			return 0
		}
		if *n < low || *n > high {
			bad.add(join(path, key), "%d is not in %d … %d", *n, low, high)
		}
		return *n
	}
	rule.For = duration("forMs", d.ForMs, like.For != nil, 0, maxAlertFor)
	rule.P95 = duration("p95Ms", d.P95Ms, like.P95 != nil, 0, maxAlertP95)
	rule.Threshold = count("threshold", d.Threshold, like.Threshold != 0, 1, maxAlertThreshold)
	rule.Openings = count("openings", d.Openings, like.Openings != 0, minAlertOpenings, maxAlertOpenings)
	if within := duration("withinMs", d.WithinMs, like.Within != 0, minAlertWithin, maxAlertWithin); within != nil {
		rule.Within = *within
	}
	return rule
}
