package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// durations are measurements of the same thing.
type durations []time.Duration

// at is the value below which the share of them is.
func (d durations) at(share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func (d durations) median() time.Duration { return d.at(0.5) }

// spread is the median, and in brackets the least and the most.
func (d durations) spread() string {
	return fmt.Sprintf("%s (%s–%s)", ms(d.median()), ms(slices.Min(d)), ms(slices.Max(d)))
}

// ratio is the median of what each took of ours against the floor's of the same
// round.
func ratio(ours, floor durations) float64 {
	var each []float64
	for i := range min(len(ours), len(floor)) {
		each = append(each, float64(ours[i])/float64(floor[i]))
	}
	return median(each)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(v))[len(v)/2]
}

func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) }

// thousands is a rate for people.
func thousands(v float64) string {
	if v < 10_000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.0fk", v/1000)
}

// table is one of Markdown, of rows of cells; the first row is its head.
type table [][]string

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	*t = append(*t, row)
}

// String is the table as Markdown.
func (t *table) String() string {
	var b strings.Builder
	for i, row := range *t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}
