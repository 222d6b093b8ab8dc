package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// next is what will happen to a circuit by the clock, in few columns.
func next(e *wire.Entry, now time.Time) string {
	switch b := &e.CircuitBreaker; {
	case b.Override != nil:
		return "ends " + left(b.Override.ExpiresAt.Time, now)
	case b.Mode != auto:
		return ""
	case b.State == open && !b.NextAttemptAt.IsZero():
		return "try " + left(b.NextAttemptAt.Time, now)
	case b.State == halfOpen && b.AwaitsHealthCheck:
		return "awaits check"
	case b.State == halfOpen && !b.ClosesAt.IsZero():
		return "closes " + left(b.ClosesAt.Time, now)
	case b.State == halfOpen:
		return "one by one"
	}
	return ""
}

// noteOf is the most pressing thing that is to be said of a service beside its
// numbers; needs are the dependencies that fail.
func noteOf(e *wire.Entry, needs []string) string {
	b := &e.CircuitBreaker
	switch {
	case b.Override != nil:
		return fmt.Sprintf("by %s: %s", visible(b.Override.Actor), visible(b.Override.Reason))
	case b.Mode == disabled:
		return "switched off in its config: never opens"
	case len(needs) > 0:
		return "needs " + visible(strings.Join(needs, ", "))
	case !e.Running:
		return "says that it is not running"
	case e.Health.Healthy != nil && !*e.Health.Healthy:
		return "health check: " + visible(orElse(deref(e.Health.Error), "failed"))
	case b.State == open && outageOf(e) != nil:
		o := outageOf(e)
		text := visible(orElse(deref(o.LastError), ruleText(o.Rule)))
		if again := failedAgain(o); again != "" {
			text = again + ", at first: " + text
		}
		return text
	case e.Instances.Open > 0 && e.Instances.Total > 1:
		return fmt.Sprintf("open on %d of %d instances", e.Instances.Open, e.Instances.Total)
	case e.Instances.Stale > 0:
		return fmt.Sprintf("%d of %d instances are silent", e.Instances.Stale, e.Instances.Total)
	case e.Status == unknown:
		return "nothing has run yet"
	}
	return ""
}

// advice is what happens next to a service that fails, in a sentence.
func advice(e *wire.Entry, now time.Time) string {
	switch b := &e.CircuitBreaker; {
	case b.Override != nil:
		return "The override ends in " + left(b.Override.ExpiresAt.Time, now) + "."
	case b.Mode == disabled:
		return "It is switched off in its config and never opens."
	case b.State == open && !b.NextAttemptAt.IsZero() && !b.NextAttemptAt.After(now):
		return "The next attempt is due."
	case b.State == open && !b.NextAttemptAt.IsZero():
		return "It tries again by itself in " + left(b.NextAttemptAt.Time, now) + "."
	case b.State == open:
		return "It tries again by itself."
	case b.State == halfOpen && b.AwaitsHealthCheck:
		return "Its health check must pass before anything is let in."
	case b.State == halfOpen && !b.ClosesAt.IsZero():
		return "If nothing fails, it closes in " + left(b.ClosesAt.Time, now) + "."
	case b.State == halfOpen:
		return "One operation at a time is let in as a probe; it closes when the trial goes well."
	case !e.Running:
		return "It says that it is not running: start it."
	case e.Status == unhealthy:
		return "Operations still go through. Look at the service itself."
	case e.Status == unknown:
		return "Nothing has run yet."
	case e.Status == degraded:
		return "Nothing is refused yet."
	}
	return "Everything is let in."
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// number is a number of a config; 0 if there is none.
func number(config json.RawMessage, name string) float64 {
	_, rest, found := bytes.Cut(config, []byte(`"`+name+`":`)) // it is asked for with every row
	if !found {
		return 0
	}
	var n float64
	_ = json.NewDecoder(bytes.NewReader(rest)).Decode(&n)
	return n
}

// settings are a config's in the manager's order, with times as people write
// them. What is off, as most settings of most services are, is left out.
func settings(config json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(config))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var list []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		name, _ := key.(string)
		if text := setting(name, value); text != "" {
			list = append(list, text)
		}
	}
	return list
}

func setting(name string, value json.RawMessage) string {
	switch text := string(value); {
	case text == "null", text == "0", name == "enabled" && text == "true":
		return ""
	}
	var ms float64
	if short, ok := strings.CutSuffix(name, "Ms"); ok && json.Unmarshal(value, &ms) == nil && ms > 0 {
		return visible(short) + " " + millis(ms)
	}
	return visible(name + " " + string(value))
}
