package tui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// pictures is where Unicode has the pictures of the control characters.
const pictures = 0x2400

// marksInARow is how many combining marks may stand on one letter: more than
// any script needs would reach into other lines.
const marksInARow = 3

// visible is the text with everything made visible that a terminal would obey,
// that reorders or joins what stands around it, or that has no shape.
func visible(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r < ' ':
			b.WriteRune(pictures + r)
		case r == 0x7f:
			b.WriteRune(pictures + 0x21)
		case unicode.Is(unicode.Variation_Selector, r), !unicode.IsGraphic(r), r != ' ' && unicode.IsSpace(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks <= marksInARow {
				b.WriteRune(r)
			}
			s = s[size:]
			continue
		default:
			b.WriteRune(r)
		}
		marks = 0
		s = s[size:]
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// width is how many columns a visible text takes.
func width(s string) int {
	if isPlain(s) {
		return len(s)
	}
	return lipgloss.Width(s)
}

// cut is a visible text in so many columns at most; what is cut off is told.
func cut(s string, columns int) string {
	switch {
	case columns <= 0:
		return ""
	case width(s) <= columns:
		return s
	}
	head, _ := split(s, columns-1)
	return head + "…"
}

// split is a visible text in two: as much as has room in so many columns, and
// the rest.
func split(s string, columns int) (head, rest string) {
	used := 0
	for i, r := range s {
		if used += width(string(r)); used > columns {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// pad is a visible text in exactly so many columns.
func pad(s string, columns int) string {
	s = cut(s, columns)
	return s + strings.Repeat(" ", max(columns-width(s), 0))
}

// padLeft is pad for numbers.
func padLeft(s string, columns int) string {
	s = cut(s, columns)
	return strings.Repeat(" ", max(columns-width(s), 0)) + s
}

// wrap breaks a visible text into lines of so many columns at most, between
// words where it can.
func wrap(s string, columns int) []string {
	columns = max(columns, 1)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && width(line)+1+width(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for width(word) > columns {
			head, rest := split(word, columns)
			if head == "" { // a letter that is wider than all there is
				_, size := utf8.DecodeRuneInString(word)
				head, rest = "…", word[size:]
			}
			lines = append(lines, head)
			word = rest
		}
		line = word
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
