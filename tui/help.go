package tui

import (
	"fmt"
	"slices"
	"time"
)

var helpKeys = [][2]string{
	{"↑ ↓ j k", "move, or scroll"},
	{"PgUp PgDn", "a screen up or down (Ctrl-B, Ctrl-F)"},
	{"Home End", "the first, which stays the worst; the last (g, G)"},
	{"Enter", "the service's page: why, since when, and what to do"},
	{"/", "search in names, layers and descriptions"},
	{"s S", "sort: worst, name, rate, error share, p95, latest change"},
	{"f", "show only some statuses"},
	{"space", "put every row where it belongs, which waits while you move"},
	{"c", "run the health check now"},
	{"r", "reset: close the circuit, or begin a recovery now"},
	{"o", "override: force it open or closed for a time"},
	{"O", "end the override"},
	{"m", "the messages so far: results and refusals"},
	{"Esc q", "back; on the board Esc shows all services, and q quits"},
	{"Ctrl-C", "quit"},
}

func (m *model) helpLines() []string {
	lines := []string{m.palette.paint(strong, "Keys"), ""}
	for _, k := range helpKeys {
		lines = append(lines, "  "+m.palette.paint(strong, pad(k[0], 11))+" "+cut(k[1], m.width-15))
	}
	lines = append(lines, "", m.palette.paint(strong, "Signs"), "")
	for _, status := range worstFirst {
		lines = append(lines, "  "+m.palette.paint(statusPaint(status), pad(shapes[status]+" "+words(status), 16))+cut(statusMeanings[status], m.width-20))
	}
	return append(lines, "",
		"  "+cut("▁▃▅█ operations in five minutes, ░▒▓ 5% or more failed, · all refused", m.width-4),
		"  "+cut("times are UTC; rates are of the last ten seconds, errors of the last minute", m.width-4))
}

var statusMeanings = map[string]string{
	circuitOpen: "nothing is let in",
	unhealthy:   "the health check failed, or it says that it is not running",
	degraded:    "in recovery, near its threshold, or something it needs fails",
	unknown:     "nothing has ended yet, or it has gone silent",
	healthy:     "none of these",
}

func (m *model) filterLines() []string {
	lines := []string{m.palette.paint(strong, "Show only"), ""}
	for i, status := range worstFirst {
		box, mark := "[ ]", "  "
		if slices.Contains(m.board.filter.statuses, status) {
			box = "[x]"
		}
		if i == m.mark {
			mark = m.palette.paint(strong, "› ")
		}
		text := fmt.Sprintf("%s %d", pad(shapes[status]+" "+words(status), 15), m.fleet.counts[status])
		lines = append(lines, fmt.Sprintf("%s%d %s ", mark, i+1, box)+m.palette.paint(statusPaint(status), text))
	}
	return append(lines, "", m.palette.paint(quiet, "none: all are shown"))
}

// notice is the result of an order, or its refusal.
type notice struct {
	at   time.Time
	how  paint
	text string // visible
}

// notices are those of this program, the newest first.
type notices struct {
	list  []notice
	shown bool // the newest is, until it is put away
}

const noticesKept = 200

// tell shows a message.
func (m *model) tell(how paint, text string) {
	n := &m.notices
	n.list = slices.Insert(n.list, 0, notice{m.now, how, visible(text)})
	n.list = n.list[:min(len(n.list), noticesKept)]
	n.shown = true
}

func (m *model) noticeLine() string {
	n := m.notices.list[0]
	hint := "  (Esc)"
	if width(n.text)+width(hint) > m.width {
		hint = "  (m: all of it)"
	}
	return m.palette.paint(n.how, cut(n.text, m.width-width(hint))) + m.palette.paint(quiet, hint)
}

func (m *model) messageLines() []string {
	lines := []string{m.palette.paint(strong, "Messages, the newest first"), ""}
	if len(m.notices.list) == 0 {
		return append(lines, "  No order has been given yet.")
	}
	for _, n := range m.notices.list {
		for i, line := range wrap(n.text, m.width-13) {
			head := pad("", 11)
			if i == 0 {
				head = pad(n.at.UTC().Format("15:04:05Z"), 11)
			}
			lines = append(lines, "  "+m.palette.paint(quiet, head)+m.palette.paint(n.how, line))
		}
	}
	return lines
}
