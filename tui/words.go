package tui

import (
	"encoding/json"
	"strings"

	"github.com/degenduel/switchgear/wire"
)

// The statuses, as the wire has them.
const (
	circuitOpen = "circuit_open"
	unhealthy   = "unhealthy"
	degraded    = "degraded"
	unknown     = "unknown"
	healthy     = "healthy"
)

// worstFirst are the statuses in their order.
var worstFirst = []string{circuitOpen, unhealthy, degraded, unknown, healthy}

// The states and modes, as the wire has them.
const (
	closed       = "closed"
	open         = "open"
	halfOpen     = "half_open"
	auto         = "auto"
	forcedOpen   = "forced_open"
	forcedClosed = "forced_closed"
	disabled     = "disabled"
)

// shapes tell a status without its colour.
var shapes = map[string]string{circuitOpen: "■", unhealthy: "▲", degraded: "◆", unknown: "○", healthy: "●"}

func shapeOf(status string) string {
	if s, ok := shapes[status]; ok {
		return s
	}
	return "?"
}

// words is a word of the wire for people.
func words(s string) string {
	if s == halfOpen {
		return "half-open"
	}
	return visible(strings.ReplaceAll(s, "_", " "))
}

var ruleWords = map[string]string{
	"failure_threshold":    "too many failures",
	"failure_rate":         "failure rate",
	"consecutive_failures": "failures in a row",
	"slow_calls":           "slow calls",
	"recovery_failure":     "an operation of the recovery failed",
	"probe_timeout":        "an operation of the recovery did not end in time",
	"health_check":         "the health check failed in the recovery",
	"reset_timeout":        "the open time was over",
	"min_healthy_period":   "healthy long enough",
	"override_ended":       "the override ended",
	"enabled":              "enabled again",
	"children_open":        "too many of its keys are open",
	"fleet_quorum":         "too many instances are open",
}

func ruleText(rule string) string {
	if text, ok := ruleWords[rule]; ok {
		return text
	}
	return words(rule)
}

var kindWords = map[string]string{
	"health_failed": "health check failed", "health_recovered": "health check passed again", "declared": "described anew",
}

func kindText(kind string) string {
	if text, ok := kindWords[kind]; ok {
		return text
	}
	return words(kind)
}

// standing is how a service stands in one or two words. The status is told by
// the shape and the colour beside them.
func standing(e *wire.Entry) string {
	switch b := &e.CircuitBreaker; {
	case b.Mode != auto && b.Mode != "":
		return words(b.Mode)
	case b.State == halfOpen:
		return words(halfOpen)
	}
	return words(e.Status)
}

// evidence is what of an event's evidence is put in words.
type evidence struct {
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	Successes uint64  `json:"successes"`
	LastError *string `json:"last_error"`

	ExpiresAt wire.Time    `json:"expires_at"`
	Version   int          `json:"version"`
	Outage    *wire.Outage `json:"outage"`
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// eventText is what happened.
func eventText(e *wire.Event) string {
	from, to := words(deref(e.From)), words(deref(e.To))
	var told evidence
	_ = json.Unmarshal(e.Evidence, &told) // what cannot be read has nothing to tell
	switch {
	case e.Kind == "transition":
		text := from + " → " + to
		if told.Rule != "" {
			text += ": " + ruleText(told.Rule)
		}
		if deref(e.To) == open && deref(told.LastError) != "" {
			text += ", " + visible(*told.LastError)
		}
		if o := told.Outage; o != nil && deref(e.To) == closed && !o.BeganAt.IsZero() {
			text += ", after " + span(e.At.Sub(o.BeganAt.Time))
		}
		return text
	case e.Kind == "override" && deref(e.To) == auto:
		return "override ended"
	case e.Kind == "override":
		text := to
		if !told.ExpiresAt.IsZero() {
			text += " until " + told.ExpiresAt.UTC().Format("15:04:05Z")
		}
		return text
	case e.Kind == "reset" && e.To != nil:
		return "reset to " + to
	}
	return kindText(e.Kind)
}

// eventBy is who did it and why.
func eventBy(e *wire.Event) string {
	text := ""
	if e.Actor != nil {
		text = "by " + visible(*e.Actor)
	}
	if reason := deref(e.Reason); reason != "" {
		text = strings.TrimSpace(text + " “" + visible(reason) + "”")
	}
	if !e.Durable {
		text = strings.TrimSpace(text + " (not stored yet)")
	}
	return text
}
