package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How calm the order is: while somebody moves through the rows it stays, and what
// would have moved is counted.
const (
	heldFor   = 10 * time.Second
	largePace = 500 * time.Millisecond // between two arrangements of a large fleet; those of others come with the news
	slowPace  = 2 * time.Second        // where the order follows numbers

	large = 1_000 // services
)

// board is the list of services and where one is in it.
type board struct {
	filter filter
	sort   sorting

	places   []place
	selected string
	moved    bool // somebody has moved: the selection is a service, not the first row
	top      int  // the first row that is seen

	arranged  time.Time
	heldUntil time.Time
	overdue   int // services that stand elsewhere than they should
}

// review looks whether the order is still right, and mends it if it may.
func (m *model) review(now bool) {
	b := &m.board
	if due := m.fleet.reshaped || b.sort.moves() || b.overdue > 0; !now && !due {
		return
	}
	wait := time.Duration(0)
	switch {
	case b.sort.moves():
		wait = slowPace
	case len(m.fleet.entries) > large:
		wait = largePace
	}
	first := len(b.places) == 0
	if !now && !first && m.now.Sub(b.arranged) < wait {
		return
	}
	m.fleet.summarise()
	b.arranged = m.now
	places := m.fleet.arrange(&b.filter, b.sort, m.seen())
	if !now && m.now.Before(b.heldUntil) {
		b.overdue = differing(b.places, places)
		return
	}
	b.overdue = 0
	b.put(places, m.rows())
}

// put gives the board a new order, in which the selection stays on its service.
func (b *board) put(places []place, rows int) {
	was := b.index()
	b.places = places
	at := b.index()
	if !b.moved {
		at = 0
	} else if at < 0 {
		at = min(max(was, 0), len(places)-1)
	}
	b.selectAt(at, rows)
}

func (b *board) index() int {
	return slices.IndexFunc(b.places, func(p place) bool { return p.name == b.selected })
}

// selectAt selects a row, and brings it into sight.
func (b *board) selectAt(at, rows int) {
	at = max(min(at, len(b.places)-1), 0)
	b.selected = ""
	if len(b.places) > 0 {
		b.selected = b.places[at].name
	}
	if at < b.top {
		b.top = at
	}
	b.top = max(b.top, at-rows+1)
	b.top = max(min(b.top, len(b.places)-rows), 0)
}

func (b *board) inSight(rows int) []place {
	first := min(b.top, len(b.places))
	return b.places[first:min(first+max(rows, 0), len(b.places))]
}

// rows is how many services can be seen at once.
func (m *model) rows() int { return max(m.bodyHeight()-1, 1) }

// step moves the selection, and holds the order.
func (m *model) step(by int) {
	b := &m.board
	b.moved = true
	b.heldUntil = m.now.Add(heldFor)
	b.selectAt(max(b.index(), 0)+by, m.rows())
}

// toTop goes where the selection is the worst, whichever that is.
func (m *model) toTop() {
	m.board.moved, m.board.heldUntil = false, time.Time{}
	m.review(true)
}

// seek shows what the search asks for.
func (m *model) seek() {
	m.board.filter.search = m.search.String()
	m.board.heldUntil = time.Time{}
	m.review(true)
}

// boardLines are the head of the columns and the rows that can be seen.
func (m *model) boardLines(height int) []string {
	if len(m.board.places) == 0 {
		return m.emptyLines()
	}
	cols := m.columns()
	titles := make([]string, len(cols))
	for i, c := range cols {
		titles[i] = c.align(c.title)
	}
	lines := []string{m.palette.paint(quiet, strings.TrimRight("   "+strings.Join(titles, " "), " "))}
	for _, p := range m.board.inSight(height - 1) {
		lines = append(lines, m.row(p.name, cols))
	}
	return lines
}

func (m *model) row(name string, cols []column) string {
	e := m.fleet.entries[name]
	if e == nil { // it was removed, and the order is held
		return "   " + m.palette.paint(quiet, pad("(removed)", 15)+" "+visible(name))
	}
	r := row{entry: e, figures: m.fleet.figures(e, m.seen()), now: m.clock(), m: m}
	mark := "  "
	if name == m.board.selected {
		r.selected = true
		mark = m.palette.paint(strong, "› ")
	}
	cells := make([]string, len(cols))
	for i, c := range cols {
		cells[i] = c.cell(&r, c.width)
	}
	return strings.TrimRight(mark+" "+strings.Join(cells, " "), " ")
}

// emptyLines say why there is no row.
func (m *model) emptyLines() []string {
	var text []string
	switch {
	case !m.known && m.lost != nil:
		text = []string{"No manager answers at " + m.url + ":", visible(m.lost.Error()), "It is tried again and again: is it running? (switchgear serve)"}
	case !m.known:
		text = []string{"Waiting for the manager at " + m.url + " …"}
	case m.board.filter.isNone():
		text = []string{"There are no services yet.", "Declare them in the config file, or register them over the API."}
	default:
		text = []string{"No service is " + m.filterWords() + ".", "Esc shows them all."}
	}
	lines := []string{""}
	for _, t := range text {
		for _, line := range wrap(t, m.width-4) {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// filterWords say what is shown, where that is not everything.
func (m *model) filterWords() string {
	f := &m.board.filter
	var parts []string
	if len(f.statuses) > 0 {
		named := make([]string, len(f.statuses))
		for i, status := range f.statuses {
			named[i] = words(status)
		}
		parts = append(parts, strings.Join(named, " or "))
	}
	if f.layer != "" {
		parts = append(parts, "of the layer "+visible(f.layer))
	}
	if f.search != "" {
		parts = append(parts, "found by “"+visible(f.search)+"”")
	}
	return strings.Join(parts, ", ")
}

// boardStatus says what part of the board is seen, in what order.
func (m *model) boardStatus() string {
	b := &m.board
	if len(b.places) == 0 {
		return ""
	}
	first := min(b.top+1, len(b.places))
	text := fmt.Sprintf("%d–%d of %d, %s", first, min(b.top+m.rows(), len(b.places)), len(b.places), b.sort)
	if words := m.filterWords(); words != "" {
		text += ", only " + words
	}
	switch {
	case b.overdue > 0:
		text += fmt.Sprintf("; held, %d would move (space)", b.overdue)
	case m.now.Before(b.heldUntil) && b.sort.moves():
		text += "; held (space)"
	}
	return text
}
