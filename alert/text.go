package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// maxCause is how much of an error's text a summary has, in bytes.
const maxCause = 160

// describe says in words, and in JSON, why a rule lets an alert fire. users are
// how many services depend on this one.
func describe(s *service, kind int, r *rule, since time.Time, users int) (summary string, evidence json.RawMessage) {
	b := &s.view.Breaker
	clock := since.UTC().Format("15:04 MST")
	text := ""
	seen := make(map[string]any)
	switch kind {
	case circuit:
		text = s.name + " is open since " + clock + circuitCause(s.view, seen)
	case failures:
		n, from, last := b.ConsecutiveFailures, "operations", b.LastError
		if h := &s.view.Health; h.ConsecutiveFailures > n || h.ConsecutiveFailures == n && h.Err == last { // which count as operations
			n, from, last = h.ConsecutiveFailures, "health_checks", h.Err
		}
		text = fmt.Sprintf("%s fails since %s: %d %s in a row failed%s", s.name, clock, n, strings.ReplaceAll(from, "_", " "), inBrackets(last))
		seen["consecutive_failures"], seen["threshold"], seen["of"], seen["last_error"] = n, r.count, from, orNull(last)
	case recovery:
		text = fmt.Sprintf("%s does not recover: %d attempts failed%s", s.name, b.FailedRecoveries, inBrackets(b.LastError))
		seen["failed_recoveries"], seen["threshold"], seen["last_error"] = b.FailedRecoveries, r.count, orNull(b.LastError)
		if b.Outage != nil {
			text = fmt.Sprintf("%s does not recover since %s: %d attempts failed%s",
				s.name, b.Outage.BeganAt.UTC().Format("15:04 MST"), b.FailedRecoveries, inBrackets(b.LastError))
			seen["began_at"] = fleet.Time{Time: b.Outage.BeganAt}
		}
	case slowness:
		p95, limit := b.Performance.P95, s.limit(r)
		text = fmt.Sprintf("%s is slow since %s: 95 %% of its operations take up to %s, and %s is too long", s.name, clock, round(p95), round(limit))
		seen["p95_ms"], seen["limit_ms"], seen["for_ms"] = inMs(p95), inMs(limit), inMs(r.hold)
	case unknown:
		text = fmt.Sprintf("nothing is heard of %s since %s", s.name, clock)
		seen["instances"], seen["silent"], seen["report_interval_ms"] = s.view.Instances.Total, s.view.Instances.Stale, inMs(s.view.ReportInterval)
	case flapping:
		text = fmt.Sprintf("%s flaps: its circuit opened %d times within %s", s.name, r.count, round(r.within))
		var openings []fleet.Time
		for _, at := range s.openings[max(len(s.openings)-r.count, 0):] {
			openings = append(openings, fleet.Time{Time: at})
		}
		seen["openings"], seen["threshold"], seen["within_ms"] = openings, r.count, inMs(r.within)
	}
	switch {
	case users == 1:
		text += "; 1 service depends on it"
	case users > 1:
		text += fmt.Sprintf("; %d services depend on it", users)
	}
	evidence, err := json.Marshal(seen)
	if err != nil { // there are only texts, numbers and times in it
		evidence = nil
	}
	return text, evidence
}

// circuitCause is why a circuit opened.
func circuitCause(v *fleet.View, seen map[string]any) string {
	o := v.Breaker.Outage
	if o == nil {
		seen["state"] = v.Breaker.State.String()
		return "; it is " + v.Breaker.State.String() + " again"
	}
	e := &o.Cause
	seen["rule"], seen["failures"], seen["successes"], seen["slow"] = e.Rule, e.Failures, e.Successes, e.Slow
	seen["consecutive_failures"], seen["last_error"], seen["config_version"] = e.ConsecutiveFailures, orNull(e.LastError), e.ConfigVersion
	seen["began_at"], seen["openings"] = fleet.Time{Time: o.BeganAt}, o.Openings
	if v.TripEventID != 0 {
		seen["event_id"] = v.TripEventID
	}
	window := round(v.Config.Resolved().MonitoringWindow)
	switch e.Rule {
	case switchgear.RuleConsecutiveFailures:
		return fmt.Sprintf(": %d failures in a row%s", e.ConsecutiveFailures, inBrackets(e.LastError))
	case switchgear.RuleSlowCalls:
		return fmt.Sprintf(": %d of %d operations in %s were slow", e.Slow, max(e.Failures+e.Successes, e.Slow), window)
	case switchgear.RuleFailureRate:
		return fmt.Sprintf(": %d of %d operations in %s failed%s", e.Failures, e.Failures+e.Successes, window, inBrackets(e.LastError))
	}
	return fmt.Sprintf(": %d failures in %s%s", e.Failures, window, inBrackets(e.LastError))
}

// ending is the summary of an alert that ended.
func ending(a *fleet.Alert, why string) string {
	lasted := round(max(a.EndsAt.Sub(a.StartsAt), 0))
	if why != "" {
		return fmt.Sprintf("%s: over after %s: %s", a.Service, lasted, why)
	}
	text := map[fleet.AlertKind]string{
		fleet.AlertCircuitStateChange:     "is closed again",
		fleet.AlertConsecutiveFailures:    "does not fail any more",
		fleet.AlertRecoveryFailure:        "has recovered",
		fleet.AlertPerformanceDegradation: "is not slow any more",
		fleet.AlertServiceUnknown:         "is heard of again",
		fleet.AlertFlapping:               "does not flap any more",
	}[a.Kind]
	return fmt.Sprintf("%s %s, after %s", a.Service, text, lasted)
}

// inBrackets is an error's text in a summary: on one line, and not long.
func inBrackets(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return " (" + text + ")"
}

// round is a duration for people.
func round(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d <= 10*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
}

func inMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
