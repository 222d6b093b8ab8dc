package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// outageOf is how a circuit that is not closed came to be so; nil where it has
// not opened. Managers of before tell the latest opening only: then that is it,
// and Openings is 0, for nobody counted.
func outageOf(e *wire.Entry) *wire.Outage {
	b := &e.CircuitBreaker
	switch {
	case b.State == closed:
		return nil
	case b.Outage != nil:
		return b.Outage
	case b.Trip != nil:
		t := b.Trip
		return &wire.Outage{BeganAt: b.OpenedAt, Rule: t.Rule, Failures: t.Failures, Successes: t.Successes, LastError: t.LastError, EventID: t.EventID}
	}
	return nil
}

// failedAgain is how often a recovery has failed since; "" for never.
func failedAgain(o *wire.Outage) string {
	if o == nil || o.Openings < 2 {
		return ""
	}
	return plural(o.Openings-1, "1 recovery failed", "%d recoveries failed")
}

// story is for how long a service has been failing, and why, in few words.
func story(e *wire.Entry, now time.Time) string {
	o := outageOf(e)
	if o == nil {
		if why := cause(e); why != "" {
			return " (" + why + ")"
		}
		return ""
	}
	text := ""
	if !o.BeganAt.IsZero() {
		text = ", for " + span(now.Sub(o.BeganAt.Time))
	}
	why := ruleText(o.Rule)
	if again := failedAgain(o); again != "" {
		why += ", " + again
	}
	return text + " (" + why + ")"
}

// cause is why a service fails, in few words.
func cause(e *wire.Entry) string {
	switch o := outageOf(e); {
	case o != nil:
		return ruleText(o.Rule)
	case e.Health.Healthy != nil && !*e.Health.Healthy:
		return "health check failed"
	}
	return ""
}

// dragsDown names what is not well because of a service, as many as there is room
// for, and counts all; "" where there is room for nothing. whole says that it
// names all.
func dragsDown(names []string, columns int) (text string, whole bool) {
	head := fmt.Sprintf("drags down %d", len(names))
	for n := min(len(names), max(columns/2, 0)); n > 0; n-- { // a name and its comma take two at least
		text := head + ": " + visible(strings.Join(names[:n], ", "))
		if more := len(names) - n; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		if width(text) <= columns {
			return text, n == len(names)
		}
	}
	if width(head) <= columns {
		return head, false
	}
	return "", false
}

// tall is from how many lines on there is room for a second line of the verdict.
const tall = 16

// verdict is what is wrong: in one line, or in two where one would cut off what
// is dragged down.
func (m *model) verdict() []string {
	if !m.known || len(m.fleet.entries) == 0 {
		return []string{""}
	}
	list := m.fleet.wrong
	if len(list) == 0 {
		return []string{m.palette.paint(good, "All well")}
	}
	w := list[0]
	e := m.fleet.entries[w.service]
	if e == nil {
		return []string{""}
	}
	label := map[wrongKind]string{failing: "Root of failure", wanted: "Forced open", recovering: "Recovering", nearly: "Close to failing"}[w.kind]
	text, rest := ": "+visible(w.service), ""
	if w.kind == failing || w.kind == recovering {
		text += story(e, m.clock())
	}
	if more := len(list) - 1; more > 0 {
		rest = "; " + plural(more, "1 other trouble", "%d other troubles")
	}
	room := m.width - width(label)
	first := func(line string) string { return m.palette.paint(statusPaint(e.Status), label) + line }
	if len(w.drags) == 0 {
		return []string{first(cut(text, room-width(rest)) + rest)}
	}
	drags, whole := dragsDown(w.drags, room-width(text)-2-width(rest))
	if whole {
		return []string{first(text + ", " + drags + rest)}
	}
	if m.height >= tall {
		drags, _ = dragsDown(w.drags, m.width-2-width(rest))
		return []string{first(cut(text, room)), cut("  "+drags+rest, m.width)}
	}
	text = ": " + visible(w.service) // and what else there is room for
	if drags, _ = dragsDown(w.drags, room-width(text)-2); drags != "" {
		text += ", " + drags
	}
	if width(text+rest) <= room {
		text += rest
	}
	return []string{first(cut(text, room))}
}
