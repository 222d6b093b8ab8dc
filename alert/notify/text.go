package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
)

// So that the whole is not much above the thousand bytes that phones take.
const (
	maxSummary  = 250 // bytes
	maxOther    = 100 // bytes of the summary of another alert than the first
	maxOthers   = 3
	maxCause    = 120 // bytes
	maxAffected = 150 // bytes of names
)

// advice is what to do.
var advice = map[fleet.AlertKind]string{
	fleet.AlertCircuitStateChange:     "mend it; its circuit tries again by itself",
	fleet.AlertConsecutiveFailures:    "see why it fails; its circuit opens if that goes on",
	fleet.AlertRecoveryFailure:        "mend it, for it does not come back by itself; its circuit goes on trying",
	fleet.AlertPerformanceDegradation: "see what makes it slow: its load, its disk, what it calls",
	fleet.AlertServiceUnknown:         "see whether it runs, and whether what reports it reaches the manager",
	fleet.AlertFlapping:               "mend what comes and goes, or let its circuit close later (minHealthyPeriodMs)",
}

// write is a message for people: a title of plain ASCII on one line, and lines.
func write(m alert.Message) (title, text string) {
	if len(m.Alerts) == 0 {
		return titleOf(m, nil), m.Link
	}
	first := &m.Alerts[0]
	lines := []string{cut(plain(first.Summary), maxSummary)}
	over := m.Reason == alert.Resolved
	head, since := m.Head()
	atRoot := head == rootOf(m)
	switch from := ", since " + since.UTC().Format("2006-01-02 15:04:05 MST"); {
	case over:
	case atRoot:
		lines = append(lines, "Root: "+head+from)
	default:
		lines = append(lines, "Fails: "+head+from, "Began with: "+m.Root+", whose alerts are over")
	}
	if len(first.Affects) > 0 && !over && atRoot {
		lines = append(lines, "Drags down: "+names(first.Affects))
	}
	for i := range m.Alerts[1:] {
		if i == maxOthers {
			lines = append(lines, fmt.Sprintf("And %d more alerts", len(m.Alerts)-1-maxOthers))
			break
		}
		lines = append(lines, "Also: "+cut(plain(m.Alerts[1+i].Summary), maxOther))
	}
	if cause := causeOf(first); cause != "" && !over && !strings.Contains(lines[0], cause) {
		lines = append(lines, "Error: "+cause)
	}
	if do := advice[first.Kind]; do != "" && !over {
		lines = append(lines, "To do: "+do)
	}
	if m.Link != "" {
		lines = append(lines, alert.Wire(first, m.Link).URL)
	}
	return titleOf(m, first), strings.Join(lines, "\n")
}

// titleOf is why the message is sent, and of whom.
func titleOf(m alert.Message, first *fleet.Alert) string {
	of, _ := m.Head()
	if m.Reason == alert.Test {
		return "Test of Switchgear"
	}
	if m.Reason == alert.Resolved {
		return "Resolved: " + of
	}
	word := "Firing"
	switch m.Reason {
	case alert.Escalated:
		word = "Escalated"
	case alert.Repeat:
		word = "Still firing"
	case alert.Firing, alert.Resolved, alert.Test:
	}
	if first == nil {
		return word + ": " + of
	}
	return fmt.Sprintf("%s: %s (%s)", word, of, gravest(m.Alerts))
}

func rootOf(m alert.Message) string {
	if m.Root == "" && len(m.Alerts) > 0 {
		return m.Alerts[0].Service
	}
	return m.Root
}

// gravest is how grave what fires is, or was, if nothing does; those that fire come
// first.
func gravest(alerts []fleet.Alert) fleet.Severity {
	most := alerts[0].Severity
	for i := range alerts {
		if alerts[i].Firing() == alerts[0].Firing() && alerts[i].Severity.Graver(most) {
			most = alerts[i].Severity
		}
	}
	return most
}

// names lists services, and how many more there are.
func names(all []string) string {
	list := ""
	for i, name := range all {
		if len(list)+len(name) > maxAffected && i > 0 {
			return fmt.Sprintf("%s and %d more", list, len(all)-i)
		}
		if i > 0 {
			list += ", "
		}
		list += name
	}
	return list
}

// causeOf is the error that an alert's evidence has, or nothing.
func causeOf(a *fleet.Alert) string {
	var seen struct {
		LastError string `json:"last_error"`
	}
	if json.Unmarshal(a.Evidence, &seen) != nil {
		return ""
	}
	return cut(plain(seen.LastError), maxCause)
}

// harmless takes from a text what chats make calls, links and markup of: some of it
// is what a failing service says of itself.
var harmless = strings.NewReplacer("<", "‹", ">", "›", "](", "] (",
	"@everyone", "@ everyone", "@here", "@ here", "@channel", "@ channel", "@all", "@ all", "@room", "@ room")

// plain is a text on one line that calls nobody.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return harmless.Replace(strings.TrimSpace(text))
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
