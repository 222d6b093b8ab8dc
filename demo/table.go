package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// suffix is left out of the names in the table, which are all the same there.
const suffix = "_service"

// tableWidth is what the widths of the columns make, with the spaces between.
const tableWidth = 79

var widths = []int{18, 7, 11, 5, 4, 5, 3, 4, 3, 5, 4}

var header = []string{"…" + suffix, "layer", "state", "fails", "adm.", "next", "ok", "fail", "rej", "p95", "well"}

// legend says what the header cannot.
const legend = "adm. is the share let in; ok, fail and rej are per second; well says its check"

// cell is a field of the table; the zero color is none.
type cell struct {
	text  string
	color color
}

// table is the services at one moment, a line each, the header first.
func (b *board) table(s *screen, now look) []string {
	var head []cell
	for _, title := range header {
		head = append(head, cell{title, dim})
	}
	lines := []string{s.cells(head)}
	for i := range now.views {
		v := &now.views[i]
		lines = append(lines, s.cells(row(v, b.rates(v.Service), now.at)))
	}
	return lines
}

// row is a service in one line.
func row(v *fleet.View, r rates, now time.Time) []cell {
	return []cell{
		{text: strings.TrimSuffix(v.Service, suffix)},
		{text: v.Layer},
		stateCell(v),
		{text: fmt.Sprintf("%d/%d", v.Breaker.Failures, v.Config.Resolved().FailureThreshold)},
		{text: fmt.Sprintf("%.0f%%", 100*v.Breaker.AdmittedShare)},
		{text: nextWords(v, now)},
		{text: count(r.succeeded)},
		{count(r.failed), red},
		{count(r.rejected), yellow},
		{text: latencyWords(v.Breaker.Performance.P95)},
		healthCell(v.Health),
	}
}

// cells puts fields in their columns: words to the left, numbers to the right.
func (s *screen) cells(fields []cell) string {
	var line strings.Builder
	for i, field := range fields {
		if i > 0 {
			line.WriteByte(' ')
		}
		text := fit(field.text, widths[i])
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if i < 3 || i == len(fields)-1 {
			line.WriteString(s.paint(field.color, text) + space)
		} else {
			line.WriteString(space + s.paint(field.color, text))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// fit cuts text to so many letters.
func fit(text string, width int) string {
	letters := []rune(text)
	if len(letters) <= width {
		return text
	}
	return string(letters[:max(width-1, 0)]) + "…"
}

// stateCell is the state of a circuit, or the mode that stands above it.
func stateCell(v *fleet.View) cell {
	switch v.Breaker.Mode {
	case switchgear.ForcedOpen:
		return cell{"held open", red}
	case switchgear.ForcedClosed:
		return cell{"held closed", yellow}
	case switchgear.Disabled:
		return cell{"disabled", yellow}
	case switchgear.Auto:
	}
	switch v.Breaker.State {
	case switchgear.Open:
		return cell{"open", red}
	case switchgear.HalfOpen:
		return cell{"half-open", yellow}
	case switchgear.Closed:
	}
	return cell{"closed", green}
}

// nextWords count down to what comes next by itself: the end of an override,
// the next recovery attempt, or the end of the recovery.
func nextWords(v *fleet.View, now time.Time) string {
	b := &v.Breaker
	at := b.ClosesAt
	switch {
	case b.Override != nil:
		at = b.Override.Until
	case b.State == switchgear.Open:
		at = b.NextAttemptAt
	}
	if at.IsZero() || b.Mode == switchgear.Disabled {
		return ""
	}
	return short(max(at.Sub(now), 0))
}

// count is a rate in three letters; nothing for none.
func count(rate float64) string {
	switch {
	case rate == 0:
		return ""
	case rate > 999:
		return "999"
	}
	return fmt.Sprintf("%.0f", max(rate, 1))
}

func latencyWords(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return short(d)
}

func healthCell(h switchgear.Health) cell {
	switch {
	case !h.Checked:
		return cell{text: "-"}
	case h.Healthy:
		return cell{"yes", green}
	}
	return cell{"no", red}
}

// picture is all that is redrawn in place: the table, the act, and as many of
// the latest lines as there is room for.
func (b *board) picture(now look) []string {
	s := b.screen
	width, height := s.size()
	lines := b.table(s, now)
	if width < tableWidth { // without colors, which would count as letters
		lines = b.table(&screen{}, now)
		for i := range lines {
			lines[i] = fit(lines[i], width)
		}
	}
	lines = append(lines, s.paint(dim, fit(legend, width)), "")
	b.mu.Lock()
	number, a := b.number, b.act
	b.mu.Unlock()
	if number > 0 {
		lines = append(lines, s.paint(bold, fit(fmt.Sprintf("Act %d: %s", number, a.title), width)))
		lines = append(lines, wrap(a.watch, width)...)
	} else {
		lines = append(lines, wrap("All is well, and the first act begins in a moment. What to try in a second terminal stands above.", width)...)
	}
	lines = append(lines, "")
	room := min(max(height-1-len(lines), 3), maxLatest)
	if over := len(b.latest) - maxLatest; over > 0 {
		b.latest = slices.Delete(b.latest, 0, over)
	}
	for _, l := range b.latest[max(len(b.latest)-room, 0):] {
		l.service = strings.TrimSuffix(l.service, suffix)
		lines = append(lines, fit(l.String(), width))
	}
	return lines[:min(len(lines), max(height-1, 1))]
}

// wrap breaks text into lines of so many letters.
func wrap(text string, width int) []string {
	var lines []string
	var line string
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
