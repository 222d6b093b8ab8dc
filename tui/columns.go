package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// row is a service as the columns see it.
type row struct {
	m        *model
	entry    *wire.Entry
	figures  figures
	now      time.Time // by the manager's clock
	selected bool
}

// column is a part of the table. Cells are visible, painted, and as wide as they
// are told.
type column struct {
	title string
	width int // at least
	right bool
	turn  int // when it is given room: the lowest first, 0 always
	cell  func(r *row, width int) string
}

func (c *column) align(text string) string {
	if c.right {
		return padLeft(text, c.width)
	}
	return pad(text, c.width)
}

// The columns that can grow, and how far.
const (
	serviceColumn = "SERVICE"
	sparkColumn   = "5 MIN"
	noteColumn    = "NOTE"

	notesTurn = 11 // the last
	mostName  = 44
	mostSpark = 30
)

// table are all columns, from left to right. Up to the turn 5 they fit on 80.
func table() []column {
	return []column{
		{title: "STATUS", width: 15, cell: stateCell}, // as "● forced closed" is
		{title: serviceColumn, width: 18, cell: nameCell},
		{title: "LAYER", width: 10, turn: 7, cell: textCell(func(r *row) string { return visible(r.entry.Layer) })},
		{title: "OPS/s", width: 5, right: true, turn: 2, cell: rateCell},
		{title: "ERROR", width: 5, right: true, turn: 3, cell: errorsCell},
		{title: "P95", width: 5, right: true, turn: 5, cell: p95Cell},
		{title: "FAILS", width: 7, right: true, turn: 8, cell: failuresCell},
		{title: "LET IN", width: 6, right: true, turn: 9, cell: admittedCell},
		{title: "REFUSED", width: 7, right: true, turn: 10, cell: rejectedCell},
		{title: sparkColumn, width: 8, turn: 4, cell: sparkCell},
		{title: "SINCE", width: 6, right: true, turn: 6, cell: sinceCell},
		{title: "NEXT", width: 12, turn: 1, cell: textCell(func(r *row) string { return next(r.entry, r.now) })}, // as "closes 9m05s" is
		{title: noteColumn, width: 24, turn: notesTurn, cell: noteCell},
	}
}

// columns are those that fit, and as wide as there is room.
func (m *model) columns() []column {
	all := table()
	spare := m.width - 2
	for _, c := range all {
		if c.turn == 0 {
			spare -= c.width + 1
		}
	}
	longest := max(min(m.fleet.widest, mostName)-all[1].width, 0) // more than the least
	last := 0
	for turn := 1; turn <= notesTurn; turn++ {
		i := slices.IndexFunc(all, func(c column) bool { return c.turn == turn })
		need := all[i].width + 1
		if all[i].title == noteColumn { // names are to be read whole before notes are begun
			need += longest
		}
		if spare < need {
			break
		}
		spare -= all[i].width + 1
		last = turn
	}
	notes := last == notesTurn
	shown := slices.DeleteFunc(all, func(c column) bool { return c.turn > last })
	grow(shown, serviceColumn, &spare, longest)
	bars := spare
	if notes {
		bars = spare / 3
	}
	grow(shown, sparkColumn, &spare, min(bars, mostSpark-8))
	grow(shown, noteColumn, &spare, spare)
	return shown
}

// grow makes a column wider, if there is such a one, by what it can use of what
// there is.
func grow(cols []column, title string, spare *int, most int) {
	for i := range cols {
		if by := max(min(*spare, most), 0); cols[i].title == title {
			cols[i].width += by
			*spare -= by
		}
	}
}

func textCell(text func(*row) string) func(*row, int) string {
	return func(r *row, width int) string { return pad(text(r), width) }
}

func stateCell(r *row, width int) string {
	how := statusPaint(r.entry.Status)
	text := pad(standing(r.entry), width-2)
	if r.entry.CircuitBreaker.Override != nil {
		return r.m.palette.paint(how, shapeOf(r.entry.Status)) + " " + r.m.palette.paint(forced, text)
	}
	return r.m.palette.paint(how, shapeOf(r.entry.Status)+" "+text)
}

func nameCell(r *row, columns int) string {
	text := cut(visible(r.entry.Service), columns)
	rest := strings.Repeat(" ", columns-width(text))
	switch {
	case r.selected:
		return r.m.palette.paint(chosen, text) + rest
	case fails(r.entry):
		return r.m.palette.paint(strong, text) + rest
	}
	return text + rest
}

func rateCell(r *row, width int) string {
	return padLeft(strings.TrimSuffix(perSecond(r.figures.rate), "/s"), width)
}

func errorsCell(r *row, width int) string {
	if r.figures.errors < 0 {
		return padLeft(none, width)
	}
	how := asIs
	if r.figures.errors >= badShare {
		how = bad
	}
	return r.m.palette.paint(how, padLeft(share(r.figures.errors), width))
}

func p95Cell(r *row, width int) string { return padLeft(millis(r.figures.p95), width) }

func failuresCell(r *row, width int) string {
	f := &r.figures
	text := quantity(float64(f.failures))
	how := asIs
	if f.threshold > 0 {
		text += "/" + quantity(float64(f.threshold))
		switch {
		case f.failures >= uint64(f.threshold):
			how = bad
		case 2*f.failures >= uint64(f.threshold):
			how = warned
		}
	}
	return r.m.palette.paint(how, padLeft(text, width))
}

func admittedCell(r *row, width int) string {
	b := &r.entry.CircuitBreaker
	how := asIs
	if b.AdmittedShare < 1 {
		how = warned
	}
	return r.m.palette.paint(how, padLeft(share(b.AdmittedShare), width))
}

func rejectedCell(r *row, width int) string {
	if r.figures.rejected == 0 {
		return padLeft(none, width)
	}
	return r.m.palette.paint(forced, padLeft(perSecond(r.figures.rejected), width))
}

// sinceCell is for how long the outage has lasted.
func sinceCell(r *row, width int) string {
	o := outageOf(r.entry)
	if o == nil || o.BeganAt.IsZero() {
		return padLeft("", width)
	}
	return padLeft(span(r.now.Sub(o.BeganAt.Time)), width)
}

func sparkCell(r *row, width int) string {
	return spark(r.m.palette, r.m.fleet.ring(r.entry.Service).bars(r.m.seen(), width))
}

func noteCell(r *row, width int) string {
	return r.m.palette.paint(quiet, pad(noteOf(r.entry, failingDependencies(r.entry, r.m.fleet.entries)), width))
}

// headerCounts are how many services there are of each status.
func (m *model) headerCounts() string {
	var parts []string
	for _, status := range worstFirst {
		n := m.fleet.counts[status]
		how := quiet
		if n > 0 {
			how = statusPaint(status)
		}
		parts = append(parts, m.palette.paint(how, fmt.Sprintf("%s %d %s", shapes[status], n, words(status))))
	}
	return strings.Join(parts, "  ")
}
