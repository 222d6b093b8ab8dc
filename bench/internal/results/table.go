package results

import (
	"fmt"
	"strings"
	"time"
)

// MS is a duration in milliseconds, to three digits.
func MS(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// MiB is a size in MiB.
func MiB(bytes int64) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) }

// Thousands is a rate for people.
func Thousands(v float64) string {
	if v < 10_000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.0fk", v/1000)
}

// Table is one of Markdown, of rows of cells; the first row is its head.
type Table [][]string

// Add adds a row.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	*t = append(*t, row)
}

// String is the table as Markdown.
func (t *Table) String() string {
	var b strings.Builder
	for i, row := range *t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}
