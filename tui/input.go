package tui

import (
	"slices"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// mostTyped is how many letters a line takes: as many as a reason may have.
const mostTyped = 1_024

// input is a line that is typed.
type input struct {
	text []rune
	at   int // the cursor
}

func (i *input) String() string { return string(i.text) }

func (i *input) set(s string) { i.text, i.at = []rune(s), len([]rune(s)) }

// insert puts what was typed or pasted at the cursor. Lines become one, and what
// a terminal would obey is left out.
func (i *input) insert(s string) {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, s)
	more := []rune(s)
	more = more[:max(min(len(more), mostTyped-len(i.text)), 0)]
	i.text = slices.Insert(i.text, i.at, more...)
	i.at += len(more)
}

// key does what a key does to a line, and reports whether it was for it.
func (i *input) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left":
		i.at = max(i.at-1, 0)
	case "right":
		i.at = min(i.at+1, len(i.text))
	case "home", "ctrl+a":
		i.at = 0
	case "end", "ctrl+e":
		i.at = len(i.text)
	case "backspace", "ctrl+h":
		i.remove(i.at - 1)
	case "delete":
		i.remove(i.at)
	case "ctrl+u":
		i.text, i.at = i.text[i.at:], 0
	case "ctrl+w":
		head := strings.TrimRight(string(i.text[:i.at]), " ")
		keep := len([]rune(head[:strings.LastIndex(head, " ")+1]))
		i.text, i.at = slices.Delete(i.text, keep, i.at), keep
	default:
		if k.Text == "" {
			return false
		}
		i.insert(k.Text)
	}
	return true
}

func (i *input) remove(at int) {
	if at >= 0 && at < len(i.text) {
		i.text = slices.Delete(i.text, at, at+1)
		i.at = at
	}
}

// view is the line in so many columns, the part around the cursor, which is
// shown where the line has the focus.
func (i *input) view(p *palette, columns int, focused bool) string {
	if !focused {
		return pad(visible(i.String()), columns)
	}
	here, after := " ", ""
	if i.at < len(i.text) {
		here, after = visible(string(i.text[i.at])), visible(string(i.text[i.at+1:]))
	}
	before := []rune(visible(string(i.text[:i.at])))
	for width(string(before))+width(here) > columns {
		before = before[1:]
	}
	rest := columns - width(string(before)) - width(here)
	return string(before) + p.paint(chosen, here) + pad(after, rest)
}
