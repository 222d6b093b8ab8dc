package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// printJSON prints v for programs.
func (p *process) printJSON(v any) error { return p.encode(v, "  ") }

// printLine prints v for programs that read line by line.
func (p *process) printLine(v any) error { return p.encode(v, "") }

// encode prints v as JSON, with what a terminal would obey as escapes, which mean
// the same.
func (p *process) encode(v any, indent string) error {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(p.stdout, escaped(text.String()))
	return err
}

// escaped is JSON without what a terminal would obey. Outside of strings it has
// line ends only.
func escaped(s string) string {
	var b strings.Builder
	begun := 0
	for i, r := range s {
		if r >= 0x7f && obeyed(r) {
			b.WriteString(s[begun:i])
			fmt.Fprintf(&b, `\u%04x`, r)
			begun = i + utf8.RuneLen(r)
		}
	}
	return b.String() + s[begun:]
}

// obeyed reports whether a terminal would obey the character.
func obeyed(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// printTable prints rows in columns, under a header. Cells come from other
// machines: none can move the cursor.
func (p *process) printTable(header []string, rows [][]string) error {
	return printColumns(p.stdout, append([][]string{header}, rows...))
}

func printColumns(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(cell)
		}
		if _, err := fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// plain is the text without what a terminal would obey.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case obeyed(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// none stands for what there is not.
const none = "-"

// words is a word of the wire for people.
func words(s string) string {
	if s == "half_open" {
		return "half-open"
	}
	return strings.ReplaceAll(s, "_", " ")
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func count[T uint64 | int](n T) string { return fmt.Sprint(n) }

// when is a moment, seen from now and on the clock.
func (p *process) when(t time.Time) string {
	if t.IsZero() {
		return none
	}
	now := p.now()
	switch d := t.Sub(now).Round(time.Second); {
	case d > 0:
		return "in " + duration(d) + " (" + clock(t, now) + ")"
	case d < 0:
		return duration(-d) + " ago (" + clock(t, now) + ")"
	}
	return "now (" + clock(t, now) + ")"
}

// clock is a moment in UTC, without the date if that is today's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05Z")
	}
	return date(t)
}

// date is a moment in UTC.
func date(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// duration writes whole seconds with two units at most: 3d4h, 2h5m, 1m30s.
func duration(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := strconv.FormatInt(int64(d/u.size), 10) + u.name
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += strconv.FormatInt(int64(rest), 10) + units[i+1].name
			}
		}
		return text
	}
	return "0s"
}

// ms is a number of milliseconds, with as many digits as tell something.
func ms(v float64) string {
	switch {
	case v == 0:
		return none
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64) + "ms"
	case v < 10_000:
		return strconv.FormatFloat(v, 'f', 0, 64) + "ms"
	}
	return strconv.FormatFloat(v/1000, 'f', 1, 64) + "s"
}
