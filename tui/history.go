package tui

import (
	"github.com/degenduel/switchgear/wire"
)

// mostAround is how many dependants are named on a page.
const mostAround = 12

// dependencyLines are what it depends on and what depends on it, with states, and
// the bars of the last five minutes.
func (m *model) dependencyLines(e *wire.Entry) []string {
	bars := m.fleet.ring(e.Service).bars(m.seen(), min(m.width-labelWidth-3, buckets/2))
	lines := []string{"  " + m.palette.paint(quiet, pad("last 5 min", labelWidth)) + spark(m.palette, bars), ""}
	list := func(label string, names []string, nothing string) {
		if len(names) == 0 {
			lines = append(lines, m.partLines(part{label, asIs, nothing})...)
			return
		}
		for i, name := range names[:min(len(names), mostAround)] {
			if i > 0 {
				label = ""
			}
			lines = append(lines, "  "+m.palette.paint(quiet, pad(label, labelWidth))+m.named(name))
		}
		if more := len(names) - mostAround; more > 0 {
			lines = append(lines, m.partLines(part{"", quiet, "and " + plural(more, "one more", "%d more")})...)
		}
	}
	list("depends on", e.Dependencies, "nothing")
	list("needed by", m.fleet.above[e.Service], "nobody")
	all := follow(e.Service, m.fleet.above, func(string) bool { return true })
	if more := len(all) - len(m.fleet.above[e.Service]); more > 0 {
		lines = append(lines, m.partLines(part{"", quiet, "and through them " + plural(more, "one more", "%d more")})...)
	}
	return lines
}

// eventLines are the history, the newest first.
func (m *model) eventLines() []string {
	lines := []string{m.palette.paint(strong, "History, the newest first")}
	switch {
	case m.page.asked && len(m.page.events) == 0:
		lines = append(lines, "  …")
	case m.page.err != nil:
		lines = append(lines, m.partLines(part{"", bad, "What was before is not known: " + visible(refusal(m.page.err))})...)
	case len(m.page.events) == 0:
		lines = append(lines, "  nothing yet")
	}
	const columns = 21 // of the moment
	for i := range m.page.events {
		e := &m.page.events[i]
		text := eventText(e)
		if by := eventBy(e); by != "" {
			text += ", " + by
		}
		for j, line := range wrap(text, m.width-columns-3) {
			head := ""
			if j == 0 {
				head = clock(e.At.Time, m.clock())
			}
			lines = append(lines, "  "+m.palette.paint(quiet, pad(head, columns))+line)
		}
	}
	return lines
}
