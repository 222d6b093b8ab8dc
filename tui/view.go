package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/wire"
)

// The smallest terminal that something can be read on, and the lines around the
// body.
const (
	leastWidth, leastHeight = 40, 10

	footLines = 2
)

// headLines are the lines of the header.
func (m *model) headLines() int { return 2 + len(m.verdict()) }

func (m *model) bodyHeight() int { return max(m.height-m.headLines()-footLines, 1) }

// View is the whole screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.content())
	v.AltScreen = true
	return v // without a title of the window: what it was before nobody could give back
}

func (m *model) content() string {
	if m.width < leastWidth || m.height < leastHeight {
		return cut(fmt.Sprintf("%d×%d: too small, %d×%d is needed", m.width, m.height, leastWidth, leastHeight), m.width)
	}
	head, height := m.header(), m.bodyHeight()
	body := m.bodyLines(height)
	lines := slices.Concat(head, body[:min(len(body), height)])
	for len(lines) < len(head)+height {
		lines = append(lines, "")
	}
	lines = append(lines, m.statusLine(), m.palette.paint(quiet, cut(m.keysLine(), m.width)))
	return strings.Join(lines, "\n")
}

func (m *model) bodyLines(height int) []string {
	if m.dialog != nil {
		return m.dialogLines()
	}
	switch m.screen {
	case onBoard:
		return m.boardLines(height)
	case onPage:
		return m.scrolled(m.pageLines(), &m.page.scroll, height)
	case onHelp:
		return m.scrolled(m.helpLines(), &m.scroll, height)
	case onMessages:
		return m.scrolled(m.messageLines(), &m.scroll, height)
	case onFilter:
	}
	return m.filterLines()
}

// scrolled is the part of lines that can be seen. A scroll beyond the end, which
// moves, is brought back.
func (m *model) scrolled(lines []string, scroll *int, height int) []string {
	*scroll = max(min(*scroll, len(lines)-height), 0)
	end := min(*scroll+height, len(lines))
	m.beyond = ""
	if below := len(lines) - end; below > 0 {
		m.beyond = plural(below, "one more line below", "%d more lines below") + " (PgDn, End)"
	}
	return lines[*scroll:end]
}

// header says what is looked at, whether that is how it is, and what is wrong.
func (m *model) header() []string {
	state, how := "live "+m.now.UTC().Format("15:04:05Z"), good
	live, age := m.isLive()
	switch {
	case !m.known && m.lost == nil && m.ended == nil:
		state, how = "connecting …", warned
	case !live:
		state, how = "NOT LIVE for "+span(age), bad
	}
	title := "switchgear "
	url := cut(m.url, m.width-width(title)-width(state)-1)
	gap := strings.Repeat(" ", max(m.width-width(title)-width(url)-width(state), 1))
	return append([]string{m.palette.paint(strong, title) + url + gap + m.palette.paint(how, state), m.fitted(m.headerCounts(), m.shortCounts)}, m.verdict()...)
}

// fitted is a painted line, or a shorter one where it does not fit.
func (m *model) fitted(line string, shorter func() string) string {
	if width(line) <= m.width {
		return line
	}
	return shorter()
}

// shortCounts are the counts where there is no room for words: all have their
// shapes, and the names of these are in the rows.
func (m *model) shortCounts() string {
	var parts []string
	for _, status := range worstFirst {
		parts = append(parts, m.palette.paint(statusPaint(status), fmt.Sprintf("%s %s", shapes[status], quantity(float64(m.fleet.counts[status])))))
	}
	return strings.Join(parts, "  ")
}

// statusLine has what is typed, or the newest message, or where one is.
func (m *model) statusLine() string {
	switch {
	case m.typing:
		return m.palette.paint(strong, "/ ") + m.search.view(m.palette, m.width-3, true)
	case m.notices.shown:
		return m.noticeLine()
	case m.dialog != nil:
		return ""
	}
	live, _ := m.isLive()
	switch {
	case m.ended != nil:
		return m.palette.paint(bad, cut("The manager does not let us in any more: "+visible(m.ended.Error()), m.width))
	case !live && m.lost != nil && m.known:
		return m.palette.paint(bad, cut("The connection is lost, and tried again: "+visible(m.lost.Error()), m.width))
	case m.screen == onBoard && m.known:
		return m.palette.paint(quiet, cut(m.boardStatus(), m.width))
	case m.screen == onPage || m.screen == onHelp || m.screen == onMessages:
		return m.palette.paint(quiet, m.beyond)
	}
	return ""
}

func (m *model) keysLine() string {
	orders := "c check  r reset  o override  O end it  "
	if !m.may() {
		orders = ""
	}
	switch {
	case m.dialog != nil:
		return m.dialog.keys()
	case m.typing:
		return "type to search  ↑↓ move  Enter keep  Esc clear"
	case m.screen == onFilter:
		return "1–5 or space: show or hide  a all  Enter done"
	case m.screen == onPage:
		return "↑↓ scroll  " + orders + "Esc back  ? help"
	case m.screen != onBoard:
		return "↑↓ scroll  Esc back"
	case m.width < 80:
		return "Enter open  / search  s sort  f filter  ? help  q quit"
	}
	return "↵ open  / search  s sort  f filter  " + strings.Replace(orders, "O end it  ", "", 1) + "? help  q quit"
}

// moment is a moment of the manager for people.
func (m *model) moment(t wire.Time) string { return ago(t.Time, m.clock()) }
