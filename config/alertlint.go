package config

import (
	"cmp"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
)

// shortSecret is less than what signs well, in bytes: half of what SHA-256 has.
const shortSecret = 16

// lintAlerts warns of rules that the section states and that can never fire;
// file are the rules of the file. The fields are paths within the section.
func (s Service) lintAlerts(file AlertRules) []switchgear.Warning {
	var warnings []switchgear.Warning
	rules := s.Alerts.Or(file).Or(alertRuleDefaults)
	if rule := rules["performance_degradation"]; s.Alerts["performance_degradation"].P95 != nil && s.HealthCheck != nil {
		if most := s.HealthCheck.timeout(); *rule.P95 > most {
			warnings = append(warnings, switchgear.Warning{
				Field:   "alerts.performance_degradation.p95Ms",
				Message: "a health check ends after " + most.String() + ", so only operations that others report can take " + rule.P95.String(),
			})
		}
	}
	if said := s.Alerts["flapping"]; said.Openings > 0 || said.Within > 0 {
		rule, c := rules["flapping"], s.Config.Resolved()
		shortest := time.Duration(rule.Openings-1) * (c.ResetTimeout + c.MinHealthyPeriod)
		if shortest > rule.Within {
			warnings = append(warnings, switchgear.Warning{
				Field: "alerts.flapping",
				Message: "never fires: from opening to opening resetTimeoutMs and minHealthyPeriodMs pass, so that it takes " +
					shortest.String() + " at least, and withinMs is " + rule.Within.String(),
			})
		}
	}
	return warnings
}

// lintReceivers warns of receivers to which nothing can come.
func (f *File) lintReceivers() []Problem {
	var all []Problem
	warn := func(field, message string) {
		all = append(all, f.Problem(field, message))
	}
	var could []possible
	for i := range f.Alerts.Receivers {
		r := &f.Alerts.Receivers[i]
		path := join("alerts.receivers", r.Name)
		if r.Webhook != nil && r.Webhook.Secret != "" && len(r.Webhook.Secret) < shortSecret {
			warn(join(path, "webhook.secret"), "is so short that it can be guessed: take 16 bytes or more")
		}
		if field, address := r.http(); field != "" {
			if kind := neverReached(address); kind != "" {
				warn(join(path, field), "is "+kind+": it is never connected to")
			}
		}
		if len(r.Routes) == 0 {
			continue
		}
		if could == nil {
			could = f.possible()
		}
		if !reachable(r.Routes, could) {
			warn(join(path, "routes"), "match no alert that a service of this file can have: nothing is sent there")
		}
	}
	return all
}

// http is the address that a receiver has, and the field that it is in; empty
// where it has none that is known.
func (r *AlertReceiver) http() (field, address string) {
	switch {
	case r.Webhook != nil:
		return "webhook.url", r.Webhook.URL
	case r.Alertmanager != nil:
		return "alertmanager.url", r.Alertmanager.URL
	}
	return "", ""
}

// neverReached says why an address is never connected to, or nothing.
func neverReached(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return ""
	}
	return NeverTarget(a.Unmap())
}

// possible is an alert that there can be. Where service is empty it is not known
// of whom.
type possible struct {
	service, layer, kind, severity string
}

// possible are the alerts that the file's services can have; where it has none,
// they come over the API and nothing is known of them but the rules.
func (f *File) possible() []possible {
	all := make(map[possible]bool)
	add := func(service, layer string, own AlertRules) {
		for kind, rule := range own.Or(f.Alerts.Rules).Or(alertRuleDefaults) {
			if rule.Enabled == nil || *rule.Enabled {
				all[possible{service, layer, kind, rule.Severity}] = true
			}
		}
	}
	for name, s := range f.Services {
		add(name, s.Layer, s.Alerts)
	}
	if len(f.Services) == 0 {
		add("", "", nil)
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b possible) int { return cmp.Compare(a.service, b.service) })
}

// reachable reports whether all of the matchers can match an alert of those that
// there can be, as far as that is known before it fires.
func reachable(routes []RouteMatcher, could []possible) bool {
	matchers := make([]func(possible) bool, len(routes))
	for i, m := range routes {
		matchers[i] = m.matches()
	}
	return slices.ContainsFunc(could, func(p possible) bool {
		return !slices.ContainsFunc(matchers, func(matches func(possible) bool) bool { return !matches(p) })
	})
}

// matches says of an alert whether the matcher can match it.
func (m RouteMatcher) matches() func(possible) bool {
	expression, _ := m.expression() // checked when it was read
	return func(p possible) bool {
		value, known := p.field(m.Field)
		if !known {
			return true
		}
		return m.holds(expression, value)
	}
}

// field is what an alert has there. The root of an incident is not known before,
// nor is what incident it will be.
func (p possible) field(name string) (value string, known bool) {
	switch name {
	case "kind":
		return p.kind, true
	case "severity":
		return p.severity, true
	case "service":
		return p.service, p.service != ""
	case "layer":
		return p.layer, p.service != ""
	}
	return "", false
}

func (m RouteMatcher) holds(expression *regexp.Regexp, value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return expression.MatchString(value)
	}
	return !expression.MatchString(value)
}
