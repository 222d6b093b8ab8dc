package demo

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// evidence is what of an event's evidence is put in words.
type evidence struct {
	Rule            string  `json:"rule"`
	Failures        uint64  `json:"failures"`
	Successes       uint64  `json:"successes"`
	Slow            uint64  `json:"slow"`
	InFlight        uint64  `json:"in_flight"`
	LastError       string  `json:"last_error"`
	RecoveryAttempt int     `json:"recovery_attempt"`
	OpenMs          float64 `json:"open_ms"`
}

// words are an event for people; "" for one that needs none.
func words(e *fleet.Event) string {
	switch e.Kind {
	case fleet.EventTransition:
		return transitionWords(e)
	case fleet.EventOverride:
		if e.To == switchgear.Auto.String() {
			return "the override is ended" + byOrder(e)
		}
		return "is " + held(e.To) + byOrder(e)
	case fleet.EventOverrideExpired:
		return "is no longer " + held(e.From) + ": the time is over"
	case fleet.EventConfigChanged:
		return "has a new config" + byOrder(e)
	case fleet.EventDeclared:
		return "is described anew" + byOrder(e)
	case fleet.EventConfigWarning:
		return "has a config that may not suit it: " + e.Reason
	case fleet.EventHealthFailed:
		return "is not well: " + e.Reason
	case fleet.EventHealthRecovered:
		return "is well again, says its health check"
	case fleet.EventRemoved:
		return "was taken out" + byOrder(e)
	case fleet.EventReset: // the transition tells it
	case fleet.EventInstanceTransition: // the demo's services have one instance
	case fleet.EventRegistered:
	}
	return ""
}

func transitionWords(e *fleet.Event) string {
	var why evidence
	if err := json.Unmarshal(e.Evidence, &why); err != nil {
		return fmt.Sprintf("went from %s to %s", e.From, e.To)
	}
	by := byOrder(e)
	if why.Rule == switchgear.RuleOverrideEnded {
		by = "" // it is whose override it was, and the override's own event tells that
	}
	switch e.To {
	case switchgear.Open.String():
		verb := "opened"
		if e.From == switchgear.HalfOpen.String() {
			verb = "opened again"
		}
		return fmt.Sprintf("%s for %s, %s", verb, short(time.Duration(why.OpenMs*float64(time.Millisecond))), why.words())
	case switchgear.HalfOpen.String():
		return fmt.Sprintf("begins recovery attempt %d: %s", why.RecoveryAttempt, why.words()) + by
	}
	return "closed: " + why.words() + by
}

// words are why a transition happened.
func (why *evidence) words() string {
	last := ""
	if why.LastError != "" {
		last = ": " + why.LastError
	}
	switch why.Rule {
	case switchgear.RuleFailureThreshold:
		return fmt.Sprintf("%d failures%s", why.Failures, last)
	case switchgear.RuleFailureRate:
		return fmt.Sprintf("%d of %d operations failed%s", why.Failures, why.Failures+why.Successes, last)
	case switchgear.RuleConsecutiveFailures:
		return "too many failures in a row" + last
	case switchgear.RuleSlowCalls:
		return fmt.Sprintf("%d of %d operations were slow", why.Slow, why.Failures+why.Successes+why.InFlight)
	case switchgear.RuleRecoveryFailure:
		return "an operation failed" + last
	case switchgear.RuleProbeTimeout:
		return "an operation did not end in time"
	case switchgear.RuleHealthCheck:
		return "the health check failed" + last
	case switchgear.RuleResetTimeout:
		return "the open time is over"
	case switchgear.RuleMinHealthyPeriod:
		return "the recovery stayed stable"
	case switchgear.RuleReset:
		return "reset"
	case switchgear.RuleOverrideEnded:
		return "the override has ended"
	case switchgear.RuleEnabled:
		return "enabled by its config"
	}
	return why.Rule
}

// byOrder tells whose order an event goes back to, and why.
func byOrder(e *fleet.Event) string {
	switch {
	case e.Actor == "":
		return ""
	case e.Reason == "":
		return " by " + e.Actor
	}
	return fmt.Sprintf(" by %s (%s)", e.Actor, e.Reason)
}

// held is an override in words.
func held(mode string) string {
	if mode == switchgear.ForcedClosed.String() {
		return "held closed"
	}
	return "held open"
}

// short is a duration in five letters.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02d", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02d", int(d.Hours()), int(d.Minutes())%60)
}
