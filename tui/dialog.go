package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// order is what a dialog asks for.
type order uint8

const (
	resetting order = iota
	overriding
	ending
)

// field is a part of a dialog that one can be in.
type field uint8

const (
	choosing field = iota
	saying         // when it ends
	reasoning
)

// dialog is an order that is being written.
type dialog struct {
	kind    order
	service string

	fields  []field
	at      int // of fields
	choices []string
	picked  int
	end     input
	reason  input

	confirm bool // all is there: may it be done?
	busy    bool // it is being done
	wrong   map[field]string
	refused string
}

func (d *dialog) choice() string {
	if len(d.choices) == 0 {
		return endOverride
	}
	return d.choices[d.picked]
}

// openDialog begins an order for what is selected, if one can be given.
func (m *model) openDialog(kind order) {
	e := m.orderable()
	if e == nil {
		return
	}
	b := &e.CircuitBreaker
	d := &dialog{kind: kind, service: e.Service, fields: []field{choosing, reasoning}}
	switch kind {
	case resetting:
		if b.Mode != auto {
			m.tell(bad, fmt.Sprintf("%s cannot be reset while it is %s: the state below stands still.", e.Service, words(b.Mode)))
			return
		}
		d.choices = []string{halfOpen, closed}
		if b.State != open {
			d.picked = 1
		}
	case overriding:
		d.choices = []string{forcedOpen, forcedClosed}
		d.fields = []field{choosing, saying, reasoning}
	case ending:
		if b.Override == nil {
			m.tell(bad, e.Service+" has no override that could be ended.")
			return
		}
		d.fields = []field{reasoning}
	}
	m.notices.shown = false
	m.dialog = d
}

// dialogKey does what a key does to a dialog.
func (m *model) dialogKey(k tea.KeyPressMsg) tea.Cmd {
	d := m.dialog
	switch {
	case k.String() == "esc" && d.confirm && !d.busy:
		d.confirm = false
	case k.String() == "esc":
		if m.dialog = nil; d.busy {
			m.tell(asIs, d.service+": the order is on its way; its result will be told here.")
		}
	case d.busy:
	case d.confirm:
		d.confirm = false
		if k.String() == "y" || k.String() == "Y" {
			return m.give(d)
		}
	default:
		d.key(k)
	}
	return nil
}

func (d *dialog) key(k tea.KeyPressMsg) {
	switch k.String() {
	case "tab", "down":
		d.at = (d.at + 1) % len(d.fields)
		return
	case "shift+tab", "up":
		d.at = (d.at + len(d.fields) - 1) % len(d.fields)
		return
	case "enter":
		if d.at < len(d.fields)-1 {
			d.at++
			return
		}
		d.confirm = d.complete()
		return
	}
	switch d.fields[d.at] {
	case choosing:
		switch k.String() {
		case "left", "right", "space", " ", "h", "l":
			d.picked = (d.picked + 1) % len(d.choices)
		}
	case saying:
		d.end.key(k)
	case reasoning:
		d.reason.key(k)
	}
}

func (d *dialog) paste(text string) {
	switch {
	case d.busy || d.confirm:
	case d.fields[d.at] == saying:
		d.end.insert(text)
	case d.fields[d.at] == reasoning:
		d.reason.insert(text)
	}
}

// complete reports whether the order can be given, and goes to what is missing.
func (d *dialog) complete() bool {
	d.wrong, d.refused = make(map[field]string), ""
	if d.kind == overriding && spanFrom(d.end.String()) < time.Millisecond {
		d.wrong[saying] = "when does it end? write a time such as 15m, 2h or 1h 30m"
	}
	if strings.TrimSpace(d.reason.String()) == "" {
		d.wrong[reasoning] = "say why: the others and the history will want to know"
	}
	for i, f := range d.fields {
		if d.wrong[f] != "" {
			d.at = i
			return false
		}
	}
	return true
}

// refuse shows why the manager did not do it, at the fields that it names.
func (d *dialog) refuse(err error) {
	d.busy, d.confirm = false, false
	d.wrong, d.refused = make(map[field]string), visible(refusal(err))
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		d.refused = "It is not known whether it was done: " + d.refused
		return
	}
	for _, f := range e.Problem.Errors {
		switch f.Field {
		case "reason":
			d.wrong[reasoning] = visible(f.Message)
		case "ttl_ms":
			d.wrong[saying] = visible(f.Message)
		case "mode", "to":
			d.wrong[choosing] = visible(f.Message)
		}
	}
	if i := slices.IndexFunc(d.fields, func(f field) bool { return d.wrong[f] != "" }); i >= 0 {
		d.at = i
	}
}

var choiceWords = map[string]string{
	halfOpen: "try now: begin a recovery, half-open", closed: "close: let everything in at once",
	forcedOpen: "force open: refuse everything", forcedClosed: "force closed: let everything in",
}

// verbs are what a dialog is asked whether it may do.
var verbs = map[string]string{
	halfOpen: "Begin a recovery of", closed: "Close the circuit of",
	forcedOpen: "Force open", forcedClosed: "Force closed", endOverride: "End the override of",
}

func (d *dialog) title() string {
	return [...]string{"Reset ", "Override ", "End the override of "}[d.kind] + visible(d.service)
}

func (d *dialog) keys() string {
	switch {
	case d.busy:
		return "Esc: do not wait for the answer"
	case d.confirm:
		return "y: do it  any other key: not yet"
	case d.fields[d.at] == choosing:
		return "←→ choose  ↑↓ or Tab: other field  Enter: next  Esc cancel"
	case d.at == len(d.fields)-1:
		return "type  ↑↓ or Tab: other field  Enter: done  Esc cancel"
	}
	return "type  ↑↓ or Tab: other field  Enter: next  Esc cancel"
}

// dialogLines are the form, what it will do, and whether it may.
func (m *model) dialogLines() []string {
	d := m.dialog
	lines := []string{m.palette.paint(strong, cut(d.title(), m.width)), ""}
	e := m.fleet.entries[d.service]
	if e == nil {
		return append(lines, "The service has been removed meanwhile.")
	}
	for i, f := range d.fields {
		lines = append(lines, m.fieldLines(d, f, i == d.at && !d.confirm && !d.busy)...)
	}
	lines = append(lines, "")
	lines = append(lines, m.effectLines(d, e)...)
	lines = append(lines, "")
	switch {
	case d.busy:
		lines = append(lines, "One moment …")
	case d.confirm:
		ask := verbs[d.choice()] + " " + visible(d.service)
		if d.kind == overriding {
			ask += " for " + span(spanFrom(d.end.String()))
		}
		lines = append(lines, m.palette.paint(strong, cut(ask+"?", m.width-16))+"  y yes  n no")
	case d.refused != "":
		for _, line := range wrap("Refused: "+d.refused, m.width-1) {
			lines = append(lines, m.palette.paint(bad, line))
		}
	}
	return m.keptInSight(lines)
}

// keptInSight leaves lines out above the last ones where not all fit: the
// question, or the refusal, is at the end.
func (m *model) keptInSight(lines []string) []string {
	over := len(lines) - m.bodyHeight()
	if over <= 0 {
		return lines
	}
	const end = 3
	head := len(lines) - end - over - 1
	if head < 1 {
		return lines[over:]
	}
	return append(append(lines[:head:head], m.palette.paint(quiet, "…")), lines[len(lines)-end:]...)
}

func (m *model) fieldLines(d *dialog, f field, focused bool) []string {
	mark := "  "
	if focused {
		mark = m.palette.paint(strong, "› ")
	}
	name := func(s string) string { return mark + pad(s, 8) }
	var lines []string
	switch f {
	case choosing:
		for i, c := range d.choices {
			dot, label := "( )", ""
			if i == d.picked {
				dot = "(•)"
			}
			if i > 0 {
				mark = "  "
			} else {
				label = [...]string{"To", "Mode", ""}[d.kind]
			}
			lines = append(lines, name(label)+dot+" "+cut(choiceWords[c], m.width-15))
		}
	case saying:
		line := name("Ends in") + d.end.view(m.palette, 12, focused)
		if ttl := spanFrom(d.end.String()); ttl > 0 {
			line += " at " + clock(m.clock().Add(ttl), m.clock())
		} else {
			line += m.palette.paint(quiet, " such as 15m, 1h or 4h")
		}
		lines = append(lines, line)
	case reasoning:
		lines = append(lines, name("Reason")+d.reason.view(m.palette, m.width-12, focused))
	}
	if wrong := d.wrong[f]; wrong != "" {
		lines = append(lines, pad("", 10)+m.palette.paint(bad, cut(wrong, m.width-11)))
	}
	return lines
}

// mostNamed is how many dependants are named before an order.
const mostNamed = 6

// effectLines say what the order will do.
func (m *model) effectLines(d *dialog, e *wire.Entry) []string {
	perSecond, known := m.fleet.demand(d.service, m.seen())
	var lines []string
	for i, text := range effect(d.choice(), e, perSecond, known) {
		how := asIs
		if i == 0 {
			how = strong
		}
		for _, line := range wrap(text, m.width-3) {
			lines = append(lines, "  "+m.palette.paint(how, line))
		}
	}
	if d.choice() != forcedOpen {
		return lines
	}
	direct := m.fleet.above[d.service]
	if len(direct) == 0 {
		return append(lines, "  No service depends on it.")
	}
	lines = append(lines, "  "+plural(len(direct), "One service depends on it:", "%d services depend on it:"))
	for _, name := range direct[:min(len(direct), mostNamed)] {
		lines = append(lines, "    "+m.named(name))
	}
	all := follow(d.service, m.fleet.above, func(string) bool { return true })
	if more := len(all) - min(len(direct), mostNamed); more > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more, some through others", more))
	}
	return lines
}

// named is a service with its shape and status.
func (m *model) named(name string) string {
	e := m.fleet.entries[name]
	if e == nil {
		return m.palette.paint(quiet, "? "+cut(visible(name), m.width-20)+" not here")
	}
	return m.palette.paint(statusPaint(e.Status), shapeOf(e.Status)) + " " + cut(visible(name), m.width-20) + " " + m.palette.paint(statusPaint(e.Status), words(e.Status))
}
